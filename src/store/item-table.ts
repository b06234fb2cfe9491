import type { Bytes, Ino, ItemId, LibraryId, Milliseconds } from '../model/ids.js'
import type { Database } from './database.js'
import { kindFromCode, listingFromColumn, type ItemKind, type ItemRecord } from './item-record.js'
import { Remembered } from './remembered.js'

/** What a listing shows of one child: enough for its attributes. */
export interface ChildRecord {
  readonly ino: Ino
  readonly name: string
  readonly kind: ItemKind
  readonly library: LibraryId
  readonly size: Bytes
  readonly modified: Milliseconds
  readonly created: Milliseconds
  readonly changed: Milliseconds
  readonly generation: number
  /** Of this generation's content. */
  readonly localBytes: Bytes
  readonly mode: number | undefined
}

interface Row {
  readonly ino: number
  readonly parent: number
  readonly kind: number
  readonly library: number
  readonly remote_id: string
  readonly name: string
  readonly remote_name: string | null
  readonly size: number
  readonly modified: number
  readonly created: number
  readonly changed: number
  readonly generation: number
  readonly listed: number | null
  readonly hash: string | null
  readonly ctag: string | null
  readonly etag: string | null
  readonly web_url: string | null
  readonly mode: number | null
}

type ChildRow = [
  ino: number,
  name: string,
  kind: number,
  size: number,
  modified: number,
  changed: number,
  generation: number,
  localBytes: number | null,
  mode: number | null,
  library: number,
  created: number,
]

const CHILD = `SELECT item.ino, name, kind, size, modified, changed, item.generation, local_bytes,
  mode, library, created
  FROM item LEFT JOIN content ON content.ino = item.ino AND content.generation = item.generation`

/** Finds items. What writes them are `item-edit.ts` and `local-edit.ts`. */
export class ItemTable {
  readonly #byIno
  readonly #byName
  readonly #byRemoteId
  readonly #children
  readonly #child
  readonly #childrenAfter
  readonly #childInos
  readonly #names
  readonly #firstChild
  readonly #renamed
  readonly #foldersOfRenamed
  readonly #refreshable
  readonly #ofLibrary
  readonly #inosOfLibrary
  readonly #lastIno
  readonly #count
  readonly #countOfLibrary

  constructor(database: Database) {
    const byIno = database.prepare<[Ino], Row>('SELECT * FROM item WHERE ino = ?')
    this.#byIno = new Remembered(database, (ino: Ino) => optionalRecordOf(byIno.get(ino)))
    this.#byName = database.prepare<[Ino, string], Row>('SELECT * FROM item WHERE parent = ? AND name = ?')
    this.#byRemoteId = database.prepare<[LibraryId, ItemId], Row>(
      'SELECT * FROM item WHERE library = ? AND remote_id = ?',
    )
    this.#children = database.prepareRaw<[Ino], ChildRow>(`${CHILD} WHERE parent = ? ORDER BY item.ino`)
    this.#child = database.prepareRaw<[Ino], ChildRow>(`${CHILD} WHERE item.ino = ?`)
    this.#childrenAfter = database.prepareRaw<[Ino, string, number], ChildRow>(
      `${CHILD} WHERE parent = ? AND name > ? ORDER BY name LIMIT ?`,
    )
    this.#childInos = database.preparePluck<[Ino], Ino>('SELECT ino FROM item WHERE parent = ?')
    this.#names = database.preparePluck<[Ino], string>('SELECT name FROM item WHERE parent = ?')
    this.#firstChild = database.preparePluck<[Ino], Ino>('SELECT ino FROM item WHERE parent = ? LIMIT 1')
    this.#renamed = database.prepare<[Ino, number], Row>(
      'SELECT * FROM item WHERE parent = ? AND remote_name IS NOT NULL ORDER BY remote_id LIMIT ?',
    )
    this.#foldersOfRenamed = database.preparePluck<[], Ino>(
      'SELECT DISTINCT parent FROM item WHERE remote_name IS NOT NULL',
    )
    this.#refreshable = database.preparePluck<[LibraryId, Milliseconds, number], Ino>(
      'SELECT ino FROM item WHERE library = ? AND listed > 0 AND listed <= ? ORDER BY listed LIMIT ?',
    )
    this.#ofLibrary = database.prepare<[LibraryId, string, number], Row>(
      'SELECT * FROM item WHERE library = ? AND remote_id > ? ORDER BY remote_id LIMIT ?',
    )
    // "+library": along the numbers, whatever the planner thinks of the library's index.
    this.#inosOfLibrary = database.preparePluck<[LibraryId, Ino, Ino, number], Ino>(
      'SELECT ino FROM item WHERE +library = ? AND ino > ? AND ino <= ? ORDER BY ino LIMIT ?',
    )
    this.#lastIno = database.preparePluck<[], number>("SELECT seq FROM sqlite_sequence WHERE name = 'item'")
    this.#count = database.preparePluck<[], number>('SELECT sum(items) FROM item_count')
    this.#countOfLibrary = database.preparePluck<[LibraryId], number>(
      'SELECT items FROM item_count WHERE library = ?',
    )
  }

  byIno(ino: Ino): ItemRecord | undefined {
    return this.#byIno.get(ino)
  }

  byName(parent: Ino, name: string): ItemRecord | undefined {
    return optionalRecordOf(this.#byName.get(parent, name))
  }

  byRemoteId(library: LibraryId, id: ItemId): ItemRecord | undefined {
    return optionalRecordOf(this.#byRemoteId.get(library, id))
  }

  namesIn(parent: Ino): string[] {
    return this.#names.all(parent)
  }

  /** In ascending order of ino. */
  children(parent: Ino): ChildRecord[] {
    return this.#children.all(parent).map(childOf)
  }

  /** A part of a folder's children, in the order of their names; `after` is the last name seen. */
  childrenAfter(parent: Ino, after: string, limit: number): ChildRecord[] {
    return this.#childrenAfter.all(parent, after, limit).map(childOf)
  }

  /** One item as its folder's listing shows it. */
  child(ino: Ino): ChildRecord | undefined {
    const row = this.#child.get(ino)
    return row && childOf(row)
  }

  childInos(parent: Ino): Ino[] {
    return this.#childInos.all(parent)
  }

  firstChild(parent: Ino): Ino | undefined {
    return this.#firstChild.get(parent)
  }

  /** Children that are not shown under their remote names. */
  renamedChildren(parent: Ino, limit: number): ItemRecord[] {
    return this.#renamed.all(parent, limit).map(recordOf)
  }

  /** Folders in which an item is not shown by its own name. */
  foldersOfRenamed(): Ino[] {
    return this.#foldersOfRenamed.all()
  }

  /** Folders that were listed one by one, before `before`; the longest ago first. */
  listedBefore(library: LibraryId, before: Milliseconds, limit: number): Ino[] {
    return this.#refreshable.all(library, before, limit)
  }

  /** A part of a library's items, in the order of their remote ids; `after` is the last one seen. */
  ofLibrary(library: LibraryId, after: string, limit: number): ItemRecord[] {
    return this.#ofLibrary.all(library, after, limit).map(recordOf)
  }

  /** Numbers above `after` up to `last`, ascending: a part of what a library had at some time. */
  inosOfLibrary(library: LibraryId, after: Ino, last: Ino, limit: number): Ino[] {
    return this.#inosOfLibrary.all(library, after, last, limit)
  }

  /** Every item so far has a smaller or equal number. */
  lastIno(): Ino {
    return (this.#lastIno.get() ?? 0) as Ino
  }

  count(): number {
    return this.#count.get() ?? 0
  }

  countOfLibrary(library: LibraryId): number {
    return this.#countOfLibrary.get(library) ?? 0
  }
}

function optionalRecordOf(row: Row | undefined): ItemRecord | undefined {
  return row && recordOf(row)
}

function recordOf(row: Row): ItemRecord {
  return {
    ino: row.ino as Ino,
    parent: row.parent as Ino,
    kind: kindFromCode(row.kind),
    library: row.library as LibraryId,
    remoteId: row.remote_id as ItemId,
    name: row.name,
    remoteName: row.remote_name ?? row.name,
    size: row.size,
    modified: row.modified,
    created: row.created,
    changed: row.changed,
    generation: row.generation,
    listing: listingFromColumn(row.listed),
    quickXorHash: row.hash ?? undefined,
    cTag: row.ctag ?? undefined,
    eTag: row.etag ?? undefined,
    webUrl: row.web_url ?? undefined,
    mode: row.mode ?? undefined,
  }
}

function childOf(row: ChildRow): ChildRecord {
  return {
    ino: row[0] as Ino,
    name: row[1],
    kind: kindFromCode(row[2]),
    size: row[3],
    modified: row[4],
    changed: row[5],
    generation: row[6],
    localBytes: row[7] ?? 0,
    mode: row[8] ?? undefined,
    library: row[9] as LibraryId,
    created: row[10],
  }
}

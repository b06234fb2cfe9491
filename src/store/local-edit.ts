import type { Bytes, Ino, ItemId, LibraryId, Milliseconds } from '../model/ids.js'
import { foldedName } from '../model/item-name.js'
import type { Database } from './database.js'
import { appeared, attributesChanged, vanished, type ItemChange } from './item-change.js'
import type { ItemStatements } from './item-edit.js'
import {
  codeOfKind,
  columnOfListing,
  isDirectory,
  isLocalId,
  newLocalId,
  type ItemRecord,
} from './item-record.js'
import type { ItemTable } from './item-table.js'
import {
  NO_BASE,
  NOTHING_OWED,
  type Base,
  type NewOwed,
  type Owed,
  type OwedTable,
  type SentBytes,
} from './owed-table.js'

/** The statements that only {@link LocalEdit} has, prepared once. */
export class LocalStatements {
  readonly insert
  readonly move
  readonly setContent
  readonly setModified
  readonly setMode

  constructor(database: Database) {
    this.insert = database.prepare<
      [
        parent: Ino,
        kind: number,
        library: LibraryId,
        remoteId: ItemId,
        name: string,
        modified: Milliseconds,
        created: Milliseconds,
        changed: Milliseconds,
        listed: number | null,
        mode: number,
      ]
    >(
      `INSERT INTO item (parent, kind, library, remote_id, name, size, modified, created, changed, listed, mode)
       VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?)`,
    )
    this.move = database.prepare<[Ino, string, Milliseconds, Ino]>(
      'UPDATE item SET parent = ?, name = ?, remote_name = NULL, changed = ? WHERE ino = ?',
    )
    this.setContent = database.prepare<[Bytes, Milliseconds, Milliseconds, Ino]>(
      'UPDATE item SET size = ?, modified = ?, changed = ? WHERE ino = ?',
    )
    this.setModified = database.prepare<[Milliseconds, Milliseconds, Ino]>(
      'UPDATE item SET modified = ?, changed = ? WHERE ino = ?',
    )
    this.setMode = database.prepare<[number, Milliseconds, Ino]>(
      'UPDATE item SET mode = ?, changed = ? WHERE ino = ?',
    )
  }
}

/**
 * Writes what is done on this machine, within one transaction: the items as they are to look here, and what the service is
 * owed. Whether it may be done has been asked before.
 *
 * INVARIANT: an item whose remote id is ours has a row in `owed` that says so.
 */
export class LocalEdit {
  readonly changes: ItemChange[] = []
  /** Folders in which something has left a name that the service was never told of. */
  readonly namesLeft = new Set<Ino>()
  readonly #items: ItemTable
  readonly #owed: OwedTable
  readonly #statements: LocalStatements
  readonly #itemStatements: ItemStatements
  readonly #now: Milliseconds

  constructor(
    items: ItemTable,
    owed: OwedTable,
    statements: LocalStatements,
    itemStatements: ItemStatements,
    now: Milliseconds,
  ) {
    this.#items = items
    this.#owed = owed
    this.#statements = statements
    this.#itemStatements = itemStatements
    this.#now = now
  }

  /** @param staysHere see {@link Owed} */
  create(parent: ItemRecord, name: string, kind: 'file' | 'folder', mode: number, staysHere: boolean): Ino {
    const id = newLocalId()
    const now = this.#now
    const { rowid } = this.#statements.insert.run(
      parent.ino,
      codeOfKind(kind),
      parent.library,
      id,
      name,
      now,
      now,
      now,
      kind === 'folder' ? columnOfListing({ kind: 'listed', at: now }) : null,
      mode,
    )
    const ino = rowid as Ino
    const isFile = kind === 'file'
    const { library } = parent
    this.#owed.owe(
      { ...NOTHING_OWED, ino, library, isNew: true, content: isFile, staysHere, base: NO_BASE },
      now,
    )
    this.changes.push(appeared({ parent: parent.ino, name, kind }))
    if (isFile && !staysHere) this.#adopt(ino, parent, name)
    return ino
  }

  /** Its bytes are about to be changed. */
  oweContent(item: ItemRecord): void {
    const owed = this.#owed.of(item.ino)
    const base = this.#baseOf(item, owed)
    this.#owed.owe({ ...this.#rowOf(item, owed), content: true, base }, this.#now)
  }

  /** What the cache had of it is what is being changed. */
  contentTaken(item: ItemRecord): void {
    this.#itemStatements.removeContent.run(item.ino)
  }

  contentIs(item: ItemRecord, size: Bytes, modified: Milliseconds): void {
    if (item.size === size && item.modified === modified) return
    this.#statements.setContent.run(size, modified, this.#now, item.ino)
    this.changes.push(attributesChanged(item))
  }

  modifiedAt(item: ItemRecord, modified: Milliseconds): void {
    this.#statements.setModified.run(modified, this.#now, item.ino)
    // The service keeps times of folders by its own rules.
    if (item.kind === 'file') {
      const owed = this.#owed.of(item.ino)
      if (owed?.content !== true) this.#owed.owe({ ...this.#rowOf(item, owed), times: true }, this.#now)
    }
    this.changes.push(attributesChanged(item))
  }

  modeIs(item: ItemRecord, mode: number): void {
    this.#statements.setMode.run(mode, this.#now, item.ino)
    this.changes.push(attributesChanged(item))
  }

  /**
   * Another name or folder of the same library. What has the name there is to be removed before, or given as `replaced`.
   * @param staysHere whether it is not to travel under the new name
   */
  place(item: ItemRecord, parent: ItemRecord, name: string, staysHere: boolean, replaced?: ItemRecord): void {
    const owed = this.#owed.of(item.ino)
    if (replaced !== undefined) {
      // Its bytes become a new version of that, which keeps its identity, its history and its links over there.
      this.#remove(replaced, item.kind === 'file' && canSucceed(owed) ? item.ino : undefined)
    }
    this.#statements.move.run(parent.ino, name, this.#now, item.ino)
    this.changes.push(vanished(item), appeared({ parent: parent.ino, name, kind: item.kind }))
    const row = this.#rowOf(item, this.#owed.of(item.ino))
    // As it was: what has replaced another file is not new any more.
    if (owed?.isNew === true || owed?.place === true) this.namesLeft.add(item.parent)
    if (row.isNew) {
      this.#owed.owe({ ...row, staysHere }, this.#now)
      if (item.kind === 'file' && !staysHere) this.#adopt(item.ino, parent, name)
    } else this.#owePlace(row, parent, name)
    this.changes.push(attributesChanged(item))
  }

  /** Gone here, and to go there. What is in a folder has gone before. */
  remove(item: ItemRecord): void {
    this.#remove(item, undefined)
  }

  /** @param successor the file that takes its place, where that is new here */
  #remove(item: ItemRecord, successor: Ino | undefined): void {
    const owed = this.#owed.of(item.ino)
    const heir = successor ?? this.#heirOf(item, owed)
    this.#drop(item)
    if (owed?.isNew === true || owed?.place === true) this.namesLeft.add(item.parent)
    if (owed?.isNew === true) {
      this.#mayHaveArrived(item, owed)
      return
    }
    const base = this.#baseOf(item, owed)
    const sent = sentOf(item, owed)
    if (heir !== undefined) return this.#inherit(heir, item, base, sent?.hash)
    if (base.parent === undefined || base.name === undefined) return
    const { library, remoteId, kind } = item
    const isFolder = isDirectory(kind)
    const { eTag, parent, name, modified } = base
    const { quickXorHash } = item
    this.#owed.oweDeletion(
      { library, remoteId, isFolder, eTag, parent, name, quickXorHash, modified, sent },
      this.#now,
    )
  }

  /** A file that was deleted from here, or moved away and then deleted, comes again: programs save so. */
  #adopt(ino: Ino, parent: ItemRecord, name: string): void {
    if (!canSucceed(this.#owed.of(ino))) return
    const place = { parent: parent.remoteId, name }
    const deletion = this.#owed
      .deletionsAt(parent.library, place)
      .find(({ isFolder, remoteId }) => !isFolder && !isLocalId(remoteId))
    if (deletion === undefined) return
    this.#owed.settleDeletion(deletion.library, deletion.remoteId)
    const { remoteId, eTag, quickXorHash, modified, sent } = deletion
    const from = { remoteId, quickXorHash, cTag: undefined, webUrl: undefined }
    const base = { eTag, size: 0, parent: deletion.parent, name: deletion.name, modified }
    this.#inherit(ino, from, base, sent?.hash)
  }

  /** The new file that stands where the service has `item`. */
  #heirOf(item: ItemRecord, owed: Owed | undefined): Ino | undefined {
    if (item.kind !== 'file' || owed?.place !== true) return undefined
    const { parent, name } = owed.base
    const folder = parent === undefined ? undefined : this.#items.byRemoteId(item.library, parent)
    const heir = folder && name !== undefined ? this.#items.byName(folder.ino, name) : undefined
    const row = heir?.kind === 'file' ? this.#owed.of(heir.ino) : undefined
    return canSucceed(row) && !row.staysHere ? heir?.ino : undefined
  }

  #inherit(
    heir: Ino,
    from: Pick<ItemRecord, 'remoteId' | 'quickXorHash' | 'cTag' | 'webUrl'>,
    base: Base,
    sentHash: string | undefined,
  ): void {
    const { remoteId, quickXorHash, cTag, webUrl } = from
    this.#itemStatements.identify.run(
      remoteId,
      quickXorHash ?? null,
      cTag ?? null,
      base.eTag ?? null,
      webUrl ?? null,
      heir,
    )
    const item = this.#items.byIno(heir)
    const owed = this.#owed.of(heir)
    if (item === undefined || owed === undefined) return
    // Where `from` has the place that it was sent to, it cannot have arrived: or `from` is what has.
    if (!isSamePlace(base, owed.base)) this.#mayHaveArrived(item, owed)
    // Nothing of the old bytes is in the new ones.
    const row = { ...owed, isNew: false, content: true, staysHere: false, base: { ...base, size: 0 } }
    const parent = this.#items.byIno(item.parent)
    if (parent === undefined) this.#owed.owe(row, this.#now)
    else this.#owePlace(row, parent, item.name)
    // What comes after it knows its own by that.
    this.#owed.setSent(heir, sentHash, undefined)
  }

  /** It was being sent, and nobody has heard what became of it: if it has arrived, it goes again. */
  #mayHaveArrived(item: ItemRecord, owed: Owed): void {
    const { library, kind } = item
    const { isNew, base, session } = owed
    const { parent, name } = base
    if (!isNew || parent === undefined || name === undefined) return
    this.#owed.oweDeletion(
      {
        library,
        remoteId: newLocalId(),
        isFolder: isDirectory(kind),
        eTag: undefined,
        parent,
        name,
        quickXorHash: undefined,
        modified: undefined,
        // Nobody over there has ever heard of it.
        consented: true,
        sent: sentOf(item, owed),
        sessionUrl: session?.url,
        ino: item.ino,
      },
      this.#now,
    )
  }

  #owePlace(row: NewOwed, parent: ItemRecord, name: string): void {
    const isHome = row.base.parent === parent.remoteId && row.base.name === name
    this.#owed.leave({ ...row, place: !isHome }, this.#now)
  }

  #rowOf(item: ItemRecord, owed: Owed | undefined): NewOwed {
    if (owed !== undefined) return owed
    const { ino, library } = item
    return { ...NOTHING_OWED, ino, library, base: this.#baseOf(item, undefined) }
  }

  #baseOf(item: ItemRecord, owed: Owed | undefined): Base {
    if (owed?.content === true || owed?.isNew === true) return owed.base
    // What the other side does to it meanwhile is known.
    const { eTag, size, modified } = item
    if (owed !== undefined) {
      return { ...owed.base, eTag, size, modified: owed.times ? owed.base.modified : modified }
    }
    const parent = this.#items.byIno(item.parent)?.remoteId
    return { eTag, size, parent, name: item.remoteName, modified }
  }

  #drop(item: ItemRecord): void {
    const local = this.#itemStatements.removeContent.run(item.ino).changes > 0
    this.#owed.settle(item.ino)
    this.#itemStatements.remove.run(item.ino)
    this.changes.push(vanished(item), { kind: 'vanished', ino: item.ino, generation: item.generation, local })
  }
}

/**
 * Whether a file can become another version of some item. One that was deleted over there while parts of it were changed here
 * cannot: what is missing of it would be taken from that item.
 */
function canSucceed(owed: Owed | undefined): owed is Owed {
  return owed?.isNew === true && owed.base.size === 0
}

function isSamePlace(one: Base, other: Base): boolean {
  if (one.name === undefined || other.name === undefined) return false
  return one.parent === other.parent && foldedName(one.name) === foldedName(other.name)
}

function sentOf({ modified }: ItemRecord, owed: Owed | undefined): SentBytes | undefined {
  return owed?.sentHash === undefined ? undefined : { hash: owed.sentHash, modified }
}

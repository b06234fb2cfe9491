import type { Bytes, Ino, ItemId, Milliseconds } from '../model/ids.js'
import type { Database } from './database.js'
import type { ItemChange } from './item-change.js'
import { codeOfKind, isDirectory, isLocalId, newLocalId, type ItemRecord } from './item-record.js'
import type { ItemTable } from './item-table.js'
import type { Base, NewOwed, Owed, OwedTable } from './owed-table.js'

/** The statements of {@link LocalEdit}, prepared once. */
export class LocalStatements {
  readonly insert
  readonly move
  readonly setContent
  readonly setModified
  readonly setMode
  readonly become
  readonly remove
  readonly removeContent

  constructor(database: Database) {
    this.insert = database.prepare<
      [Ino, number, number, ItemId, string, Milliseconds, Milliseconds, Milliseconds, number | null, number]
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
    this.become = database.prepare<[ItemId, string | null, string | null, string | null, string | null, Ino]>(
      'UPDATE item SET remote_id = ?, hash = ?, ctag = ?, etag = ?, web_url = ? WHERE ino = ?',
    )
    this.remove = database.prepare<[Ino]>('DELETE FROM item WHERE ino = ?')
    this.removeContent = database.prepare<[Ino]>('DELETE FROM content WHERE ino = ?')
  }
}

const NO_BASE: Base = { eTag: undefined, size: 0, parent: undefined, name: undefined }

/**
 * Writes what is done on this machine, within one transaction: the items as they are to look here, and what the service is
 * owed. Whether it may be done has been asked before.
 *
 * INVARIANT: an item whose remote id is ours has a row in `owed` that says so.
 */
export class LocalEdit {
  readonly changes: ItemChange[] = []
  readonly #items: ItemTable
  readonly #owed: OwedTable
  readonly #statements: LocalStatements
  readonly #now: Milliseconds

  constructor(items: ItemTable, owed: OwedTable, statements: LocalStatements, now: Milliseconds) {
    this.#items = items
    this.#owed = owed
    this.#statements = statements
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
      kind === 'folder' ? now : null,
      mode,
    )
    const ino = rowid as Ino
    const isFile = kind === 'file'
    const owed = { ino, library: parent.library, content: isFile, place: false, times: false }
    this.#owed.owe({ ...owed, isNew: true, staysHere, base: NO_BASE }, now)
    this.#appeared(parent.ino, name, !isFile)
    if (isFile && !staysHere) this.#adopt(ino, parent, name)
    return ino
  }

  /** Its bytes are about to be changed. */
  oweContent(item: ItemRecord): void {
    const owed = this.#owed.of(item.ino)
    const base = this.#baseOf(item, owed)
    this.#owed.owe({ ...this.#rowOf(item, owed), content: true, base }, this.#now)
  }

  contentIs(item: ItemRecord, size: Bytes, modified: Milliseconds): void {
    if (item.size === size && item.modified === modified) return
    this.#statements.setContent.run(size, modified, this.#now, item.ino)
    this.#attributesChanged(item)
  }

  modifiedAt(item: ItemRecord, modified: Milliseconds): void {
    this.#statements.setModified.run(modified, this.#now, item.ino)
    // The service keeps times of folders by its own rules.
    if (item.kind === 'file') {
      const owed = this.#owed.of(item.ino)
      if (owed?.content !== true) this.#owed.owe({ ...this.#rowOf(item, owed), times: true }, this.#now)
    }
    this.#attributesChanged(item)
  }

  modeIs(item: ItemRecord, mode: number): void {
    this.#statements.setMode.run(mode, this.#now, item.ino)
    this.#attributesChanged(item)
  }

  /**
   * Another name or folder of the same library. What has the name there is to be removed before, or given as `replaced`.
   * @param staysHere whether it is not to travel under the new name
   */
  place(item: ItemRecord, parent: ItemRecord, name: string, staysHere: boolean, replaced?: ItemRecord): void {
    const owed = this.#owed.of(item.ino)
    if (replaced !== undefined) this.#replace(item, owed, replaced)
    this.#statements.move.run(parent.ino, name, this.#now, item.ino)
    this.#vanished(item.parent, item.name, isDirectory(item.kind))
    this.#appeared(parent.ino, name, isDirectory(item.kind))
    const now = this.#owed.of(item.ino)
    const row = this.#rowOf(item, now)
    if (row.isNew) this.#owed.owe({ ...row, staysHere }, this.#now)
    else this.#owePlace(item, row, parent, name)
    if (row.isNew && item.kind === 'file' && !staysHere) this.#adopt(item.ino, parent, name)
    this.#attributesChanged(item)
  }

  /** Gone here, and to go there. What is in a folder has gone before. */
  remove(item: ItemRecord): void {
    const owed = this.#owed.of(item.ino)
    const heir = owed?.isNew === true ? undefined : this.#heirOf(item, owed)
    this.#drop(item)
    if (owed?.isNew === true) return
    const base = this.#baseOf(item, owed)
    if (heir !== undefined) return this.#inherit(heir, item, base)
    if (base.parent === undefined || base.name === undefined) return
    const { library, remoteId, kind } = item
    const isFolder = isDirectory(kind)
    const deletion = { library, remoteId, isFolder, eTag: base.eTag, parent: base.parent, name: base.name }
    this.#owed.oweDeletion(deletion, this.#now)
  }

  /**
   * A file that is new here takes the place of one that the service has: its bytes become a new version of that, and the
   * item keeps its identity, its history and its links over there.
   */
  #replace(item: ItemRecord, owed: Owed | undefined, replaced: ItemRecord): void {
    const before = this.#owed.of(replaced.ino)
    if (owed?.isNew !== true || before?.isNew === true || item.kind !== 'file') return this.remove(replaced)
    const base = this.#baseOf(replaced, before)
    this.#drop(replaced)
    this.#inherit(item.ino, replaced, base)
  }

  /** A file that was deleted from here, or moved away and then deleted, comes again: programs save so. */
  #adopt(ino: Ino, parent: ItemRecord, name: string): void {
    const deletion = this.#owed.deletionAt(parent.library, parent.remoteId, name)
    if (deletion === undefined) return
    this.#owed.settleDeletion(deletion.library, deletion.remoteId)
    const { remoteId, eTag } = deletion
    const from = { remoteId, quickXorHash: undefined, cTag: undefined, eTag, webUrl: undefined }
    this.#inherit(ino, from, { eTag, size: 0, parent: deletion.parent, name: deletion.name })
  }

  /** The new file that stands where the service has `item`. */
  #heirOf(item: ItemRecord, owed: Owed | undefined): Ino | undefined {
    if (item.kind !== 'file' || owed?.place !== true) return undefined
    const { parent, name } = owed.base
    const folder = parent === undefined ? undefined : this.#items.byRemoteId(item.library, parent)
    const heir = folder && name !== undefined ? this.#items.byName(folder.ino, name) : undefined
    const row = heir?.kind === 'file' ? this.#owed.of(heir.ino) : undefined
    return row?.isNew === true && !row.staysHere ? heir?.ino : undefined
  }

  #inherit(
    heir: Ino,
    from: Pick<ItemRecord, 'remoteId' | 'quickXorHash' | 'cTag' | 'eTag' | 'webUrl'>,
    base: Base,
  ): void {
    const { remoteId, quickXorHash, cTag, webUrl } = from
    this.#statements.become.run(
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
    // Nothing of the old bytes is in the new ones.
    const row = { ...owed, isNew: false, content: true, staysHere: false, base: { ...base, size: 0 } }
    const parent = this.#items.byIno(item.parent)
    if (parent === undefined) this.#owed.owe(row, this.#now)
    else this.#owePlace(item, row, parent, item.name)
  }

  #owePlace(item: ItemRecord, row: NewOwed, parent: ItemRecord, name: string): void {
    const isHome = row.base.parent === parent.remoteId && row.base.name === name
    const owed = { ...row, place: !isHome }
    if (owed.content || owed.place || owed.times) this.#owed.owe(owed, this.#now)
    else this.#owed.settle(item.ino)
  }

  #rowOf(item: ItemRecord, owed: Owed | undefined): NewOwed {
    if (owed !== undefined) return owed
    const { ino, library } = item
    const nothing = { isNew: false, content: false, place: false, times: false, staysHere: false }
    return { ino, library, ...nothing, base: this.#baseOf(item, undefined) }
  }

  #baseOf(item: ItemRecord, owed: Owed | undefined): Base {
    if (owed?.content === true || owed?.isNew === true) return owed.base
    // What the other side does to it meanwhile is known.
    if (owed !== undefined) return { ...owed.base, eTag: item.eTag, size: item.size }
    const parent = this.#items.byIno(item.parent)?.remoteId
    return { eTag: item.eTag, size: item.size, parent, name: item.remoteName }
  }

  #drop(item: ItemRecord): void {
    const local = this.#statements.removeContent.run(item.ino).changes > 0
    this.#owed.settle(item.ino)
    this.#statements.remove.run(item.ino)
    this.#vanished(item.parent, item.name, isDirectory(item.kind))
    this.changes.push({ kind: 'vanished', ino: item.ino, generation: item.generation, local })
  }

  #vanished(parent: Ino, name: string, isFolder: boolean): void {
    this.changes.push({ kind: 'entry', parent, name, appeared: false, isFolder })
  }

  #appeared(parent: Ino, name: string, isFolder: boolean): void {
    this.changes.push({ kind: 'entry', parent, name, appeared: true, isFolder })
  }

  #attributesChanged({ ino, generation }: ItemRecord): void {
    this.changes.push({ kind: 'attributes', ino, generation })
  }
}

/** Whether the service can be asked about it. */
export function isKnownThere(item: ItemRecord): boolean {
  return !isLocalId(item.remoteId)
}

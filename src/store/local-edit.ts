import type { Bytes, Ino, ItemId, LibraryId, Milliseconds } from '../model/ids.js'
import { foldedName } from '../model/item-name.js'
import { isSameSecond } from '../model/same-second.js'
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
  type JournaledBytes,
} from './owed-table.js'

/** The statements that only {@link LocalEdit} has, prepared once. */
export class LocalStatements {
  readonly insert
  readonly move
  readonly setContent
  readonly setModified
  readonly setMode
  readonly touch

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
    this.touch = database.prepare<[Milliseconds, Ino]>('UPDATE item SET changed = ? WHERE ino = ?')
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

  /**
   * Its content, as the service has it, has become ours, for {@link handOver}.
   * @param before what was owed of it
   */
  contentOwned(item: ItemRecord, before: Owed | undefined): void {
    if (before === undefined || !isReplacedSince(item, before)) return
    const { ino, webUrl } = item
    const legacy = this.#legacyOf(item, before)
    const { remoteId, quickXorHash, cTag } = legacy.from
    const { eTag } = legacy.base
    this.#itemStatements.identify.run(
      remoteId,
      quickXorHash ?? null,
      cTag ?? null,
      eTag ?? null,
      webUrl ?? null,
      ino,
    )
    this.#owed.owe({ ...this.#rowOf(item, before), content: true, base: legacy.base }, this.#now)
  }

  /** What the cache had of it is what is being changed. */
  contentTaken(item: ItemRecord): void {
    this.#itemStatements.removeContent.run(item.ino)
  }

  /** @param changed when that, or an attribute, was changed last */
  contentIs(item: ItemRecord, size: Bytes, modified: Milliseconds, changed = this.#now): void {
    if (item.size === size && item.modified === modified && item.changed >= changed) return
    this.#statements.setContent.run(size, modified, Math.max(item.changed, changed), item.ino)
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

  modeIs(item: ItemRecord, mode: number, changed = this.#now): void {
    this.#statements.setMode.run(mode, Math.max(item.changed, changed), item.ino)
    this.changes.push(attributesChanged(item))
  }

  /** Something of it was set, to what it was. */
  touched(item: ItemRecord): void {
    this.#statements.touch.run(this.#now, item.ino)
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
    const heir = heirOf(this.#items, this.#owed, item)
    this.#drop(item)
    if (owed?.isNew === true || owed?.place === true) this.namesLeft.add(item.parent)
    if (owed?.isNew === true) {
      this.#mayHaveArrived(item, owed)
      return
    }
    const sent = owed?.sent
    const base = this.#baseOf(item, owed)
    if (successor !== undefined) return this.#inherit(successor, item, base, sent)
    if (heir !== undefined) {
      const legacy = this.#legacyOf(item, owed)
      return this.#inherit(heir.ino, legacy.from, legacy.base, sent)
    }
    if (base.parent === undefined || base.name === undefined) return
    const { library, remoteId, kind } = item
    const isFolder = isDirectory(kind)
    const { eTag, parent, name, modified } = base
    const { quickXorHash, cTag } = item
    // Of what has taken another one's place it is not known.
    const size = base.size === 0 ? undefined : base.size
    this.#owed.oweDeletion(
      { library, remoteId, isFolder, eTag, parent, name, quickXorHash, cTag, size, modified, sent },
      this.#now,
    )
  }

  /**
   * A new file has taken the name of `item`, which is kept under another one. The name keeps what the service has, with its
   * history and its links; `item`, all of whose bytes are ours, is a file of its own from now on.
   * @param heir the new file, see {@link heirOf}
   */
  handOver(item: ItemRecord, heir: Ino): void {
    const owed = this.#owed.of(item.ino)
    if (owed === undefined) return
    const { from, base } = this.#legacyOf(item, owed)

    // First, because two items cannot have one id.
    this.#itemStatements.identify.run(newLocalId(), null, null, null, null, item.ino)
    this.#owed.owe(
      { ...owed, isNew: true, content: true, place: false, times: false, base: NO_BASE },
      this.#now,
    )
    this.#owed.setSent(item.ino, undefined, undefined)
    this.#owed.setMissed(item.ino, false)
    this.#inherit(heir, from, base, owed.sent)
    if (owed.missed) this.#owed.setMissed(heir, true)
    // The backup of an earlier save, which it has replaced.
    const parent = this.#items.byIno(item.parent)
    if (parent !== undefined && !owed.staysHere) this.#adopt(item.ino, parent, item.name)
    this.changes.push(attributesChanged(item))
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
    const { remoteId, eTag, quickXorHash, cTag, modified, sent } = deletion
    const from = { remoteId, quickXorHash, cTag, webUrl: undefined }
    const base = { eTag, size: 0, parent: deletion.parent, name: deletion.name, modified }
    this.#inherit(ino, from, base, sent && { ...sent, sha256: '' })
  }

  /**
   * What a successor gets of `item`. Who made it knew the content of when the item was moved away: a newer one of the other side's
   * must not be replaced unseen, so nothing is told of that.
   */
  #legacyOf(item: ItemRecord, owed: Owed | undefined): { readonly from: Legacy; readonly base: Base } {
    const base = this.#baseOf(item, owed)
    if (owed === undefined || owed.content || !isReplacedSince(item, owed)) return { from: item, base }
    const { remoteId } = item
    const from = { remoteId, quickXorHash: undefined, cTag: undefined, webUrl: undefined }
    return { from, base: { ...base, eTag: owed.base.eTag, modified: owed.base.modified } }
  }

  #inherit(heir: Ino, from: Legacy, base: Base, sent: JournaledBytes | undefined): void {
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
    this.#owed.setSent(heir, sent, undefined)
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
        sent: owed.sent,
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

type Legacy = Pick<ItemRecord, 'remoteId' | 'quickXorHash' | 'cTag' | 'webUrl'>

/** The new file that stands where the service has `item`, which is elsewhere here. */
export function heirOf(
  items: Pick<ItemTable, 'byRemoteId' | 'byName'>,
  owed: Pick<OwedTable, 'of'>,
  item: ItemRecord,
): ItemRecord | undefined {
  const row = owed.of(item.ino)
  if (item.kind !== 'file' || row?.place !== true) return undefined
  const { parent, name } = row.base
  const folder = parent === undefined ? undefined : items.byRemoteId(item.library, parent)
  const heir = folder && name !== undefined ? items.byName(folder.ino, name) : undefined
  const heirRow = heir?.kind === 'file' ? owed.of(heir.ino) : undefined
  return canSucceed(heirRow) && !heirRow.staysHere ? heir : undefined
}

/** Whether the other side has given it another content since it was moved away here. Its metadata change the eTag, too. */
function isReplacedSince({ eTag, modified }: ItemRecord, { base }: Owed): boolean {
  return eTag !== base.eTag && !isSameSecond(modified, base.modified)
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

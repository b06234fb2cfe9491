import type { DriveItem } from '../model/drive-item.js'
import {
  ROOT_INO,
  type Bytes,
  type Ino,
  type ItemId,
  type LibraryId,
  type Milliseconds,
} from '../model/ids.js'
import { distinctName, hasBetterClaim, shownName } from '../model/item-name.js'
import type { NewLibrary } from '../model/library.js'
import { compareContents, joinedEvidence } from '../model/same-content.js'
import { moreExact } from '../model/same-second.js'
import { isOfSent } from '../model/sent-bytes.js'
import type { Database } from './database.js'
import { appeared, attributesChanged, vanished, type ItemChange } from './item-change.js'
import {
  codeOfKind,
  columnOfListing,
  isDirectory,
  isLocalId,
  newLocalId,
  NO_LIBRARY,
  type ItemKind,
  type ItemRecord,
  type Listing,
} from './item-record.js'
import type { ItemTable } from './item-table.js'
import { encodeRanges } from './range-codec.js'
import { mayBe, NO_BASE, NOTHING_OWED, type Owed, type OwedTable } from './owed-table.js'

// A path of more folders than this cannot be named on Linux (PATH_MAX), so whatever is deeper is an attack.
const DEEPEST = 4_096
// Where thousands of names collide, somebody makes them: the first ones are sorted out, the rest keep their tags.
const NAMES_SETTLED_AT_ONCE = 1_000
const LONGEST_REMOTE_NAME = 4_096
// 9999-12-31: what programs can still print.
const LATEST: Milliseconds = 253_402_300_799_000

// Of no item.
const NOWHERE = 0 as Ino

export interface Put {
  readonly ino: Ino
  /**
   * `cycle`: nothing was written, because the item would contain itself. `outdated`: nor then, because the service may have said
   * so before it was told of what was done here; to be asked again. `unsure`: nor then, because it may be another content, and
   * the item itself, asked for, would tell.
   */
  readonly outcome: 'new' | 'changed' | 'same' | 'cycle' | 'outdated' | 'unsure'
}

/** The statements of {@link ItemEdit}, prepared once. */
export class ItemStatements {
  readonly insert
  readonly update
  readonly rename
  readonly setListed
  readonly clearListed
  readonly bumpGeneration
  readonly identify
  readonly remove
  readonly removeContent
  readonly hasContent
  readonly setTags
  readonly listNothing

  constructor(database: Database) {
    this.insert = database.prepare<
      [
        parent: Ino,
        kind: number,
        library: LibraryId,
        remoteId: ItemId,
        name: string,
        remoteName: string | null,
        size: Bytes,
        modified: Milliseconds,
        created: Milliseconds,
        changed: Milliseconds,
        listed: number | null,
        hash: string | null,
        cTag: string | null,
        eTag: string | null,
        webUrl: string | null,
      ]
    >(
      `INSERT INTO item (parent, kind, library, remote_id, name, remote_name, size, modified, created, changed,
                         listed, hash, ctag, etag, web_url)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (parent, name) DO NOTHING`,
    )
    this.update = database.prepare<
      [
        parent: Ino,
        name: string,
        remoteName: string | null,
        size: Bytes,
        modified: Milliseconds,
        created: Milliseconds,
        changed: Milliseconds,
        generation: number,
        hash: string | null,
        cTag: string | null,
        eTag: string | null,
        webUrl: string | null,
        ino: Ino,
      ]
    >(
      `UPDATE item SET parent = ?, name = ?, remote_name = ?, size = ?, modified = ?, created = ?, changed = ?,
                       generation = ?, hash = ?, ctag = ?, etag = ?, web_url = ?
       WHERE ino = ?`,
    )
    this.rename = database.prepare<[string, string | null, Ino]>(
      'UPDATE item SET name = ?, remote_name = ? WHERE ino = ?',
    )
    this.setListed = database.prepare<[number | null, Ino]>('UPDATE item SET listed = ? WHERE ino = ?')
    this.clearListed = database.prepare<[LibraryId]>(
      'UPDATE item SET listed = NULL WHERE library = ? AND listed IS NOT NULL',
    )
    this.bumpGeneration = database.prepare<[Ino]>('UPDATE item SET generation = generation + 1 WHERE ino = ?')
    this.identify = database.prepare<
      [
        remoteId: ItemId,
        hash: string | null,
        cTag: string | null,
        eTag: string | null,
        webUrl: string | null,
        ino: Ino,
      ]
    >('UPDATE item SET remote_id = ?, hash = ?, ctag = ?, etag = ?, web_url = ? WHERE ino = ?')
    this.remove = database.prepare<[Ino]>('DELETE FROM item WHERE ino = ?')
    this.removeContent = database.prepare<[Ino]>('DELETE FROM content WHERE ino = ?')
    this.hasContent = database.preparePluck<[Ino], number>('SELECT 1 FROM content WHERE ino = ?')
    this.setTags = database.prepare<[cTag: string | null, eTag: string | null, Ino]>(
      'UPDATE item SET ctag = ?, etag = ? WHERE ino = ?',
    )
    this.listNothing = database.prepare<[Ino, generation: number, present: Uint8Array, Milliseconds]>(
      `INSERT INTO content (ino, generation, present, local_bytes, verified, accessed) VALUES (?, ?, ?, 0, 0, ?)
       ON CONFLICT DO NOTHING`,
    )
  }
}

/**
 * Writes items within one transaction, and notes what that changes on the drive.
 *
 * INVARIANTS, after {@link finish}: names are unique within a parent; nothing contains itself; a file's generation
 * counts the replacements of its content; content of another generation has no row.
 */
export class ItemEdit {
  readonly changes: ItemChange[] = []
  readonly #items: ItemTable
  readonly #owed: OwedTable
  readonly #statements: ItemStatements
  readonly #now: Milliseconds
  /** Parents in which two items of the other side have the very same name, which cannot be. One of them is not there any more. */
  readonly twinsIn = new Set<Ino>()
  /** Parents in which a name became free or was wanted twice. */
  readonly #contested = new Set<Ino>()

  constructor(items: ItemTable, owed: OwedTable, statements: ItemStatements, now: Milliseconds) {
    this.#items = items
    this.#owed = owed
    this.#statements = statements
    this.#now = now
  }

  /**
   * Makes the record of `item` what the other side says.
   *
   * @param parent of the same library
   * @param newFolders what is known of the children of a folder that was not known before
   * @param asked position of {@link LatelySettled} when the service was asked; `undefined`: after all that was done here
   * @param mayAsk whether the caller can ask for the item itself; otherwise what is not proved to be the same content counts as
   *   another one
   */
  put(
    library: LibraryId,
    parent: Ino,
    item: DriveItem,
    newFolders: Listing,
    asked = Infinity,
    mayAsk = false,
  ): Put {
    const clean = cleaned(item)
    const known = this.#items.byRemoteId(library, item.id)
    if (known === undefined) {
      // Gone here; whether it comes back is found out when that is told.
      if (this.#owed.deletion(library, item.id)) return { ino: NOWHERE, outcome: 'same' }
      if (this.#owed.lately.isDeletionAfter(library, item.id, asked))
        return { ino: NOWHERE, outcome: 'outdated' }
      const ours = this.#madeHere(parent, clean)
      if (ours !== undefined) return { ino: this.#recognize(ours, parent, clean), outcome: 'changed' }
      if (this.#wasDeletedHere(library, parent, clean)) return { ino: NOWHERE, outcome: 'same' }
      return { ino: this.#insert(library, parent, clean, clean.kind, newFolders), outcome: 'new' }
    }
    const { ino } = known
    if (known.kind === 'library') {
      return { ino, outcome: this.#update(known, known.parent, clean, known.remoteName) }
    }
    const isAsAnswered = item.eTag !== undefined && item.eTag === known.eTag
    if (!isAsAnswered && this.#owed.lately.isItemAfter(ino, asked)) return { ino, outcome: 'outdated' }
    if (known.parent !== parent && isDirectory(known.kind) && this.isWithin(parent, ino)) {
      return { ino, outcome: 'cycle' }
    }
    if (mayAsk && this.#wouldTell(known, clean)) return { ino, outcome: 'unsure' }
    if (known.kind === item.kind) return { ino, outcome: this.#updateKnown(known, parent, clean) }
    // An id never changes its kind; where it does, it is another item.
    this.removeSubtree(ino, Number.POSITIVE_INFINITY)
    return { ino: this.#insert(library, parent, clean, clean.kind, newFolders), outcome: 'changed' }
  }

  /** The folder of an organization; made when it is the first time. */
  putOrganization(tenant: string, displayName: string): Ino {
    const id = tenant as ItemId
    const known = this.#items.byRemoteId(NO_LIBRARY, id)
    return known?.ino ?? this.#insertFolder(NO_LIBRARY, ROOT_INO, id, displayName, 'organization')
  }

  putLibraryRoot(library: LibraryId, organization: Ino, { root, name, times }: NewLibrary): Ino {
    return this.#insertFolder(library, organization, root.item, name, 'library', times)
  }

  setListing(ino: Ino, listing: Listing): void {
    this.#statements.setListed.run(columnOfListing(listing), ino)
  }

  /** Nothing is known of single folders any more that differs from what is known of the library. */
  forgetListings(library: LibraryId): void {
    this.#statements.clearListed.run(library)
  }

  /** Makes what is local worthless although the other side has nothing new: it was not what it should be. */
  discardContent(ino: Ino, generation: number): void {
    const item = this.#items.byIno(ino)
    if (item?.kind !== 'file' || item.generation !== generation) return
    this.#statements.bumpGeneration.run(ino)
    this.#contentOver(item, item.parent, item.name)
  }

  /**
   * Bytes of this content are about to come, and `item` is what the service says of them. What delta has told of it has no cTag,
   * and without one nobody could tell later whether they are still its bytes.
   */
  contentTold(ino: Ino, generation: number, { cTag, eTag }: DriveItem): void {
    const known = this.#items.byIno(ino)
    if (known?.kind !== 'file' || known.generation !== generation || known.cTag !== undefined) return
    // Both of one answer: of two answers they may be of two contents.
    this.#statements.setTags.run(cTag ?? null, eTag ?? null, ino)
    // It never tells one: then any change of the item counts as one of the content, from the first byte on.
    if (cTag === undefined) this.#statements.listNothing.run(ino, generation, encodeRanges([]), this.#now)
  }

  /** The service knows what we have here as `remote`. */
  identify(ino: Ino, remote: DriveItem): void {
    const { id, quickXorHash, cTag, eTag } = remote
    this.#statements.identify.run(
      id,
      quickXorHash ?? null,
      cTag ?? null,
      eTag ?? null,
      storedWebUrl(remote),
      ino,
    )
  }

  /** The service does not know it any more. */
  becomesOurs(ino: Ino): void {
    this.#statements.identify.run(newLocalId(), null, null, null, null, ino)
  }

  /** Whether `ino` is `ancestor` or below it. */
  isWithin(ino: Ino, ancestor: Ino): boolean {
    let current = ino
    for (let depth = 0; depth < DEEPEST; depth++) {
      if (current === ancestor) return true
      if (current === ROOT_INO) return false
      const item = this.#items.byIno(current)
      if (item === undefined) return false
      current = item.parent
    }
    return true
  }

  /**
   * Removes an item with everything in it, the deepest first.
   *
   * @param limit of items to remove now
   * @returns whether all are gone
   */
  removeSubtree(ino: Ino, limit: number): boolean {
    const kept = this.#keptIn(ino)
    if (kept.size > 0) {
      this.#removeBut(ino, kept)
      return true
    }
    return this.#removeDeepestFirst(ino, limit)
  }

  #removeDeepestFirst(ino: Ino, limit: number): boolean {
    const path = [ino]
    let left = limit
    for (let current = path.at(-1); current !== undefined; current = path.at(-1)) {
      const child = this.#items.firstChild(current)
      if (child !== undefined) {
        path.push(child)
        continue
      }
      if (left-- <= 0) return false
      this.removeAlone(current)
      path.pop()
    }
    return true
  }

  /**
   * What is in it stays in the store, but nothing leads there any more. An item that was changed here stays: who changes a
   * file wins over who deletes it.
   */
  removeAlone(ino: Ino): void {
    const item = this.#items.byIno(ino)
    if (item === undefined) return
    const owed = this.#owed.of(ino)
    if (owed?.isNew === true) return
    if (owed?.content === true) return this.#comesAgain(item, owed)
    const local = this.#statements.removeContent.run(ino).changes > 0
    this.#statements.remove.run(ino)
    this.#contested.add(item.parent)
    this.changes.push(vanished(item))
    this.changes.push({ kind: 'vanished', ino, generation: item.generation, local })
  }

  /** A name in the folder is free, or may be. */
  nameLeft(parent: Ino): void {
    this.#contested.add(parent)
  }

  /** To be called last: gives every item the plainest name that it can have. */
  finish(): void {
    for (const parent of this.#contested) this.#settleNames(parent)
    this.#contested.clear()
  }

  #insertFolder(
    library: LibraryId,
    parent: Ino,
    id: ItemId,
    name: string,
    kind: ItemKind,
    { modified, created }: Pick<DriveItem, 'modified' | 'created'> = {
      modified: this.#now,
      created: this.#now,
    },
  ): Ino {
    const folder: DriveItem = {
      id,
      parentId: undefined,
      name,
      kind: 'folder',
      size: 0,
      modified,
      created,
      eTag: undefined,
      cTag: undefined,
      quickXorHash: undefined,
      mimeType: undefined,
      webUrl: undefined,
    }
    return this.#insert(library, parent, cleaned(folder), kind, { kind: 'as-library' })
  }

  #insert(library: LibraryId, parent: Ino, item: DriveItem, kind: ItemKind, listing: Listing): Ino {
    const wanted = shownName(item.name, item.id)
    // Nearly always free: trying is faster than asking first.
    const ino = this.#insertAs(wanted, library, parent, item, kind, listing)
    if (ino !== undefined) return ino
    this.#noteTwin(parent, wanted, item.name)
    const name = this.#freeName(parent, wanted, item.id)
    const tagged = this.#insertAs(name, library, parent, item, kind, listing)
    if (tagged === undefined) throw new Error(`two items have the tag of ${item.id}`)
    return tagged
  }

  /** @returns nothing, and writes nothing, if the name is taken */
  #insertAs(
    name: string,
    library: LibraryId,
    parent: Ino,
    item: DriveItem,
    kind: ItemKind,
    listing: Listing,
  ): Ino | undefined {
    const { rowid, changes } = this.#statements.insert.run(
      parent,
      codeOfKind(kind),
      library,
      item.id,
      name,
      name === item.name ? null : item.name,
      kind === 'file' ? item.size : 0,
      item.modified,
      item.created,
      item.modified,
      kind === 'folder' ? columnOfListing(listing) : null,
      item.quickXorHash ?? null,
      item.cTag ?? null,
      item.eTag ?? null,
      storedWebUrl(item),
    )
    if (changes === 0) return undefined
    this.changes.push(appeared({ parent, name, kind }))
    return rowid as Ino
  }

  #update(known: ItemRecord, parent: Ino, item: DriveItem, remoteName: string): 'changed' | 'same' {
    const moves = known.parent !== parent || known.remoteName !== remoteName
    const comparison = known.kind === 'file' ? compareContents(known, item) : 'same'
    const isSame = comparison === 'same'
    const replaced = comparison === 'other' || (!isSame && this.#isHeld(known))
    const evidence = isSame ? joinedEvidence(item, known) : item
    const size = known.kind === 'file' ? item.size : 0
    const webUrl = storedWebUrl(item)
    const modified = replaced ? item.modified : moreExact(known.modified, item.modified)
    const looksOther = size !== known.size || modified !== known.modified || item.created !== known.created
    const unseen =
      evidence.quickXorHash !== known.quickXorHash ||
      evidence.cTag !== known.cTag ||
      evidence.eTag !== known.eTag ||
      webUrl !== (known.webUrl ?? null)
    if (!moves && !replaced && !looksOther && !unseen) return 'same'

    if (moves) this.#noteTwin(parent, shownName(remoteName, known.remoteId), remoteName, known.ino)
    const name = moves
      ? this.#freeName(parent, shownName(remoteName, known.remoteId), known.remoteId)
      : known.name
    this.#statements.update.run(
      parent,
      name,
      name === remoteName ? null : remoteName,
      size,
      modified,
      item.created,
      moves || replaced || looksOther ? this.#now : known.changed,
      replaced ? known.generation + 1 : known.generation,
      evidence.quickXorHash ?? null,
      evidence.cTag ?? null,
      evidence.eTag ?? null,
      webUrl,
      known.ino,
    )
    if (parent !== known.parent || name !== known.name) this.#renamed(known, parent, name)
    if (replaced) this.#contentOver(known, parent, name)
    else if (moves || looksOther) this.changes.push(attributesChanged(known))
    return 'changed'
  }

  /**
   * Delta leaves the cTag out. Where we know one, the item itself can be asked for its own: a rename of many files is to cost
   * neither their bytes nor a request each.
   */
  #wouldTell(known: ItemRecord, item: DriveItem): boolean {
    if (known.kind !== 'file' || known.cTag === undefined || item.cTag !== undefined) return false
    const comparison = compareContents(known, item)
    const isOpen = comparison === 'alike' || comparison === 'unsure'
    return isOpen && this.#owed.of(known.ino)?.content !== true
  }

  /** Whether something of its content may be here, in the cache or in a kernel: a tag is known since it was first read, or sent. */
  #isHeld({ ino, cTag }: ItemRecord): boolean {
    return cTag !== undefined || this.#statements.hasContent.get(ino) !== undefined
  }

  /** What was changed here stays so until it has been sent. */
  #updateKnown(known: ItemRecord, parent: Ino, item: DriveItem): 'changed' | 'same' {
    const owed = this.#owed.of(known.ino)
    if (owed === undefined) return this.#update(known, parent, item, item.name)
    const { size, modified, created, quickXorHash, cTag, eTag } = known
    const kept = owed.content
      ? { ...item, size, modified, created, quickXorHash, cTag, eTag }
      : owed.times
        ? { ...item, modified }
        : item
    if (this.#misses(owed, parent, item)) this.#owed.setMissed(known.ino, true)
    return owed.place
      ? this.#update(known, known.parent, kept, known.remoteName)
      : this.#update(known, parent, kept, item.name)
  }

  /** Whether something of it is not shown, because of what is owed, that the service is not known to have. */
  #misses({ content, place, base }: Owed, parent: Ino, { eTag, name }: DriveItem): boolean {
    if (content && (eTag === undefined || eTag !== base.eTag)) return true
    return place && (name !== base.name || this.#items.byIno(parent)?.remoteId !== base.parent)
  }

  /** The new item here that this is: it has arrived before anybody said so, or is a folder that both sides have made. */
  #madeHere(parent: Ino, item: DriveItem): { readonly item: ItemRecord; readonly owed: Owed } | undefined {
    if (this.#owed.isEmpty) return undefined
    const holder = this.#items.byName(parent, item.name)
    const owed = holder && this.#owed.of(holder.ino)
    const isOurs =
      owed?.isNew === true &&
      !owed.staysHere &&
      holder?.kind === item.kind &&
      (item.kind === 'folder' || isOfSent(item, owed.sent))
    return isOurs ? { item: holder, owed } : this.#sentFromHere(parent, item)
  }

  /** The same of what is elsewhere by now. */
  #sentFromHere(
    parent: Ino,
    item: DriveItem,
  ): { readonly item: ItemRecord; readonly owed: Owed } | undefined {
    const folder = this.#items.byIno(parent)
    if (folder === undefined) return undefined
    for (const owed of this.#owed.sentTo({ parent: folder.remoteId, name: item.name })) {
      const known = this.#items.byIno(owed.ino)
      if (known?.kind !== item.kind || known.library !== folder.library) continue
      if (item.kind === 'folder' || isOfSent(item, owed.sent)) return { item: known, owed }
    }
    return undefined
  }

  #recognize({ item: known, owed }: { item: ItemRecord; owed: Owed }, parent: Ino, item: DriveItem): Ino {
    const { ino, kind } = known
    const { eTag, name, modified } = item
    const at = this.#items.byIno(parent)?.remoteId
    this.identify(ino, item)
    const place = known.parent !== parent || known.name !== name
    // Whether its bytes have been changed since is found out when they are sent.
    const base = { ...owed.base, eTag, parent: at, name, modified }
    this.#owed.leave({ ...owed, isNew: false, place, base }, this.#now)
    if (kind === 'folder') this.setListing(ino, { kind: 'unlisted' })
    return ino
  }

  /** It was being sent when it was deleted here, and has arrived. */
  #wasDeletedHere(library: LibraryId, parent: Ino, item: DriveItem): boolean {
    // Asked of each item of a first enumeration.
    if (this.#owed.deletionCount === 0) return false
    const folder = this.#items.byIno(parent)
    if (folder === undefined) return false
    const deletion = this.#owed
      .deletionsAt(library, { parent: folder.remoteId, name: item.name })
      .find(each => mayBe(each, item))
    if (deletion === undefined) return false
    this.#owed.oweDeletionOf(deletion, item, this.#now)
    return true
  }

  /** The other side has deleted it, and will be sent it anew. */
  #comesAgain(item: ItemRecord, owed: Owed): void {
    const base = { ...NO_BASE, size: owed.base.size }
    this.#owed.owe({ ...owed, isNew: true, place: false, times: false, base }, this.#now)
    this.becomesOurs(item.ino)
  }

  /** Items in `root` that are to be sent, and the folders that lead to them. */
  #keptIn(root: Ino): Set<Ino> {
    const kept = new Set<Ino>()
    for (const ino of this.#owed.inos()) {
      const owed = this.#owed.of(ino)
      if ((owed?.isNew !== true && owed?.content !== true) || !this.isWithin(ino, root)) continue
      kept.add(root)
      for (
        let at: Ino | undefined = ino;
        at !== undefined && !kept.has(at);
        at = this.#items.byIno(at)?.parent
      ) {
        kept.add(at)
      }
    }
    return kept
  }

  #removeBut(ino: Ino, kept: ReadonlySet<Ino>): void {
    for (const child of this.#items.childInos(ino)) {
      if (kept.has(child)) this.#removeBut(child, kept)
      else this.#removeDeepestFirst(child, Number.POSITIVE_INFINITY)
    }
    const folder = this.#items.byIno(ino)
    if (folder === undefined || !isDirectory(folder.kind)) return this.removeAlone(ino)
    if (this.#owed.of(ino)?.isNew === true) return
    const { library } = folder
    this.#owed.owe({ ...NOTHING_OWED, ino, library, isNew: true, base: NO_BASE }, this.#now)
    this.becomesOurs(ino)
    this.setListing(ino, { kind: 'listed', at: this.#now })
  }

  #renamed(known: ItemRecord, parent: Ino, name: string): void {
    this.changes.push(vanished(known))
    this.changes.push(appeared({ parent, name, kind: known.kind }))
    this.#contested.add(known.parent)
  }

  #contentOver({ ino, generation }: ItemRecord, parent: Ino, name: string): void {
    const local = this.#statements.removeContent.run(ino).changes > 0
    this.changes.push({ kind: 'content', ino, generation, parent, name, local })
  }

  #noteTwin(parent: Ino, wanted: string, remoteName: string, itself?: Ino): void {
    const holder = this.#items.byName(parent, wanted)
    if (holder === undefined || holder.ino === itself || isLocalId(holder.remoteId)) return
    if (holder.remoteName === remoteName) this.twinsIn.add(parent)
  }

  /** `wanted`, or a name made of it that no other item of `parent` has. */
  #freeName(parent: Ino, wanted: string, id: ItemId): string {
    if (this.#isFree(parent, wanted, id)) return wanted
    this.#contested.add(parent)
    return this.#freeTaggedName(parent, wanted, id)
  }

  #freeTaggedName(parent: Ino, wanted: string, id: ItemId): string {
    for (let attempt = 0; ; attempt++) {
      const name = distinctName(wanted, id, attempt)
      // From the 8th on the tag is the whole hash; only the same id could have taken that name.
      if (this.#isFree(parent, name, id) || attempt > 8) return name
    }
  }

  #isFree(parent: Ino, name: string, id: ItemId): boolean {
    const holder = this.#items.byName(parent, name)
    return holder === undefined || holder.remoteId === id
  }

  #settleNames(parent: Ino): void {
    for (const claimant of this.#items.renamedChildren(parent, NAMES_SETTLED_AT_ONCE)) {
      const wanted = shownName(claimant.remoteName, claimant.remoteId)
      const current = this.#items.byIno(claimant.ino)
      if (current === undefined || current.name === wanted) continue
      const holder = this.#items.byName(parent, wanted)
      if (holder !== undefined) {
        // It was given the name here.
        const owed = this.#owed.of(holder.ino)
        if (owed?.isNew === true || owed?.place === true) continue
        if (!hasBetterClaim(wanted, byRemote(claimant), byRemote(holder))) continue
        this.#rename(holder, this.#freeTaggedName(parent, wanted, holder.remoteId))
      }
      this.#rename(current, wanted)
    }
  }

  #rename(item: ItemRecord, name: string): void {
    this.#statements.rename.run(name, name === item.remoteName ? null : item.remoteName, item.ino)
    this.changes.push(vanished(item))
    this.changes.push(appeared({ ...item, name }))
  }
}

function byRemote({ remoteName, remoteId }: ItemRecord): { remoteName: string; id: ItemId } {
  return { remoteName, id: remoteId }
}

/** What the store can hold and give back unchanged. */
function cleaned(item: DriveItem): DriveItem {
  return {
    ...item,
    // Through bytes: half a surrogate pair would come back as another string each time.
    name: Buffer.from(item.name.slice(0, LONGEST_REMOTE_NAME), 'utf8').toString('utf8'),
    size: Math.max(0, Math.trunc(item.size)),
    modified: cleanTime(item.modified),
    created: cleanTime(item.created),
  }
}

function cleanTime(time: Milliseconds): Milliseconds {
  return Number.isFinite(time) ? Math.min(Math.max(0, Math.trunc(time)), LATEST) : 0
}

/**
 * `null` where the URL is the parent's with the name behind it, as for most files: that is shorter, and stays right
 * when a folder above is renamed.
 */
export function storedWebUrl(item: DriveItem): string | null {
  if (item.webUrl === undefined) return null
  const lastSegment = item.webUrl.slice(item.webUrl.lastIndexOf('/') + 1)
  return lastSegment === encodeURIComponent(item.name) ? null : item.webUrl
}

import { setImmediate } from 'node:timers/promises'
import { isRemoved, type DriveChange, type DriveItem } from '../model/drive-item.js'
import { Fault } from '../model/fault.js'
import type { Ino, ItemId, LibraryId, Milliseconds } from '../model/ids.js'
import type { ItemChange } from '../store/item-change.js'
import type { ItemEdit } from '../store/item-edit.js'
import type { DeltaPage, RemoteItems } from '../model/remote.js'
import { isRemoteFolder, type ItemRecord, type Listing } from '../store/item-record.js'
import type { LibraryRecord } from '../store/library-table.js'
import type { Store } from '../store/store.js'
import { InoSet } from './ino-set.js'

// How long one transaction may take before the kernel's questions are answered again.
const SLICE_MILLISECONDS = 8
const ITEMS_BETWEEN_LOOKS_AT_THE_CLOCK = 16
const ITEMS_SWEPT_AT_ONCE = 500
// Items whose parents come later, or never. A service that sends more than this sends no library.
const MOST_ORPHANS = 200_000

/** Who may keep items from being removed. Implemented by `removal-guard.ts`. */
export interface Guard {
  judge(library: LibraryId, gone: readonly Ino[]): readonly Ino[]
}

export interface DeltaRoundDeps {
  readonly store: Store
  readonly guard: Guard
  readonly library: LibraryRecord
  /** Asked where a page does not tell whether a content is another one. */
  readonly items: RemoteItems
  /** All items are enumerated: what does not come is gone. */
  readonly isFull: boolean
  readonly now: () => Milliseconds
  readonly onChanges: (changes: readonly ItemChange[]) => void
  readonly onTrouble: (event: string, failure: unknown) => void
}

/**
 * Applies one round of delta, from the first page to the one with the new cursor.
 *
 * Every item that comes is true by itself, so it is written at once, in short transactions. Removals wait for the
 * end of the round, because an item may come again in it, and the cursor is written last: a round that breaks off
 * is asked for again from where it began, and finds most of its work done.
 */
export class DeltaRound {
  readonly #deps: DeltaRoundDeps
  readonly #seen = new InoSet()
  readonly #lastInoBefore: Ino
  readonly #removed = new Set<ItemId>()
  /** By the parent that they wait for. */
  readonly #orphans = new Map<ItemId, Map<ItemId, DriveItem>>()
  readonly #parentOfOrphan = new Map<ItemId, ItemId>()
  /** Moves into themselves, as far as is known yet. */
  readonly #cyclic = new Map<ItemId, DriveItem>()
  /** What may have another content by now, or only another name: to be asked for. */
  readonly #unsure = new Map<ItemId, DriveItem>()
  /** Within one transaction. */
  #lastParent: { readonly id: ItemId; readonly ino: Ino } | undefined
  #isEmpty = true
  #sawRoot = false
  /** Items came of which not even the id can be read: what did not come cannot be told. */
  #sawNameless = false
  #changed = 0
  /** Folders of which the service may have spoken before it was told of what was done here, or that have two of one name. */
  readonly #outdated = new Set<Ino>()
  readonly #asked: number
  readonly #begun: Milliseconds

  constructor(deps: DeltaRoundDeps) {
    this.#deps = deps
    this.#begun = deps.now()
    this.#lastInoBefore = deps.store.items.lastIno()
    this.#asked = deps.store.owed.lately.position
  }

  /** @throws {Fault} `disk-full`, `protocol-error`; the signal's reason */
  async apply({ changes, notUnderstood = [] }: DeltaPage, signal: AbortSignal): Promise<void> {
    const { store, library } = this.#deps
    await this.#inSlices(changes, signal, (edit, change) => this.#applyOne(edit, change))
    await this.#findOut(signal)
    for (const each of notUnderstood) {
      const { id } = each
      this.#isEmpty = false
      store.notUnderstood.add(library.id, each, this.#deps.now())
      if (id === undefined) this.#sawNameless = true
      else {
        this.#forget(id)
        const known = store.items.byRemoteId(library.id, id)
        if (known) this.#seen.add(known.ino)
      }
    }
  }

  /** Whether all that is known of the library would go: either it was emptied, or we may not see it any more. */
  get emptiesLibrary(): boolean {
    const { store, library } = this.#deps
    const root = store.items.byRemoteId(library.id, library.root.item)
    if (root === undefined || (this.#removed.size === 0 && !this.#isFull)) return false
    const children = store.items.childInos(root.ino)
    if (children.length === 0) return false
    return children.every(ino => {
      const id = store.items.byIno(ino)?.remoteId
      if (id === undefined) return true
      return this.#removed.has(id) || (this.#isFull && ino <= this.#lastInoBefore && !this.#seen.has(ino))
    })
  }

  /** Nothing was reported so far, but the root, which comes always. */
  get isEmpty(): boolean {
    return this.#isEmpty
  }

  /** How many different items were reported so far, as far as anything can come of them. */
  get found(): number {
    return this.#seen.size + this.#removed.size + this.#parentOfOrphan.size
  }

  /** How many items were not as the store had them. */
  get changed(): number {
    return this.#changed
  }

  /**
   * To be called after the last page.
   *
   * @param cursor where to ask next time
   * @returns folders to be listed: reported as deleted, with something in them that was not; or outdated
   */
  async finish(cursor: string, signal: AbortSignal): Promise<readonly Ino[]> {
    await this.#settleCyclic(signal)
    const { guard, library, store } = this.#deps
    const orphans = this.#orphansShown()
    const removed = this.#removedInos()
    const missing = await this.#missing(signal)
    const allowed = new Set(guard.judge(library.id, [...new Set([...orphans, ...removed, ...missing])]))
    await this.#removeSubtrees(
      orphans.filter(ino => allowed.has(ino)),
      signal,
    )
    const doubted = await this.#removeWhatIsEmpty(
      removed.filter(ino => allowed.has(ino)),
      signal,
    )
    // Children before parents: whatever came in this round keeps its folder.
    await this.#removeWhatIsEmpty(missing.filter(ino => allowed.has(ino)).reverse(), signal)
    const unsure = new Set(doubted)
    for (const ino of this.#outdated) if (isFolder(store.items.byIno(ino))) unsure.add(ino)
    this.#commit(cursor, [...unsure])
    return [...unsure]
  }

  /**
   * What was held back is removed after all.
   * @returns folders in which something is left: to be listed
   */
  async removeHeld(held: readonly Ino[], signal: AbortSignal): Promise<readonly Ino[]> {
    const { store, now, onChanges } = this.#deps
    const doubted = await this.#removeWhatIsEmpty([...held].reverse(), signal)
    onChanges(
      store.change(now(), edit => {
        for (const ino of doubted) {
          edit.setListing(ino, { kind: 'doubted' })
          store.held.forget(ino)
        }
      }),
    )
    return doubted
  }

  get #isFull(): boolean {
    return this.#deps.isFull && this.#sawRoot && !this.#sawNameless
  }

  #applyOne(edit: ItemEdit, change: DriveChange): void {
    this.#forget(change.id)
    this.#deps.store.notUnderstood.forget(this.#deps.library.id, change.id)
    if (change.id !== this.#deps.library.root.item) this.#isEmpty = false
    else if (!isRemoved(change)) this.#sawRoot = true
    if (!isRemoved(change)) this.#place(edit, change)
    // There is nothing to remove otherwise, and no end to what a service can say is gone.
    else if (this.#isKnown(change.id)) this.#removed.add(change.id)
  }

  #isKnown(id: ItemId): boolean {
    const { store, library } = this.#deps
    return store.items.byRemoteId(library.id, id) !== undefined
  }

  /** The last state of an item is the one that counts. */
  #forget(id: ItemId): void {
    this.#removed.delete(id)
    this.#cyclic.delete(id)
    this.#unsure.delete(id)
    const parent = this.#parentOfOrphan.get(id)
    if (parent === undefined) return
    this.#parentOfOrphan.delete(id)
    this.#orphans.get(parent)?.delete(id)
  }

  /** Nothing of what is unsure is in the store before it is known: no old bytes are served as a new version meanwhile. */
  async #findOut(signal: AbortSignal): Promise<void> {
    const { items, library } = this.#deps
    while (this.#unsure.size > 0) {
      const unsure = [...this.#unsure.values()]
      this.#unsure.clear()
      const now = await items.current(
        unsure.map(({ id }) => ({ ...library.root, item: id })),
        signal,
      )
      await this.#inSlices([...unsure.entries()], signal, (edit, [i, item]) =>
        this.#place(edit, now[i] ?? item, false),
      )
    }
  }

  /**
   * Writes the item, and those that waited for it.
   * @param mayAsk whether it is to be asked for where it does not tell what content it has
   */
  #place(edit: ItemEdit, first: DriveItem, mayAsk = true): void {
    const { store, library } = this.#deps
    const waiting = [first]
    for (let item = waiting.pop(); item; item = waiting.pop()) {
      const parent = this.#parentFor(item)
      if (parent === undefined) {
        this.#adoptLater(item)
        continue
      }
      const { ino, outcome } = edit.put(library.id, parent, item, this.#newFolders(), this.#asked, mayAsk)
      // Only a file that is new, or as it was, cannot have moved or removed the folder of the next one.
      if (item.kind !== 'file' || (outcome !== 'new' && outcome !== 'same')) this.#lastParent = undefined
      this.#seen.add(ino)
      store.held.forget(ino)
      if (outcome === 'outdated') this.#outdated.add(parent)
      else if (outcome === 'cycle') this.#cyclic.set(item.id, item)
      else if (outcome === 'unsure') this.#unsure.set(item.id, item)
      else if (outcome !== 'same') this.#changed++
      const children = this.#orphans.get(item.id)
      if (children === undefined) continue
      if (!isRemoteFolder(store.items.byIno(ino)?.kind ?? 'file')) continue
      this.#orphans.delete(item.id)
      for (const child of children.values()) {
        this.#parentOfOrphan.delete(child.id)
        waiting.push(child)
      }
    }
  }

  /** For the library's own root: itself, its place is not for the service to say. */
  #parentFor(item: DriveItem): Ino | undefined {
    const { store, library } = this.#deps
    if (item.id === library.root.item) return store.items.byRemoteId(library.id, item.id)?.ino
    if (item.parentId === undefined) return undefined
    // What is in one folder comes in a row.
    if (this.#lastParent?.id === item.parentId) return this.#lastParent.ino
    const parent = store.items.byRemoteId(library.id, item.parentId)
    if (parent === undefined || !isRemoteFolder(parent.kind)) return undefined
    this.#lastParent = { id: item.parentId, ino: parent.ino }
    return parent.ino
  }

  #adoptLater(item: DriveItem): void {
    // The root of the drive, where only a folder of it is on ours.
    if (item.parentId === undefined) return
    if (this.#parentOfOrphan.size >= MOST_ORPHANS) {
      throw new Fault('protocol-error', 'The service reported too many items outside of every folder')
    }
    const siblings = this.#orphans.get(item.parentId) ?? new Map<ItemId, DriveItem>()
    siblings.set(item.id, item)
    this.#orphans.set(item.parentId, siblings)
    this.#parentOfOrphan.set(item.id, item.parentId)
  }

  /**
   * A folder that appears after the first enumeration may have been moved here with everything in it, of which
   * delta tells nothing.
   */
  #newFolders(): Listing {
    const isComplete = this.#deps.isFull || this.#deps.library.enumerated === undefined
    return { kind: isComplete ? 'as-library' : 'unlisted' }
  }

  /** Two folders that changed places look like a cycle until both have moved. */
  async #settleCyclic(signal: AbortSignal): Promise<void> {
    for (let before = Infinity; this.#cyclic.size > 0 && this.#cyclic.size < before;) {
      before = this.#cyclic.size
      const items = [...this.#cyclic.values()]
      this.#cyclic.clear()
      await this.#inSlices(items, signal, (edit, item) => this.#place(edit, item))
    }
    for (const id of this.#cyclic.keys()) this.#deps.onTrouble('item-contains-itself', new Error(id))
  }

  /** What is in no folder that we know cannot be shown; what was shown before has been moved out of our sight. */
  #orphansShown(): Ino[] {
    const { store, library, onTrouble } = this.#deps
    if (this.#parentOfOrphan.size === 0) return []
    onTrouble('items-without-folder', new Error(`${this.#parentOfOrphan.size} items`))
    return [...this.#parentOfOrphan.keys()]
      .map(id => store.items.byRemoteId(library.id, id)?.ino)
      .filter(ino => ino !== undefined)
  }

  #removedInos(): Ino[] {
    const { store, library } = this.#deps
    return [...this.#removed]
      .filter(id => id !== library.root.item)
      .map(id => store.items.byRemoteId(library.id, id)?.ino)
      .filter(ino => ino !== undefined)
  }

  async #removeSubtrees(inos: readonly Ino[], signal: AbortSignal): Promise<void> {
    await this.#inSlices(inos, signal, (edit, ino) => {
      edit.removeSubtree(ino, Number.POSITIVE_INFINITY)
    })
  }

  /**
   * A deleted folder goes only when nothing is left in it: that is the service's own rule.
   * @returns those that had to stay
   */
  async #removeWhatIsEmpty(inos: readonly Ino[], signal: AbortSignal): Promise<Ino[]> {
    let left = [...inos]
    for (let before = Infinity; left.length > 0 && left.length < before;) {
      before = left.length
      left = await this.#removeEmpty(left, signal)
    }
    return left
  }

  async #removeEmpty(inos: readonly Ino[], signal: AbortSignal): Promise<Ino[]> {
    const { store } = this.#deps
    const left: Ino[] = []
    await this.#inSlices(inos, signal, (edit, ino) => {
      if (store.items.firstChild(ino) === undefined) {
        this.#changed++
        edit.removeAlone(ino)
      } else left.push(ino)
    })
    return left
  }

  /** After a full enumeration: what was known before it and did not come is gone. */
  async #missing(signal: AbortSignal): Promise<Ino[]> {
    const { store, library, isFull, onTrouble } = this.#deps
    if (!isFull) return []
    if (!this.#isFull) {
      // The root comes always: this was no enumeration of our library, whatever it was.
      onTrouble(
        'enumeration-not-complete',
        new Error(this.#sawRoot ? 'items without ids' : 'without the root'),
      )
      return []
    }
    const missing: Ino[] = []
    let after: Ino | undefined = store.items.byRemoteId(library.id, library.root.item)?.ino
    while (after !== undefined) {
      const inos: Ino[] = store.items.inosOfLibrary(
        library.id,
        after,
        this.#lastInoBefore,
        ITEMS_SWEPT_AT_ONCE,
      )
      missing.push(...inos.filter(ino => !this.#seen.has(ino) && !this.#isOurs(ino)))
      after = inos.at(-1)
      await setImmediate()
      signal.throwIfAborted()
    }
    return missing
  }

  /** New here, and not told yet, or not long enough ago to be in what was asked for. */
  #isOurs(ino: Ino): boolean {
    const { owed } = this.#deps.store
    return owed.of(ino)?.isNew === true || owed.lately.isItemAfter(ino, this.#asked)
  }

  #commit(cursor: string, doubted: readonly Ino[]): void {
    const { store, library, isFull, now, onChanges } = this.#deps
    onChanges(
      store.change(now(), edit => {
        if (isFull) {
          edit.forgetListings(library.id)
          store.libraries.setEnumerated(library.id, now())
          if (this.#isFull) store.notUnderstood.forgetBefore(library.id, this.#begun)
        }
        for (const ino of doubted) edit.setListing(ino, { kind: 'doubted' })
        if (store.cursors.get(library.id)?.cursor !== cursor) store.cursors.set(library.id, cursor, now())
      }),
    )
  }

  /** Transactions of a few milliseconds, with everything else that the process does in between. */
  async #inSlices<Each>(
    all: readonly Each[],
    signal: AbortSignal,
    work: (edit: ItemEdit, each: Each) => void,
  ): Promise<void> {
    const { store, now, onChanges } = this.#deps
    for (let at = 0; at < all.length;) {
      signal.throwIfAborted()
      this.#lastParent = undefined
      const changes = store.change(now(), edit => {
        const end = performance.now() + SLICE_MILLISECONDS
        do {
          for (const each of all.slice(at, at + ITEMS_BETWEEN_LOOKS_AT_THE_CLOCK)) work(edit, each)
          at += ITEMS_BETWEEN_LOOKS_AT_THE_CLOCK
        } while (at < all.length && performance.now() < end)
        for (const parent of edit.twinsIn) this.#outdated.add(parent)
      })
      onChanges(changes)
      await setImmediate()
    }
  }
}

function isFolder(item: ItemRecord | undefined): item is ItemRecord {
  return item !== undefined && isRemoteFolder(item.kind)
}

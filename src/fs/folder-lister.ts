import { setImmediate } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import type { Clock } from '../concurrency/clock.js'
import { SingleFlight } from '../concurrency/single-flight.js'
import type { OfflineMemory } from '../hydration/offline-memory.js'
import { ListProgress, type ListBounds } from '../model/endless-list.js'
import { Fault, isFault } from '../model/fault.js'
import type { Ino, ItemKey, LibraryId, Milliseconds } from '../model/ids.js'
import type { FolderPage, NotUnderstood, RemoteFolder } from '../model/remote.js'
import type { ItemChange } from '../store/item-change.js'
import { isLocalId, isRemoteFolder, type ItemRecord, type Listing } from '../store/item-record.js'
import type { LibraryRecord } from '../store/library-table.js'
import type { Store } from '../store/store.js'
import { withDeadline } from '../concurrency/deadline.js'

/** Without a page for so long a listing has failed. */
export const PAGE_DEADLINE: Milliseconds = 30_000
/** How long a program waits for a folder. A larger one goes on being listed, for the next who asks. */
export const LISTING_DEADLINE: Milliseconds = 60_000
// Folders whose lists do not end: there are few of them, if any.
const RESTING = 1_000
// Of what is not understood in one folder.
const MOST_KEPT = 1_000
// One transaction: about a millisecond, so that other programs are not kept waiting.
const ITEMS_AT_ONCE = 100

/** Who may keep items from being removed. Implemented by `sync/removal-guard.ts`. */
export interface RemovalGuard {
  /** @returns which of what is gone may be removed */
  judge(library: LibraryId, gone: readonly Ino[]): readonly Ino[]
}

export interface FolderListerDeps {
  readonly guard: RemovalGuard
  readonly store: Store
  readonly folders: RemoteFolder
  readonly clock: Clock
  readonly listBounds?: ListBounds
  readonly offline: OfflineMemory
  readonly onChanges: (changes: readonly ItemChange[]) => void
  /** Something went wrong that nobody waits for, or the other side said what cannot be. */
  readonly onTrouble: (event: string, failure: unknown) => void
}

/** What happened meanwhile to items that a listing may know in an older state. */
interface Run {
  readonly touched: Set<Ino>
  /** See {@link LatelySettled}. */
  readonly asked: number
}

/** Brings the children of a folder into the store. */
export class FolderLister {
  readonly #deps: FolderListerDeps
  readonly #flights = new SingleFlight<void>()
  readonly #runs = new Set<Run>()
  /** What was seen to have no end is not asked for again at each look. */
  readonly #resting = new LRUCache<Ino, { readonly fault: Fault; readonly until: Milliseconds }>({
    max: RESTING,
  })
  readonly #closed = new AbortController()

  constructor(deps: FolderListerDeps) {
    this.#deps = deps
  }

  /**
   * Asks the service for the folder's children; whoever asks meanwhile shares the answer. Names that are found can
   * be looked up at once; the folder counts as listed when all are known.
   *
   * @param signal ends this wait; the listing is stopped when nobody waits for it
   * @throws {Fault} what {@link RemoteFolder} throws; `timed-out`; `stale-node` when the folder is gone
   */
  async list(folder: Ino, signal: AbortSignal): Promise<void> {
    const listed = this.#run(folder, signal)
    const late = () => {
      // The listing loses this waiter and must not lose its last one.
      this.refreshLater(folder)
      return new Fault('timed-out', 'The folder is so large that it is still being listed', {
        nextStep: 'Try again in a minute',
      })
    }
    await withDeadline(listed, this.#deps.clock, LISTING_DEADLINE, signal, late)
  }

  /** Lists in the background. */
  refreshLater(folder: Ino): void {
    this.#run(folder, this.#closed.signal).catch((failure: unknown) => {
      if (!this.#closed.signal.aborted) this.#deps.onTrouble('folder-not-refreshed', failure)
    })
  }

  /** Somebody else wrote these to the store: what a running listing knows of them may be older. */
  noteChanges(changes: readonly ItemChange[]): void {
    if (this.#runs.size === 0) return
    for (const change of changes) {
      const ino =
        change.kind === 'entry' ? this.#deps.store.items.byName(change.parent, change.name)?.ino : change.ino
      if (ino !== undefined) for (const run of this.#runs) run.touched.add(ino)
    }
  }

  /** Stops what runs in the background. */
  close(): void {
    this.#closed.abort(new Fault('cancelled', 'The drive is closing'))
  }

  #run(folder: Ino, signal: AbortSignal): Promise<void> {
    return this.#flights.run(String(folder), signal, async stop => {
      const run: Run = { touched: new Set(), asked: this.#deps.store.owed.lately.position }
      this.#runs.add(run)
      try {
        await this.#listFolder(folder, run, stop)
      } finally {
        this.#runs.delete(run)
      }
    })
  }

  async #listFolder(ino: Ino, run: Run, signal: AbortSignal): Promise<void> {
    const { store, offline, clock, listBounds } = this.#deps
    const { folder, library, key } = this.#folderOf(ino)
    if (isLocalId(folder.remoteId)) return
    const reason = offline.reasonNotToAsk(key.tenant)
    if (reason) throw reason
    const resting = this.#resting.get(ino)
    if (resting !== undefined && clock.now() < resting.until) throw resting.fault
    const before = store.items.childInos(ino)
    const seen = new Set<Ino>()
    const notUnderstood: NotUnderstood[] = []
    const progress = new ListProgress(clock.now(), listBounds)
    try {
      for await (const page of this.#pages(key, signal)) {
        await this.#apply(folder, library, page, run, seen)
        for (const each of page.notUnderstood) if (notUnderstood.length < MOST_KEPT) notUnderstood.push(each)
        signal.throwIfAborted()
        progress.check(seen.size, store.items.countOfLibrary(library.id), clock.now())
      }
      offline.noteSuccess(key.tenant)
    } catch (failure) {
      offline.noteFailure(key.tenant, failure)
      if (isFault(failure, 'protocol-error') && failure.retryAfterSeconds !== undefined) {
        const until = clock.now() + failure.retryAfterSeconds * 1_000
        this.#resting.set(ino, { fault: failure, until })
      }
      if (!isFault(failure, 'item-not-found')) throw failure
      if (!this.#isDoubted(ino)) {
        this.#doubt(folder.parent)
        throw failure
      }
      await this.#removeAll([ino])
      throw new Fault('stale-node', 'The folder was deleted', { cause: failure })
    }
    // Where delta tells of removals, a child that is missing here may have been missed between two pages.
    if (library.enumerated === undefined || this.#isDoubted(ino)) {
      const gone = before.filter(child => this.#hasLeft(child, ino, run, seen))
      await this.#removeAll(this.#deps.guard.judge(library.id, gone))
    }
    this.#change(edit => {
      store.notUnderstood.forgetIn(library.id, key.item)
      for (const each of notUnderstood) store.notUnderstood.add(library.id, each, clock.now())
      edit.setListing(ino, { kind: 'listed', at: clock.now() })
    })
  }

  async *#pages(key: ItemKey, signal: AbortSignal): AsyncIterable<FolderPage> {
    const { folders, clock } = this.#deps
    const abort = new AbortController()
    const pages = folders.children(key, AbortSignal.any([abort.signal, signal]))[Symbol.asyncIterator]()
    const late = () =>
      new Fault('timed-out', `The service did not answer for ${PAGE_DEADLINE / 1000} seconds`, {
        nextStep: 'Try again later',
      })
    try {
      for (;;) {
        const page = await withDeadline(pages.next(), clock, PAGE_DEADLINE, signal, late)
        if (page.done === true) return
        yield page.value
      }
    } finally {
      abort.abort(new Fault('cancelled', 'The listing has ended'))
    }
  }

  async #apply(
    folder: ItemRecord,
    library: LibraryRecord,
    { items: page }: FolderPage,
    run: Run,
    seen: Set<Ino>,
  ): Promise<void> {
    const { store, onTrouble } = this.#deps
    // In a library that has been enumerated, only folders that are new to us can have children that we do not know.
    const newFolders: Listing = { kind: library.enumerated === undefined ? 'as-library' : 'unlisted' }
    for (let start = 0; start < page.length; start += ITEMS_AT_ONCE) {
      const items = page.slice(start, start + ITEMS_AT_ONCE)
      this.#change(edit => {
        this.#folderOf(folder.ino) // throws where it has been removed meanwhile
        for (const item of items) {
          if (item.id === library.root.item) {
            onTrouble('item-contains-itself', new Error(item.id))
            continue
          }
          const known = run.touched.size > 0 ? store.items.byRemoteId(library.id, item.id) : undefined
          if (known && run.touched.has(known.ino)) continue
          const { ino, outcome } = edit.put(library.id, folder.ino, item, newFolders, run.asked)
          seen.add(ino)
          store.held.forget(ino)
          store.notUnderstood.forget(library.id, item.id)
          if (outcome === 'cycle') onTrouble('item-contains-itself', new Error(item.id))
        }
      })
      await setImmediate()
    }
  }

  #hasLeft(child: Ino, folder: Ino, run: Run, seen: Set<Ino>): boolean {
    const owed = this.#deps.store.owed.of(child)
    // New here, or moved here: the service does not know yet.
    if (owed?.isNew === true || owed?.place === true) return false
    if (this.#deps.store.owed.lately.isItemAfter(child, run.asked)) return false
    return (
      !seen.has(child) && !run.touched.has(child) && this.#deps.store.items.byIno(child)?.parent === folder
    )
  }

  async #removeAll(inos: readonly Ino[]): Promise<void> {
    for (const ino of inos) {
      let isGone = false
      while (!isGone) {
        this.#change(edit => {
          isGone = edit.removeSubtree(ino, ITEMS_AT_ONCE)
        })
        await setImmediate()
      }
    }
  }

  #change(work: Parameters<Store['change']>[1]): void {
    const { store, clock, onChanges } = this.#deps
    onChanges(store.change(clock.now(), work))
  }

  /** What is in the folder is listed again, and what is not in the list any more goes. */
  #doubt(ino: Ino): void {
    const folder = this.#deps.store.items.byIno(ino)
    if (folder === undefined || !isRemoteFolder(folder.kind) || isLocalId(folder.remoteId)) return
    this.#change(edit => edit.setListing(ino, { kind: 'doubted' }))
    this.refreshLater(ino)
  }

  #isDoubted(ino: Ino): boolean {
    return this.#deps.store.items.byIno(ino)?.listing.kind === 'doubted'
  }

  #folderOf(ino: Ino): { folder: ItemRecord; library: LibraryRecord; key: ItemKey } {
    const { store } = this.#deps
    const folder = store.items.byIno(ino)
    const library = folder && store.libraries.byId(folder.library)
    if (folder === undefined || library === undefined || !isRemoteFolder(folder.kind)) {
      throw new Fault('stale-node', 'The folder is not on the drive any more')
    }
    const { tenant, drive } = library.root
    return { folder, library, key: { tenant, drive, item: folder.remoteId } }
  }
}

import type { Clock } from '../concurrency/clock.js'
import { withDeadline } from '../concurrency/deadline.js'
import { Fault, isFault } from '../model/fault.js'
import type { Ino, LibraryId, Milliseconds, TenantId } from '../model/ids.js'
import type { DeltaPage, RemoteDelta } from '../model/remote.js'
import type { ItemChange } from '../store/item-change.js'
import type { LibraryRecord } from '../store/library-table.js'
import type { Store } from '../store/store.js'
import { DeltaRound } from './delta-round.js'
import { PullInterval } from './pull-interval.js'

const HOUR: Milliseconds = 60 * 60_000
const DAY: Milliseconds = 24 * HOUR

// The HTTP layer has its own, for each attempt; this one is for whatever hangs all the same.
const PAGE_DEADLINE: Milliseconds = 5 * 60_000
// Deletions are delivered once, and what was lost is lost: everything is compared again from time to time.
const ENUMERATION_GROWS_OLD: Milliseconds = 7 * DAY
// A cursor from a round without changes is no better than the one before, and was seen to skip some; but the old one
// must not expire.
const CURSOR_GROWS_OLD: Milliseconds = DAY
// An organization may turn delta on for us.
const DELTA_ASKED_AGAIN: Milliseconds = 6 * HOUR
// Without delta: what was listed is listed again, the longest ago first, so many folders at a time.
const LISTING_GROWS_OLD: Milliseconds = 2 * 60_000
const FOLDERS_AT_ONCE = 20

/** What synchronisation asks of the mounted drive. Implemented by `fs/mounted-drive.ts`. */
export interface SyncedDrive {
  /** The store has been changed. */
  changed(changes: readonly ItemChange[]): void
  /** Asks the service for a folder's children. */
  refreshFolder(folder: Ino, signal: AbortSignal): Promise<void>
}

/** Who else wants to know whether a tenant can be reached. Implemented by `hydration/offline-memory.ts`. */
export interface Reachability {
  noteSuccess(tenant: TenantId): void
}

export interface SyncDeps {
  readonly store: Store
  readonly delta: RemoteDelta
  readonly drive: SyncedDrive
  readonly clock: Clock
  readonly offline: Reachability
  /** Something went wrong that nobody waits for. `event` in kebab case. */
  readonly onTrouble: (event: string, failure: unknown) => void
}

export interface SyncStatus {
  /**
   * `listing`: the first enumeration, or a new one after a resync, is under way. `following`: delta tells what
   * changes. `by-folder`: the organization refuses delta, listed folders are asked for again from time to time.
   */
  readonly phase: 'listing' | 'following' | 'by-folder'
  /** When the service was last asked with success; epoch. */
  readonly checked: Milliseconds | undefined
  /** Why the last attempt failed. */
  readonly problem: Fault | undefined
}

/** Keeps the store's items of one library like those of the service. Failures are its own affair. */
export class LibraryFollower {
  readonly #id: LibraryId
  readonly #deps: SyncDeps
  readonly #interval = new PullInterval()
  readonly #stop = new AbortController()
  #nap = new AbortController()
  #isAwake = false
  #deltaRefused: Milliseconds | undefined
  #status: SyncStatus
  #running: Promise<void> | undefined

  constructor(id: LibraryId, deps: SyncDeps) {
    this.#id = id
    this.#deps = deps
    const pulled = deps.store.cursors.get(id)?.pulled
    this.#status = {
      phase: pulled === undefined ? 'listing' : 'following',
      checked: pulled,
      problem: undefined,
    }
  }

  get status(): SyncStatus {
    return this.#status
  }

  start(): void {
    this.#running ??= this.#run(this.#stop.signal)
  }

  /** Pulls soon: the network is back, somebody signed in, something was found to be old. */
  wake(): void {
    this.#isAwake = true
    this.#nap.abort()
  }

  /** Resolves when nothing of this library is written any more. */
  async stop(): Promise<void> {
    this.#stop.abort(new Fault('cancelled', 'The synchronisation was stopped'))
    await this.#running
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#isAwake = false
      const delay = await this.#pull(signal)
      if (!this.#isAwake && !signal.aborted) await this.#sleep(delay, signal)
    }
  }

  async #sleep(delay: Milliseconds, signal: AbortSignal): Promise<void> {
    this.#nap = new AbortController()
    try {
      await this.#deps.clock.sleep(delay, AbortSignal.any([this.#nap.signal, signal]))
    } catch {
      return // woken or stopped
    }
  }

  /** @returns how long to wait. Never throws. */
  async #pull(signal: AbortSignal): Promise<Milliseconds> {
    const { store, clock, offline, onTrouble } = this.#deps
    try {
      const library = store.libraries.byId(this.#id)
      if (library === undefined) return this.#interval.afterNothing()
      const changed = await this.#pullLibrary(library, signal)
      offline.noteSuccess(library.root.tenant)
      this.#status = { ...this.#status, checked: clock.now(), problem: undefined }
      return changed > 0 ? this.#interval.afterChanges() : this.#interval.afterNothing()
    } catch (failure) {
      if (!signal.aborted) {
        onTrouble('library-not-pulled', failure)
        this.#status = { ...this.#status, problem: problemOf(failure) }
      }
      return this.#interval.afterFailure(failure)
    }
  }

  /** @returns how many items were not as the store had them */
  async #pullLibrary(library: LibraryRecord, signal: AbortSignal): Promise<number> {
    if (this.#isDeltaRefused()) return this.#refreshFolders(library, signal)
    const cursor = this.#cursorFor(library)
    try {
      return await this.#round(library, cursor, signal)
    } catch (failure) {
      if (isFault(failure, 'resync-required') && cursor !== undefined) {
        return this.#round(library, undefined, signal)
      }
      if (!isFault(failure, 'not-supported', 'access-denied') || cursor !== undefined) throw failure
      this.#deltaRefused = this.#deps.clock.now()
      return this.#refreshFolders(library, signal)
    }
  }

  async #round(library: LibraryRecord, cursor: string | undefined, signal: AbortSignal): Promise<number> {
    const { store, drive, clock, onTrouble } = this.#deps
    const isFull = cursor === undefined
    this.#status = { ...this.#status, phase: isFull ? 'listing' : 'following' }
    const round = new DeltaRound({
      store,
      library,
      isFull,
      now: () => clock.now(),
      onChanges: changes => drive.changed(changes),
      onTrouble,
    })
    let next: string | undefined
    let isRootGone = false
    for await (const page of this.#pages(library, cursor, signal)) {
      isRootGone ||= page.changes.some(change => change.id === library.root.item && 'removed' in change)
      await round.apply(page.changes, signal)
      next = page.cursor
    }
    // Losing access shows as a removal of everything. That is no reason to forget what is local.
    if (isRootGone) throw accessRemoved(library)
    if (next === undefined) throw new Fault('protocol-error', 'The service did not say where the changes end')
    const doubted = await round.finish(this.#better(cursor, next, round.isEmpty), signal)
    this.#status = { ...this.#status, phase: 'following' }
    for (const folder of doubted) await this.#listAgain(folder, signal)
    return round.changed
  }

  async *#pages(
    library: LibraryRecord,
    cursor: string | undefined,
    signal: AbortSignal,
  ): AsyncIterable<DeltaPage> {
    const { delta, clock } = this.#deps
    const abort = new AbortController()
    const stop = AbortSignal.any([abort.signal, signal])
    const pages = delta.pages(library.root, library.scope === 'library', cursor, stop)[Symbol.asyncIterator]()
    const late = () => new Fault('timed-out', 'The service did not say what has changed')
    // The next page travels while this one is written.
    let upcoming = pages.next()
    try {
      for (;;) {
        const page = await withDeadline(upcoming, clock, PAGE_DEADLINE, signal, late)
        if (page.done === true) return
        upcoming = pages.next()
        upcoming.catch(() => undefined) // heard when it is waited for, if it is
        yield page.value
      }
    } finally {
      abort.abort(new Fault('cancelled', 'The round has ended'))
    }
  }

  /** Listed folders again, the longest ago first. */
  async #refreshFolders(library: LibraryRecord, signal: AbortSignal): Promise<number> {
    const { store, clock, drive } = this.#deps
    this.#status = { ...this.#status, phase: 'by-folder' }
    const before = clock.now() - LISTING_GROWS_OLD
    const root = store.items.byRemoteId(library.id, library.root.item)
    // Always: it tells whether there is access at all.
    if (root) await drive.refreshFolder(root.ino, signal)
    for (const folder of store.items.listedBefore(library.id, before, FOLDERS_AT_ONCE)) {
      await this.#listAgain(folder, signal)
    }
    return 0
  }

  /** One folder that is gone, or closed to us, does not keep the others from being asked for. */
  async #listAgain(folder: Ino, signal: AbortSignal): Promise<void> {
    const { store, drive, clock, onTrouble } = this.#deps
    try {
      await drive.refreshFolder(folder, signal)
    } catch (failure) {
      if (!isFault(failure, 'item-not-found', 'stale-node', 'access-denied')) throw failure
      const item = store.items.byIno(folder)
      if (item === undefined) return
      onTrouble('folder-not-refreshed', failure)
      // Not before the others have had their turn. Its parent's listing will say whether it is gone.
      if (item.listing.kind === 'listed') {
        drive.changed(
          store.change(clock.now(), edit => edit.setListing(folder, { kind: 'listed', at: clock.now() })),
        )
      }
    }
  }

  #isDeltaRefused(): boolean {
    return this.#deltaRefused !== undefined && this.#deps.clock.now() - this.#deltaRefused < DELTA_ASKED_AGAIN
  }

  #cursorFor(library: LibraryRecord): string | undefined {
    const isOld = this.#deps.clock.now() - (library.enumerated ?? 0) >= ENUMERATION_GROWS_OLD
    return isOld ? undefined : this.#deps.store.cursors.get(library.id)?.cursor
  }

  #better(cursor: string | undefined, next: string, isEmpty: boolean): string {
    const kept = this.#deps.store.cursors.get(this.#id)
    if (cursor === undefined || kept === undefined || !isEmpty) return next
    return this.#deps.clock.now() - kept.pulled < CURSOR_GROWS_OLD ? cursor : next
  }
}

function accessRemoved(library: LibraryRecord): Fault {
  return new Fault('access-removed', `${library.organization} no longer shares ${library.name} with you`, {
    nextStep: 'What is local stays readable. Ask the person who shared it, or run: b2bmount remove',
  })
}

function problemOf(failure: unknown): Fault {
  if (failure instanceof Fault) return failure
  return new Fault('local-io', 'The library cannot be followed because of a bug; the log says more', {
    cause: failure,
  })
}

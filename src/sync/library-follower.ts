import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../concurrency/clock.js'
import { withDeadline } from '../concurrency/deadline.js'
import { waitAfter, type Pace } from '../model/attempts.js'
import { ListProgress, type ListBounds } from '../model/endless-list.js'
import { Fault, isFault } from '../model/fault.js'
import type { Ino, LibraryId, Milliseconds, TenantId } from '../model/ids.js'
import { accessRemoved } from '../model/library.js'
import type { DeltaPage, RemoteDelta, RemoteHints, RemoteItems, RemoteRights } from '../model/remote.js'
import type { ItemChange } from '../store/item-change.js'
import type { LibraryRecord } from '../store/library-table.js'
import type { Store } from '../store/store.js'
import { DeltaRound } from './delta-round.js'
import { HintListener } from './hint-listener.js'
import { PullInterval } from './pull-interval.js'
import type { RemovalGuard } from './removal-guard.js'

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
// Besides the root: with nothing going on, two requests in two minutes.
const FOLDERS_WHEN_QUIET = 1
// Hints come in bursts, one for each change.
const BETWEEN_HINTS: Milliseconds = 250
const LONGEST_BETWEEN_HINTS: Milliseconds = 10_000
// While the service tells us of changes it is asked all the same, in case it forgets to.
// Of access that ends nobody tells.
const WHILE_LISTENING: Milliseconds = 100_000
// Costs as much as five other requests.
const RIGHTS_ASKED_AGAIN: Pace = { first: 15 * 60_000, longest: 2 * HOUR }
// The root is in a delta with whatever changes in it, and seldom because of its permissions.
const AFTER_ROOT_CHANGED: Milliseconds = 5 * 60_000
const AFTER_REACHED_IN_VAIN: Pace = { first: 5_000, longest: HOUR }
// A folder may have items that we may not see, and new names are looked for: that is no reason to ask all the time.
const AFTER_REFUSED_IN_VAIN: Pace = { first: 5_000, longest: 60_000 }
// As a library that was deleted says it, and one that fails for a moment.
const SAYINGS_OF_GONE = 2
// Many items are refused at once where one is.
const AFTER_WRITE_REFUSED: Milliseconds = 60_000

/** What synchronisation asks of the mounted drive. Implemented by `fs/mounted-drive.ts`. */
export interface SyncedDrive {
  /** The store has been changed. */
  changed(changes: readonly ItemChange[]): void
  /** Asks the service for a folder's children. */
  refreshFolder(folder: Ino, signal: AbortSignal): Promise<void>
  /** What we may do with a library has changed. */
  rightsChanged(): void
}

/** Who else wants to know whether a tenant can be reached. Implemented by `hydration/offline-memory.ts`. */
export interface Reachability {
  noteSuccess(tenant: TenantId): void
}

export interface SyncDeps {
  readonly store: Store
  readonly delta: RemoteDelta
  readonly items: RemoteItems
  readonly guard: RemovalGuard
  /** Absent: the service is asked from time to time. */
  readonly hints?: RemoteHints
  readonly rights?: RemoteRights
  /** Told after each attempt that was refused because the library is not shared with us any more. */
  readonly onAccessRemoved?: (library: LibraryRecord) => void
  readonly drive: SyncedDrive
  readonly clock: Clock
  readonly listBounds?: ListBounds
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
  /** Whether the service tells us when something changes. */
  readonly isTold: boolean
}

/** Keeps the store's items of one library like those of the service. Failures are its own affair. */
export class LibraryFollower {
  readonly #id: LibraryId
  readonly #deps: SyncDeps
  readonly #interval = new PullInterval()
  readonly #stop = new AbortController()
  #nap = new AbortController()
  #isAwake = false
  #isHinted = false
  #betweenHints = BETWEEN_HINTS
  /** The last attempt has said for how long nobody is to ask, whatever has changed meanwhile. */
  #mustWait = false
  #failedAt: Milliseconds = 0
  #reachedInVain = 0
  #isPulling = false
  #refusedInVain = 0
  /** When somebody was refused that we have asked for. */
  #refusedAt: Milliseconds | undefined
  /** In a row: that there is no such library. */
  #saidGone = 0
  readonly #listener: HintListener | undefined
  #listening: Promise<void> | undefined
  /** Somebody has agreed that what was held back goes. */
  #consented = false
  #rightsAsked: Milliseconds | undefined
  /** In a row. */
  #rightsFailures = 0
  /** Without delta: what changed last time. */
  #wasBusy = true
  /** Without delta, and where folders have one: the cTag at the last listing. It changes with whatever is in the folder. */
  readonly #listedTags = new Map<Ino, string>()
  #deltaRefused: Milliseconds | undefined
  #status: Omit<SyncStatus, 'isTold'>
  #running: Promise<void> | undefined

  constructor(id: LibraryId, deps: SyncDeps) {
    this.#id = id
    this.#deps = deps
    this.#listener =
      deps.hints &&
      new HintListener({
        hints: deps.hints,
        clock: deps.clock,
        onHint: () => this.#hinted(),
        onTrouble: deps.onTrouble,
      })
    const pulled = deps.store.cursors.get(id)?.pulled
    this.#status = {
      phase: pulled === undefined ? 'listing' : 'following',
      checked: pulled,
      problem: undefined,
    }
  }

  get status(): SyncStatus {
    return { ...this.#status, isTold: this.#listener?.isListening ?? false }
  }

  start(): void {
    this.#running ??= this.#run(this.#stop.signal)
  }

  /** Pulls soon: the network is back, somebody signed in, something was found to be old. */
  wake(): void {
    this.#isAwake = true
    this.#rightsAsked = undefined
    this.#nap.abort()
  }

  /**
   * The tenant has answered somebody: a pull that failed because nobody, or the wrong one, had answered is worth another attempt. Ever more
   * rarely where that does not help.
   */
  reached(): void {
    const { problem } = this.#status
    if (!isFault(problem, 'offline', 'timed-out', 'certificate-untrusted', 'server-error', 'protocol-error'))
      return
    const wait = waitAfter(AFTER_REACHED_IN_VAIN, this.#reachedInVain + 1)
    if (this.#deps.clock.now() - this.#failedAt < wait) return
    this.#reachedInVain++
    this.#isAwake = true
    this.#nap.abort()
  }

  /**
   * Something of the library was refused that is refused when the library is not shared any more: asks at once whether it is. Ever more
   * rarely while it is.
   */
  refused(): void {
    const now = this.#deps.clock.now()
    const wait = waitAfter(AFTER_REFUSED_IN_VAIN, this.#refusedInVain)
    const isTooSoon = this.#refusedAt !== undefined && now - this.#refusedAt < wait
    // What is asked here is refused in the same way.
    if (this.#isPulling || isTooSoon || isFault(this.#status.problem, 'access-removed')) return
    this.#refusedAt = now
    this.#refusedInVain++
    this.#isAwake = true
    this.#nap.abort()
  }

  /** A write was refused that we took for allowed: asks soon what we may do. */
  writeRefused(): void {
    if (!this.#doubtRights(AFTER_WRITE_REFUSED)) return
    this.#isAwake = true
    this.#nap.abort()
  }

  /** Removes what was held back, soon. */
  consent(): void {
    this.#consented = true
    this.wake()
  }

  /** Resolves when nothing of this library is written any more. */
  async stop(): Promise<void> {
    this.#stop.abort(new Fault('cancelled', 'The synchronisation was stopped'))
    await Promise.all([this.#running, this.#listening])
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#isAwake = false
      this.#isHinted = false
      this.#isPulling = true
      const delay = await this.#pull(signal)
      this.#isPulling = false
      if (this.#isAwake || signal.aborted) continue
      await this.#sleep(this.#isHinted && !this.#mustWait ? this.#betweenHints : delay, signal)
    }
  }

  /** Something may have changed. */
  #hinted(): void {
    if (!this.#isHinted) {
      this.#isHinted = true
      if (!this.#mustWait) this.#nap.abort()
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
    const { store, clock, offline } = this.#deps
    try {
      const library = store.libraries.byId(this.#id)
      if (library === undefined) return this.#interval.afterNothing()
      if (this.#consented) await this.#removeHeld(library, signal)
      const changed = await this.#pullLibrary(library, signal)
      this.#saidGone = 0
      if (library.accessRemoved !== undefined) this.#setAccessRemoved(library, undefined)
      await this.#askForRights(library, signal)
      this.#status = { ...this.#status, checked: clock.now(), problem: undefined }
      this.#mustWait = false
      this.#reachedInVain = 0
      offline.noteSuccess(library.root.tenant)
      this.#listening ??= this.#listener?.run(library.root, this.#stop.signal)
      return this.#delayAfter(changed)
    } catch (failure) {
      if (!signal.aborted) this.#fail(failure)
      this.#mustWait = failure instanceof Fault && failure.retryAfterSeconds !== undefined
      return this.#interval.afterFailure(failure)
    }
  }

  #delayAfter(changed: number): Milliseconds {
    const next = changed > 0 ? this.#interval.afterChanges() : this.#interval.afterNothing()
    const isTold = this.#listener?.isListening === true
    // Hints of what we do not see, or of nothing: a service that sends them all the time is not asked all the time.
    this.#betweenHints = changed > 0 ? BETWEEN_HINTS : Math.min(LONGEST_BETWEEN_HINTS, this.#betweenHints * 2)
    return isTold && changed === 0 ? Math.max(next, WHILE_LISTENING) : next
  }

  #fail(failure: unknown): void {
    const { store, clock, onTrouble, onAccessRemoved } = this.#deps
    const library = store.libraries.byId(this.#id)
    let problem = problemOf(failure)
    if (library !== undefined && isKnown(library, store) && isFault(problem, ...MEANS_REMOVED)) {
      problem = accessRemoved(library, problem)
      if (library.accessRemoved === undefined) this.#setAccessRemoved(library, clock.now())
      this.#refusedInVain = 0
      onAccessRemoved?.(store.libraries.byId(library.id) ?? library)
    }
    this.#status = { ...this.#status, problem }
    this.#failedAt = clock.now()
    onTrouble('library-not-pulled', failure)
  }

  /** The kernel has what is shown of every item. */
  #setAccessRemoved({ id }: LibraryRecord, since: Milliseconds | undefined): void {
    this.#deps.store.libraries.setAccessRemoved(id, since)
    this.#deps.drive.rightsChanged()
  }

  async #removeHeld(library: LibraryRecord, signal: AbortSignal): Promise<void> {
    const doubted = await this.#newRound(library, false).removeHeld(
      this.#deps.store.held.all(library.id),
      signal,
    )
    this.#consented = false
    for (const folder of doubted) await this.#listAgain(folder, signal)
  }

  /** A failure here is no failure of the pull: what we knew stays true until we know better. */
  async #askForRights(library: LibraryRecord, signal: AbortSignal): Promise<void> {
    const { store, rights, clock, drive, onTrouble } = this.#deps
    const wait = waitAfter(RIGHTS_ASKED_AGAIN, this.#rightsFailures + 1)
    const isRecent = this.#rightsAsked !== undefined && clock.now() - this.#rightsAsked < wait
    if (rights === undefined || isRecent) return
    this.#rightsAsked = clock.now()
    try {
      const access = await rights.accessTo(library, signal)
      this.#rightsFailures = 0
      if (access === 'unknown' || access === library.access || signal.aborted) return
      store.libraries.setAccess(library.id, access)
      drive.rightsChanged()
    } catch (failure) {
      this.#rightsFailures++
      if (!signal.aborted) onTrouble('rights-not-known', failure)
    }
  }

  /** What we know may be wrong, unless it is this young. @returns whether it will be asked for because of that */
  #doubtRights(age: Milliseconds): boolean {
    if (this.#rightsAsked === undefined || this.#deps.clock.now() - this.#rightsAsked < age) return false
    this.#rightsAsked = undefined
    return true
  }

  /** @returns how many items were not as the store had them */
  async #pullLibrary(library: LibraryRecord, signal: AbortSignal): Promise<number> {
    if (this.#isDeltaRefused()) return this.#refreshFolders(library, signal)
    try {
      return await this.#byDelta(library, signal)
    } catch (failure) {
      if (!isFault(failure, 'not-supported', 'access-denied')) throw failure
      // Not only delta, where the library itself is refused: that throws.
      const changed = await this.#refreshFolders(library, signal)
      this.#deltaRefused = this.#deps.clock.now()
      return changed
    }
  }

  async #byDelta(library: LibraryRecord, signal: AbortSignal): Promise<number> {
    const cursor = this.#cursorFor(library)
    try {
      return await this.#round(library, cursor, signal)
    } catch (failure) {
      if (!isFault(failure, 'resync-required') || cursor === undefined) throw failure
      return await this.#round(library, undefined, signal)
    }
  }

  async #round(library: LibraryRecord, cursor: string | undefined, signal: AbortSignal): Promise<number> {
    const isFull = cursor === undefined
    this.#status = { ...this.#status, phase: isFull ? 'listing' : 'following' }
    const round = this.#newRound(library, isFull)
    const { store, clock, listBounds } = this.#deps
    const progress = new ListProgress(clock.now(), listBounds)
    let next: string | undefined
    let isRootGone = false
    for await (const page of this.#pages(library, cursor, signal)) {
      const ofRoot = page.changes.filter(change => change.id === library.root.item)
      isRootGone ||= ofRoot.some(change => 'removed' in change)
      if (ofRoot.length > 0) this.#doubtRights(AFTER_ROOT_CHANGED)
      await round.apply(page, signal)
      next = page.cursor
      if (next === undefined) progress.check(round.found, store.items.countOfLibrary(library.id), clock.now())
    }
    // Losing access shows as a removal of everything. That is no reason to forget what is local.
    if (isRootGone) throw accessRemoved(library)
    if (next === undefined) throw new Fault('protocol-error', 'The service did not say where the changes end')
    if (round.emptiesLibrary) await this.#refreshRoot(library, signal)
    const doubted = await round.finish(this.#better(cursor, next, round.isEmpty), signal)
    this.#status = { ...this.#status, phase: 'following' }
    for (const folder of doubted) await this.#listAgain(folder, signal)
    return round.changed
  }

  #newRound(library: LibraryRecord, isFull: boolean): DeltaRound {
    const { store, guard, items, drive, clock, onTrouble } = this.#deps
    return new DeltaRound({
      store,
      guard,
      library,
      items,
      isFull,
      now: () => clock.now(),
      onChanges: changes => drive.changed(changes),
      onTrouble,
    })
  }

  /** Tells whether there is access at all. */
  async #refreshRoot(library: LibraryRecord, signal: AbortSignal): Promise<void> {
    const { store, drive } = this.#deps
    const root = store.items.byRemoteId(library.id, library.root.item)
    if (root === undefined) return
    try {
      await drive.refreshFolder(root.ino, signal)
    } catch (failure) {
      // The root of a library that is there can be listed.
      const isGone = isFault(failure, 'not-supported') && ++this.#saidGone >= SAYINGS_OF_GONE
      throw isGone ? accessRemoved(library, failure) : failure
    }
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
        // Until its request is out, which writing this one would hold up by 12 ms: one turn of the event loop for the
        // token, one that the HTTP library lets pass before it uses a connection again.
        await setImmediate()
        await setImmediate()
        yield page.value
      }
    } finally {
      abort.abort(new Fault('cancelled', 'The round has ended'))
    }
  }

  /** Listed folders again, the longest ago first. */
  async #refreshFolders(library: LibraryRecord, signal: AbortSignal): Promise<number> {
    const { store, clock } = this.#deps
    this.#status = { ...this.#status, phase: 'by-folder' }
    let changed = 0
    // Of whichever library: at worst this one is asked a little sooner than it need be.
    const stopWatching = store.watch(() => changed++)
    try {
      const before = clock.now() - LISTING_GROWS_OLD
      await this.#refreshRoot(library, signal)
      const most = changed > 0 || this.#wasBusy ? FOLDERS_AT_ONCE : FOLDERS_WHEN_QUIET
      for (const folder of store.items.listedBefore(library.id, before, most)) {
        if (!this.#isAsListed(folder)) await this.#listAgain(folder, signal)
      }
    } finally {
      stopWatching()
    }
    this.#wasBusy = changed > 0
    return changed
  }

  /** Nothing in the folder has changed since it was last listed, and the service says so. */
  #isAsListed(folder: Ino): boolean {
    const { store, clock } = this.#deps
    const tag = store.items.byIno(folder)?.cTag
    if (tag === undefined) return false
    if (this.#listedTags.get(folder) !== tag) {
      this.#listedTags.set(folder, tag)
      return false
    }
    store.change(clock.now(), edit => edit.setListing(folder, { kind: 'listed', at: clock.now() }))
    return true
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

/** Of a library that we had: what else "forbidden" and "not found" can mean, they do not mean for its root. */
const MEANS_REMOVED = ['access-denied', 'item-not-found', 'not-a-guest', 'access-removed'] as const

function isKnown(library: LibraryRecord, { cursors, items }: Pick<Store, 'cursors' | 'items'>): boolean {
  if (library.enumerated !== undefined || cursors.get(library.id) !== undefined) return true
  return items.byRemoteId(library.id, library.root.item)?.listing.kind === 'listed'
}

function problemOf(failure: unknown): Fault {
  if (failure instanceof Fault) return failure
  return new Fault('local-io', 'The library cannot be followed because of a bug; the log says more', {
    cause: failure,
  })
}

import { Backoff, type Failing } from '../concurrency/backoff.js'
import type { Clock } from '../concurrency/clock.js'
import { Limiter } from '../concurrency/limiter.js'
import { descriptionOf } from '../hydration/disagreements.js'
import type { Hydrating, HydrationLog } from '../hydration/hydration-log.js'
import type { Hydrator } from '../hydration/hydrator.js'
import type { Pace } from '../model/attempts.js'
import { Fault, type FaultCode } from '../model/fault.js'
import type { Bytes, Ino, LibraryId, Milliseconds } from '../model/ids.js'
import type { ItemChange } from '../store/item-change.js'
import type { ItemRecord } from '../store/item-record.js'
import type { ChildRecord } from '../store/item-table.js'
import type { Store } from '../store/store.js'
import { filesIn } from './tree-walk.js'

// Of the 48 connections: whoever reads a file finds enough of them free.
const FILES_AT_ONCE = 4
// One request, one connection: nothing is fetched ahead.
const PIECE: Bytes = 8 * 1024 * 1024
// Changes come in bursts.
const SETTLING: Milliseconds = 2_000
const HOUR: Milliseconds = 60 * 60_000
// A file, or a folder that was never listed, by itself.
const OF_ITEM: Pace = { first: 30_000, longest: 4 * HOUR }
const OF_LIBRARY: Pace = { first: 30_000, longest: HOUR / 2 }
// Nobody is there: it costs the service nothing, and a network that is back should be noticed.
const OFFLINE: Pace = { first: 30_000, longest: 5 * 60_000 }

// Every look at a folder's state asks.
const FAILURES_LOOKED_AT = 100

/** What keeps one file keeps the others of its library, too: they are not tried one by one. */
const OF_THE_LIBRARY: readonly FaultCode[] = [
  'offline',
  'throttled',
  'not-signed-in',
  'sign-in-required',
  'access-removed',
  'not-a-guest',
  'disk-full',
]

const KEEPER: Hydrating = { program: 'b2bmount (always available)', verdict: 'full' }

export interface PinKeeperDeps {
  readonly store: Pick<Store, 'items' | 'isListed' | 'owed' | 'pins'>
  readonly hydrator: Hydrator
  readonly log: HydrationLog
  readonly clock: Clock
  /** Something went wrong that nobody waits for. */
  readonly onTrouble: (event: string, failure: unknown) => void
}

/** Whoever has the folders. */
export interface KeeperOwner {
  /** @throws {Fault} */
  refreshFolder(folder: Ino, signal: AbortSignal): Promise<void>
  /** More or less of a content is local. */
  localBytesChanged(ino: Ino, generation: number): void
}

export interface KeepProgress {
  readonly done: number
  readonly total: number
}

export interface Kept {
  /** Downloaded now. */
  readonly files: number
  readonly bytes: Bytes
  readonly failures: readonly { readonly ino: Ino; readonly fault: Fault }[]
}

/**
 * Downloads what is always to be local: when it is said, and whenever something in it is new or has changed. In the
 * background, a few files at a time.
 */
export class PinKeeper {
  readonly #deps: PinKeeperDeps
  readonly #turns = new Limiter(FILES_AT_ONCE)
  readonly #closed = new AbortController()
  /** Files, and folders that are to be listed, that could not be had. */
  readonly #items: Backoff<Ino>
  /** What keeps all files of a library. */
  readonly #libraries: Backoff<LibraryId>
  #owner: KeeperOwner = { refreshFolder: () => Promise.resolve(), localBytesChanged: () => {} }
  #wake: (() => void) | undefined
  #isAwake = false
  #isWorking = false
  #running: Promise<void> | undefined

  constructor(deps: PinKeeperDeps) {
    this.#deps = deps
    this.#items = new Backoff(deps.clock, () => OF_ITEM)
    this.#libraries = new Backoff(deps.clock, ({ code }) => (code === 'offline' ? OFFLINE : OF_LIBRARY))
  }

  belongsTo(owner: KeeperOwner): void {
    this.#owner = owner
  }

  /** Begins with whatever is not local yet. */
  start(): void {
    this.wake()
    this.#running ??= this.#run(this.#closed.signal)
  }

  get isBusy(): boolean {
    return this.#isWorking || this.#isAwake
  }

  /** Why a file that should be local is not. */
  failureOf(ino: Ino): Failing | undefined {
    const item = this.#deps.store.items.byIno(ino)
    return item && this.#items.of(ino, descriptionOf(item))
  }

  /** Whether something in a folder should be local and could not be had. Looks at no more than so many failures. */
  hasFailureIn(folder: Ino): boolean {
    return this.failuresIn(folder).next().done !== true
  }

  /** What in a folder should be local and could not be had. Looks at no more than so many failures. */
  *failuresIn(folder: Ino): Generator<{ readonly ino: Ino; readonly failing: Failing }> {
    let looked = 0
    for (const ino of this.#items.keys()) {
      if (looked++ === FAILURES_LOOKED_AT) return
      const failing = this.failureOf(ino)
      const { pins } = this.#deps.store
      if (failing !== undefined && pins.of(ino) === 'always-local' && pins.isWithin(ino, folder))
        yield { ino, failing }
    }
  }

  /** Looks soon at everything that is to be local: something was said of it, the network is back, somebody has signed in. */
  wake(): void {
    this.#libraries.clear()
    this.#look()
  }

  #look(): void {
    if (this.#deps.store.pins.saying('always-local').length === 0) return
    this.#isAwake = true
    this.#wake?.()
  }

  /** The store has been changed. */
  changed(changes: readonly ItemChange[]): void {
    const { items, pins } = this.#deps.store
    if (this.#isAwake || pins.saying('always-local').length === 0) return
    const isOfInterest = (change: ItemChange) => {
      if (change.kind === 'content') return pins.of(change.ino) === 'always-local'
      if (change.kind !== 'entry') return false
      const ino = items.byName(change.parent, change.name)?.ino
      return ino !== undefined && pins.of(ino) === 'always-local'
    }
    if (changes.some(isOfInterest)) this.#look()
  }

  /**
   * Downloads everything in `root` that is to be local and is not.
   * @param signal ends the downloads; what has arrived stays
   * @throws the signal's reason; failures of single files are in the answer
   */
  async keep(root: Ino, signal: AbortSignal, onProgress: (progress: KeepProgress) => void): Promise<Kept> {
    return await this.#keep(root, signal, onProgress, true)
  }

  /** @param insists somebody waits for it: also what has failed a moment ago is tried */
  async #keep(
    root: Ino,
    signal: AbortSignal,
    onProgress: (progress: KeepProgress) => void,
    insists: boolean,
  ): Promise<Kept> {
    const failures: { ino: Ino; fault: Fault }[] = []
    const missing = await this.#missingIn(root, signal, failures, insists)
    let [files, bytes, done] = [0, 0, 0]
    onProgress({ done, total: missing.length })
    const queue = missing.values()
    const closed = new Set<LibraryId>()
    const work = async () => {
      for (const file of queue) {
        const item = this.#deps.store.items.byIno(file.ino)
        if (item === undefined || closed.has(item.library)) continue
        if (!insists && this.#waits(item)) continue
        const fault = await this.#turns.run('background', signal, () => this.#hydrate(file, signal, insists))
        if (fault && OF_THE_LIBRARY.includes(fault.code)) closed.add(item.library)
        if (fault) failures.push({ ino: file.ino, fault })
        else [files, bytes] = [files + 1, bytes + file.size]
        onProgress({ done: ++done, total: missing.length })
      }
    }
    await Promise.all(Array.from({ length: FILES_AT_ONCE }, work))
    return { files, bytes, failures }
  }

  /** Resolves when nothing is downloaded any more. */
  async close(): Promise<void> {
    this.#closed.abort(new Fault('cancelled', 'The drive is closing'))
    this.#wake?.()
    await this.#running
  }

  async #missingIn(
    root: Ino,
    signal: AbortSignal,
    failures: { ino: Ino; fault: Fault }[],
    insists: boolean,
  ): Promise<ChildRecord[]> {
    const { store } = this.#deps
    const onUnlisted = async (folder: Ino) => {
      const item = store.items.byIno(folder)
      if (item === undefined || (!insists && this.#waits(item))) return
      try {
        await this.#owner.refreshFolder(folder, signal)
        this.#items.succeeded(folder)
      } catch (failure) {
        signal.throwIfAborted()
        const fault = this.#faultOf(failure)
        this.#failed(item, fault)
        failures.push({ ino: folder, fault })
      }
    }
    const enters = (ino: Ino) => (store.pins.saidOf(ino) ?? 'always-local') === 'always-local'
    const missing: ChildRecord[] = []
    for await (const file of filesIn(root, { store, signal, enters, onUnlisted })) {
      if (file.localBytes < file.size && store.owed.of(file.ino)?.content !== true) missing.push(file)
    }
    return missing
  }

  /** @returns why it could not be had */
  async #hydrate(
    { ino, generation, size }: ChildRecord,
    signal: AbortSignal,
    insists: boolean,
  ): Promise<Fault | undefined> {
    const { store, hydrator, log } = this.#deps
    // Replaced, or not wanted any more, while it waited for its turn.
    const item = store.items.byIno(ino)
    if (item?.generation !== generation || store.pins.of(ino) !== 'always-local') return undefined
    if (insists) hydrator.insist(ino)
    try {
      const reader = hydrator.open(ino, generation, size, 'exact')
      try {
        for (let start = 0; start < size; start += PIECE) {
          log.asks(reader.file, KEEPER)
          await hydrator.ensure(reader, { start, end: Math.min(size, start + PIECE) }, signal)
        }
      } finally {
        hydrator.release(reader)
      }
      this.#items.succeeded(ino)
      this.#libraries.succeeded(item.library)
      return undefined
    } catch (failure) {
      signal.throwIfAborted()
      const now = store.items.byIno(ino)
      // Another one has come meanwhile, and is looked at next.
      if (now === undefined || descriptionOf(now) !== descriptionOf(item)) return undefined
      const fault = this.#faultOf(failure)
      this.#failed(item, fault)
      return fault
    } finally {
      this.#owner.localBytesChanged(ino, generation)
    }
  }

  #failed(item: ItemRecord, fault: Fault): void {
    if (OF_THE_LIBRARY.includes(fault.code)) this.#libraries.failed(item.library, '', fault)
    this.#items.failed(item.ino, descriptionOf(item), fault)
  }

  /** It has failed, and its time has not come. */
  #waits(item: ItemRecord): boolean {
    if (this.#libraries.waiting(item.library, '')) return true
    const waiting = this.#items.waiting(item.ino, descriptionOf(item))
    return waiting !== undefined && !OF_THE_LIBRARY.includes(waiting.fault.code)
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#nap(this.#next, signal)
      if (signal.aborted) return
      this.#isAwake = false
      this.#isWorking = true
      await this.#pass(signal)
      this.#isWorking = false
    }
  }

  get #next(): Milliseconds | undefined {
    const times = [this.#items.next, this.#libraries.next].filter(time => time !== undefined)
    return times.length === 0 ? undefined : Math.min(...times)
  }

  /** Until it is woken, or it is `time`; then until things have settled. */
  async #nap(time: Milliseconds | undefined, signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps
    const ended = new AbortController()
    if (!this.#isAwake) {
      const woken = new Promise<void>(resolve => (this.#wake = resolve))
      const timer =
        time === undefined ? woken : clock.sleep(time - clock.now(), AbortSignal.any([ended.signal, signal]))
      await Promise.race([woken, timer]).catch(() => {})
    }
    ended.abort()
    this.#wake = undefined
    await clock.sleep(SETTLING, signal).catch(() => {})
  }

  async #pass(signal: AbortSignal): Promise<void> {
    const { store, onTrouble } = this.#deps
    for (const ino of [...this.#items.keys()]) {
      if (store.items.byIno(ino) === undefined || store.pins.of(ino) !== 'always-local')
        this.#items.succeeded(ino)
    }
    for (const root of store.pins.saying('always-local')) {
      try {
        const { failures } = await this.#keep(root, signal, () => {}, false)
        const [first] = failures
        if (first) onTrouble('not-kept-local', first.fault)
      } catch (failure) {
        if (signal.aborted) return
        const item = store.items.byIno(root)
        if (item !== undefined) this.#failed(item, this.#faultOf(failure))
        onTrouble('not-kept-local', failure)
      }
    }
  }

  #faultOf(failure: unknown): Fault {
    if (failure instanceof Fault) return failure
    this.#deps.onTrouble('keeper-bug', failure)
    return new Fault('local-io', 'It could not be downloaded because of a bug; the log says more', {
      cause: failure,
    })
  }
}

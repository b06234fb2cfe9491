import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../concurrency/clock.js'
import type { Bytes, Ino, Milliseconds } from '../model/ids.js'
import type { UsedContent } from '../store/content-table.js'
import type { Store } from '../store/store.js'
import type { ContentCache } from './content-cache.js'

const MIB: Bytes = 1024 * 1024
const MINUTE: Milliseconds = 60_000

// Between two looks at the size of everything.
const WORTH_LOOKING: Bytes = 64 * MIB
const INTERVAL: Milliseconds = 10 * MINUTE
// Of what is to be online-only: not while somebody is working with it.
const ONLINE_AGAIN_AFTER: Milliseconds = 60 * MINUTE
// On a full disk, besides what is needed: so that the next page is not the next full disk, and for the store.
const RESERVE: Bytes = 16 * MIB
const CONTENTS_AT_ONCE = 50

export interface Limits {
  /** What the cache may hold; absent: as much as there is. */
  readonly cacheBytes?: Bytes
  /** What is to stay free on its disk. */
  readonly freeBytes?: Bytes
  /** What was not used for so long is freed. */
  readonly age?: Milliseconds
}

/** What somebody could not get on a full disk. */
export interface RoomNeed {
  readonly bytes: Bytes
  /** What it is for: contents of the service, or what was changed here. */
  readonly of: 'contents' | 'changes'
}

export interface CacheLimitsDeps {
  readonly store: Pick<Store, 'content' | 'pins'>
  readonly cache: Pick<ContentCache, 'free' | 'freed' | 'isFreeable' | 'totalBytes'>
  readonly clock: Clock
  /** Asked each time. */
  readonly limits: () => Limits
  /** Free on the disk of the cache. */
  readonly freeBytes: () => Bytes
  /** Whether what was changed here is kept on the disk of the cache. */
  readonly holdsChanges: () => boolean
  /** Something went wrong that nobody waits for. */
  readonly onTrouble: (event: string, failure: unknown) => void
}

/** Whoever knows what programs have been told. */
export interface CacheLimitsOwner {
  localBytesChanged(ino: Ino, generation: number): void
}

/**
 * Frees what was not used for the longest time, when there is more than there may be. Never what is open, and never what
 * is always to be local: with too much of that the limits do not hold.
 */
export class CacheLimits {
  readonly #deps: CacheLimitsDeps
  readonly #closed = new AbortController()
  #owner: CacheLimitsOwner = { localBytesChanged: () => {} }
  #grown: Bytes = 0
  #enforcing: Promise<void> | undefined
  #running: Promise<void> | undefined

  constructor(deps: CacheLimitsDeps) {
    this.#deps = deps
  }

  belongsTo(owner: CacheLimitsOwner): void {
    this.#owner = owner
  }

  /** Looks from time to time. */
  start(): void {
    this.#running ??= this.#run(this.#closed.signal)
  }

  /** So many bytes more have come. */
  grew(bytes: Bytes): void {
    this.#grown += bytes
    if (this.#grown < Math.min(WORTH_LOOKING, (this.#deps.limits().cacheBytes ?? Infinity) / 16)) return
    this.#grown = 0
    this.enforce().catch((failure: unknown) => this.#deps.onTrouble('cache-not-limited', failure))
  }

  /** Frees what there is too much of. One run at a time; who comes meanwhile shares it. */
  enforce(): Promise<void> {
    return (this.#enforcing ??= this.#enforce().finally(() => {
      this.#enforcing = undefined
    }))
  }

  /**
   * The disk is full. Frees what was not used for the longest time, and no more than is needed; nothing where all that may be
   * freed is not enough, or is on another disk.
   * @returns whether what is needed may fit now
   */
  async makeRoom({ bytes, of }: RoomNeed): Promise<boolean> {
    const { store, cache, freeBytes, limits, holdsChanges } = this.#deps
    if (of === 'changes' && !holdsChanges()) return false
    const lacking = bytes + (limits().freeBytes ?? 0) - freeBytes()
    // What the disk refuses although it says that there is room, a quota for instance, is lacking as a whole.
    const least = lacking > 0 ? lacking : Math.max(1, bytes)
    const oldest: UsedContent[] = []
    let found: Bytes = 0
    for await (const content of this.#longestUnused()) {
      if (found >= least + RESERVE) break
      if (store.pins.of(content.ino) === 'always-local' || !cache.isFreeable(content.ino, content.generation))
        continue
      oldest.push(content)
      found += content.localBytes
    }
    if (found < least) return false
    for (const content of oldest) this.#free(content)
    await cache.freed()
    return true
  }

  async close(): Promise<void> {
    this.#closed.abort()
    await this.#running
    await this.#enforcing?.catch(() => {})
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.enforce()
      } catch (failure) {
        this.#deps.onTrouble('cache-not-limited', failure)
      }
      await this.#deps.clock.sleep(INTERVAL, signal).catch(() => {})
    }
  }

  async #enforce(): Promise<void> {
    const { store, clock } = this.#deps
    const limits = this.#deps.limits()
    let excess = this.#excess()
    const now = clock.now()
    const tooOld = limits.age === undefined ? -Infinity : now - limits.age
    const onlineOnly = store.pins.saying('online-only').length > 0 ? now - ONLINE_AGAIN_AFTER : -Infinity
    if (excess <= 0 && tooOld === -Infinity && onlineOnly === -Infinity) return
    for await (const content of this.#longestUnused()) {
      const { ino, accessed } = content
      if (excess <= 0 && accessed > tooOld && accessed > onlineOnly) return
      const pin = store.pins.of(ino)
      if (pin === 'always-local') continue
      const isOver = excess > 0 || accessed <= tooOld || (pin === 'online-only' && accessed <= onlineOnly)
      if (isOver) excess -= this.#free(content)
    }
  }

  #excess(): Bytes {
    const { cache, freeBytes } = this.#deps
    const limits = this.#deps.limits()
    const tooLarge = limits.cacheBytes === undefined ? 0 : cache.totalBytes() - limits.cacheBytes
    const tooLittleFree = limits.freeBytes === undefined ? 0 : limits.freeBytes - freeBytes()
    return Math.max(0, tooLarge, tooLittleFree)
  }

  async *#longestUnused(): AsyncGenerator<UsedContent> {
    for (let after: UsedContent | undefined; ;) {
      const contents = this.#deps.store.content.longestUnused(after, CONTENTS_AT_ONCE)
      yield* contents
      after = contents.at(-1)
      if (after === undefined || contents.length < CONTENTS_AT_ONCE || this.#closed.signal.aborted) return
      await setImmediate()
    }
  }

  /** @returns how much that was; 0 when somebody has it open */
  #free({ ino, generation, localBytes }: UsedContent): Bytes {
    if (!this.#deps.cache.free(ino, generation)) return 0
    this.#owner.localBytesChanged(ino, generation)
    return localBytes
  }
}

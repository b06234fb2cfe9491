import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../concurrency/clock.js'
import type { Milliseconds } from '../model/ids.js'
import { distanceOf } from '../model/name-words.js'
import type { ItemRecord } from '../store/item-record.js'
import type { Store } from '../store/store.js'

// A library that is being listed changes all the time: it is not slowed down, what it brought is indexed in the first pause.
const PAUSE: Milliseconds = 500
const INDEXED_AT_ONCE = 200
/** What a search waits for the index at most. 100,000 items need about that. */
const SEARCH_PATIENCE: Milliseconds = 2_000
// Of more than that the newest are ranked. One more than can be asked for, so that "more" is true.
const MOST_RANKED = 1_001

export interface Found {
  readonly item: ItemRecord
  /** Names from the drive's root on. */
  readonly path: readonly string[]
}

export interface SearchResult {
  readonly found: readonly Found[]
  /** There are more than were asked for. */
  readonly more: boolean
  /** Everything that the drive knows of was looked through. */
  readonly complete: boolean
}

export interface NameSearchDeps {
  readonly store: Pick<Store, 'items' | 'names' | 'pathOf' | 'watch'>
  readonly clock: Clock
  readonly onTrouble: (event: string, failure: unknown) => void
}

/** Keeps the index of names up to date in the background, and searches it. Asks no network. */
export class NameSearch {
  readonly #deps: NameSearchDeps
  readonly #closed = new AbortController()
  readonly #unwatch: () => void
  #isWaiting = false
  #lastChange: Milliseconds

  constructor(deps: NameSearchDeps) {
    this.#deps = deps
    this.#lastChange = deps.clock.now()
    this.#unwatch = deps.store.watch(() => this.#noteChange())
    this.#noteChange()
  }

  /** The best first. @param signal ends the wait for the index */
  async search(text: string, limit: number, signal: AbortSignal): Promise<SearchResult> {
    const complete = await this.#catchUp(signal)
    const { items, names, pathOf } = this.#deps.store
    const ranked = names
      .find(text, MOST_RANKED)
      .map(({ ino, name, modified }) => ({ ino, modified, distance: distanceOf(name, text) }))
      .sort((one, other) => one.distance - other.distance || other.modified - one.modified)
    const found: Found[] = []
    for (const { ino } of ranked) {
      const item = items.byIno(ino)
      const path = item && pathOf(item)
      if (item === undefined || path === undefined) continue
      if (found.length === limit) return { found, more: true, complete }
      found.push({ item, path })
    }
    return { found, more: false, complete }
  }

  close(): void {
    this.#unwatch()
    this.#closed.abort()
  }

  #noteChange(): void {
    this.#lastChange = this.#deps.clock.now()
    if (!this.#isWaiting) void this.#indexInPause()
  }

  /** Never rejects. */
  async #indexInPause(): Promise<void> {
    const { clock, store, onTrouble } = this.#deps
    const { signal } = this.#closed
    this.#isWaiting = true
    try {
      for (let left = PAUSE; left > 0; left = this.#lastChange + PAUSE - clock.now()) {
        await clock.sleep(left, signal)
      }
      while (!signal.aborted && store.names.step(INDEXED_AT_ONCE)) await setImmediate()
    } catch (failure) {
      if (!signal.aborted) onTrouble('names-not-indexed', failure)
    } finally {
      this.#isWaiting = false
    }
  }

  /** @returns false: there was too much */
  async #catchUp(signal: AbortSignal): Promise<boolean> {
    const { clock, store } = this.#deps
    const end = clock.now() + SEARCH_PATIENCE
    while (store.names.step(INDEXED_AT_ONCE)) {
      if (clock.now() >= end) return false
      await setImmediate()
      signal.throwIfAborted()
    }
    return true
  }
}

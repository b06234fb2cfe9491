import { waitAfter, type Pace } from '../model/attempts.js'
import type { Fault } from '../model/fault.js'
import type { Milliseconds } from '../model/ids.js'
import type { Clock } from './clock.js'

/** Something that failed so many times in a row. */
export interface Failing {
  readonly fault: Fault
  readonly attempts: number
  readonly notBefore: Milliseconds
}

interface Entry extends Failing {
  readonly of: string
}

/**
 * What has failed, and when each is tried again: ever more rarely, and at once when it has become another thing. For whatever repeats
 * by itself.
 */
export class Backoff<Key> {
  readonly #clock: Clock
  readonly #paceOf: (fault: Fault) => Pace
  readonly #entries = new Map<Key, Entry>()

  constructor(clock: Clock, paceOf: (fault: Fault) => Pace) {
    this.#clock = clock
    this.#paceOf = paceOf
  }

  /** @param of what was tried; another text is another thing. */
  failed(key: Key, of: string, fault: Fault): void {
    const known = this.#entries.get(key)
    const attempts = (known?.of === of ? known.attempts : 0) + 1
    const wait = Math.max(waitAfter(this.#paceOf(fault), attempts), (fault.retryAfterSeconds ?? 0) * 1_000)
    this.#entries.set(key, { of, fault, attempts, notBefore: this.#clock.now() + wait })
  }

  succeeded(key: Key): void {
    this.#entries.delete(key)
  }

  /** How it failed the last time. @param of as it is now */
  of(key: Key, of: string): Failing | undefined {
    const known = this.#entries.get(key)
    return known?.of === of ? known : undefined
  }

  /** The failure for which it is not tried yet. */
  waiting(key: Key, of: string): Failing | undefined {
    const known = this.of(key, of)
    return known !== undefined && known.notBefore > this.#clock.now() ? known : undefined
  }

  /** When the next of all that wait may be tried. */
  get next(): Milliseconds | undefined {
    const now = this.#clock.now()
    let next: Milliseconds | undefined
    for (const { notBefore } of this.#entries.values()) {
      if (notBefore > now) next = Math.min(next ?? Infinity, notBefore)
    }
    return next
  }

  keys(): Iterable<Key> {
    return this.#entries.keys()
  }

  clear(): void {
    this.#entries.clear()
  }
}

import type { Bytes, Milliseconds } from '../model/ids.js'
import type { Clock } from './clock.js'

// What was not used of the last second may be used now.
const BURST: Milliseconds = 1_000
// Beginnings are let through at once until there is so much debt.
const MOST_DEBT: Milliseconds = 2_000

/**
 * A rate that many share, first come first served: a token bucket that may be overdrawn, but not by much.
 *
 * INVARIANT: over any time, no more than `rate` times that time, and what a burst and the debt are worth.
 */
export class Pace {
  readonly #clock: Clock
  readonly #rate: () => number | undefined
  /** Until when the rate has been used up. */
  #usedUntil: Milliseconds = 0
  /** Of who came last. */
  #turn: Promise<void> = Promise.resolve()

  /** @param rate bytes a second, asked each time; `undefined`: no limit */
  constructor(clock: Clock, rate: () => number | undefined) {
    this.#clock = clock
    this.#rate = rate
  }

  get isLimited(): boolean {
    return this.#rate() !== undefined
  }

  /** Returns when `bytes` may come. */
  async admit(bytes: Bytes, signal: AbortSignal): Promise<void> {
    const before = this.#turn
    let passOn = () => {}
    this.#turn = new Promise(resolve => (passOn = resolve))
    try {
      await before
      signal.throwIfAborted()
      for (let debt; (debt = this.#debt) > 0 && this.isLimited;) await this.#clock.sleep(debt, signal)
      this.#use(bytes)
    } finally {
      passOn()
    }
  }

  /** The beginning of something that somebody waits for: before all who wait, who then wait longer. */
  admitFirst(bytes: Bytes): boolean {
    if (this.#debt > MOST_DEBT) return false
    this.#use(bytes)
    return true
  }

  get #debt(): Milliseconds {
    return this.#usedUntil - this.#clock.now()
  }

  #use(bytes: Bytes): void {
    const rate = this.#rate()
    if (rate === undefined) return
    const from = Math.max(this.#usedUntil, this.#clock.now() - BURST)
    this.#usedUntil = from + (bytes / rate) * 1_000
  }
}

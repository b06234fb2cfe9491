import type { Clock } from '../../../src/concurrency/clock.js'

interface Sleeper {
  readonly until: number
  readonly wake: () => void
}

/** A clock that stands still until `advance`. */
export class TestClock implements Clock {
  #now = 0
  #sleepers: Sleeper[] = []

  now(): number {
    return this.#now
  }

  get sleeperCount(): number {
    return this.#sleepers.length
  }

  async sleep(duration: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      const onAbort = () => reject(signal.reason as Error)
      signal.addEventListener('abort', onAbort, { once: true })
      const wake = () => {
        signal.removeEventListener('abort', onAbort)
        resolve()
      }
      this.#sleepers.push({ until: this.#now + duration, wake })
    })
  }

  /** Wakes whoever is due, and lets what they do at once be done. */
  async advance(duration: number): Promise<void> {
    this.#now += duration
    const due = this.#sleepers.filter(({ until }) => until <= this.#now)
    this.#sleepers = this.#sleepers.filter(({ until }) => until > this.#now)
    for (const { wake } of due) wake()
    await new Promise(resolve => setImmediate(resolve))
  }
}

import type { Clock } from '../../src/concurrency/clock.js'
import type { Milliseconds } from '../../src/model/ids.js'

interface Sleeper {
  readonly until: Milliseconds
  readonly wake: () => void
}

/** A clock that stands still until {@link advance}. */
export class TestClock implements Clock {
  #now: Milliseconds = Date.UTC(2026, 10, 23)
  readonly #sleepers = new Set<Sleeper>()

  now(): Milliseconds {
    return this.#now
  }

  async sleep(duration: Milliseconds, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      const onAbort = () => {
        this.#sleepers.delete(sleeper)
        reject(signal.reason as Error)
      }
      const sleeper: Sleeper = {
        until: this.#now + duration,
        wake: () => {
          signal.removeEventListener('abort', onAbort)
          resolve()
        },
      }
      signal.addEventListener('abort', onAbort, { once: true })
      this.#sleepers.add(sleeper)
    })
  }

  advance(duration: Milliseconds): void {
    this.#now += duration
    for (const sleeper of [...this.#sleepers]) {
      if (sleeper.until > this.#now) continue
      this.#sleepers.delete(sleeper)
      sleeper.wake()
    }
  }
}

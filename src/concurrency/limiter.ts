/**
 * The first goes first. Somebody waits for bytes in the foreground, for the names in a folder with a listing; nobody waits
 * for background work.
 */
export const PRIORITIES = ['foreground', 'listing', 'background'] as const
export type Priority = (typeof PRIORITIES)[number]

interface Waiter {
  readonly admit: () => void
}

/**
 * At most `limit` pieces of work at once; work goes before all of lower priority that waits,
 * and within a priority first come is first served.
 *
 * INVARIANT: 0 <= running <= limit, and nobody waits while running < limit
 */
export class Limiter {
  readonly #limit: number
  readonly #waiting: Readonly<Record<Priority, Set<Waiter>>> = {
    foreground: new Set(),
    listing: new Set(),
    background: new Set(),
  }
  #running = 0

  constructor(limit: number) {
    if (!Number.isInteger(limit) || limit < 1)
      throw new RangeError(`limit ${limit} is not a positive integer`)
    this.#limit = limit
  }

  get running(): number {
    return this.#running
  }

  /** @param signal ends the wait for a turn; running work must watch it by itself */
  async run<Value>(priority: Priority, signal: AbortSignal, work: () => Promise<Value>): Promise<Value> {
    await this.#turn(priority, signal)
    try {
      return await work()
    } finally {
      this.#running--
      this.#admitNext()
    }
  }

  async #turn(priority: Priority, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#running < this.#limit) {
      this.#running++
      return
    }
    const queue = this.#waiting[priority]
    await new Promise<void>((resolve, reject) => {
      const leave = () => {
        queue.delete(waiter)
        reject(signal.reason as Error)
      }
      const waiter: Waiter = {
        admit: () => {
          signal.removeEventListener('abort', leave)
          resolve()
        },
      }
      signal.addEventListener('abort', leave, { once: true })
      queue.add(waiter)
    })
  }

  /** The place is handed over, not given back: between two ticks nobody can slip in. */
  #admitNext(): void {
    if (this.#running >= this.#limit) return
    for (const priority of PRIORITIES) {
      for (const waiter of this.#waiting[priority]) {
        this.#waiting[priority].delete(waiter)
        this.#running++
        waiter.admit()
        return
      }
    }
  }
}

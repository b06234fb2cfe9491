interface Flight<Value> {
  readonly result: Promise<Value>
  readonly abort: AbortController
  waiters: number
}

/**
 * Runs at most one `work` per key; callers who arrive meanwhile share its result.
 *
 * A caller's `signal` ends that caller's wait only. The work itself is aborted when
 * its last waiter has gone. A finished run, good or bad, is forgotten.
 */
export class SingleFlight<Value> {
  readonly #flights = new Map<string, Flight<Value>>()

  async run(key: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<Value>): Promise<Value> {
    signal.throwIfAborted()
    const flight = this.#flights.get(key) ?? this.#start(key, work)
    flight.waiters++
    const { promise: aborted, stop } = rejectOnAbort(signal)
    try {
      return await Promise.race([flight.result, aborted])
    } finally {
      stop()
      if (--flight.waiters === 0) {
        // Forgotten before it has ended: whoever comes now must not join a dying run.
        if (this.#flights.get(key) === flight) this.#flights.delete(key)
        flight.abort.abort()
      }
    }
  }

  #start(key: string, work: (signal: AbortSignal) => Promise<Value>): Flight<Value> {
    const abort = new AbortController()
    const result = work(abort.signal)
    const flight = { result, abort, waiters: 0 }
    this.#flights.set(key, flight)
    const forget = () => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key)
    }
    result.then(forget, forget)
    return flight
  }
}

function rejectOnAbort(signal: AbortSignal): { promise: Promise<never>; stop: () => void } {
  let onAbort = () => {}
  const promise = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error)
    signal.addEventListener('abort', onAbort, { once: true })
  })
  return { promise, stop: () => signal.removeEventListener('abort', onAbort) }
}

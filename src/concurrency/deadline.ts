import type { Clock } from './clock.js'
import type { Fault } from '../model/fault.js'
import type { Milliseconds } from '../model/ids.js'

/**
 * Settles with `work`, with the signal's reason, or after `limit` with the fault that `late` makes.
 * `work` is not stopped by any of it.
 */
export async function withDeadline<Value>(
  work: Promise<Value>,
  clock: Clock,
  limit: Milliseconds,
  signal: AbortSignal,
  late: () => Fault,
): Promise<Value> {
  const ended = new AbortController()
  const timer = clock.sleep(limit, AbortSignal.any([ended.signal, signal])).then(() => {
    throw late()
  })
  timer.catch(() => {}) // also when `work` has won
  try {
    return await Promise.race([work, timer])
  } finally {
    ended.abort()
  }
}

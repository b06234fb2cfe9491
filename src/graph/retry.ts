import type { Clock } from '../concurrency/clock.js'
import { NetworkFault } from '../http/network-fault.js'
import { Fault } from '../model/fault.js'
import type { Milliseconds } from '../model/ids.js'

export interface RetryPolicy {
  readonly attempts: number
  readonly firstDelay: Milliseconds
  readonly maxDelay: Milliseconds
  /** From the first attempt to the last answer; a wait that would end later is not begun. */
  readonly deadline: Milliseconds
}

export const DEFAULT_RETRY: RetryPolicy = { attempts: 5, firstDelay: 500, maxDelay: 30_000, deadline: 60_000 }

/**
 * The wait before attempt `attempt + 1`; the service's own Retry-After always wins.
 *
 * @param random in [0, 1): up to half of the wait is left to chance, so that many clients do not come back as one
 */
export function retryDelay(
  policy: RetryPolicy,
  attempt: number,
  random: number,
  retryAfterSeconds?: number,
): Milliseconds {
  const jitter = 1 + random / 2
  if (retryAfterSeconds !== undefined) return retryAfterSeconds * 1000 + 250 * random
  return Math.min(policy.firstDelay * 2 ** (attempt - 1) * jitter, policy.maxDelay)
}

/** Worth another attempt: the service said so, or the connection broke off before it could say anything. */
export function isTransient(failure: unknown): failure is Fault {
  if (failure instanceof NetworkFault) return failure.breakdown === 'interrupted'
  return failure instanceof Fault && (failure.code === 'throttled' || failure.code === 'server-error')
}

export interface RetryDeps {
  readonly policy: RetryPolicy
  readonly clock: Clock
  readonly random: () => number
}

/**
 * Runs `attempt` until it succeeds, fails for good, or policy is used up; then throws its last failure.
 * Only for requests that may be sent twice.
 */
export async function withRetry<Value>(
  { policy, clock, random }: RetryDeps,
  signal: AbortSignal,
  attempt: () => Promise<Value>,
): Promise<Value> {
  const end = clock.now() + policy.deadline
  for (let number = 1; ; number++) {
    try {
      return await attempt()
    } catch (failure) {
      signal.throwIfAborted()
      if (!isTransient(failure) || number >= policy.attempts) throw failure
      const delay = retryDelay(policy, number, random(), failure.retryAfterSeconds)
      if (clock.now() + delay > end) throw failure
      await clock.sleep(delay, signal)
    }
  }
}

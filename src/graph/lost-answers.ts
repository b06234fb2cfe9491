import type { Clock } from '../concurrency/clock.js'
import { Fault, isFault, type FaultCode } from '../model/fault.js'
import { GraphFault } from './graph-fault.js'
import { mayResume, Patience } from './patience.js'
import type { RetryPolicy } from './retry.js'

/** How long one step of a write may take to come through, and how often it is tried. */
export const WRITE_RETRY: RetryPolicy = {
  attempts: 4,
  firstDelay: 500,
  maxDelay: 10_000,
  deadline: 60_000,
}

export interface WriteTiming {
  readonly clock: Clock
  /** In [0, 1), for the jitter of retries. */
  readonly random: () => number
  readonly retry?: RetryPolicy
}

/** Something that must not be done twice. */
export interface Write<Value> {
  /** Once. */
  readonly send: () => Promise<Value>
  /** What has come of it, as far as the service knows; `undefined`: nothing. */
  readonly look: () => Promise<Value | undefined>
  /** Refusals that it meets when it has been done: by an attempt whose answer was lost, perhaps before a restart. */
  readonly doneAlready: readonly FaultCode[]
  /** The same, but only when an attempt of ours has failed before: others may have done something that looks alike. */
  readonly doneByUs?: readonly FaultCode[]
}

/**
 * Sends until it is known that it was done, or that it cannot be. A lost answer is found out about before anything is
 * sent again, and once more when the service refuses the second attempt, because the first may have been under way
 * when we looked.
 */
export async function untilKnown<Value>(
  { clock, random, retry = WRITE_RETRY }: WriteTiming,
  signal: AbortSignal,
  { send, look, doneAlready, doneByUs = [] }: Write<Value>,
): Promise<Value> {
  const patience = new Patience(retry, { clock, random })
  for (let isDoubtful = false; ; isDoubtful = true) {
    try {
      return await send()
    } catch (failure) {
      signal.throwIfAborted()
      const telling = isDoubtful ? [...doneAlready, ...doneByUs] : doneAlready
      const isRefusal = failure instanceof Fault && telling.includes(failure.code)
      if (!isRefusal && !mayBeDone(failure) && !mayResume(failure)) throw failure
      const done = isRefusal || mayBeDone(failure) ? await look() : undefined
      if (done !== undefined) return done
      await patience.afterFailure(failure, false, signal)
    }
  }
}

/** Whether the service may have done what it did not, or not understandably, say that it has done. */
function mayBeDone(failure: unknown): boolean {
  if (isFault(failure, 'protocol-error')) return !(failure instanceof GraphFault)
  return mayResume(failure) && !isFault(failure, 'throttled')
}

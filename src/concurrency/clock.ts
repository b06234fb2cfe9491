import { setTimeout } from 'node:timers/promises'
import type { Milliseconds } from '../model/ids.js'

/** Time as a parameter: tests own a clock that they advance. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): Milliseconds
  /** Rejects with the signal's reason when it aborts. */
  sleep(duration: Milliseconds, signal: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: () => Date.now(),
  async sleep(duration, signal) {
    try {
      await setTimeout(duration, undefined, { signal })
    } catch (failure) {
      signal.throwIfAborted()
      throw failure
    }
  },
}

import type { Clock } from '../concurrency/clock.js'
import type { Milliseconds } from '../model/ids.js'

export interface IdleOptions {
  readonly clock: Clock
  readonly isBusy: () => boolean
  /** How long nothing must have happened. */
  readonly limit: Milliseconds
  readonly interval: Milliseconds
}

/** Resolves once `isBusy` has been false at every look during `limit`. Rejects with the signal's reason. */
export async function untilIdle(options: IdleOptions, signal: AbortSignal): Promise<void> {
  const { clock } = options
  let busy = clock.now()
  while (clock.now() - busy < options.limit) {
    await clock.sleep(options.interval, signal)
    if (options.isBusy()) busy = clock.now()
  }
}

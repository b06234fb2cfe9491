import type { Clock } from '../concurrency/clock.js'
import { NetworkFault } from '../http/network-fault.js'
import type { Fault } from '../model/fault.js'
import type { Milliseconds } from '../model/ids.js'
import { isTransient, retryDelay, type RetryDeps, type RetryPolicy } from './retry.js'

/** Whether to go on after a failure, and when: as long as bytes come through, and only so often without. */
export class Patience {
  readonly #policy: RetryPolicy
  readonly #clock: Clock
  readonly #random: () => number
  #fruitless = 0
  #lastProgress: Milliseconds

  constructor(policy: RetryPolicy, { clock, random }: Pick<RetryDeps, 'clock' | 'random'>) {
    this.#policy = policy
    this.#clock = clock
    this.#random = random
    this.#lastProgress = clock.now()
  }

  /** Waits until it is time to try again, or throws `failure`. */
  async afterFailure(failure: unknown, progressed: boolean, signal: AbortSignal): Promise<void> {
    const now = this.#clock.now()
    this.#fruitless = progressed ? 0 : this.#fruitless + 1
    if (progressed) this.#lastProgress = now
    if (!mayResume(failure) || this.#fruitless >= this.#policy.attempts) throw failure
    const attempt = Math.max(this.#fruitless, 1)
    const delay = retryDelay(this.#policy, attempt, this.#random(), failure.retryAfterSeconds)
    if (now + delay > this.#lastProgress + this.#policy.deadline) throw failure
    await this.#clock.sleep(delay, signal)
  }
}

/** Transient, or a connection that has fallen silent. */
export function mayResume(failure: unknown): failure is Fault {
  return isTransient(failure) || (failure instanceof NetworkFault && failure.breakdown === 'silent')
}

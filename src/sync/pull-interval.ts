import { Fault } from '../model/fault.js'
import type { Milliseconds } from '../model/ids.js'

const SECOND: Milliseconds = 1_000
const MINUTE: Milliseconds = 60 * SECOND

// Where something changes, more does: somebody is working there.
const AFTER_CHANGES: Milliseconds = 10 * SECOND
const LONGEST_QUIET: Milliseconds = 2 * MINUTE
const FIRST_RETRY: Milliseconds = 5 * SECOND
// A network that is back should be noticed soon.
const LONGEST_OFFLINE: Milliseconds = 30 * SECOND
const LONGEST_RETRY: Milliseconds = 5 * MINUTE

/** How long to wait until the next pull of one library. Pure, but remembers. */
export class PullInterval {
  #quiet: Milliseconds = AFTER_CHANGES
  #retry: Milliseconds = FIRST_RETRY

  afterChanges(): Milliseconds {
    this.#retry = FIRST_RETRY
    this.#quiet = AFTER_CHANGES
    return this.#quiet
  }

  afterNothing(): Milliseconds {
    this.#retry = FIRST_RETRY
    const now = this.#quiet
    this.#quiet = Math.min(LONGEST_QUIET, now * 1.5)
    return now
  }

  /** The service's own wish counts as the least. */
  afterFailure(failure: unknown): Milliseconds {
    const fault = failure instanceof Fault ? failure : undefined
    const longest = fault?.code === 'offline' ? LONGEST_OFFLINE : LONGEST_RETRY
    const now = Math.min(longest, this.#retry)
    this.#retry = Math.min(LONGEST_RETRY, this.#retry * 2)
    return Math.max(now, (fault?.retryAfterSeconds ?? 0) * SECOND)
  }
}

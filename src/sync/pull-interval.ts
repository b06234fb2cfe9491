import { waitAfter, type Pace } from '../model/attempts.js'
import { Fault, type FaultCode } from '../model/fault.js'
import type { Milliseconds } from '../model/ids.js'

const SECOND: Milliseconds = 1_000
const MINUTE: Milliseconds = 60 * SECOND

// Where something changes, more does: somebody is working there.
const AFTER_CHANGES: Milliseconds = 10 * SECOND
const LONGEST_QUIET: Milliseconds = 2 * MINUTE
// No wait is longer than the failures have lasted.
const RETRY: Pace = { first: 5 * SECOND, longest: 60 * MINUTE }
// A network that is back should be noticed soon, and nobody is there whom it costs anything.
const OFFLINE: Pace = { first: 5 * SECOND, longest: 30 * SECOND }
// Access that is given back is wanted by somebody.
const ACCESS_REMOVED: Pace = { first: 5 * SECOND, longest: 20 * MINUTE }

/** How long to wait until the next pull of one library. Pure, but remembers. */
export class PullInterval {
  #quiet: Milliseconds = AFTER_CHANGES
  #failures = 0

  afterChanges(): Milliseconds {
    this.#failures = 0
    this.#quiet = AFTER_CHANGES
    return this.#quiet
  }

  afterNothing(): Milliseconds {
    this.#failures = 0
    const now = this.#quiet
    this.#quiet = Math.min(LONGEST_QUIET, now * 1.5)
    return now
  }

  /** The service's own wish counts as the least. */
  afterFailure(failure: unknown): Milliseconds {
    const fault = failure instanceof Fault ? failure : undefined
    const wait = waitAfter(paceOf(fault?.code), ++this.#failures)
    return Math.max(wait, (fault?.retryAfterSeconds ?? 0) * SECOND)
  }
}

function paceOf(code: FaultCode | undefined): Pace {
  if (code === 'offline') return OFFLINE
  return code === 'access-removed' || code === 'access-denied' || code === 'item-not-found'
    ? ACCESS_REMOVED
    : RETRY
}

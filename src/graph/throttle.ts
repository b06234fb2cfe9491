import type { Clock } from '../concurrency/clock.js'
import { Limiter, type Priority } from '../concurrency/limiter.js'
import type { HttpHeaders } from '../http/message.js'
import { Fault } from '../model/fault.js'
import type { Milliseconds, TenantId } from '../model/ids.js'

// Guidance for Graph on SharePoint: a few requests at a time, and everybody waits when one is told to wait
// (how-to-avoid-getting-throttled-or-blocked-in-sharepoint-online).
const REQUESTS_AT_ONCE = 8
// The same page: budgets are of a minute. What says otherwise is not believed for longer than this.
const LONGEST_WINDOW: Milliseconds = 5 * 60_000

/** The share of a tenant's budget that is left to what is more urgent. */
const LEFT_TO_OTHERS: Readonly<Record<Priority, number>> = { foreground: 0, listing: 0.05, background: 0.1 }

/** As the service counts it. It tells when four fifths are used up. */
interface Budget {
  /** Of the whole, 0 to 1. */
  readonly left: number
  /** Epoch; then there is all of it again. */
  readonly renewed: Milliseconds
}

interface Lane {
  readonly limiter: Limiter
  /** Epoch; until then the tenant wants no requests. */
  pausedUntil: Milliseconds
  budget: Budget | undefined
}

/**
 * Per tenant, for all that is asked of it: how many requests at once, the pause that a 429 or 503 asks for, and the budget
 * of the RateLimit headers. What somebody waits for goes first, and may use up what the background has to leave.
 */
export class Throttle {
  readonly #clock: Clock
  readonly #lanes = new Map<TenantId, Lane>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * @param patience how long a pause may be for this request to wait for its end
   * @throws {Fault} `throttled`, at once, where the pause is longer than `patience`
   */
  async run<Value>(
    tenant: TenantId,
    priority: Priority,
    patience: Milliseconds,
    signal: AbortSignal,
    work: () => Promise<Value>,
  ): Promise<Value> {
    const lane = this.#laneOf(tenant)
    for (;;) {
      await this.outlast(tenant, patience, signal, priority)
      // A pause may have begun while it waited for its turn; then others have the turn.
      const done = await lane.limiter.run(priority, signal, async () =>
        this.#opens(lane, priority) > this.#clock.now() ? undefined : { value: await work() },
      )
      if (done !== undefined) return done.value
    }
  }

  pause(tenant: TenantId, seconds: number): void {
    const lane = this.#laneOf(tenant)
    lane.pausedUntil = Math.max(lane.pausedUntil, this.#clock.now() + seconds * 1000)
  }

  /** @param headers of an answer; the RateLimit ones are heeded, if they make sense */
  heed(tenant: TenantId, headers: HttpHeaders): void {
    const limit = numberIn(headers['ratelimit-limit'])
    const remaining = numberIn(headers['ratelimit-remaining'])
    const reset = numberIn(headers['ratelimit-reset'])
    if (limit === undefined || remaining === undefined || reset === undefined || limit === 0) return
    const renewed = this.#clock.now() + Math.min(LONGEST_WINDOW, reset * 1000)
    this.#laneOf(tenant).budget = { left: Math.min(1, remaining / limit), renewed }
  }

  /** Waits until the tenant's pause is over. @throws {Fault} as {@link run} */
  async outlast(
    tenant: TenantId,
    patience: Milliseconds,
    signal: AbortSignal,
    priority: Priority = 'foreground',
  ): Promise<void> {
    const lane = this.#laneOf(tenant)
    const end = this.#clock.now() + patience
    // The pause may have been prolonged while we slept.
    for (let left; (left = this.#opens(lane, priority) - this.#clock.now()) > 0;) {
      if (this.#clock.now() + left > end) {
        throw new Fault('throttled', `The service asks for a pause of ${Math.ceil(left / 1000)} seconds`, {
          retryAfterSeconds: Math.ceil(left / 1000),
          nextStep: 'Try again later.',
        })
      }
      await this.#clock.sleep(left, signal)
    }
  }

  /** When requests of this priority may go; epoch. */
  #opens({ pausedUntil, budget }: Lane, priority: Priority): Milliseconds {
    const isSpent = budget !== undefined && budget.left <= LEFT_TO_OTHERS[priority]
    return isSpent ? Math.max(pausedUntil, budget.renewed) : pausedUntil
  }

  #laneOf(tenant: TenantId): Lane {
    let lane = this.#lanes.get(tenant)
    if (lane === undefined) {
      lane = { limiter: new Limiter(REQUESTS_AT_ONCE), pausedUntil: 0, budget: undefined }
      this.#lanes.set(tenant, lane)
    }
    return lane
  }
}

function numberIn(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,9}(\.\d+)?$/.test(header.trim()) ? Number(header) : undefined
}

import type { Clock } from '../concurrency/clock.js'
import { Limiter, type Priority } from '../concurrency/limiter.js'
import { Fault } from '../model/fault.js'
import type { Milliseconds, TenantId } from '../model/ids.js'

// Guidance for Graph on SharePoint: a few requests at a time, and everybody waits when one is told to wait
// (how-to-avoid-getting-throttled-or-blocked-in-sharepoint-online).
const REQUESTS_AT_ONCE = 8

interface Lane {
  readonly limiter: Limiter
  /** Epoch; until then the tenant wants no requests. */
  pausedUntil: Milliseconds
}

/** Per tenant: how many requests at once, and the pause that a 429 or 503 asks of all of them. */
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
    await this.outlast(tenant, patience, signal)
    return await this.#laneOf(tenant).limiter.run(priority, signal, work)
  }

  pause(tenant: TenantId, seconds: number): void {
    const lane = this.#laneOf(tenant)
    lane.pausedUntil = Math.max(lane.pausedUntil, this.#clock.now() + seconds * 1000)
  }

  /** Waits until the tenant's pause is over. @throws {Fault} as {@link run} */
  async outlast(tenant: TenantId, patience: Milliseconds, signal: AbortSignal): Promise<void> {
    const lane = this.#laneOf(tenant)
    const end = this.#clock.now() + patience
    // The pause may have been prolonged while we slept.
    for (let left; (left = lane.pausedUntil - this.#clock.now()) > 0;) {
      if (this.#clock.now() + left > end) {
        throw new Fault('throttled', `The service asks for a pause of ${Math.ceil(left / 1000)} seconds`, {
          retryAfterSeconds: Math.ceil(left / 1000),
          nextStep: 'Try again later.',
        })
      }
      await this.#clock.sleep(left, signal)
    }
  }

  #laneOf(tenant: TenantId): Lane {
    let lane = this.#lanes.get(tenant)
    if (lane === undefined) {
      lane = { limiter: new Limiter(REQUESTS_AT_ONCE), pausedUntil: 0 }
      this.#lanes.set(tenant, lane)
    }
    return lane
  }
}

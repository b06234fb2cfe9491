import type { Clock } from '../concurrency/clock.js'
import { isFault, type Fault } from '../model/fault.js'
import type { Milliseconds, TenantId } from '../model/ids.js'

// Long enough that `ls` of a folder or a copy of many files fails at once, short enough that nobody notices
// when the network is back.
const REMEMBERED: Milliseconds = 3_000

/**
 * Remembers for a moment that a tenant could not be reached, so that a thousand reads without a network cost one
 * connection attempt, not a thousand.
 */
export class OfflineMemory {
  readonly #clock: Clock
  readonly #onReached: (tenant: TenantId) => void
  readonly #faults = new Map<TenantId, { readonly fault: Fault; readonly until: Milliseconds }>()

  /** @param onReached somebody had an answer */
  constructor(clock: Clock, onReached: (tenant: TenantId) => void = () => undefined) {
    this.#clock = clock
    this.#onReached = onReached
  }

  /** Why asking `tenant` now would be in vain; `undefined` when it is worth trying. */
  reasonNotToAsk(tenant: TenantId): Fault | undefined {
    const memory = this.#faults.get(tenant)
    if (memory === undefined) return undefined
    if (this.#clock.now() < memory.until) return memory.fault
    this.#faults.delete(tenant)
    return undefined
  }

  /** @param failure of a request that got no answer at all */
  noteFailure(tenant: TenantId, failure: unknown): void {
    if (!isFault(failure, 'offline', 'timed-out')) return
    this.#faults.set(tenant, { fault: failure, until: this.#clock.now() + REMEMBERED })
  }

  noteSuccess(tenant: TenantId): void {
    this.#faults.delete(tenant)
    this.#onReached(tenant)
  }
}

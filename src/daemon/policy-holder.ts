import type { Clock } from '../concurrency/clock.js'
import { NO_POLICY, type AdminPolicy } from '../control/admin-policy.js'
import { readPolicy, type PolicyReading, type PolicySource } from '../control/policy-file.js'
import type { Fault } from '../model/fault.js'
import type { Milliseconds } from '../model/ids.js'

const INTERVAL: Milliseconds = 60_000

export interface PolicyHolderDeps {
  readonly source: PolicySource
  readonly clock: Clock
  /** Something went wrong that nobody waits for. */
  readonly onTrouble: (event: string, failure: unknown) => void
}

/**
 * The administrator's policy as it is now. Whoever obeys it asks when it matters, so that a change needs no new mount.
 */
export class PolicyHolder {
  readonly #deps: PolicyHolderDeps
  readonly #closed = new AbortController()
  readonly #listeners = new Set<() => void>()
  #reading: PolicyReading
  /** The last one that could be understood: limits that it set stay while nobody can tell what they are now. */
  #policy: AdminPolicy
  #running: Promise<void> | undefined

  /** Reads it. */
  constructor(deps: PolicyHolderDeps) {
    this.#deps = deps
    this.#reading = readPolicy(deps.source)
    this.#policy = this.#reading.kind === 'unusable' ? NO_POLICY : this.#reading.policy
    if (this.#reading.kind === 'unusable') deps.onTrouble('policy-unusable', this.#reading.fault)
  }

  get file(): string {
    return this.#deps.source.file
  }

  get policy(): AdminPolicy {
    return this.#policy
  }

  /** There is one, and it cannot be understood: nothing of other organizations may be fetched. */
  get problem(): Fault | undefined {
    return this.#reading.kind === 'unusable' ? this.#reading.fault : undefined
  }

  get isThere(): boolean {
    return this.#reading.kind !== 'none'
  }

  /** Calls `listener` after each change. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener)
  }

  /** Looks from now on. */
  start(): void {
    this.#running ??= this.#watch(this.#closed.signal)
  }

  /** Looks now. */
  look(): void {
    const reading = readPolicy(this.#deps.source)
    if (isSame(reading, this.#reading)) return
    this.#reading = reading
    if (reading.kind === 'unusable') this.#deps.onTrouble('policy-unusable', reading.fault)
    else this.#policy = reading.policy
    for (const listener of this.#listeners) listener()
  }

  async close(): Promise<void> {
    this.#closed.abort()
    await this.#running
  }

  async #watch(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#deps.clock.sleep(INTERVAL, signal).catch(() => {})
      if (signal.aborted) return
      this.look()
    }
  }
}

function isSame(one: PolicyReading, other: PolicyReading): boolean {
  return textOf(one) === textOf(other)
}

function textOf(reading: PolicyReading): string {
  if (reading.kind === 'unusable') return reading.fault.message
  return JSON.stringify(reading, (_, value: unknown) => (value instanceof Set ? [...value] : value))
}

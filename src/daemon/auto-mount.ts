import type { Clock } from '../concurrency/clock.js'
import type { RequiredLibrary } from '../control/admin-policy.js'
import { Fault, isFault, type FaultCode } from '../model/fault.js'
import type { Milliseconds } from '../model/ids.js'

const FIRST_RETRY: Milliseconds = 60_000
const LONGEST_RETRY: Milliseconds = 60 * 60_000

/** What may be otherwise in a while without anybody doing anything. */
const PASSING: ReadonlySet<FaultCode> = new Set(['offline', 'timed-out', 'throttled', 'server-error'])

export interface AutoMountDeps {
  readonly clock: Clock
  readonly required: () => readonly RequiredLibrary[]
  readonly isSignedIn: (signal: AbortSignal) => Promise<boolean>
  /** Adds the library at this address if it is not there. @throws {Fault} also where another tenant has it */
  readonly add: (library: RequiredLibrary, signal: AbortSignal) => Promise<void>
  readonly onTrouble: (event: string, failure: unknown) => void
}

/**
 * Adds the libraries that an administrator wants on the drive: each once in the life of a daemon, so that one that the
 * user has removed stays away until the next.
 *
 *   wanted ─▶ added          for good
 *     │  ▲
 *     ▼  │ later, where the network was the reason; else when something has changed: policy, account
 *   failed
 */
export class AutoMount {
  readonly #deps: AutoMountDeps
  readonly #closed = new AbortController()
  /** By address: the administrator may call it something else. */
  readonly #added = new Set<string>()
  readonly #failures = new Map<string, Fault>()
  #running: Promise<void> | undefined
  #again = false
  #nap = new AbortController()
  #retry: Milliseconds = FIRST_RETRY

  constructor(deps: AutoMountDeps) {
    this.#deps = deps
  }

  /** Why those that are wanted now are not there, by the administrator's names. */
  get failures(): readonly { readonly name: string; readonly fault: Fault }[] {
    return this.#deps.required().flatMap(({ name, address }) => {
      const fault = this.#failures.get(address)
      return fault === undefined ? [] : [{ name, fault }]
    })
  }

  /** Something has changed: the policy, who is signed in. */
  wake(): void {
    this.#retry = FIRST_RETRY
    this.#again = true
    this.#nap.abort()
    this.#running ??= this.#run(this.#closed.signal).finally(() => {
      this.#running = undefined
      if (this.#again && !this.#closed.signal.aborted) this.wake()
    })
  }

  async close(): Promise<void> {
    this.#closed.abort(new Fault('cancelled', 'The daemon is ending'))
    this.#nap.abort()
    await this.#running
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#again = false
      const mayPass = await this.#addMissing(signal)
      if (this.#again) continue
      if (!mayPass) return
      await this.#sleep(signal)
    }
  }

  /** @returns whether trying again may help. Never rejects. */
  async #addMissing(signal: AbortSignal): Promise<boolean> {
    const { required, isSignedIn, onTrouble } = this.#deps
    let mayPass = false
    try {
      const missing = required().filter(({ address }) => !this.#added.has(address))
      if (missing.length === 0 || !(await isSignedIn(signal))) return false
      for (const library of missing) {
        const fault = await this.#add(library, signal)
        if (fault !== undefined) mayPass ||= PASSING.has(fault.code)
      }
    } catch (failure) {
      if (!signal.aborted) onTrouble('libraries-not-added', failure)
    }
    return mayPass
  }

  async #add(library: RequiredLibrary, signal: AbortSignal): Promise<Fault | undefined> {
    const { add, onTrouble } = this.#deps
    const { address } = library
    try {
      await add(library, signal)
      this.#added.add(address)
      this.#failures.delete(address)
      return undefined
    } catch (failure) {
      signal.throwIfAborted()
      if (!isFault(failure)) throw failure
      if (this.#failures.get(address)?.message !== failure.message) onTrouble('library-not-added', failure)
      this.#failures.set(address, failure)
      return failure
    }
  }

  async #sleep(signal: AbortSignal): Promise<void> {
    this.#nap = new AbortController()
    const wait = this.#retry
    this.#retry = Math.min(LONGEST_RETRY, wait * 2)
    const either = AbortSignal.any([signal, this.#nap.signal])
    await this.#deps.clock.sleep(wait, either).catch(() => {})
  }
}

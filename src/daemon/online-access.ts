import type { Clock } from '../concurrency/clock.js'
import { withDeadline } from '../concurrency/deadline.js'
import { SingleFlight } from '../concurrency/single-flight.js'
import { Fault, isFault, type FaultCode } from '../model/fault.js'
import type { LibraryId, Milliseconds } from '../model/ids.js'
import type { Library } from '../model/library.js'

const GOOD_FOR: Milliseconds = 15 * 60_000
// A program waits for this at open, and is answered sooner than it gives up.
const DEADLINE: Milliseconds = 10_000
// A walk through a folder asks once.
const REFUSED_FOR: Milliseconds = 5_000

/** The service could not be asked: that says nothing about whether it would still let us in. */
const UNREACHED: ReadonlySet<FaultCode> = new Set(['offline', 'timed-out', 'throttled', 'server-error'])

export interface OnlineAccessDeps {
  readonly clock: Clock
  /** When the library was last asked for with success, and why it was not since. */
  readonly statusOf: (id: LibraryId) => {
    readonly checked: Milliseconds | undefined
    readonly problem: Fault | undefined
  }
  /** Asks the organization for the root of the library. */
  readonly ask: (library: Library, signal: AbortSignal) => Promise<unknown>
}

/** Whether organizations could be reached, and still let us in, within the last quarter of an hour. */
export class OnlineAccess {
  readonly #deps: OnlineAccessDeps
  readonly #confirmed = new Map<LibraryId, Milliseconds>()
  readonly #refused = new Map<LibraryId, { readonly fault: Fault; readonly until: Milliseconds }>()
  readonly #asking = new SingleFlight<void>()

  constructor(deps: OnlineAccessDeps) {
    this.#deps = deps
  }

  /** Why nothing of `library` may be opened; asks where it is not known. */
  async refusalOf(library: Library, signal: AbortSignal): Promise<Fault | undefined> {
    if (this.#isConfirmed(library.id)) return undefined
    const refused = this.#refused.get(library.id)
    if (refused !== undefined && this.#deps.clock.now() < refused.until) return refused.fault
    try {
      await this.#asking.run(String(library.id), signal, shared => this.#confirm(library, shared))
      return undefined
    } catch (failure) {
      signal.throwIfAborted()
      if (!isFault(failure)) throw failure
      const fault = notReached(library, failure)
      this.#refused.set(library.id, { fault, until: this.#deps.clock.now() + REFUSED_FOR })
      return fault
    }
  }

  #isConfirmed(id: LibraryId): boolean {
    const { checked, problem } = this.#deps.statusOf(id)
    if (problem !== undefined && !UNREACHED.has(problem.code)) return false
    const latest = Math.max(this.#confirmed.get(id) ?? 0, checked ?? 0)
    const age = this.#deps.clock.now() - latest
    // A clock that was set back confirms nothing.
    return age >= 0 && age <= GOOD_FOR
  }

  async #confirm(library: Library, signal: AbortSignal): Promise<void> {
    const { clock, ask } = this.#deps
    const late = () => new Fault('timed-out', `${library.organization} did not answer`)
    await withDeadline(ask(library, signal), clock, DEADLINE, signal, late)
    this.#confirmed.set(library.id, clock.now())
  }
}

function notReached({ organization }: Library, cause: Fault): Fault {
  return new Fault(
    'offline-not-allowed',
    `The administrator of this machine lets files of ${organization} be opened only while it can be reached: ${cause.message}`,
    { cause, nextStep: cause.nextStep ?? 'Connect to the network, then open the file again.' },
  )
}

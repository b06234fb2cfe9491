import { waitAfter, type Pace } from '../model/attempts.js'
import type { Clock } from '../concurrency/clock.js'
import { isFault } from '../model/fault.js'
import type { Ino, Milliseconds } from '../model/ids.js'
import type { RemoteWriter } from '../model/remote.js'
import type { LeftSession } from '../store/owed-table.js'
import type { Store } from '../store/store.js'

const PACE: Pace = { first: 5_000, longest: 5 * 60_000 }
// Our clock and the service's.
const EXPIRED_FOR: Milliseconds = 60_000

export interface SessionEnderDeps {
  readonly store: Store
  readonly writer: Pick<RemoteWriter, 'endUpload'>
  readonly clock: Clock
  /** From 0 to 1. */
  readonly random: () => number
  /** Something of the item is being sent, perhaps through that session. */
  readonly isSending: (ino: Ino) => boolean
  readonly signal: AbortSignal
  /** {@link SessionEnder.look} is to be called then, or before. */
  readonly lookBy: (time: Milliseconds) => void
  readonly onTrouble: (event: string, failure: unknown) => void
}

/** Ends upload sessions that nobody wants any more: each would hold a name at the service until it ends by itself. */
export class SessionEnder {
  readonly #deps: SessionEnderDeps
  readonly #running = new Map<string, Promise<void>>()
  readonly #failed = new Map<string, { readonly attempts: number; readonly notBefore: Milliseconds }>()

  constructor(deps: SessionEnderDeps) {
    this.#deps = deps
  }

  /** Begins with those that can be ended now. */
  look(): void {
    const { store, clock, isSending, signal, lookBy } = this.#deps
    const now = clock.now()
    for (const session of store.owed.leftSessions()) {
      const { url, ino, expires } = session
      if (signal.aborted || this.#running.has(url) || isSending(ino)) continue
      const notBefore = this.#failed.get(url)?.notBefore ?? 0
      if (expires + EXPIRED_FOR < now) this.#forget(session)
      else if (notBefore > now) lookBy(notBefore)
      else this.#running.set(url, this.#end(session))
    }
  }

  /** Resolves when nothing is under way; what is not ended then is, after the next start. */
  async settled(): Promise<void> {
    await Promise.all(this.#running.values())
  }

  /** Never rejects. */
  async #end(session: LeftSession): Promise<void> {
    const { store, writer, clock, random, signal, lookBy, onTrouble } = this.#deps
    const { url, library } = session
    const tenant = store.libraries.byId(library)?.root.tenant
    try {
      // Of a library that was removed nothing is asked any more.
      if (tenant !== undefined) await writer.endUpload(tenant, url, signal)
      this.#forget(session)
    } catch (failure) {
      if (signal.aborted) return
      if (!isFault(failure)) onTrouble('session-not-ended', failure)
      const attempts = (this.#failed.get(url)?.attempts ?? 0) + 1
      const notBefore = clock.now() + waitAfter(PACE, attempts, random())
      this.#failed.set(url, { attempts, notBefore })
      lookBy(notBefore)
    } finally {
      this.#running.delete(url)
    }
  }

  #forget({ ino, url }: LeftSession): void {
    this.#failed.delete(url)
    this.#deps.store.owed.sessionEnded(ino, url)
  }
}

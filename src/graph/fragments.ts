import { NetworkFault } from '../http/network-fault.js'
import type { JsonObject } from '../http/json.js'
import type { ByteRange } from '../model/byte-ranges.js'
import { Fault } from '../model/fault.js'
import type { Bytes, Milliseconds } from '../model/ids.js'
import type { UploadSource } from '../model/remote.js'
import { contentOf } from './content-of.js'
import type { WriteTiming } from './lost-answers.js'
import { mayResume, Patience } from './patience.js'
import type { RetryPolicy } from './retry.js'
import type { SessionState, UploadUrl, Wanting } from './upload-url.js'

/** Every fragment but the last must be a multiple of it. */
const UNIT: Bytes = 320 * 1024
// What the documentation recommends for good lines.
export const FIRST_FRAGMENT: Bytes = 32 * UNIT
// Must be below 60 MiB. The larger, the less a line stands idle while an answer is on its way.
export const LARGEST_FRAGMENT: Bytes = 128 * UNIT
// What breaks off is sent again: fragments do not grow where that would take longer than this.
const WELL_SENT: Milliseconds = 4_000

// A fragment over a slow line may take minutes before it breaks off.
const FRAGMENT_RETRY: RetryPolicy = { attempts: 5, firstDelay: 500, maxDelay: 30_000, deadline: 600_000 }

export interface FragmentsOrder {
  readonly url: UploadUrl
  readonly source: UploadSource
  /** Waits for the end of a pause that the service has asked for. */
  readonly admitted: () => Promise<void>
  /** Each time that the service tells how far it is; `next` is known. */
  readonly told: (next: Bytes, state: Wanting) => void
}

/** How an upload through one session has ended. */
export type SessionEnd =
  /** The file as the service describes it. */
  | { readonly kind: 'done'; readonly item: JsonObject }
  /** `allSent`: its last fragment was sent, and the answer lost; the service has most probably done its work. */
  | { readonly kind: 'over'; readonly allSent: boolean }

/** Sends through one session what it wants, until it has everything or is no more. */
export class Fragments {
  readonly #timing: WriteTiming
  readonly #order: FragmentsOrder
  readonly #signal: AbortSignal
  #size = FIRST_FRAGMENT
  #reached: Bytes = 0
  #allSent = false

  constructor(timing: WriteTiming, order: FragmentsOrder, signal: AbortSignal) {
    this.#timing = timing
    this.#order = order
    this.#signal = signal
  }

  /**
   * @param state as far as it is known
   * @throws {Fault} what the service refuses, and what did not get through in spite of patience
   */
  async send(state: SessionState | undefined): Promise<SessionEnd> {
    const { clock, random, retry = FRAGMENT_RETRY } = this.#timing
    const patience = new Patience(retry, { clock, random })
    let next = state
    for (;;) {
      const before = this.#reached
      try {
        await this.#order.admitted()
        next = await this.#step(next)
        if (next.kind === 'done') return next
        if (next.kind === 'over') return { kind: 'over', allSent: this.#allSent }
      } catch (failure) {
        this.#signal.throwIfAborted()
        if (failure instanceof NetworkFault) this.#size = halved(this.#size)
        if (!mayResume(failure)) throw failure
        await patience.afterFailure(failure, this.#reached > before, this.#signal)
        next = undefined
      }
    }
  }

  async #step(state: SessionState | undefined): Promise<SessionState> {
    const { url } = this.#order
    if (state?.kind === 'whole') {
      this.#allSent = true
      const committed = await url.commit(this.#signal)
      if (committed.kind === 'done' || committed.kind === 'over') return committed
      throw new Fault('server-error', 'The service has every byte of an upload and does not put it in place')
    }
    if (state?.kind === 'wants' && state.next !== undefined) return await this.#fragment(state.next)
    const asked = await url.status(this.#signal)
    if (asked.kind === 'wants') this.#note(asked)
    return asked
  }

  async #fragment(start: Bytes): Promise<SessionState> {
    const { url, source } = this.#order
    const { clock } = this.#timing
    const range: ByteRange = { start, end: Math.min(start + this.#size, source.size) }
    this.#allSent ||= range.end === source.size
    const started = clock.now()
    const state = await url.fragment(range, source.size, contentOf(source, range), this.#signal)
    if (state.kind !== 'wants' || state.next === undefined) return state
    if (state.next <= start) throw new Fault('server-error', 'The service did not keep a part of an upload')
    if (clock.now() - started < WELL_SENT) this.#size = Math.min(2 * this.#size, LARGEST_FRAGMENT)
    this.#note(state)
    return state
  }

  #note(state: Wanting): void {
    const { source, told } = this.#order
    if (state.next === undefined || state.next >= source.size) {
      throw new Fault('protocol-error', 'The service does not say which part of an upload it wants')
    }
    this.#reached = Math.max(this.#reached, state.next)
    told(state.next, state)
  }
}

/** After a break: so that something comes through a line that does not hold for long. */
function halved(size: Bytes): Bytes {
  return Math.max(Math.floor(size / UNIT / 2), 1) * UNIT
}

import type { JsonObject } from '../http/json.js'
import { NetworkFault } from '../http/network-fault.js'
import type { DriveItem } from '../model/drive-item.js'
import { Fault, isFault, type FaultCode } from '../model/fault.js'
import type { Bytes, Milliseconds } from '../model/ids.js'
import type { UploadProgress, UploadSession, UploadSource } from '../model/remote.js'
import { Fragments } from './fragments.js'
import { WRITE_RETRY } from './lost-answers.js'
import { openSession, type OpenSessionDeps, type SessionOrder } from './open-session.js'
import { UploadUrl, type SessionState, type UploadUrlDeps, type Wanting } from './upload-url.js'

// One more if the service forgets the first.
const MOST_NEW_SESSIONS = 2
// Smaller changes of when a session ends are not worth keeping.
const NOTEWORTHY: Milliseconds = 60_000

/** Refusals of which no waiting makes anything else. After others the session is there for the next attempt. */
const FOR_GOOD: readonly FaultCode[] = [
  'name-taken',
  'stale-content',
  'item-not-found',
  'access-denied',
  'name-refused',
  'name-too-long',
  'file-too-large',
  'not-supported',
  'protocol-error',
]

export interface SessionUploadDeps extends UploadUrlDeps, OpenSessionDeps {
  /** The item that an answer describes. */
  readonly itemOf: (answer: JsonObject) => Promise<DriveItem>
}

export interface SessionUploadOrder extends SessionOrder {
  readonly source: UploadSource
  readonly progress: UploadProgress
}

/** A file by an upload session: what has come through need not be sent again, also after a restart. */
export class SessionUpload {
  readonly #deps: SessionUploadDeps
  readonly #order: SessionUploadOrder
  readonly #signal: AbortSignal
  #expires: Milliseconds = 0

  constructor(deps: SessionUploadDeps, order: SessionUploadOrder, signal: AbortSignal) {
    this.#deps = deps
    this.#order = order
    this.#signal = signal
  }

  /**
   * @throws {NameHeld}
   * @throws {Fault} as `RemoteWriter.upload`
   */
  async run(): Promise<DriveItem> {
    const { progress } = this.#order
    await this.#endOutdated()
    let item = progress.session && (await this.#through(progress.session, false))
    for (let sessions = 0; item === undefined && sessions < MOST_NEW_SESSIONS; sessions++) {
      const opened = await openSession(this.#deps, this.#order, this.#signal)
      if ('there' in opened) return opened.there
      // Before anything else: an address that nobody knows holds the name until the session ends by itself.
      this.#keep(opened.session)
      this.#signal.throwIfAborted()
      item = await this.#through(opened.session, true)
    }
    if (item !== undefined) return item
    throw new Fault('server-error', 'The service has forgotten an upload, twice')
  }

  /** @returns `undefined`: the session is over, and what it was for is not in place */
  async #through(session: UploadSession, isNew: boolean): Promise<DriveItem | undefined> {
    const { tenant, source, progress, arrived } = this.#order
    const { throttle, itemOf } = this.#deps
    const url = new UploadUrl(this.#deps, tenant, session.url)
    const order = {
      url,
      source,
      admitted: () => throttle.outlast(tenant, WRITE_RETRY.deadline, this.#signal),
      told: (next: Bytes, { expires }: Wanting) => {
        this.#prolong(session, expires)
        progress.sent(next)
      },
    }
    const start: SessionState | undefined = isNew ? { kind: 'wants', next: 0, expires: undefined } : undefined
    try {
      const end = await new Fragments(this.#deps, order, this.#signal).send(start)
      // Because it had done its work, and the answer was lost?
      const there = end.kind === 'over' ? await arrived.item(end) : undefined
      progress.ended(session)
      if (end.kind === 'over') return there
      progress.sent(source.size)
      return await itemOf(end.item)
    } catch (failure) {
      return await this.#afterRefusal(session, url, failure)
    }
  }

  async #afterRefusal(session: UploadSession, url: UploadUrl, failure: unknown): Promise<DriveItem> {
    this.#signal.throwIfAborted()
    if (failure instanceof NetworkFault || !isFault(failure, ...FOR_GOOD)) throw failure
    const isSaidOfName = isFault(failure, 'name-taken', 'stale-content')
    const there = isSaidOfName ? await this.#order.arrived.item() : undefined
    await this.#tryCancel(session, url)
    if (there === undefined) throw failure
    return there
  }

  /** Where that fails, whoever keeps the sessions that are left ends it later. */
  async #tryCancel(session: UploadSession, url: UploadUrl): Promise<void> {
    const { progress } = this.#order
    try {
      await url.cancel(this.#signal)
      progress.ended(session)
    } catch (failure) {
      this.#signal.throwIfAborted()
      if (!isFault(failure)) throw failure
      progress.left(session)
    }
  }

  /** As long as it is not known to be over, its address is not forgotten. */
  async #endOutdated(): Promise<void> {
    const { tenant, progress } = this.#order
    for (const session of progress.outdated) {
      await new UploadUrl(this.#deps, tenant, session.url).cancel(this.#signal)
      progress.ended(session)
    }
  }

  #prolong(session: UploadSession, expires: Milliseconds | undefined): void {
    const isNoteworthy = expires !== undefined && Math.abs(expires - this.#expires) >= NOTEWORTHY
    if (isNoteworthy) this.#keep({ ...session, expires })
  }

  #keep(session: UploadSession): void {
    this.#expires = session.expires
    this.#order.progress.setSession(session)
  }
}

import type { WorldClock } from '../clock.js'
import type { Signing } from '../entra/signing.js'
import type { Spool } from '../world/spool.js'
import { encodeName } from '../world/site.js'
import { type UploadPlan, UploadSession } from './upload-session.js'

const DAY_SECONDS = 24 * 3600

/** What an upload URL allows: one session, for a day at most. */
export interface UploadAuth {
  readonly session: string
  readonly drive: string
  /** The file that is replaced, or the folder that a file is added to. */
  readonly item: string
  /** Seconds since the epoch. */
  readonly exp: number
}

/** The sessions that have neither ended nor expired. */
export class UploadSessions {
  readonly #spool: Spool
  readonly #signing: Signing
  readonly #clock: WorldClock
  readonly #sessions = new Map<string, UploadSession>()

  constructor(spool: Spool, signing: Signing, clock: WorldClock) {
    this.#spool = spool
    this.#signing = signing
    this.#clock = clock
  }

  list(): UploadSession[] {
    const now = this.#clock.now()
    for (const session of this.#sessions.values()) if (session.expires <= now) void this.end(session)
    return [...this.#sessions.values()]
  }

  /** A session for this name. Two at once would write the same hidden file in SharePoint. */
  ofName(drive: string, parent: string, name: string): UploadSession | undefined {
    return this.list().find(
      ({ plan }) =>
        plan.at.drive.id === drive &&
        plan.parent === parent &&
        plan.name.toLowerCase() === name.toLowerCase(),
    )
  }

  begin(plan: UploadPlan): UploadSession {
    const session = new UploadSession(this.#spool, plan, 0)
    this.prolong(session)
    this.#sessions.set(session.guid, session)
    return session
  }

  /** Each sign of life moves the end. */
  prolong(session: UploadSession): void {
    session.expires = this.#clock.now() + session.plan.at.drive.rules.uploadSessionSeconds * 1000
  }

  urlOf({ guid, plan }: UploadSession): string {
    const { site, drive } = plan.at
    const auth: UploadAuth = {
      session: guid,
      drive: drive.id,
      item: plan.where.path === undefined ? (plan.where.id ?? plan.parent) : plan.parent,
      exp: Math.floor(this.#clock.now() / 1000) + DAY_SECONDS,
    }
    const flag = (value: boolean) => (value ? 'True' : 'False')
    return (
      `${site.webUrl}/_api/v2.0/drives/${drive.id}/items/${plan.parent}/uploadSession` +
      `?guid='${guid}'&path='${encodeName(plan.name).replaceAll("'", '%27%27')}'` +
      `&overwrite=${flag(plan.behavior === 'replace')}&rename=${flag(plan.behavior === 'rename')}` +
      `&dc=${plan.deferCommit ? 1 : 0}&tempauth=${this.#signing.seal(auth)}`
    )
  }

  /** `undefined`: not ours, or too old. */
  auth(tempauth: string): UploadAuth | undefined {
    const auth = this.#signing.unseal(tempauth) as Partial<UploadAuth> | undefined
    if (auth?.session === undefined || auth.exp === undefined) return undefined
    return auth.exp * 1000 > this.#clock.now() ? (auth as UploadAuth) : undefined
  }

  find(guid: string): UploadSession | undefined {
    return this.list().find(session => session.guid === guid)
  }

  async end(session: UploadSession): Promise<void> {
    this.#sessions.delete(session.guid)
    await session.discard()
  }

  async close(): Promise<void> {
    await Promise.all([...this.#sessions.values()].map(session => this.end(session)))
  }
}

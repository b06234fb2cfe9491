import { jsonObjectOf } from '../http/json.js'
import type { DriveItem } from '../model/drive-item.js'
import { isFault } from '../model/fault.js'
import type { Milliseconds, TenantId } from '../model/ids.js'
import type { UploadSession, UploadTarget } from '../model/remote.js'
import type { Arrived } from './arrived.js'
import { checkedUrl } from './download-urls.js'
import type { GatheredWrites } from './gathered-writes.js'
import type { WriteRequest } from './graph-client.js'
import { WRITE_RETRY, type WriteTiming } from './lost-answers.js'
import { Patience } from './patience.js'
import { expiryOf } from './upload-url.js'

// Where an answer does not say: as long as SharePoint's.
const USUAL_LIFETIME: Milliseconds = 15 * 60_000

export interface OpenSessionDeps extends WriteTiming {
  /** Of small files there are many, and each needs a session. */
  readonly sessions: Pick<GatheredWrites, 'write'>
}

export interface SessionOrder {
  readonly tenant: TenantId
  readonly target: UploadTarget
  /** `createUploadSession` of the target. */
  readonly creation: WriteRequest
  readonly arrived: Arrived
}

/** The service holds the name for an earlier session, whose address is lost. */
export class NameHeld extends Error {
  override readonly name = 'NameHeld'
}

/**
 * A new session for a target, also where nobody wants it any more by the time that the service has answered; or the file, where
 * it turns out to be there already.
 *
 * @throws {NameHeld}
 * @throws {Fault} as `RemoteWriter.upload`
 */
export async function openSession(
  { sessions, clock, random, retry = WRITE_RETRY }: OpenSessionDeps,
  { tenant, target, creation, arrived }: SessionOrder,
  signal: AbortSignal,
): Promise<{ readonly session: UploadSession } | { readonly there: DriveItem }> {
  const patience = new Patience(retry, { clock, random })
  for (;;) {
    try {
      const answer = jsonObjectOf(await sessions.write(tenant, creation, signal), 'The service')
      const expires = expiryOf(answer) ?? clock.now() + USUAL_LIFETIME
      return { session: { url: checkedUrl(answer['uploadUrl']), expires } }
    } catch (failure) {
      signal.throwIfAborted()
      if (isFault(failure, 'stale-content', 'name-taken')) {
        const there = await arrived.inPlace()
        if (there !== undefined && (await arrived.has(there))) return { there }
        // A new version does not mind the file that it is of.
        const isTaken = target.kind === 'new' && there !== undefined
        throw failure.code === 'name-taken' && !isTaken ? new NameHeld() : failure
      }
      // An answer that was lost leaves a session that nobody can end: the next attempt meets it.
      await patience.afterFailure(failure, false, signal)
    }
  }
}

import { timestamp } from '../clock.js'
import { refuse } from '../graph/graph-error.js'
import { itemJson } from '../graph/item-json.js'
import { commitFile, requireQuota } from '../graph/writes/commit-file.js'
import { checkConditions } from '../graph/writes/conditions.js'
import { findTarget } from '../graph/writes/target.js'
import { nameTaken } from '../graph/writes/names.js'
import { type Answer, empty, json } from '../http/answer.js'
import { type Exchange, header } from '../http/exchange.js'
import { notEmulated, type Route } from '../http/route.js'
import type { Promotions } from '../world/promotions.js'
import type { World } from '../world/world.js'
import type { PlacedItem } from '../graph/access.js'
import { fragmentOf } from './content-range.js'
import type { DownloadUrls } from './download-urls.js'
import type { UploadSession } from './upload-session.js'
import type { UploadSessions } from './upload-sessions.js'

export interface UploadDeps {
  readonly world: World
  readonly sessions: UploadSessions
  readonly promotions: Promotions
  readonly downloadUrls: DownloadUrls
}

const CONFLICT =
  'Another file exists with the same name as the uploaded session. You can redirect the upload session to use a ' +
  'new filename by calling PUT with the new metadata and @microsoft.graph.sourceUrl attribute.'

/** Where an `uploadUrl` leads: takes fragments, tells what it has, puts the whole where it belongs. */
export class UploadEndpoint {
  readonly #deps: UploadDeps

  constructor(deps: UploadDeps) {
    this.#deps = deps
  }

  serves({ path }: Exchange): boolean {
    return path.endsWith('/uploadSession') && path.includes('/_api/v2.0/')
  }

  route(exchange: Exchange): Route {
    const { sessions } = this.#deps
    const auth = sessions.auth(exchange.query.get('tempauth') ?? '')
    const route = (name: string, run: (session: UploadSession) => Promise<Answer> | Answer): Route => ({
      name,
      ...(auth && { drive: auth.drive, item: auth.item }),
      run: () => run(this.#session(exchange)),
    })
    switch (exchange.method) {
      case 'PUT':
        return route('upload-fragment', session => this.#receive(exchange, session))
      case 'GET':
        return route('upload-status', session => json(200, progress(session)))
      case 'POST':
        return route('upload-commit', session => this.#commitAsked(session))
      case 'DELETE':
        return route('upload-cancel', async session => {
          await sessions.end(session)
          return empty(204)
        })
      default:
        return notEmulated(`${exchange.method} of an upload session`)
    }
  }

  #session(exchange: Exchange): UploadSession {
    const auth = this.#deps.sessions.auth(exchange.query.get('tempauth') ?? '')
    if (!auth) throw notAuthenticated()
    const session = this.#deps.sessions.find(auth.session)
    if (!session || exchange.query.get('guid') !== `'${session.guid}'`) throw sessionGone()
    // "If you include the Authorization header when issuing the PUT call, it may result in an HTTP 401."
    const { rules } = session.plan.at.drive
    if (rules.refuseAuthorizedFragments && header(exchange, 'authorization') !== undefined) {
      throw notAuthenticated()
    }
    return session
  }

  async #receive(exchange: Exchange, session: UploadSession): Promise<Answer> {
    const { sessions } = this.#deps
    const { start, total } = fragmentOf(exchange)
    await session.interrupt()
    if (session.total !== undefined && session.total !== total) {
      throw refuse(400, 'invalidRequest', 'A byte range declares a different file size than the ones before.')
    }
    if (start < session.received) {
      throw refuse(416, 'invalidRange', 'The uploaded fragment has already been received.', {
        inner: 'fragmentOverlap',
      })
    }
    if (start > session.received) {
      throw refuse(416, 'invalidRange', 'The uploaded fragment is out of order.', {
        inner: 'fragmentOutOfOrder',
      })
    }
    requireRoom(session, total)
    sessions.prolong(session)
    await session.append(exchange.receive)
    if (sessions.find(session.guid) !== session) throw sessionGone()
    session.total = total
    sessions.prolong(session)
    return session.isWhole && !session.plan.deferCommit ? this.#commit(session) : json(202, progress(session))
  }

  /** Deferred, or again after a refusal. */
  #commitAsked(session: UploadSession): Answer {
    if (!session.isWhole) {
      throw refuse(400, 'invalidRequest', 'The upload session is not complete.', {
        inner: 'uploadSessionIncomplete',
      })
    }
    return this.#commit(session)
  }

  /** The session outlives a refusal: whoever removes its cause can commit again. */
  #commit(session: UploadSession): Answer {
    const { world, promotions, sessions } = this.#deps
    const { at, where, behavior, conditions, times, author } = session.plan
    const target = findTarget(at, where)
    const item = target.kind === 'there' ? target.placed.item : undefined
    checkConditions(conditions, item)
    if (item && behavior === 'fail') throw nameTaken(CONFLICT)
    const { placed, created } = commitFile(
      { promotions, now: world.clock.now() },
      { target, content: session.content(), behavior, times, author },
    )
    session.release()
    void sessions.end(session)
    return json(created ? 201 : 200, this.#itemJson(placed))
  }

  /** SharePoint's own API names the download URL so. */
  #itemJson(placed: PlacedItem) {
    const { site, drive, item } = placed
    const { downloadUrls, world } = this.#deps
    return {
      '@odata.context': `${site.webUrl}/_api/v2.0/$metadata#drives('${drive.id}')/items/$entity`,
      '@content.downloadUrl': downloadUrls.make(site, drive, item, world.clock.now()),
      ...itemJson(placed),
    }
  }
}

/** The first fragment says how much is to come; nobody sends the rest of what will not fit. */
function requireRoom({ plan }: UploadSession, total: number): void {
  const target = findTarget(plan.at, plan.where)
  const replaced = target.kind === 'there' && plan.behavior === 'replace' ? target.placed.item.size : 0
  requireQuota(plan.at.drive, total - replaced)
}

function progress(session: UploadSession) {
  return {
    expirationDateTime: timestamp(session.expires),
    nextExpectedRanges: session.isWhole ? [] : [`${session.received}-`],
  }
}

function notAuthenticated() {
  return refuse(401, 'unauthenticated', 'The caller is not authenticated.')
}

function sessionGone() {
  return refuse(404, 'itemNotFound', 'The upload session was not found', { inner: 'uploadSessionNotFound' })
}

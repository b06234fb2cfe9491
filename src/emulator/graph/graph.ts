import { randomUUID } from 'node:crypto'
import type { Caller, Tokens } from '../entra/tokens.js'
import { GRAPH_RESOURCE } from '../entra/tokens.js'
import { type Answer, json, Refusal, withHeaders } from '../http/answer.js'
import { type Exchange, header } from '../http/exchange.js'
import { notEmulated, type Route } from '../http/route.js'
import type { DownloadUrls } from '../sharepoint/download-urls.js'
import type { Notifications } from '../sharepoint/notifications.js'
import type { ThumbnailUrls } from '../sharepoint/thumbnail-urls.js'
import type { UploadSessions } from '../sharepoint/upload-sessions.js'
import type { Promotions } from '../world/promotions.js'
import type { Spool } from '../world/spool.js'
import type { World } from '../world/world.js'
import { Access } from './access.js'
import { parseSegments } from './address.js'
import { runBatch } from './batch.js'
import type { Budgets } from './budgets.js'
import { Delta } from './delta.js'
import { claimsChallenge, unauthorized } from './graph-error.js'
import { Items } from './items.js'
import { odataOptions } from './odata.js'
import { Resources } from './resources.js'
import { Shares } from './shares.js'
import { Thumbnails } from './thumbnails.js'
import { Versions } from './versions.js'
import { Writes } from './writes/writes.js'

export interface GraphDeps {
  readonly world: World
  readonly tokens: Tokens
  readonly downloadUrls: DownloadUrls
  readonly thumbnailUrls: ThumbnailUrls
  readonly notifications: Notifications
  readonly spool: Spool
  readonly sessions: UploadSessions
  readonly promotions: Promotions
  readonly budgets: Budgets
  /** Puts counters and fault rules around a part of a batch. */
  readonly around: (exchange: Exchange, route: Route) => Promise<Answer>
}

/** Roots that the same API is served below: rclone's `tenant_url` uses `/v2.0` and `/_api/v2.0`. */
const VERSIONS = ['/v1.0', '/beta', '/v2.0', '/_api/v2.0']

/** `graph.microsoft.com`, for what browsing, reading and writing need. */
export class Graph {
  readonly #deps: GraphDeps
  readonly #resources: Resources

  constructor(deps: GraphDeps) {
    this.#deps = deps
    const access = new Access(deps.world)
    const { world, downloadUrls, thumbnailUrls } = deps
    const thumbnails = new Thumbnails({ world, access, thumbnailUrls })
    const items = new Items({ world, access, downloadUrls, thumbnails })
    const { spool, sessions, promotions } = deps
    this.#resources = new Resources({
      world,
      access,
      items,
      delta: new Delta(access),
      shares: new Shares(world, access),
      thumbnails,
      notifications: deps.notifications,
      versions: new Versions({ world, access, downloadUrls }),
      writes: new Writes({ world, access, items, spool, sessions, promotions }),
    })
  }

  serves(exchange: Exchange): boolean {
    return VERSIONS.some(version => exchange.path.startsWith(version + '/'))
  }

  route(exchange: Exchange): Route {
    const version = VERSIONS.find(each => exchange.path.startsWith(each + '/'))
    if (version === undefined) {
      return notEmulated(`${exchange.method} https://${exchange.host}${exchange.path}`)
    }
    const path = exchange.path.slice(version.length)
    if (path === '/$batch' && exchange.method === 'POST') {
      return {
        name: 'batch',
        run: () => this.#finish(exchange, () => runBatch(exchange, version, part => this.#part(part))),
      }
    }
    const match = this.#resources.match(exchange.method, parseSegments(path), exchange.query)
    if (!match) return notEmulated(`${exchange.method} ${path}`)
    return {
      name: match.name,
      ...(match.drive !== undefined && { drive: match.drive }),
      ...(match.item !== undefined && { item: match.item }),
      run: () =>
        this.#finish(exchange, async () => {
          const caller = await this.#authenticate(exchange)
          const { query } = exchange
          const told = this.#deps.budgets.spend(caller.tenant.id, match.name, query.has('token'))
          const answer = await match.run({
            caller,
            exchange,
            options: odataOptions(query),
            beta: version === '/beta',
          })
          return withHeaders(answer, told)
        }),
    }
  }

  #part(exchange: Exchange): Promise<Answer> {
    return this.#deps.around(exchange, this.route(exchange))
  }

  async #authenticate(exchange: Exchange): Promise<Caller> {
    const caller = await this.#deps.tokens.caller(header(exchange, 'authorization'))
    switch (caller) {
      case 'missing':
        throw unauthorized('Access token is empty.')
      case 'invalid':
        throw unauthorized('IDX14100: JWT is not well formed.')
      case 'expired':
        throw unauthorized('Lifetime validation failed, the token is expired.')
      case 'revoked':
        throw unauthorized('The user account does not exist or has been removed from this tenant.')
      default:
        break
    }
    const ofHost = `https://${exchange.host}`
    if (caller.audience !== GRAPH_RESOURCE && caller.audience !== ofHost) {
      throw unauthorized('Access token validation failure. Invalid audience.')
    }
    const { tenant, principal, authenticated } = caller
    const challenged = tenant.challenges.get(principal.user.upn)
    if (challenged !== undefined && authenticated < challenged) throw claimsChallenge(challenged)
    return caller
  }

  /** Every answer carries request ids, an error in its body too. */
  async #finish(exchange: Exchange, run: () => Promise<Answer>): Promise<Answer> {
    let answer: Answer
    try {
      answer = await run()
    } catch (failure) {
      if (!(failure instanceof Refusal)) throw failure
      answer = failure.answer
    }
    return withRequestIds(answer, exchange, this.#deps.world.clock.now())
  }
}

/** @param now of the world, in milliseconds */
export function withRequestIds(answer: Answer, exchange: Exchange, now: number): Answer {
  const requestId = randomUUID()
  const clientRequestId = header(exchange, 'client-request-id') ?? requestId
  const headers = {
    'request-id': requestId,
    'client-request-id': clientRequestId,
    'x-ms-ags-diagnostic':
      '{"ServerInfo":{"DataCenter":"Emulator","Slice":"E","Ring":"1","ScaleUnit":"001","RoleInstance":"EM1"}}',
    'Cache-Control': 'no-store, no-cache',
  }
  return withHeaders(completeError(answer, { requestId, clientRequestId, now }), headers)
}

function completeError(
  answer: Answer,
  ids: { requestId: string; clientRequestId: string; now: number },
): Answer {
  if (answer.status < 400 || answer.body.kind !== 'text') return answer
  let envelope: { error?: { innerError?: object } }
  try {
    envelope = JSON.parse(answer.body.text) as typeof envelope
  } catch {
    return answer
  }
  if (typeof envelope.error !== 'object') return answer
  const innerError = {
    ...envelope.error.innerError,
    date: new Date(ids.now).toISOString().slice(0, 19),
    'request-id': ids.requestId,
    'client-request-id': ids.clientRequestId,
  }
  return json(answer.status, { error: { ...envelope.error, innerError } }, answer.headers)
}

import type { Clock } from '../concurrency/clock.js'
import type { Priority } from '../concurrency/limiter.js'
import { jsonObjectOf, notAnAnswer, type JsonObject } from '../http/json.js'
import type { HttpRequest, HttpResponse, HttpSender, PieceBody } from '../http/message.js'
import type { Cloud } from '../model/cloud.js'
import { Fault, isFault, type FaultCode } from '../model/fault.js'
import type { DriveId, TenantId } from '../model/ids.js'
import type { OrganizationNames } from '../model/organization-names.js'
import { LIBRARY_SCOPES } from '../model/scopes.js'
import { batchOf, partsOf, type BatchPart } from './batch.js'
import { claimsChallengeOf } from './claims-challenge.js'
import { graphFault, type Refused } from './graph-fault.js'
import { driveIn, redirectOf } from './redirect.js'
import { DEFAULT_RETRY, withRetry, type RetryPolicy } from './retry.js'
import type { Throttle } from './throttle.js'

/** What Graph needs of the sign-in. Implemented by `auth/token-source.ts`. */
export interface AccessTokens {
  /**
   * @param options.refused a token that the service did not take: never return it again
   * @param options.claims what the service wants proven, as JSON text
   * @throws {Fault} `not-signed-in`, `sign-in-required`, `not-a-guest`, `consent-required`, … and the network's
   */
  tokenFor(
    tenant: TenantId,
    scopes: readonly string[],
    signal: AbortSignal,
    options?: { readonly refused?: string; readonly claims?: string },
  ): Promise<string>
  /** How often somebody has signed in at this very tenant. */
  signInsAt(tenant: TenantId): number
}

/** For guests whom SharePoint does not know, or has forgotten. Implemented by `libraries/revival.ts`. */
export interface Revival {
  /** @returns whether it is worth asking again */
  revive(tenant: TenantId, signal: AbortSignal): Promise<boolean>
}

export interface GraphClientDeps {
  readonly cloud: Pick<Cloud, 'graphHost'>
  readonly http: HttpSender
  readonly tokens: AccessTokens
  readonly throttle: Throttle
  readonly clock: Clock
  /** In [0, 1), for the jitter of retries. */
  readonly random: () => number
  readonly organizations: OrganizationNames
  readonly revival?: Revival
  readonly retry?: RetryPolicy
  /** Somebody was refused in a way in which what is not shared any more is refused. `drive`: of the address, where it has one. */
  readonly onRefused?: (tenant: TenantId, drive: DriveId | undefined) => void
  /** The service has said that a drive is found under another id from now on. */
  readonly onMoved?: (tenant: TenantId, from: DriveId, to: DriveId) => void
}

const MAY_MEAN_REMOVED: readonly FaultCode[] = [
  'access-denied',
  'item-not-found',
  'not-a-guest',
  'invitation-pending',
  // A deleted library answers with a plain 400, among others.
  'protocol-error',
]
const MOST_REDIRECTS = 3

export interface GetOptions {
  /** JSON; makes a POST of it. Must be one that may be sent twice. */
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Default: `foreground`. */
  readonly priority?: Priority
  /** `beta` may change or end any day: only for what we can do without. Of paths; a link says which it is of. */
  readonly version?: 'v1.0' | 'beta'
  /** Throws where an answer is not one to this question. What it throws decides whether it is asked again. */
  readonly check?: (answer: JsonObject) => void
}

export interface WriteRequest {
  readonly method: 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** A path below `/v1.0`. */
  readonly path: string
  /** JSON as a text; a file's content. */
  readonly body?: string | PieceBody
  readonly headers?: Readonly<Record<string, string>>
  /** Once it has been sent its answer is waited for, whoever has given up: until then the signal counts, and the network's deadlines always. */
  readonly heardOut?: boolean
}

interface Sent extends Omit<WriteRequest, 'method' | 'path'> {
  readonly method: HttpRequest['method']
  /** Whether it changes anything. */
  readonly changing: boolean
}

/** Microsoft Graph, v1.0 unless said otherwise: base address, token, throttling, retries, and refusals as Faults. */
export class GraphClient {
  readonly #deps: GraphClientDeps
  readonly #retry: RetryPolicy
  /** Tenants whose service wants a sign-in, and how many there had been when it said so first. */
  readonly #askedToSignIn = new Map<TenantId, number>()

  constructor(deps: GraphClientDeps) {
    this.#deps = deps
    this.#retry = deps.retry ?? DEFAULT_RETRY
  }

  /**
   * @param address a path below the version, or a link that an answer had, which must stay on Graph's v1.0
   * @throws {Fault} by {@link graphFault}; `throttled` and `server-error` after retries, the latter also for pages and
   *   redirects in place of an answer
   */
  async get(
    tenant: TenantId,
    address: string,
    signal: AbortSignal,
    options: GetOptions = {},
  ): Promise<JsonObject> {
    const { graphHost } = this.#deps.cloud
    return await this.#ask(tenant, address, signal, options, response => {
      if (response.status !== 200) throw notAnAnswer(response, graphHost)
      const answer = jsonObjectOf(response, graphHost)
      options.check?.(answer)
      return answer
    })
  }

  /** As {@link get}, for answers that are not JSON, such as the redirect of `/content`: those that lead away from Graph are not followed. */
  async request(
    tenant: TenantId,
    address: string,
    signal: AbortSignal,
    options: GetOptions = {},
  ): Promise<HttpResponse> {
    return await this.#ask(tenant, address, signal, options, response => response)
  }

  /** @param read what is made of an answer; where it throws, the request has failed as if there were no answer */
  async #ask<Value>(
    tenant: TenantId,
    address: string,
    signal: AbortSignal,
    { headers = {}, body, priority = 'foreground', version = 'v1.0' }: GetOptions,
    read: (response: HttpResponse) => Value,
  ): Promise<Value> {
    const url = this.#urlOf(address, version)
    const { clock, random } = this.#deps
    const method = body === undefined ? 'GET' : 'POST'
    const sent: Sent = { method, headers, changing: false, ...(body === undefined ? {} : { body }) }
    return await withRetry({ policy: this.#retry, clock, random }, signal, async () =>
      read(await this.#inTurn(tenant, url, sent, priority, signal)),
    )
  }

  /**
   * Sends what changes something, in the background of everything that is read. It is sent again only where the service
   * has refused it unheard (401, a guest who was forgotten): after any other failure the caller finds out whether it
   * was done, see `untilKnown`.
   *
   * @returns an answer with a status of success, whatever its body
   * @throws {Fault} by {@link graphFault}; `server-error` for a redirect that leads away from Graph, or asks for another method
   */
  async write(tenant: TenantId, { path, ...sent }: WriteRequest, signal: AbortSignal): Promise<HttpResponse> {
    const change = { ...sent, changing: true }
    return this.#succeeded(await this.#inTurn(tenant, this.#urlOf(path), change, 'background', signal))
  }

  #succeeded(response: HttpResponse): HttpResponse {
    if (response.status < 300) return response
    throw notAnAnswer(response, this.#deps.cloud.graphHost)
  }

  /**
   * {@link write} of several, in one request where there are.
   *
   * @param requests at most {@link LARGEST_BATCH}, without bodies or with JSON
   * @returns for each what {@link write} would return or throw
   * @throws {Fault} as {@link write}, of all of them
   */
  async writeAll(
    tenant: TenantId,
    requests: readonly WriteRequest[],
    signal: AbortSignal,
  ): Promise<(HttpResponse | Fault)[]> {
    const [only] = requests
    if (only !== undefined && requests.length === 1) return [await this.write(tenant, only, signal)]
    const body = batchOf(requests.map(partOf))
    const heardOut = requests.some(request => request.heardOut === true)
    const answer = await this.write(tenant, { method: 'POST', path: '/$batch', body, heardOut }, signal)
    const parts = partsOf(jsonObjectOf(answer, this.#deps.cloud.graphHost), requests.length)
    return await Promise.all(
      requests.map(async (request, i) => await this.#partAnswer(tenant, request, parts[i], signal)),
    )
  }

  async #partAnswer(
    tenant: TenantId,
    request: WriteRequest,
    part: HttpResponse | undefined,
    signal: AbortSignal,
  ): Promise<HttpResponse | Fault> {
    try {
      // A guest who was forgotten, or has to prove something, a drive that has moved: who asks alone finds out.
      const isForOne = part === undefined || (part.status >= 300 && part.status < 400)
      if (isForOne || part.status === 401 || part.status === 403) {
        return await this.write(tenant, request, signal)
      }
      this.#refuse(tenant, part, { organization: this.#deps.organizations.nameOf(tenant), changing: true })
      return this.#succeeded(part)
    } catch (failure) {
      if (failure instanceof Fault) return failure
      throw failure
    }
  }

  #inTurn(
    tenant: TenantId,
    url: string,
    sent: Sent,
    priority: Priority,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    return this.#deps.throttle.run(tenant, priority, this.#retry.deadline, signal, async () => {
      try {
        return await this.#once(tenant, url, sent, signal)
      } catch (failure) {
        if (isFault(failure, ...MAY_MEAN_REMOVED)) this.#deps.onRefused?.(tenant, driveIn(url))
        throw failure
      }
    })
  }

  /** A part of a batch was answered so. */
  noteRefused(tenant: TenantId, path: string): void {
    this.#deps.onRefused?.(tenant, driveIn(this.#urlOf(path)))
  }

  async #once(tenant: TenantId, url: string, sent: Sent, signal: AbortSignal): Promise<HttpResponse> {
    const { tokens, throttle, organizations } = this.#deps
    const token = await tokens.tokenFor(tenant, LIBRARY_SCOPES, signal)
    let response = await this.#send(tenant, url, sent, token, signal)
    if (response.status === 401) {
      const claims = claimsChallengeOf(response.headers['www-authenticate'])
      const another = await tokens.tokenFor(tenant, LIBRARY_SCOPES, signal, {
        refused: token,
        ...(claims === undefined ? {} : { claims }),
      })
      response = await this.#send(tenant, url, sent, another, signal)
    }
    const who = { tenant, organization: organizations.nameOf(tenant), changing: sent.changing }
    if (await this.#wasForgotten(response, who, signal)) {
      const fresh = await tokens.tokenFor(tenant, LIBRARY_SCOPES, signal)
      response = await this.#send(tenant, url, sent, fresh, signal)
    }
    throttle.heed(tenant, response.headers)
    this.#refuse(tenant, response, who)
    return response
  }

  /** @throws {Fault} where the service has refused */
  #refuse(tenant: TenantId, response: HttpResponse, who: Omit<Refused, 'tenant'>): void {
    if (response.status < 400) {
      this.#askedToSignIn.delete(tenant)
      return
    }
    const fault = this.#unlessInVain(tenant, graphFault(response, { tenant, ...who }))
    if (isFault(fault, 'throttled') && fault.retryAfterSeconds !== undefined) {
      this.#deps.throttle.pause(tenant, fault.retryAfterSeconds)
    }
    throw fault
  }

  /** Whoever was asked to sign in, has done so, and is refused all the same, does not need to sign in. */
  #unlessInVain(tenant: TenantId, fault: Fault): Fault {
    if (!isFault(fault, 'sign-in-required')) return fault
    const signIns = this.#deps.tokens.signInsAt(tenant)
    const before = this.#askedToSignIn.get(tenant) ?? signIns
    this.#askedToSignIn.set(tenant, before)
    if (signIns === before) return fault
    const organization = this.#deps.organizations.nameOf(tenant)
    return new Fault('access-denied', `${organization} does not let you in, also after you have signed in`, {
      cause: fault,
      nextStep: 'Ask the person who shared it with you to check your access.',
    })
  }

  async #wasForgotten(response: HttpResponse, who: Refused, signal: AbortSignal): Promise<boolean> {
    if (response.status !== 401 && response.status !== 403) return false
    if (!isFault(graphFault(response, who), 'access-denied')) return false
    return (await this.#deps.revival?.revive(who.tenant, signal)) ?? false
  }

  /** What Graph answers, behind redirects that stay with it. */
  async #send(
    tenant: TenantId,
    url: string,
    sent: Sent,
    token: string,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    let at = url
    let response = await this.#exchange(at, sent, token, signal)
    for (let hop = 0; hop < MOST_REDIRECTS; hop++) {
      const redirect = redirectOf(response, at, sent.method)
      if (redirect === undefined) return response
      response = await this.#exchange(redirect.url, sent, token, signal)
      const [from, to] = [driveIn(at), driveIn(redirect.url)]
      const isMoved = redirect.isPermanent && from !== undefined && to !== undefined && from !== to
      // Not before it has answered there.
      if (isMoved && response.status < 300) this.#deps.onMoved?.(tenant, from, to)
      at = redirect.url
    }
    return response
  }

  #exchange(
    url: string,
    { method, headers, body, heardOut = false }: Sent,
    token: string,
    wanted: AbortSignal,
  ): Promise<HttpResponse> {
    wanted.throwIfAborted()
    const signal = heardOut ? new AbortController().signal : wanted
    const authorized = { accept: 'application/json', ...headers, authorization: `Bearer ${token}` }
    if (body === undefined) return this.#deps.http.send({ method, url, headers: authorized }, signal)
    const type = typeof body === 'string' ? 'application/json' : 'application/octet-stream'
    return this.#deps.http.send(
      { method, url, headers: { ...authorized, 'content-type': type }, body },
      signal,
    )
  }

  /** A link from an answer gets our token: it must not lead anywhere else. */
  #urlOf(address: string, version: 'v1.0' | 'beta' = 'v1.0'): string {
    const { graphHost } = this.#deps.cloud
    if (address.startsWith('/')) return `https://${graphHost}/${version}${address}`
    const url = URL.canParse(address) ? new URL(address) : undefined
    if (
      url?.protocol === 'https:' &&
      url.host === graphHost &&
      url.pathname.startsWith('/v1.0/') &&
      !url.username
    ) {
      return address
    }
    throw new Fault('protocol-error', `${graphHost} sent a link that leads elsewhere`)
  }
}

function partOf({ method, path, headers, body }: WriteRequest): BatchPart {
  if (body === undefined) return { method, url: path, ...(headers && { headers }) }
  if (typeof body !== 'string') throw new Error('only JSON goes into a batch')
  const json = JSON.parse(body) as unknown
  return { method, url: path, headers: { ...headers, 'content-type': 'application/json' }, body: json }
}

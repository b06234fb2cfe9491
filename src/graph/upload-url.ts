import { jsonObjectOf, notAnAnswer, type JsonObject } from '../http/json.js'
import type { HttpRequest, HttpResponse, HttpSender, PieceBody } from '../http/message.js'
import type { ByteRange } from '../model/byte-ranges.js'
import { Fault } from '../model/fault.js'
import type { Bytes, Milliseconds, TenantId } from '../model/ids.js'
import type { OrganizationNames } from '../model/organization-names.js'
import { graphFault } from './graph-fault.js'
import type { Throttle } from './throttle.js'

/** How far an upload session is. */
export type SessionState =
  | Wanting
  /** It has every byte, and has not put them in place. */
  | { readonly kind: 'whole' }
  /** The file as the service describes it. */
  | { readonly kind: 'done'; readonly item: JsonObject }
  /** It is not there any more, perhaps because it has done its work. */
  | { readonly kind: 'over' }

export interface Wanting {
  readonly kind: 'wants'
  /** The first byte that it has not got; `undefined`: it did not say. */
  readonly next: Bytes | undefined
  readonly expires: Milliseconds | undefined
}

export interface UploadUrlDeps {
  readonly http: HttpSender
  readonly throttle: Throttle
  readonly organizations: OrganizationNames
}

// As `tempauth` ends after a day: another session gets another.
const OVER = new Set([401, 404, 410])

/** What is said at an upload URL: one request each, never with our token, nothing repeated, nothing followed. */
export class UploadUrl {
  readonly #deps: UploadUrlDeps
  readonly #tenant: TenantId
  readonly #url: string

  constructor(deps: UploadUrlDeps, tenant: TenantId, url: string) {
    this.#deps = deps
    this.#tenant = tenant
    this.#url = url
  }

  /** @throws {Fault} what the service refuses for good, or for now; as all of them */
  async status(signal: AbortSignal): Promise<SessionState> {
    return await this.#ask({ method: 'GET' }, signal)
  }

  async fragment(
    { start, end }: ByteRange,
    total: Bytes,
    body: PieceBody,
    signal: AbortSignal,
  ): Promise<SessionState> {
    const headers = { 'content-range': `bytes ${start}-${end - 1}/${total}` }
    return await this.#ask({ method: 'PUT', headers, body }, signal)
  }

  /** Puts in place what has arrived, after a refusal. */
  async commit(signal: AbortSignal): Promise<SessionState> {
    return await this.#ask({ method: 'POST', headers: { 'content-length': '0' } }, signal)
  }

  async cancel(signal: AbortSignal): Promise<void> {
    await this.#ask({ method: 'DELETE' }, signal)
  }

  async #ask(request: Omit<HttpRequest, 'url'>, signal: AbortSignal): Promise<SessionState> {
    const { http, throttle, organizations } = this.#deps
    const response = await http.send({ ...request, url: this.#url }, signal)
    const { status } = response
    if (OVER.has(status) || status === 204) return { kind: 'over' }
    // It did not want this fragment now: whoever sent it asks what it wants.
    if (status === 416) throw new Fault('server-error', 'The service has lost count of an upload')
    if (status >= 300 && status < 400) throw notAnAnswer(response, new URL(this.#url).host)
    if (status >= 400) {
      const organization = organizations.nameOf(this.#tenant)
      const fault = graphFault(response, { tenant: this.#tenant, organization, changing: true })
      if (fault.retryAfterSeconds !== undefined) throttle.pause(this.#tenant, fault.retryAfterSeconds)
      throw fault
    }
    try {
      return stateOf(response, new URL(this.#url).host)
    } catch (cause) {
      // As good as lost.
      throw new Fault('server-error', 'The service said nothing understandable about an upload', { cause })
    }
  }
}

/** An item has an id, a session has not. */
function stateOf(response: HttpResponse, host: string): SessionState {
  const answer = jsonObjectOf(response, host)
  if (typeof answer['id'] === 'string') return { kind: 'done', item: answer }
  const expires = expiryOf(answer)
  const ranges = answer['nextExpectedRanges']
  if (!Array.isArray(ranges)) return { kind: 'wants', next: undefined, expires }
  if (ranges.length === 0) return { kind: 'whole' }
  return { kind: 'wants', next: Math.min(...ranges.slice(0, 1000).map(startOf)), expires }
}

export function expiryOf(answer: JsonObject): Milliseconds | undefined {
  const time = answer['expirationDateTime']
  const expires = typeof time === 'string' && time.length < 40 ? Date.parse(time) : Number.NaN
  return Number.isNaN(expires) ? undefined : expires
}

function startOf(range: unknown): Bytes {
  const start = typeof range === 'string' ? /^(\d{1,15})-\d*$/.exec(range)?.[1] : undefined
  if (start === undefined) throw new Fault('protocol-error', 'The service sent a range that is none')
  return Number(start)
}

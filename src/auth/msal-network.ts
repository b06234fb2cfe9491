import { isJsonObject, tryJsonObjectOf } from '../http/json.js'
import type { HttpRequest, HttpSender } from '../http/message.js'
import { Fault } from '../model/fault.js'
import { EntraRefusal, toClaims, toCodes, toWord } from './entra-refusal.js'

export interface MsalNetworkOptions {
  readonly headers?: Record<string, string>
  readonly body?: string
}

export interface MsalNetworkResponse<Body> {
  headers: Record<string, string>
  body: Body
  status: number
}

/**
 * MSAL's `INetworkModule` over our HTTP, for one operation.
 * Remembers how the last exchange went: MSAL reduces a failure to its text and an answer to its first code.
 */
export class MsalNetwork {
  readonly #http: HttpSender
  readonly #signal: AbortSignal
  #trouble: Error | undefined

  constructor(http: HttpSender, signal: AbortSignal) {
    this.#http = http
    this.#signal = signal
  }

  /** Why the last exchange failed, if it did: {@link EntraRefusal}, {@link Fault} or the signal's reason. */
  get trouble(): Error | undefined {
    return this.#trouble
  }

  async sendGetRequestAsync<Body>(
    url: string,
    options?: MsalNetworkOptions,
  ): Promise<MsalNetworkResponse<Body>> {
    return await this.#send<Body>({ method: 'GET', url, headers: options?.headers ?? {} })
  }

  async sendPostRequestAsync<Body>(
    url: string,
    options?: MsalNetworkOptions,
  ): Promise<MsalNetworkResponse<Body>> {
    return await this.#send<Body>({
      method: 'POST',
      url,
      headers: options?.headers ?? {},
      body: options?.body ?? '',
    })
  }

  async #send<Body>(request: HttpRequest): Promise<MsalNetworkResponse<Body>> {
    this.#trouble = undefined
    try {
      const response = await this.#http.send(request, this.#signal)
      const body = tryJsonObjectOf(response)
      if (body === undefined) {
        const host = new URL(request.url).host
        throw new Fault(
          'protocol-error',
          `${host} answered something else than JSON (status ${response.status})`,
        )
      }
      if (response.status >= 400)
        this.#trouble = refusalIn(response.status, body, response.headers['retry-after'])
      return { status: response.status, headers: plain(response.headers), body: body as Body }
    } catch (failure) {
      this.#trouble = failure instanceof Error ? failure : undefined
      throw failure
    }
  }
}

function refusalIn(status: number, body: unknown, retryAfter: string | undefined): EntraRefusal {
  const answer = isJsonObject(body) ? body : {}
  const seconds = Number(retryAfter)
  return new EntraRefusal({
    status,
    error: toWord(answer['error']) ?? 'unknown_error',
    suberror: toWord(answer['suberror']),
    codes: toCodes(answer['error_codes']),
    claims: toClaims(answer['claims']),
    retryAfterSeconds: seconds > 0 && seconds < 86_400 ? seconds : undefined,
  })
}

function plain(headers: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
}

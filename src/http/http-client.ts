import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import type { Dispatcher } from 'undici'
import type { Cloud } from '../model/cloud.js'
import { Fault } from '../model/fault.js'
import type { Bytes } from '../model/ids.js'
import type { ContentSink } from '../model/remote.js'
import { defaultTrustRoots, openConnections, readTrustRoots, usesProxy } from './connections.js'
import type { NativeTls } from './direct-connection.js'
import { DirectDownloads } from './direct-downloads.js'
import { UnknownLength } from './direct-exchange.js'
import { exchange } from './exchange.js'
import {
  DEFAULT_DEADLINES,
  type HttpDeadlines,
  type HttpDownloader,
  type HttpHead,
  type HttpRequest,
  type HttpResponse,
  type HttpSender,
  type OpenSink,
  type SendOptions,
} from './message.js'

export interface HttpClientOptions {
  readonly cloud: Pick<Cloud, 'connectTo' | 'caFile'>
  /** `NONISV|b2bmount|b2bmount/1.2.3`: SharePoint slows undecorated traffic down first. */
  readonly userAgent: string
  readonly deadlines?: Partial<HttpDeadlines>
  /** Where the proxy settings are read from. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** For large bodies, at half the processor time; without it they come as everything else. */
  readonly native?: NativeTls | undefined
}

// A page of 1,000 driveItems is about 1.5 MB; a server that sends more than this is not Graph.
const LARGEST_BODY: Bytes = 32 * 1024 * 1024
// Refusals are a few hundred bytes of JSON.
const LARGEST_REFUSAL: Bytes = 64 * 1024

const inflate = promisify(gunzip)

/**
 * Every request of the product, to whichever host, goes through here.
 * Never follows a redirect: where a token or a pre-authenticated URL may go is the caller's decision.
 */
export class HttpClient implements HttpSender, HttpDownloader {
  readonly #dispatcher: Dispatcher
  /** Where there is native TLS, and no proxy stands in between. */
  readonly #direct: DirectDownloads | undefined
  readonly #userAgent: string
  readonly #deadlines: HttpDeadlines

  constructor({ cloud, userAgent, deadlines, environment = {}, native }: HttpClientOptions) {
    this.#deadlines = { ...DEFAULT_DEADLINES, ...deadlines }
    this.#userAgent = userAgent
    const trustRoots = cloud.caFile === undefined ? undefined : readTrustRoots(cloud.caFile)
    const options = { connectTo: cloud.connectTo, environment, trustRoots }
    this.#dispatcher = openConnections({ ...options, connectTimeout: this.#deadlines.connect })
    if (native === undefined || usesProxy(options)) return
    this.#direct = new DirectDownloads({
      native,
      connectTo: cloud.connectTo,
      trustRoots: () => trustRoots?.toString() ?? defaultTrustRoots(environment),
      deadlines: this.#deadlines,
    })
  }

  /**
   * One request with a small answer.
   *
   * @param signal the promise rejects with its reason when it aborts
   * @throws {Fault} `offline`, `timed-out`, `certificate-untrusted`, `protocol-error` (not HTTP, or a body that is
   *   too large). Any status is an answer, not a failure.
   */
  async send(request: HttpRequest, signal: AbortSignal, options: SendOptions = {}): Promise<HttpResponse> {
    const body = new BoundedBody(options.largestBody ?? LARGEST_BODY, request.url)
    const accepting = { 'accept-encoding': 'gzip', ...request.headers }
    const head = await this.#exchange({ ...request, headers: accepting }, () => body.sink, signal)
    return { ...head, body: await body.plain(head) }
  }

  /**
   * One request whose answer may be of any length.
   *
   * @param openSink decides by the head of the answer where its body goes
   * @returns the head, and the body where `openSink` returned `undefined`
   * @throws {Fault} as {@link send}; a sink that throws ends the download and its failure is passed on.
   *   Chunks delivered before are good.
   */
  async download(request: HttpRequest, openSink: OpenSink, signal: AbortSignal): Promise<HttpResponse> {
    const refusal = new BoundedBody(LARGEST_REFUSAL, request.url)
    const sinkFor = (head: HttpHead) => openSink(head) ?? refusal.copyingSink
    const head = await this.#get(request, sinkFor, signal)
    return { ...head, body: await refusal.plain(head) }
  }

  /** Ends every exchange that is under way. */
  async close(): Promise<void> {
    this.#direct?.close()
    await this.#dispatcher.destroy()
  }

  async #get(
    request: HttpRequest,
    openSink: (head: HttpHead) => ContentSink,
    signal: AbortSignal,
  ): Promise<HttpHead> {
    if (this.#direct === undefined || request.method !== 'GET' || !request.url.startsWith('https:')) {
      return await this.#exchange(request, openSink, signal)
    }
    try {
      return await this.#direct.get(this.#introduced(request), openSink, signal)
    } catch (failure) {
      if (!(failure instanceof UnknownLength)) throw failure
      return await this.#exchange(request, openSink, signal)
    }
  }

  #introduced(request: HttpRequest): HttpRequest {
    return { ...request, headers: { 'user-agent': this.#userAgent, ...request.headers } }
  }

  #exchange(
    request: HttpRequest,
    openSink: (head: HttpHead) => ContentSink,
    signal: AbortSignal,
  ): Promise<HttpHead> {
    return exchange({
      dispatcher: this.#dispatcher,
      request: this.#introduced(request),
      openSink,
      deadlines: this.#deadlines,
      signal,
    })
  }
}

class BoundedBody {
  readonly #chunks: Uint8Array[] = []
  readonly #largest: Bytes
  readonly #url: string

  constructor(largest: Bytes, url: string) {
    this.#largest = largest
    this.#url = url
  }

  readonly sink: ContentSink = (chunk, offset) => {
    if (offset + chunk.length > this.#largest) throw this.#tooLarge()
    this.#chunks.push(chunk)
  }

  /** For chunks that are not ours to keep. */
  readonly copyingSink: ContentSink = (chunk, offset) => this.sink(Uint8Array.from(chunk), offset)

  async plain(head: HttpHead): Promise<Uint8Array> {
    const body = Buffer.concat(this.#chunks)
    if (head.headers['content-encoding'] !== 'gzip' || body.length === 0) return body
    try {
      return await inflate(body, { maxOutputLength: this.#largest })
    } catch (cause) {
      throw new Fault('protocol-error', `${new URL(this.#url).host} sent a damaged or too large answer`, {
        cause,
      })
    }
  }

  #tooLarge(): Fault {
    return new Fault(
      'protocol-error',
      `${new URL(this.#url).host} sent an answer of more than ${this.#largest} bytes`,
    )
  }
}

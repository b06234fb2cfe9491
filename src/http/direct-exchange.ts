import type { Bytes } from '../model/ids.js'
import type { ContentSink, DirectStore } from '../model/remote.js'
import { Fault } from '../model/fault.js'
import type { DirectConnection, Receiver } from './direct-connection.js'
import type { HttpDeadlines, HttpHead, HttpRequest } from './message.js'
import { silence, toNetworkFault } from './network-fault.js'
import { bodyLength, parseHead } from './response-head.js'
import { Watchdog } from './watchdog.js'

/** The answer has no plain Content-Length: the full client must ask again. Nothing has been delivered. */
export class UnknownLength extends Error {
  override readonly name = 'UnknownLength'
}

/** A kept connection was gone when the request reached it: ask again on another. Nothing has been delivered. */
export class StaleConnection extends Error {
  override readonly name = 'StaleConnection'
}

export interface DirectExchangeOptions {
  readonly connection: DirectConnection
  readonly wasKept: boolean
  readonly request: HttpRequest
  readonly openSink: (head: HttpHead) => ContentSink
  readonly deadlines: HttpDeadlines
  readonly signal: AbortSignal
}

/** One GET over a connection that is ours alone. Whatever ends it early closes the connection. */
export function directExchange(options: DirectExchangeOptions): Promise<HttpHead> {
  return new Promise((resolve, reject) => new DirectExchange(options, resolve, reject).start())
}

/**
 * INVARIANT: settles exactly once, and never while the sink is still busy with a chunk.
 */
class DirectExchange implements Receiver {
  readonly #options: DirectExchangeOptions
  readonly #host: string
  readonly #resolve: (head: HttpHead) => void
  readonly #reject: (failure: unknown) => void
  readonly #onAbort = () => this.#end(this.#options.signal.reason)
  readonly #watchdog = new Watchdog(() => this.#end(silence(this.#host)))
  #early = Buffer.alloc(0)
  #head: HttpHead | undefined
  #sink: ContentSink | undefined
  #store: DirectStore | undefined
  #offset: Bytes = 0
  #length: Bytes = 0
  #busy: Promise<void> | undefined
  #sinkFailure: { readonly failure: unknown } | undefined
  #settled = false

  constructor(
    options: DirectExchangeOptions,
    resolve: (head: HttpHead) => void,
    reject: (failure: unknown) => void,
  ) {
    this.#options = options
    this.#host = new URL(options.request.url).host
    this.#resolve = resolve
    this.#reject = reject
  }

  start(): void {
    const { connection, request, deadlines, signal } = this.#options
    if (signal.aborted) return this.#end(signal.reason)
    signal.addEventListener('abort', this.#onAbort, { once: true })
    const head = requestHead(request)
    this.#watchdog.watch(deadlines.firstByte)
    connection.take(this)
    connection.write(head)
  }

  receive(bytes: Buffer): Promise<void> | void {
    if (this.#settled) return this.#options.connection.destroy()
    try {
      return this.#head === undefined ? this.#receiveHead(bytes) : this.#receiveBody(bytes)
    } catch (failure) {
      this.#end(failure)
    }
  }

  nextStore(): DirectStore | undefined {
    const left = this.#length - this.#offset
    if (this.#settled || this.#head === undefined || left === 0) return undefined
    this.#store = this.#sink?.direct?.(this.#offset, left)
    return this.#store
  }

  stored(length: Bytes, hash: string): void {
    if (this.#settled) return
    this.#offset += length
    this.#watchdog.heard()
    try {
      this.#store?.stored(length, hash)
      this.#advance(false)
    } catch (failure) {
      this.#end(failure)
    }
  }

  notStored(failure: Error): void {
    this.#end(this.#store?.fault(failure) ?? failure)
  }

  closed(failure: Error | undefined): void {
    const cause = failure ?? Object.assign(new Error('closed'), { code: 'ECONNRESET' })
    const untouched = this.#head === undefined && this.#early.length === 0
    this.#end(untouched && this.#options.wasKept ? new StaleConnection() : toNetworkFault(cause, this.#host))
  }

  #receiveHead(bytes: Buffer): Promise<void> | void {
    const all = this.#early.length === 0 ? bytes : Buffer.concat([this.#early, bytes])
    const head = this.#parse(all)
    if (head === undefined) {
      this.#early = Buffer.from(all)
      return
    }
    const rest = all.subarray(head.length)
    this.#early = Buffer.alloc(0)
    // 103 Early Hints and its like: the answer is still to come.
    if (head.status < 200) return rest.length > 0 ? this.#receiveHead(rest) : undefined
    const length = head.status === 204 || head.status === 304 ? 0 : bodyLength(head)
    if (length === undefined) throw new UnknownLength()
    this.#head = { status: head.status, headers: head.headers }
    this.#length = length
    this.#sink = this.#options.openSink(this.#head)
    this.#watch()
    return this.#receiveBody(rest)
  }

  #parse(bytes: Buffer) {
    try {
      return parseHead(bytes)
    } catch (cause) {
      throw new Fault('protocol-error', `${this.#host} did not answer as an HTTPS server`, { cause })
    }
  }

  #receiveBody(bytes: Buffer): Promise<void> | void {
    const left = this.#length - this.#offset
    const wanted = bytes.length > left ? bytes.subarray(0, left) : bytes
    const offset = this.#offset
    this.#offset += wanted.length
    const taken = wanted.length > 0 ? this.#sink?.(wanted, offset) : undefined
    const unasked = bytes.length > left
    if (taken === undefined) {
      this.#watchdog.heard()
      return this.#advance(unasked)
    }
    this.#watchdog.stop()
    this.#busy = taken.then(
      () => {
        this.#busy = undefined
        if (!this.#settled) this.#watch()
        this.#advance(unasked)
      },
      (failure: unknown) => {
        this.#busy = undefined
        this.#sinkFailure = { failure }
        this.#end(failure)
      },
    )
    return this.#busy
  }

  #advance(unasked: boolean): void {
    if (this.#settled || this.#offset < this.#length) return
    const { connection } = this.#options
    const head = this.#head
    connection.release()
    // More than was announced: what follows cannot be told from a forged answer.
    if (unasked || head === undefined || /\bclose\b/i.test(head.headers['connection'] ?? ''))
      connection.destroy()
    this.#settle(() => head && this.#resolve(head))
  }

  #watch(): void {
    this.#watchdog.watch(this.#options.deadlines.betweenBytes)
  }

  #end(failure: unknown): void {
    this.#settle(() => this.#reject(failure))
    this.#options.connection.release()
    this.#options.connection.destroy()
  }

  #settle(tell: () => void): void {
    if (this.#settled) return
    this.#settled = true
    this.#watchdog.stop()
    this.#options.signal.removeEventListener('abort', this.#onAbort)
    if (!this.#busy) return tell()
    // A chunk that was not taken outweighs how the connection ended: the caller must not go on behind it.
    void this.#busy.then(() => (this.#sinkFailure ? this.#reject(this.#sinkFailure.failure) : tell()))
  }
}

function requestHead({ url, headers = {} }: HttpRequest): string {
  const { pathname, search, host } = new URL(url)
  const fields = Object.entries({ host, ...headers }).map(([name, value]) => `${name}: ${value}`)
  // Line breaks in a value would be a second request. URL has encoded those of the path.
  if (fields.some(field => /[^\t\x20-\x7e]/.test(field)))
    throw new TypeError('a header has control characters')
  return [`GET ${pathname}${search} HTTP/1.1`, ...fields, '', ''].join('\r\n')
}

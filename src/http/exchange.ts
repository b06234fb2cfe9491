import { setImmediate } from 'node:timers/promises'
import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { Bytes } from '../model/ids.js'
import type { ContentSink } from '../model/remote.js'
import type { HttpDeadlines, HttpHead, HttpHeaders, HttpRequest, PieceBody } from './message.js'
import { silence, toNetworkFault } from './network-fault.js'
import { Watchdog } from './watchdog.js'

export interface ExchangeOptions {
  readonly dispatcher: Dispatcher
  readonly request: HttpRequest
  /** Called once with the head of the answer; what it throws ends the exchange. */
  readonly openSink: (head: HttpHead) => ContentSink
  readonly deadlines: HttpDeadlines
  readonly signal: AbortSignal
}

/** One request and its answer, over one connection. Follows nothing, repeats nothing. */
export function exchange(options: ExchangeOptions): Promise<HttpHead> {
  return new Promise((resolve, reject) => new Exchange(options, resolve, reject).start())
}

/**
 * Chunks go from the parser to the sink without a stream in between, which costs
 * a copy and two ticks per 16 KiB.
 *
 * INVARIANT: settles exactly once, and never while the sink is still busy with a chunk.
 */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #options: ExchangeOptions
  readonly #host: string
  readonly #resolve: (head: HttpHead) => void
  readonly #reject: (failure: unknown) => void
  readonly #onAbort = () => this.#end(this.#options.signal.reason)
  readonly #watchdog = new Watchdog(() => this.#end(silence(this.#host)))
  #controller: Dispatcher.DispatchController | undefined
  #head: HttpHead | undefined
  #sink: ContentSink | undefined
  #offset: Bytes = 0
  #busy: Promise<void> | undefined
  #sinkFailure: { readonly failure: unknown } | undefined
  #settled = false

  constructor(
    options: ExchangeOptions,
    resolve: (head: HttpHead) => void,
    reject: (failure: unknown) => void,
  ) {
    this.#options = options
    this.#host = new URL(options.request.url).host
    this.#resolve = resolve
    this.#reject = reject
  }

  start(): void {
    const { dispatcher, request, deadlines, signal } = this.#options
    if (signal.aborted) return this.#end(signal.reason)
    signal.addEventListener('abort', this.#onAbort, { once: true })
    // Includes the wait for a free connection: whatever the reason, nobody waits for ever.
    this.#watchdog.watch(deadlines.connect + deadlines.firstByte)
    const url = new URL(request.url)
    try {
      dispatcher.dispatch(
        {
          origin: url.origin,
          path: url.pathname + url.search,
          method: request.method,
          ...this.#body(),
        },
        this,
      )
    } catch (failure) {
      this.#end(failure)
    }
  }

  #body(): Pick<Dispatcher.DispatchOptions, 'body' | 'headers'> {
    const { body = null, headers = {} } = this.#options.request
    if (body === null || typeof body === 'string' || body instanceof Uint8Array) return { body, headers }
    return {
      // It takes anything iterable, and waits until the connection has room for more; its types do not tell.
      body: this.#watched(body) as unknown as Readable,
      headers: { ...headers, 'content-length': String(body.length) },
    }
  }

  /**
   * A server that takes a long body slowly is not silent, and while a piece is read it is not the server that is slow.
   * Goes on when the answer has begun: nobody would wait for the end of that if the body ended too early.
   */
  async *#watched({ pieces }: PieceBody): AsyncGenerator<Uint8Array> {
    this.#pauseWatch()
    try {
      for await (const piece of pieces()) {
        if (this.#settled) return
        this.#watchTaking()
        yield piece
        this.#pauseWatch()
      }
    } catch (failure) {
      this.#end(failure)
      throw failure
    }
    this.#watchTaking()
  }

  #watchTaking(): void {
    if (!this.#settled && this.#head === undefined) this.#watchdog.watch(this.#options.deadlines.firstByte)
  }

  #pauseWatch(): void {
    if (this.#head === undefined) this.#watchdog.stop()
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#settled) return controller.abort(new Error('ended before it began'))
    this.#controller = controller
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: IncomingHeaders): void {
    if (this.#settled || status < 200) return
    this.#watch()
    this.#head = { status, headers: joined(headers) }
    try {
      this.#sink = this.#options.openSink(this.#head)
    } catch (failure) {
      this.#end(failure)
    }
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#settled || this.#sink === undefined) return
    const offset = this.#offset
    this.#offset += chunk.length
    try {
      const taken = this.#sink(chunk, offset)
      if (taken !== undefined) return this.#waitFor(taken, controller)
    } catch (failure) {
      return this.#end(failure)
    }
    this.#watchdog.heard()
  }

  onResponseEnd(): void {
    this.#settle(() => {
      if (this.#head) this.#resolve(this.#head)
      else this.#reject(toNetworkFault(new Error('no head'), this.#host))
    })
  }

  onResponseError(_: Dispatcher.DispatchController, failure: Error): void {
    this.#end(toNetworkFault(failure, this.#host))
  }

  #waitFor(taken: Promise<void>, controller: Dispatcher.DispatchController): void {
    controller.pause()
    this.#watchdog.stop()
    this.#busy = taken.then(
      async () => {
        // Within the turn that paused it, undici would begin with the same bytes again, and again.
        await setImmediate()
        this.#busy = undefined
        if (this.#settled) return
        this.#watch()
        controller.resume()
      },
      (failure: unknown) => {
        this.#busy = undefined
        this.#sinkFailure = { failure }
        this.#end(failure)
      },
    )
  }

  #watch(): void {
    this.#watchdog.watch(this.#options.deadlines.betweenBytes)
  }

  #end(failure: unknown): void {
    this.#settle(() => this.#reject(failure))
    // Closes the connection: an answer that nobody reads would block it.
    this.#controller?.abort(failure instanceof Error ? failure : new Error('aborted'))
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

type IncomingHeaders = Readonly<Record<string, string | string[] | undefined>>

function joined(headers: IncomingHeaders): HttpHeaders {
  const result: Record<string, string> = Object.create(null) as Record<string, string>
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) result[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value
  }
  return result
}

import type { ContentSink } from '../model/remote.js'
import type { Bytes, Milliseconds } from '../model/ids.js'

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Absolute. */
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array | PieceBody
}

/** A body that is read while it is sent; from its beginning, each time that it is sent. */
export interface PieceBody {
  readonly length: Bytes
  /** Exactly `length` bytes. A piece is not changed any more; failing ends the exchange with that failure. */
  readonly pieces: () => AsyncIterable<Uint8Array>
}

/** Names in lower case; a header that came several times is joined by ', '. */
export type HttpHeaders = Readonly<Record<string, string | undefined>>

export interface HttpHead {
  readonly status: number
  readonly headers: HttpHeaders
}

export interface HttpResponse extends HttpHead {
  readonly body: Uint8Array
}

/** No wait without an end. */
export interface HttpDeadlines {
  /** Name resolution, TCP and TLS. */
  readonly connect: Milliseconds
  /** From a connection to the head of the answer. */
  readonly firstByte: Milliseconds
  /** Silence in the middle of a body. Does not run while the sink is busy. */
  readonly betweenBytes: Milliseconds
}

export const DEFAULT_DEADLINES: HttpDeadlines = { connect: 10_000, firstByte: 30_000, betweenBytes: 30_000 }

/**
 * Given the head of an answer: where its body goes, or `undefined` to have it collected,
 * as one does with the text of a refusal.
 */
export type OpenSink = (head: HttpHead) => ContentSink | undefined

/** What the rest of the product needs of HTTP. Implemented by {@link HttpClient}; faked in tests. */
export interface HttpSender {
  /** @throws {Fault} see {@link HttpClient.send} */
  send(request: HttpRequest, signal: AbortSignal, options?: SendOptions): Promise<HttpResponse>
}

export interface HttpDownloader {
  /** @throws {Fault} see {@link HttpClient.download} */
  download(request: HttpRequest, openSink: OpenSink, signal: AbortSignal): Promise<HttpResponse>
}

export interface SendOptions {
  /** A longer body is refused. */
  readonly largestBody?: Bytes
}

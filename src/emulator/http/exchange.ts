import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { json, Refusal } from './answer.js'
import type { Receive } from './receive.js'

const LARGEST_BODY = 4 * 1024 * 1024

/** One request, as handlers see it. A part of a `$batch` looks the same. */
export interface Exchange {
  readonly method: string
  /** Lower case, without port. */
  readonly host: string
  /** As sent: still percent-encoded. */
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  /** All of a small body. */
  body(): Promise<Buffer>
  /** A body of any size, piece by piece; instead of {@link body}. */
  readonly receive: Receive
}

export function exchangeOf(request: IncomingMessage, receive: Receive): Exchange {
  const target = request.url ?? '/'
  const [path = '/', ...rest] = target.split('?')
  return {
    method: request.method ?? 'GET',
    host: (request.headers.host ?? '').toLowerCase().replace(/:\d+$/, ''),
    path,
    query: new URLSearchParams(rest.join('?')),
    headers: request.headers,
    body: () => collect(receive, LARGEST_BODY),
    receive,
  }
}

export async function collect(receive: Receive, largest: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  await receive(chunk => {
    size += chunk.length
    if (size > largest) return Promise.reject(new Refusal(TOO_LARGE))
    chunks.push(chunk)
    return undefined
  })
  return Buffer.concat(chunks)
}

const TOO_LARGE = json(413, {
  error: { code: 'invalidRequest', message: 'The request size exceeds the maximum limit.' },
})

/** Fields of a form; a query string has the same shape. */
export async function formOf(exchange: Exchange): Promise<URLSearchParams> {
  return new URLSearchParams((await exchange.body()).toString('utf8'))
}

export function header(exchange: Exchange, name: string): string | undefined {
  const value = exchange.headers[name.toLowerCase()]
  return Array.isArray(value) ? value.join(', ') : value
}

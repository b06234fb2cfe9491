import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'

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
  body(): Promise<Buffer>
}

export function exchangeOf(request: IncomingMessage): Exchange {
  const target = request.url ?? '/'
  const [path = '/', ...rest] = target.split('?')
  return {
    method: request.method ?? 'GET',
    host: (request.headers.host ?? '').toLowerCase().replace(/:\d+$/, ''),
    path,
    query: new URLSearchParams(rest.join('?')),
    headers: request.headers,
    body: () => readBody(request),
  }
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > LARGEST_BODY) throw new Error('request body too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** Fields of a form; a query string has the same shape. */
export async function formOf(exchange: Exchange): Promise<URLSearchParams> {
  return new URLSearchParams((await exchange.body()).toString('utf8'))
}

export function header(exchange: Exchange, name: string): string | undefined {
  const value = exchange.headers[name.toLowerCase()]
  return Array.isArray(value) ? value.join(', ') : value
}

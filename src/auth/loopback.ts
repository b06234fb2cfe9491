import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Bytes } from '../model/ids.js'
import { failurePage, successPage } from './sign-in-page.js'

/** What the browser brought back from the sign-in page. */
export interface AuthorizeAnswer {
  readonly code: string | undefined
  /** OAuth error and Entra's number, where the sign-in did not succeed. */
  readonly error: string | undefined
  readonly errorCode: number | undefined
  /** Shows the user how it ended; the browser waits for it. */
  readonly show: (outcome: 'signed-in' | { readonly failure: string }) => void
}

// A code is about 1.5 kB.
const LARGEST_ANSWER: Bytes = 32 * 1024

/**
 * A web server on this machine only, for one answer: the redirect URI of the sign-in.
 * Anything that does not know `state` is turned away and changes nothing.
 */
export class Loopback {
  readonly #server: Server
  readonly #answer: Promise<AuthorizeAnswer>

  private constructor(server: Server, answer: Promise<AuthorizeAnswer>) {
    this.#server = server
    this.#answer = answer
  }

  static async listen(state: string): Promise<Loopback> {
    let tell: (answer: AuthorizeAnswer) => void = () => {}
    const answer = new Promise<AuthorizeAnswer>(resolve => (tell = resolve))
    const server = createServer((request, response) => {
      receive(request, response, state).then(
        received => received && tell(received),
        () => response.destroy(),
      )
    })
    server.requestTimeout = 10_000
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(0, '127.0.0.1', resolve)
    })
    return new Loopback(server, answer)
  }

  /** Entra ignores the port of a registered `http://localhost`. */
  get redirectUri(): string {
    return `http://localhost:${(this.#server.address() as AddressInfo).port}`
  }

  /** Waits for the browser. */
  async answer(signal: AbortSignal): Promise<AuthorizeAnswer> {
    signal.throwIfAborted()
    let stop = () => {}
    const aborted = new Promise<never>((_, reject) => {
      const onAbort = () => reject(signal.reason as Error)
      signal.addEventListener('abort', onAbort, { once: true })
      stop = () => signal.removeEventListener('abort', onAbort)
    })
    try {
      return await Promise.race([this.#answer, aborted])
    } finally {
      stop()
    }
  }

  close(): void {
    this.#server.close()
    this.#server.closeIdleConnections()
  }
}

async function receive(
  request: IncomingMessage,
  response: ServerResponse,
  state: string,
): Promise<AuthorizeAnswer | undefined> {
  const fields = await fieldsOf(request)
  if (fields?.get('state') !== state) {
    response.writeHead(404).end()
    return undefined
  }
  return {
    code: fields.get('code') ?? undefined,
    error: fields.get('error') ?? undefined,
    errorCode: entraCodeIn(fields.get('error_description')),
    show: outcome => {
      const page = outcome === 'signed-in' ? successPage() : failurePage(outcome.failure)
      response.writeHead(200, {
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'no-store',
        'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
        'referrer-policy': 'no-referrer',
        connection: 'close',
      })
      response.end(page)
    },
  }
}

/** `response_mode` query, and form_post where a tenant's sign-in page insists on it. */
async function fieldsOf(request: IncomingMessage): Promise<URLSearchParams | undefined> {
  const url = new URL(request.url ?? '/', 'http://localhost')
  if (url.pathname !== '/') return undefined
  if (request.method === 'GET') return url.searchParams
  if (request.method !== 'POST') return undefined
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > LARGEST_ANSWER) return undefined
    chunks.push(chunk)
  }
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'))
}

/** The authorize endpoint has no `error_codes`; the number leads its description ("AADSTS65004: …"). */
function entraCodeIn(description: string | null): number | undefined {
  const digits = /^AADSTS(\d{4,8})\b/.exec(description ?? '')?.[1]
  return digits === undefined ? undefined : Number(digits)
}

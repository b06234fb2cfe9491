import type { Answer } from '../http/answer.js'
import { json } from '../http/answer.js'
import type { Exchange } from '../http/exchange.js'
import { receiveBytes } from '../http/receive.js'
import { graphError, refuse } from './graph-error.js'

const LARGEST_BATCH = 20

interface Part {
  readonly id: string
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
  readonly dependsOn: readonly string[]
}

/** `POST /v1.0/$batch`: up to 20 requests of one caller, each answered by itself. */
export async function runBatch(
  exchange: Exchange,
  version: string,
  run: (part: Exchange) => Promise<Answer>,
): Promise<Answer> {
  const parts = parseParts((await exchange.body()).toString('utf8'))
  if (parts.length > LARGEST_BATCH) {
    throw refuse(400, 'BadRequest', 'Number of batch request steps exceeds the maximum value of 20.')
  }
  const failed = new Set<string>()
  const responses = []
  for (const part of inOrder(parts)) {
    if (part.dependsOn.some(id => failed.has(id))) {
      failed.add(part.id)
      responses.push({
        id: part.id,
        status: 424,
        headers: {},
        body: { error: { code: 'FailedDependency', message: 'A request that this one depends on failed.' } },
      })
      continue
    }
    const answer = hasUntypedBody(part)
      ? graphError(400, 'BadRequest', 'A request with a body needs a Content-Type header.')
      : await run(partExchange(exchange, version, part))
    if (answer.status >= 400) failed.add(part.id)
    responses.push(partResponse(part.id, answer))
  }
  return json(200, { responses })
}

/** Each after those that it depends on. */
function inOrder(parts: readonly Part[]): Part[] {
  const ordered: Part[] = []
  const done = new Set<string>()
  for (let left = parts; left.length > 0;) {
    const ready = left.filter(part => part.dependsOn.every(id => done.has(id)))
    if (ready.length === 0) throw refuse(400, 'BadRequest', 'The dependsOn of a request leads nowhere.')
    // One at a time: what is written first runs first, where nothing speaks against it.
    const [next] = ready
    if (!next) break
    ordered.push(next)
    done.add(next.id)
    left = left.filter(part => part !== next)
  }
  return ordered
}

function parseParts(text: string): Part[] {
  let envelope: unknown
  try {
    envelope = JSON.parse(text)
  } catch {
    throw refuse(400, 'BadRequest', 'Invalid batch payload format.')
  }
  const requests = (envelope as { requests?: unknown } | null)?.requests
  if (!Array.isArray(requests)) throw refuse(400, 'BadRequest', 'Invalid batch payload format.')
  const ids = new Set<string>()
  return requests.map((request: Record<string, unknown>) => {
    const { id, method, url, headers, body, dependsOn } = request
    if (typeof id !== 'string' || typeof method !== 'string' || typeof url !== 'string' || ids.has(id)) {
      throw refuse(400, 'BadRequest', 'Each batch request needs a unique id, a method and a relative url.')
    }
    ids.add(id)
    return {
      id,
      method: method.toUpperCase(),
      url: url.startsWith('/') ? url : `/${url}`,
      headers: (headers ?? {}) as Record<string, string>,
      body,
      dependsOn: Array.isArray(dependsOn) ? dependsOn.map(String) : [],
    }
  })
}

function partExchange(exchange: Exchange, version: string, part: Part): Exchange {
  const [path = '/', ...query] = part.url.split('?')
  const own = Object.fromEntries(
    Object.entries(part.headers).map(([name, value]) => [name.toLowerCase(), value]),
  )
  const bytes = bodyBytes(part)
  return {
    method: part.method,
    host: exchange.host,
    path: version + path,
    query: new URLSearchParams(query.join('?')),
    headers: {
      authorization: exchange.headers.authorization,
      ...own,
      'content-length': String(bytes.length),
    },
    body: () => Promise.resolve(bytes),
    receive: receiveBytes(bytes),
  }
}

function contentType(part: Part): string | undefined {
  return Object.entries(part.headers).find(([name]) => name.toLowerCase() === 'content-type')?.[1]
}

function hasUntypedBody(part: Part): boolean {
  return part.body !== undefined && part.body !== null && contentType(part) === undefined
}

/** JSON as it is; everything else is a base64 (URL or not) text. */
function bodyBytes(part: Part): Buffer {
  if (part.body === undefined || part.body === null) return Buffer.alloc(0)
  if (typeof part.body === 'string' && !contentType(part)?.includes('json')) {
    return Buffer.from(part.body, 'base64')
  }
  return Buffer.from(JSON.stringify(part.body))
}

function partResponse(id: string, { status, headers, body }: Answer) {
  const type = body.kind === 'text' ? { 'Content-Type': body.type } : {}
  return {
    id,
    status,
    headers: { ...headers, ...type },
    body: body.kind === 'text' ? (JSON.parse(body.text) as unknown) : null,
  }
}

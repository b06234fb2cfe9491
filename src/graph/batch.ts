import type { Priority } from '../concurrency/limiter.js'
import { isJsonObject, type JsonObject } from '../http/json.js'
import type { HttpResponse } from '../http/message.js'
import { Fault } from '../model/fault.js'
import type { TenantId } from '../model/ids.js'
import type { GraphClient } from './graph-client.js'

/** Graph's own limit. @see https://learn.microsoft.com/graph/json-batching */
export const LARGEST_BATCH = 20

/**
 * Up to {@link LARGEST_BATCH} GETs of one tenant in one request. Redirects are answers, as everywhere.
 *
 * @param paths below `/v1.0`
 * @returns an answer for each path, in the order of the paths
 * @throws {Fault} as {@link GraphClient.get}; `protocol-error` where a part was not answered
 */
export async function batch(
  graph: GraphClient,
  tenant: TenantId,
  paths: readonly string[],
  priority: Priority,
  signal: AbortSignal,
): Promise<HttpResponse[]> {
  const body = batchOf(paths.map(url => ({ method: 'GET', url })))
  const answer = await graph.get(tenant, '/$batch', signal, { body, priority })
  const parts = partsOf(answer, paths.length)
  for (const [i, { status }] of parts.entries())
    if (status === 403) graph.noteRefused(tenant, paths[i] ?? '/')
  return parts
}

export interface BatchPart {
  readonly method: string
  /** Below `/v1.0`. */
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** The body of a `$batch`. */
export function batchOf(parts: readonly BatchPart[]): string {
  return JSON.stringify({ requests: parts.map((part, i) => ({ id: String(i), ...part })) })
}

/**
 * @param answer to {@link batchOf}
 * @throws {Fault} `protocol-error` where a part was not answered
 */
export function partsOf(answer: JsonObject, count: number): HttpResponse[] {
  const responses = Array.isArray(answer['responses']) ? (answer['responses'] as readonly unknown[]) : []
  const byId = new Map(responses.filter(isJsonObject).map(response => [response['id'], response]))
  return Array.from({ length: count }, (_, i) => partOf(byId.get(String(i))))
}

function partOf(response: JsonObject | undefined): HttpResponse {
  const status = response?.['status']
  if (typeof status !== 'number') {
    throw new Fault('protocol-error', 'The service did not answer all parts of a batch')
  }
  const headers = isJsonObject(response?.['headers']) ? response['headers'] : {}
  return {
    status,
    headers: Object.fromEntries(
      Object.entries(headers).flatMap(([name, value]) =>
        typeof value === 'string' ? [[name.toLowerCase(), value]] : [],
      ),
    ),
    body: Buffer.from(JSON.stringify(response?.['body'] ?? null)),
  }
}

import { isJsonObject } from '../http/json.js'
import { Fault, isFault } from '../model/fault.js'
import type { ItemKey, Milliseconds } from '../model/ids.js'
import type { PastContent } from '../model/remote.js'
import { isSameSecond } from '../model/same-second.js'
import type { GraphClient } from './graph-client.js'
import { pages } from './pages.js'
import { itemPath } from './paths.js'

// SharePoint keeps 500 versions of a file unless an owner says otherwise; they come in pages of some hundred.
const MOST_PAGES = 20

/**
 * Where the bytes of an earlier content of a file are.
 *
 * A version has neither hash nor eTag: it is known by its size and time, and only where one version alone has both.
 *
 * @returns an address of its content, which needs no token and is to be checked
 * @throws {Fault} `stale-content` where the history does not have it, or does not let us see it; what passes: `offline`, …
 */
export async function addressOfPast(
  graph: Pick<GraphClient, 'get' | 'request'>,
  key: ItemKey,
  past: PastContent,
  signal: AbortSignal,
): Promise<string | undefined> {
  const path = `${itemPath(key.drive, key.item)}/versions`
  try {
    const ids = await idsOf(graph, key, path, past, signal)
    const [only] = ids
    if (only === undefined || ids.length > 1) throw new Fault('stale-content', 'No one version is the one')
    const answer = await graph.request(key.tenant, `${path}/${encodeURIComponent(only)}/content`, signal)
    return answer.headers['location']
  } catch (cause) {
    signal.throwIfAborted()
    if (isFault(cause, 'offline', 'timed-out', 'throttled', 'server-error', 'sign-in-required')) throw cause
    if (!isFault(cause)) throw cause
    throw new Fault('stale-content', 'The file was replaced, and its earlier version cannot be had', {
      cause,
    })
  }
}

async function idsOf(
  graph: Pick<GraphClient, 'get'>,
  { tenant }: ItemKey,
  path: string,
  past: PastContent,
  signal: AbortSignal,
): Promise<string[]> {
  const ids: string[] = []
  let isCurrent = true
  for await (const { values } of pages(graph, tenant, path, signal, {}, MOST_PAGES)) {
    for (const version of values) {
      // The newest comes first, and is what the item has now.
      if (!isCurrent && isJsonObject(version) && isThat(version, past)) ids.push(String(version['id']))
      isCurrent = false
    }
  }
  return ids
}

function isThat(version: Readonly<Record<string, unknown>>, { size, modified }: PastContent): boolean {
  const { id, size: itsSize, lastModifiedDateTime } = version
  if (typeof id !== 'string' || !/^[\w.-]{1,64}$/.test(id) || itsSize !== size) return false
  return typeof lastModifiedDateTime === 'string' && isSameSecond(timeOf(lastModifiedDateTime), modified)
}

function timeOf(text: string): Milliseconds {
  return text.length < 40 ? Date.parse(text) : Number.NaN
}

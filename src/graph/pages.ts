import { createHash } from 'node:crypto'
import type { JsonObject } from '../http/json.js'
import { endlessList } from '../model/endless-list.js'
import { Fault } from '../model/fault.js'
import type { TenantId } from '../model/ids.js'
import type { GetOptions, GraphClient } from './graph-client.js'

// Links are about 300 characters; a bound, because delta links are stored.
const LONGEST_LINK = 16_384
// Bounds the memory of links. Whoever takes the pages sees sooner whether they bring anything: `ListProgress`.
const MOST_PAGES = 100_000

export interface Page {
  readonly values: readonly unknown[]
  /** Set on the last page of a delta only. */
  readonly deltaLink: string | undefined
}

/**
 * Follows `@odata.nextLink`, also behind empty pages. Each page is asked for when the one before was taken.
 *
 * @param most pages; the default suits only who looks at what the pages bring
 * @throws {Fault} `protocol-error` where the links go in a circle, lead away from Graph, or do not end
 */
export async function* pages(
  graph: Pick<GraphClient, 'get'>,
  tenant: TenantId,
  first: string,
  signal: AbortSignal,
  options: GetOptions = {},
  most = MOST_PAGES,
): AsyncGenerator<Page> {
  let address = first
  const followed = new Set<string>()
  for (let count = 0; count < most; count++) {
    followed.add(digestOf(address))
    const answer = await graph.get(tenant, address, signal, options)
    const values = answer['value']
    if (!Array.isArray(values)) throw new Fault('protocol-error', 'Graph sent a list without values')
    const deltaLink = linkIn(answer, '@odata.deltaLink')
    const nextLink = linkIn(answer, '@odata.nextLink')
    // The changes would be thought complete with the rest of them missing.
    if (nextLink !== undefined && deltaLink !== undefined) {
      throw new Fault('protocol-error', 'Graph sent a page that is the last one and is not')
    }
    yield { values: values as unknown[], deltaLink }
    if (nextLink === undefined) return
    if (followed.has(digestOf(nextLink))) throw endlessList('goes round in a circle with its list')
    address = nextLink
  }
  throw endlessList('goes on and on with its list')
}

/** Links may have 16 KiB each. */
function digestOf(link: string): string {
  return createHash('sha256').update(link).digest('base64').slice(0, 22)
}

function linkIn(answer: JsonObject, name: string): string | undefined {
  const link = answer[name]
  if (link === undefined || link === null) return undefined
  if (typeof link === 'string' && link.length > 0 && link.length <= LONGEST_LINK) return link
  throw new Fault('protocol-error', `Graph sent a ${name} that is no link`)
}

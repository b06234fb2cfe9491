import type { JsonObject } from '../http/json.js'
import { Fault } from '../model/fault.js'
import type { TenantId } from '../model/ids.js'
import type { GetOptions, GraphClient } from './graph-client.js'

// Links are about 300 characters; a bound, because delta links are stored.
const LONGEST_LINK = 16_384
// 200 items a page: fifty times the largest library that SharePoint recommends.
const MOST_PAGES = 100_000

export interface Page {
  readonly values: readonly unknown[]
  /** Set on the last page of a delta only. */
  readonly deltaLink: string | undefined
}

/**
 * Follows `@odata.nextLink`, also behind empty pages. Each page is asked for when the one before was taken.
 *
 * @throws {Fault} `protocol-error` where the links go in a circle or lead away from Graph
 */
export async function* pages(
  graph: GraphClient,
  tenant: TenantId,
  first: string,
  signal: AbortSignal,
  options: GetOptions = {},
): AsyncGenerator<Page> {
  let address = first
  for (let count = 0; count < MOST_PAGES; count++) {
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
    if (nextLink === address) break
    address = nextLink
  }
  throw new Fault('protocol-error', 'Graph sent a list without an end')
}

function linkIn(answer: JsonObject, name: string): string | undefined {
  const link = answer[name]
  if (link === undefined || link === null) return undefined
  if (typeof link === 'string' && link.length > 0 && link.length <= LONGEST_LINK) return link
  throw new Fault('protocol-error', `Graph sent a ${name} that is no link`)
}

import { isJsonObject } from '../http/json.js'
import type { ItemKey } from '../model/ids.js'
import type { SharePointPlace } from '../model/sharepoint-place.js'
import type { GraphClient } from './graph-client.js'
import { itemPath } from './paths.js'

/** Where SharePoint's own API has an item. */
export class GraphListItems {
  readonly #graph: Pick<GraphClient, 'get'>

  constructor(graph: Pick<GraphClient, 'get'>) {
    this.#graph = graph
  }

  /** @throws {Fault} by {@link GraphClient.get} */
  async placeOf({ tenant, drive, item }: ItemKey, signal: AbortSignal): Promise<SharePointPlace> {
    const answer = await this.#graph.get(tenant, `${itemPath(drive, item)}?$select=id,sharepointIds`, signal)
    const ids = isJsonObject(answer['sharepointIds']) ? answer['sharepointIds'] : {}
    return { siteUrl: ids['siteUrl'], listId: ids['listId'], listItemId: ids['listItemId'] }
  }
}

import type { DriveItem } from '../model/drive-item.js'
import type { ItemKey } from '../model/ids.js'
import type { RemoteFolder } from '../model/remote.js'
import type { GraphClient } from './graph-client.js'
import { pages } from './pages.js'
import { itemPath } from './paths.js'
import { ITEM_FIELDS, parseDriveItem, parseEach, type ReportUnusable } from './wire.js'

// SharePoint's largest page: five times fewer round trips than its default of 200.
const PAGE_SIZE = 1000

export interface GraphFolderDeps {
  readonly graph: GraphClient
  readonly report: ReportUnusable
}

/** Folders, page by page. */
export class GraphFolder implements RemoteFolder {
  readonly #deps: GraphFolderDeps

  constructor(deps: GraphFolderDeps) {
    this.#deps = deps
  }

  async *children(folder: ItemKey, signal: AbortSignal): AsyncGenerator<readonly DriveItem[]> {
    const { graph, report } = this.#deps
    const first = `${itemPath(folder.drive, folder.item)}/children?$select=${ITEM_FIELDS}&$top=${PAGE_SIZE}`
    for await (const { values } of pages(graph, folder.tenant, first, signal, { priority: 'listing' })) {
      const items = parseEach(values, parseDriveItem, report)
      // Whatever the answer says of its parent: it was listed in this folder.
      yield items.map(item => ({ ...item, parentId: folder.item }))
    }
  }
}

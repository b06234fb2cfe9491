import type { ItemKey } from '../model/ids.js'
import type { FolderPage, NotUnderstood, RemoteFolder } from '../model/remote.js'
import type { GraphClient } from './graph-client.js'
import { checkWhereabouts } from './of-another-place.js'
import { pages } from './pages.js'
import { itemPath } from './paths.js'
import { ITEM_FIELDS, notUnderstoodOf, parseDriveItem, parseEach, type ReportUnusable } from './wire.js'

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

  async *children(folder: ItemKey, signal: AbortSignal): AsyncGenerator<FolderPage> {
    const { graph, report } = this.#deps
    const first = `${itemPath(folder.drive, folder.item)}/children?$select=${ITEM_FIELDS}&$top=${PAGE_SIZE}`
    const options = { priority: 'listing', check: checkWhereabouts(folder, 'folder') } as const
    for await (const { values } of pages(graph, folder.tenant, first, signal, options)) {
      const notUnderstood: NotUnderstood[] = []
      const skipped = (raw: unknown) =>
        void notUnderstood.push({ ...notUnderstoodOf(raw), parent: folder.item })
      const items = parseEach(values, parseDriveItem, report, skipped)
      yield { items: items.map(item => ({ ...item, parentId: folder.item })), notUnderstood }
    }
  }
}

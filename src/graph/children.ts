import type { ItemKey } from '../model/ids.js'
import type { FolderPage, NotUnderstood, RemoteFolder } from '../model/remote.js'
import { Fault } from '../model/fault.js'
import type { GetOptions, GraphClient } from './graph-client.js'
import { GraphFault } from './graph-fault.js'
import { checkWhereabouts } from './of-another-place.js'
import { pages, type Page } from './pages.js'
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
    const { report } = this.#deps
    const first = `${itemPath(folder.drive, folder.item)}/children?$select=${ITEM_FIELDS}&$top=${PAGE_SIZE}`
    const options = { priority: 'listing', check: checkWhereabouts(folder, 'folder') } as const
    for await (const { values } of this.#pages(folder, first, signal, options)) {
      const notUnderstood: NotUnderstood[] = []
      const skipped = (raw: unknown) =>
        void notUnderstood.push({ ...notUnderstoodOf(raw), parent: folder.item })
      const items = parseEach(values, parseDriveItem, report, skipped)
      yield { items: items.map(item => ({ ...item, parentId: folder.item })), notUnderstood }
    }
  }

  async *#pages(
    { tenant }: ItemKey,
    first: string,
    signal: AbortSignal,
    options: GetOptions,
  ): AsyncGenerator<Page> {
    let isFirst = true
    try {
      for await (const page of pages(this.#deps.graph, tenant, first, signal, options)) {
        isFirst = false
        yield page
      }
    } catch (failure) {
      throw isFirst ? whyNoList(failure) : failure
    }
  }
}

/** A folder is asked for by its ids alone. A plain 400 says that there is nothing of these ids: of a deleted library. */
function whyNoList(failure: unknown): unknown {
  if (!(failure instanceof GraphFault && failure.status === 400 && failure.code === 'protocol-error'))
    return failure
  return new Fault('not-supported', 'The service does not list this folder', { cause: failure })
}

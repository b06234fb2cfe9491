import { Fault } from '../model/fault.js'
import type { ItemKey } from '../model/ids.js'
import type { DeltaPage, NotUnderstood, RemoteDelta } from '../model/remote.js'
import type { GraphClient } from './graph-client.js'
import { GraphFault } from './graph-fault.js'
import { checkWhereabouts } from './of-another-place.js'
import { pages } from './pages.js'
import { drivePath, itemPath } from './paths.js'
import { ITEM_FIELDS, notUnderstoodOf, parseDriveChange, parseEach, type ReportUnusable } from './wire.js'

const PAGE_SIZE = 1000

// Permission that we lost shows as a removal, and gaps in what we may see do not hide what is below them.
const PREFER = 'deltashowremovedasdeleted, deltatraversepermissiongaps'

export interface GraphDeltaDeps {
  readonly graph: GraphClient
  readonly report: ReportUnusable
}

/** Everything below a root, or what changed there; one item may come several times, its last state counts. */
export class GraphDelta implements RemoteDelta {
  readonly #deps: GraphDeltaDeps

  constructor(deps: GraphDeltaDeps) {
    this.#deps = deps
  }

  async *pages(
    root: ItemKey,
    isDriveRoot: boolean,
    cursor: string | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<DeltaPage> {
    const { graph, report } = this.#deps
    const start = isDriveRoot ? `${drivePath(root.drive)}/root` : itemPath(root.drive, root.item)
    const first = cursor ?? `${start}/delta?$select=${ITEM_FIELDS}&$top=${PAGE_SIZE}`
    const check = checkWhereabouts(root, 'drive')
    const options = { headers: { prefer: PREFER }, priority: 'background', check } as const
    try {
      for await (const { values, deltaLink } of pages(graph, root.tenant, first, signal, options)) {
        const notUnderstood: NotUnderstood[] = []
        const skipped = (raw: unknown) => void notUnderstood.push(notUnderstoodOf(raw))
        const changes = parseEach(values, parseDriveChange, report, skipped)
        yield { changes, cursor: deltaLink, ...(notUnderstood.length === 0 ? {} : { notUnderstood }) }
      }
    } catch (failure) {
      throw cursor === undefined ? whyNoDelta(failure) : whyNotSince(failure)
    }
  }
}

/** Folders below the root answer 400 as well as 501 where delta is not for them (onedrive-api-docs #842, #1060). */
function whyNoDelta(failure: unknown): unknown {
  if (!(failure instanceof GraphFault && failure.status === 400)) return failure
  return new Fault('not-supported', 'The service does not report changes of this folder', { cause: failure })
}

/** "Invalid paging token" comes as a plain 400: a link that we kept and that is refused is too old. */
function whyNotSince(failure: unknown): unknown {
  if (!(failure instanceof GraphFault && failure.status === 400)) return failure
  return new Fault('resync-required', 'The service no longer knows what changed since we asked last', {
    cause: failure,
  })
}

import { isJsonObject } from '../http/json.js'
import { isFault } from '../model/fault.js'
import type { ItemKey } from '../model/ids.js'
import type { LibraryAccess } from '../model/library.js'
import type { GraphClient } from './graph-client.js'
import { GraphFault } from './graph-fault.js'
import { itemPath } from './paths.js'

/** All that changes a folder or what is in it. */
const CHANGES = ['canUpdate', 'canCreateFile', 'canCreateFolder', 'canDelete'] as const
/** Without these, what is not said may be allowed. `canDelete` of a library's root says nothing of what is in it. */
const DECISIVE = ['canUpdate', 'canCreateFile'] as const

/**
 * Graph's own answer to what the caller may do with an item. In beta only, for years, so nothing may depend on it.
 * @see https://learn.microsoft.com/graph/api/resources/driveitemaccessoperationsviewpoint
 */
export class GraphViewpoint {
  readonly #graph: Pick<GraphClient, 'get'>

  constructor(graph: Pick<GraphClient, 'get'>) {
    this.#graph = graph
  }

  /**
   * @param item a folder
   * @returns `unknown` where it is refused, or not there
   * @throws {Fault} `offline`, `throttled`, `sign-in-required`, …
   */
  async accessTo({ tenant, drive, item }: ItemKey, signal: AbortSignal): Promise<LibraryAccess> {
    const address = `${itemPath(drive, item)}?$select=id,viewpoint`
    try {
      return accessIn(await this.#graph.get(tenant, address, signal, { version: 'beta' }))
    } catch (failure) {
      if (isRefusal(failure)) return 'unknown'
      throw failure
    }
  }
}

/** Of this question; where Graph cannot be asked anything at all, it is a failure. */
function isRefusal(failure: unknown): boolean {
  if (failure instanceof GraphFault) return failure.code !== 'throttled'
  return isFault(failure, 'protocol-error', 'server-error')
}

function accessIn({ viewpoint }: Readonly<Record<string, unknown>>): LibraryAccess {
  const operations = isJsonObject(viewpoint) ? viewpoint['accessOperations'] : undefined
  // Of an item that we read right now: whoever says that we may not does not speak of us.
  if (!isJsonObject(operations) || operations['canRead'] === false) return 'unknown'
  if (CHANGES.some(name => operations[name] === true)) return 'write'
  return DECISIVE.every(name => operations[name] === false) ? 'read' : 'unknown'
}

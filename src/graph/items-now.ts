import { setImmediate } from 'node:timers/promises'
import type { HttpResponse } from '../http/message.js'
import type { DriveItem } from '../model/drive-item.js'
import type { ItemKey } from '../model/ids.js'
import type { OrganizationNames } from '../model/organization-names.js'
import type { RemoteItems } from '../model/remote.js'
import { batch, LARGEST_BATCH } from './batch.js'
import type { GraphClient } from './graph-client.js'
import { graphFault } from './graph-fault.js'
import { itemPath } from './paths.js'
import type { Throttle } from './throttle.js'
import { ITEM_FIELDS, parseDriveItem, UnusableItem } from './wire.js'

// Of the eight requests that a tenant gets at once.
const BATCHES_AT_ONCE = 3

export interface GraphItemsDeps {
  readonly graph: GraphClient
  readonly throttle: Throttle
  readonly organizations: OrganizationNames
}

/** Many items as they are now, twenty in one request. */
export class GraphItems implements RemoteItems {
  readonly #deps: GraphItemsDeps

  constructor(deps: GraphItemsDeps) {
    this.#deps = deps
  }

  async current(keys: readonly ItemKey[], signal: AbortSignal): Promise<(DriveItem | undefined)[]> {
    const found: (DriveItem | undefined)[] = []
    let next = 0
    const work = async () => {
      for (let start = next; start < keys.length; start = next) {
        next = start + LARGEST_BATCH
        const some = keys.slice(start, next)
        const answers = await this.#batch(some, signal)
        for (const [i, item] of answers.entries()) found[start + i] = item
        await setImmediate()
      }
    }
    await Promise.all(Array.from({ length: BATCHES_AT_ONCE }, work))
    return keys.map((_, i) => found[i])
  }

  async #batch(keys: readonly ItemKey[], signal: AbortSignal): Promise<(DriveItem | undefined)[]> {
    const [first] = keys
    if (first === undefined) return []
    const { graph } = this.#deps
    const paths = keys.map(({ drive, item }) => `${itemPath(drive, item)}?$select=${ITEM_FIELDS}`)
    const parts = await batch(graph, first.tenant, paths, 'background', signal)
    return keys.map((key, i) => this.#itemIn(key, parts[i]))
  }

  /** @throws {Fault} `throttled`: what one part is refused for is said to all */
  #itemIn({ tenant, item: id }: ItemKey, part: HttpResponse | undefined): DriveItem | undefined {
    if (part === undefined) return undefined
    const { throttle } = this.#deps
    throttle.heed(tenant, part.headers)
    if (part.status >= 400) {
      const fault = graphFault(part, { tenant, organization: this.#deps.organizations.nameOf(tenant) })
      if (fault.code !== 'throttled') return undefined
      if (fault.retryAfterSeconds !== undefined) throttle.pause(tenant, fault.retryAfterSeconds)
      throw fault
    }
    try {
      const item = parseDriveItem(JSON.parse(Buffer.from(part.body).toString('utf8')))
      return item.id === id ? item : undefined
    } catch (failure) {
      if (failure instanceof UnusableItem) return undefined
      throw failure
    }
  }
}

import type { Clock } from '../concurrency/clock.js'
import { SingleFlight } from '../concurrency/single-flight.js'
import type { Milliseconds, TenantId } from '../model/ids.js'
import { sitePathOf } from './server-path.js'

export interface RevivalDeps {
  readonly wakeUp: { visit(tenant: TenantId, host: string, site: string, signal: AbortSignal): Promise<void> }
  /** Addresses of what was added of the tenant, the first of which is visited. */
  readonly addressesOf: (tenant: TenantId) => readonly string[]
  readonly clock: Clock
}

// Where access was really withdrawn, each refusal would mean two more requests.
const NOT_AGAIN_FOR: Milliseconds = 60 * 60_000

/**
 * SharePoint forgets guests: what it has shown for hours, Graph refuses until somebody visits SharePoint again
 * (msgraph-sdk-java #2518, onedrive-api-docs #1039).
 */
export class Revival {
  readonly #deps: RevivalDeps
  readonly #visited = new Map<TenantId, Milliseconds>()
  readonly #visits = new SingleFlight<boolean>()

  constructor(deps: RevivalDeps) {
    this.#deps = deps
  }

  /** After a refusal. @returns whether it is worth asking again */
  async revive(tenant: TenantId, signal: AbortSignal): Promise<boolean> {
    return await this.#visits.run(tenant, signal, async shared => {
      const { wakeUp, addressesOf, clock } = this.#deps
      const [address] = addressesOf(tenant)
      const last = this.#visited.get(tenant)
      if (address === undefined || !URL.canParse(address)) return false
      if (last !== undefined && clock.now() - last < NOT_AGAIN_FOR) return false
      this.#visited.set(tenant, clock.now())
      const { hostname, pathname } = new URL(address)
      await wakeUp.visit(tenant, hostname, sitePathOf(decoded(pathname)), shared)
      return true
    })
  }
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return ''
  }
}

import type { Caller } from '../entra/tokens.js'
import type { Drive, Item } from '../world/drive.js'
import type { Role, Site } from '../world/site.js'
import type { World } from '../world/world.js'
import { accessDenied, notFound } from './graph-error.js'

export interface PlacedDrive {
  readonly site: Site
  readonly drive: Drive
}

export interface PlacedItem extends PlacedDrive {
  readonly item: Item
  /** Rights that hold for this request only: a link that is looked at and not redeemed. */
  readonly lent: Role | undefined
}

/** Who may see what. A drive of another tenant does not exist for the caller. */
export class Access {
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  /** Throws 403 until SharePoint knows this guest, as reported for guests who never opened the site. */
  requireKnown(caller: Caller): void {
    if (!caller.principal.sharePointKnows) throw accessDenied()
    const files = caller.scopes.some(scope => /^(Files|Sites|AllSites)\./.test(scope))
    if (!files) throw accessDenied('Either scp or roles claim need to be present in the token.')
  }

  drive(caller: Caller, id: string): PlacedDrive {
    this.requireKnown(caller)
    const placed = this.#world.drive(id)
    if (placed?.site.tenant !== caller.tenant) throw notFound()
    return placed
  }

  /** Limited access is enough to see that a library exists, its contents need more. */
  requireDrive(caller: Caller, placed: PlacedDrive): void {
    if (!placed.site.hasLimitedAccess(caller.principal, placed.drive)) throw accessDenied()
  }

  requireSite(caller: Caller, site: Site): void {
    this.requireKnown(caller)
    if (site.tenant !== caller.tenant) throw notFound()
    if (!site.siteRole(caller.principal)) throw accessDenied()
  }

  requireItem(caller: Caller, placed: PlacedItem): Role {
    const role = placed.site.itemRole(caller.principal, placed.drive, placed.item) ?? placed.lent
    if (!role) throw accessDenied()
    return role
  }

  siteById(caller: Caller, id: string): Site | undefined {
    const [host, siteId, webId] = id.toLowerCase().split(',')
    return this.#world.sites.find(
      site =>
        site.tenant === caller.tenant &&
        (siteId === undefined
          ? site.siteId === host || (site.host === host && site.path === '')
          : site.host === host && site.siteId === siteId && (webId === undefined || site.webId === webId)),
    )
  }
}

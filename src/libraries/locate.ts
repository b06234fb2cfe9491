import { isFault, type FaultCode } from '../model/fault.js'
import type { TenantId } from '../model/ids.js'
import type { Drive, RemoteSharing, SharedItem, Site } from '../model/sharing.js'
import type { Address } from './address.js'
import type { ListAddress } from './odopen.js'
import { isWithin, readablePath } from './server-path.js'
import { driveIdOf, itemIdOf } from './sharepoint-ids.js'

/** What an address leads to, with what was learned on the way. */
export interface Located {
  readonly shared: SharedItem
  readonly drive: Drive | undefined
  readonly site: Site | undefined
  /** Further libraries of the site, where only the site was named. */
  readonly others: readonly Drive[]
}

/** The ways from each kind of address to an item. @throws {Fault} as {@link RemoteSharing} */
export class Locator {
  readonly #sharing: RemoteSharing

  constructor(sharing: RemoteSharing) {
    this.#sharing = sharing
  }

  async locate(tenant: TenantId, address: Address, signal: AbortSignal): Promise<Located> {
    switch (address.kind) {
      case 'sharing-link':
        return bare(await this.#sharing.followLink(tenant, address.url, signal))
      case 'site':
        return await this.#inSite(
          tenant,
          await this.#sharing.siteByPath(tenant, address.host, address.path, signal),
          signal,
        )
      case 'path':
        return await this.#byPath(tenant, address, signal)
      case 'list':
        return await this.#byIds(tenant, address, signal)
    }
  }

  async #inSite(tenant: TenantId, site: Site, signal: AbortSignal): Promise<Located> {
    const drive = await this.#sharing.defaultDrive(tenant, site, signal)
    const shared = await this.#sharing.itemByPath(tenant, drive.id, '', signal)
    const drives = await this.#sharing.drives(tenant, site, signal)
    return { shared, drive, site, others: drives.filter(({ id }) => id !== drive.id) }
  }

  /** An address of the browser works like a link, also for those who may see the folder but not its site. */
  async #byPath(
    tenant: TenantId,
    address: Address & { kind: 'path' },
    signal: AbortSignal,
  ): Promise<Located> {
    try {
      return bare(await this.#sharing.followLink(tenant, address.url, signal))
    } catch (failure) {
      if (!isFault(failure, 'item-not-found', 'not-supported', 'protocol-error')) throw failure
      const found =
        (await this.#bySite(tenant, address, signal)) ?? (await this.#bySubsite(tenant, address, signal))
      if (found === undefined) throw failure
      return found
    }
  }

  async #bySite(tenant: TenantId, address: Address & { kind: 'path' }, signal: AbortSignal) {
    const site = await ifFound(this.#sharing.siteByPath(tenant, address.host, address.site, signal))
    if (site === undefined) return undefined
    const drives = await this.#sharing.drives(tenant, site, signal)
    for (const drive of drives) {
      const root = readablePath(new URL(drive.webUrl).pathname)
      if (root === undefined || !isWithin(address.path, root)) continue
      const below = address.path.slice(root.length + 1)
      return {
        shared: await this.#sharing.itemByPath(tenant, drive.id, below, signal),
        drive,
        site,
        others: [],
      }
    }
    return undefined
  }

  async #bySubsite(tenant: TenantId, address: Address & { kind: 'path' }, signal: AbortSignal) {
    const subsite = await ifFound(this.#sharing.siteByPath(tenant, address.host, address.path, signal))
    return subsite === undefined ? undefined : await this.#inSite(tenant, subsite, signal)
  }

  async #byIds(tenant: TenantId, address: ListAddress, signal: AbortSignal): Promise<Located> {
    const site = `${address.host},${address.siteId},${address.webId}`
    const drive = await ifAllowed(this.#sharing.driveOfList(tenant, site, address.listId, signal))
    const id = drive?.id ?? driveIdOf(address.siteId, address.webId, address.listId)
    if (address.folderId === undefined) {
      return { ...bare(await this.#sharing.itemByPath(tenant, id, '', signal)), drive }
    }
    const byAddress = await ifAllowed(this.#sharing.followLink(tenant, address.url, signal))
    if (byAddress?.key.drive === id && !byAddress.isDriveRoot) return { ...bare(byAddress), drive }
    // Renamed or moved since: its id has stayed.
    const root = await this.#sharing.itemByPath(tenant, id, '', signal)
    const folder = itemIdOf(address.folderId, root.key.item)
    const shared = folder === undefined ? root : await this.#sharing.itemById(tenant, id, folder, signal)
    return { ...bare(shared), drive }
  }
}

function bare(shared: SharedItem): Located {
  return { shared, drive: undefined, site: undefined, others: [] }
}

async function ifFound<Value>(asked: Promise<Value>): Promise<Value | undefined> {
  return await orUndefined(asked, 'item-not-found', 'protocol-error')
}

async function ifAllowed<Value>(asked: Promise<Value>): Promise<Value | undefined> {
  return await orUndefined(asked, 'item-not-found', 'protocol-error', 'access-denied', 'not-supported')
}

async function orUndefined<Value>(
  asked: Promise<Value>,
  ...codes: readonly FaultCode[]
): Promise<Value | undefined> {
  try {
    return await asked
  } catch (failure) {
    if (isFault(failure, ...codes)) return undefined
    throw failure
  }
}

import { WorldClock } from '../clock.js'
import { Outbox } from '../sharing/outbox.js'
import type { Invitation } from '../sharing/share.js'
import { PERSONAL_TENANT, Tenant, type TenantOptions, type User } from './directory.js'
import type { Drive } from './drive.js'
import { parseDriveId } from './ids.js'
import { Site, type SharingLink, type SiteOptions } from './site.js'

export interface App {
  readonly clientId: string
  readonly name: string
  /** Ports of `http://localhost` are not compared. */
  readonly redirectUris: readonly string[]
  /** One of the service's own: nobody consents to it, and it may answer to any of its hosts. */
  readonly firstParty?: true
}

/** Everything there is: tenants, users, sites, libraries, registered applications. */
export class World {
  readonly clock = new WorldClock()
  readonly tenants: Tenant[] = []
  readonly sites: Site[] = []
  readonly apps: App[] = []
  readonly outbox = new Outbox()
  readonly invitations: Invitation[] = []
  /** Addresses that a person would paste, by what they are; shown by the admin address. */
  readonly addresses: Record<string, string> = {}
  /** What the service knows to draw; the admin address changes it. */
  readonly thumbnails = {
    unavailable: false,
    unavailableIn: new Set<string>(),
    /** `$expand=thumbnails` on one item. On a listing SharePoint ignores it always. */
    expandable: true,
  }

  addTenant(options: TenantOptions): Tenant {
    const tenant = new Tenant(options)
    this.tenants.push(tenant)
    return tenant
  }

  addSite(tenant: Tenant, options: SiteOptions): Site {
    const site = new Site(tenant, options)
    this.sites.push(site)
    return site
  }

  tenant(name: string): Tenant | undefined {
    return this.tenants.find(tenant => tenant.isNamed(name))
  }

  get personalTenant(): Tenant | undefined {
    return this.tenants.find(tenant => tenant.id === PERSONAL_TENANT)
  }

  tenantOfHost(host: string): Tenant | undefined {
    return this.tenants.find(tenant => tenant.sharePointHost === host || tenant.oneDriveHost === host)
  }

  users(): User[] {
    return this.tenants.flatMap(tenant =>
      tenant.principals.filter(each => each.kind === 'member').map(each => each.user),
    )
  }

  user(upnOrOid: string): User | undefined {
    const asked = upnOrOid.toLowerCase()
    return this.users().find(user => user.upn === asked || user.oid === asked)
  }

  app(clientId: string): App | undefined {
    return this.apps.find(app => app.clientId === clientId.toLowerCase())
  }

  /** The site that a server-relative path lies in, and the rest of the path. */
  siteAt(host: string, path: string): { site: Site; rest: string } | undefined {
    const wanted = path.replace(/\/+$/, '')
    const candidates = this.sites.filter(
      site => site.host === host && startsWithPath(wanted.toLowerCase(), site.path.toLowerCase()),
    )
    const site = candidates.sort((a, b) => b.path.length - a.path.length)[0]
    return site && { site, rest: wanted.slice(site.path.length) }
  }

  drive(id: string): { site: Site; drive: Drive } | undefined {
    const guids = parseDriveId(id)
    const site = guids && this.sites.find(each => each.siteId === guids.site)
    const drive = site?.libraries.find(each => each.id === id)
    return site && drive && { site, drive }
  }

  link(url: string): SharingLink | undefined {
    const bare = withoutQuery(url)
    return this.sites.flatMap(site => site.links).find(link => withoutQuery(link.url) === bare)
  }
}

function startsWithPath(path: string, prefix: string): boolean {
  return path === prefix || path.startsWith(prefix + '/')
}

function withoutQuery(url: string): string {
  return url.replace(/[?#].*$/, '')
}

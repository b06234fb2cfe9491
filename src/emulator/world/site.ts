import type { Principal, Tenant } from './directory.js'
import { Drive, isWithin, type Author, type Item } from './drive.js'
import { type Guid, guidFrom } from './guid.js'
import { driveId } from './ids.js'
import { RecycleBin } from './recycle-bin.js'

export type Role = 'read' | 'write' | 'owner'

/** A permission given to one principal, on a site, or on an item and all below it. */
export interface Grant {
  readonly id: Guid
  readonly principal: Guid
  readonly role: Role
  /** `undefined`: the whole site. */
  readonly on: { readonly drive: Drive; readonly item: Item } | undefined
  /** The link that gave it, if one did. */
  readonly link: SharingLink | undefined
}

export interface SharingLink {
  readonly id: Guid
  readonly url: string
  readonly site: Site
  readonly drive: Drive
  readonly item: Item
  readonly scope: 'anonymous' | 'organization' | 'users'
  readonly type: 'view' | 'edit'
  /** User (home) object ids, for scope `users`. */
  readonly recipients: readonly Guid[]
  readonly expires: number | undefined
  revoked: boolean
}

export interface SiteOptions {
  /** Server-relative: `/sites/Design`; `''` is the host's root site. */
  readonly path: string
  readonly title: string
  readonly created: number
  readonly personal?: boolean
}

/** A SharePoint site (one site collection with one web) and its libraries. */
export class Site {
  readonly tenant: Tenant
  readonly host: string
  readonly path: string
  readonly title: string
  readonly created: number
  readonly siteId: Guid
  readonly webId: Guid
  readonly personal: boolean
  readonly libraries: Drive[] = []
  readonly grants: Grant[] = []
  readonly links: SharingLink[] = []
  readonly recycleBin = new RecycleBin()
  /** An administrator's block-download policy: everybody but owners may only look, in the browser. */
  blocksDownload = false

  constructor(tenant: Tenant, options: SiteOptions) {
    this.tenant = tenant
    this.personal = options.personal ?? false
    this.host = this.personal ? tenant.oneDriveHost : tenant.sharePointHost
    this.path = options.path
    this.title = options.title
    this.created = options.created
    this.siteId = guidFrom('site', this.host, options.path)
    this.webId = guidFrom('web', this.host, options.path)
  }

  /** Graph's three-part id. */
  get id(): string {
    return `${this.host},${this.siteId},${this.webId}`
  }

  get webUrl(): string {
    return `https://${this.host}${encodePath(this.path)}`
  }

  get name(): string {
    return this.path.split('/').at(-1) ?? ''
  }

  addLibrary(title: string, urlName: string, author: Author, populate?: (drive: Drive) => void): Drive {
    const listId = guidFrom('list', this.host, this.path, urlName)
    const drive = new Drive({
      id: driveId(this.siteId, this.webId, listId),
      listId,
      type: this.personal ? 'business' : 'documentLibrary',
      name: title,
      webUrl: `${this.webUrl}/${encodeURIComponent(urlName)}`,
      created: this.created,
      author,
      ...(populate && { populate }),
    })
    this.libraries.push(drive)
    return drive
  }

  grant(principal: Principal, role: Role, on?: { drive: Drive; item: Item }, link?: SharingLink): Grant {
    const grant: Grant = {
      id: guidFrom('grant', principal.oid, role, on?.item.id ?? this.id, link?.id ?? ''),
      principal: principal.oid,
      role,
      on,
      link,
    }
    this.grants.push(grant)
    return grant
  }

  revoke(matches: (grant: Grant) => boolean): number {
    const kept = this.grants.filter(grant => !matches(grant))
    const revoked = this.grants.length - kept.length
    this.grants.splice(0, this.grants.length, ...kept)
    return revoked
  }

  share(drive: Drive, item: Item, options: Pick<SharingLink, 'scope' | 'type' | 'recipients' | 'expires'>) {
    const id = guidFrom('link', drive.id, item.id, options.scope, options.type, ...options.recipients)
    const kind = item.kind === 'file' ? 'b' : 'f'
    const [managed, name] = this.personal ? ['g', `personal/${this.name}`] : ['s', this.name]
    const key = Buffer.from(`${id}${item.guid}`.replaceAll('-', ''), 'hex').toString('base64url')
    const url = `https://${this.host}/:${kind}:/${managed}/${name}/E${key}?e=${key.slice(3, 9)}`
    const link: SharingLink = { id, url, site: this, drive, item, ...options, revoked: false }
    this.links.push(link)
    return link
  }

  /** What a principal may do with the site as a whole. */
  siteRole(principal: Principal): Role | undefined {
    return strongest(this.grants.filter(each => each.principal === principal.oid && !each.on))
  }

  /** What a principal may do with an item: rights of the site, of the item, of any folder above. */
  itemRole(principal: Principal, drive: Drive, item: Item): Role | undefined {
    return strongest(
      this.grants.filter(
        each =>
          each.principal === principal.oid &&
          (!each.on || (each.on.drive === drive && isWithin(item, each.on.item))),
      ),
    )
  }

  /** Anything at all in this site: what SharePoint calls limited access. */
  hasLimitedAccess(principal: Principal, drive?: Drive): boolean {
    return this.grants.some(
      each => each.principal === principal.oid && (!drive || !each.on || each.on.drive === drive),
    )
  }
}

function strongest(grants: readonly Grant[]): Role | undefined {
  const order: readonly Role[] = ['owner', 'write', 'read']
  return order.find(role => grants.some(grant => grant.role === role))
}

/** Hostile names hold lone surrogates, which `encodeURIComponent` refuses. */
export function encodeName(name: string): string {
  return encodeURIComponent(Buffer.from(name, 'utf8').toString('utf8'))
}

export function encodePath(path: string): string {
  return path.split('/').map(encodeName).join('/')
}

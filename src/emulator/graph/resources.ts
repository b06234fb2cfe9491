import { type Answer, json } from '../http/answer.js'
import type { Caller } from '../entra/tokens.js'
import { principalName } from '../world/directory.js'
import type { Site } from '../world/site.js'
import type { World } from '../world/world.js'
import type { Access, PlacedDrive, PlacedItem } from './access.js'
import { functionCall, type Segment } from './address.js'
import type { Delta } from './delta.js'
import { driveJson, driveSharePointIds, listJson, siteJson } from './drive-json.js'
import { badRequest, notFound, refuse } from './graph-error.js'
import { createInvitation, inviteToItem } from './invite.js'
import { type Items, locate } from './items.js'
import { pick } from './odata.js'
import { getPermission, linkJson, listPermissions } from './permissions.js'
import type { GraphRequest } from './request.js'
import type { Notifications } from '../sharepoint/notifications.js'
import type { Shares } from './shares.js'
import type { Thumbnails } from './thumbnails.js'
import type { Versions } from './versions.js'
import type { Writes } from './writes/writes.js'

export interface ResourcesDeps {
  readonly world: World
  readonly access: Access
  readonly items: Items
  readonly delta: Delta
  readonly shares: Shares
  readonly thumbnails: Thumbnails
  readonly notifications: Notifications
  readonly versions: Versions
  readonly writes: Writes
}

export interface Match {
  readonly name: string
  readonly drive?: string
  readonly item?: string
  run(request: GraphRequest): Promise<Answer> | Answer
}

type FindDrive = (caller: Caller) => PlacedDrive
type FindItem = (request: GraphRequest) => Promise<PlacedItem>
type FindSite = (caller: Caller) => Site

/**
 * Which resource a path names. Each method takes the rest of the path after its own resource;
 * `undefined` means that the emulator has no such resource.
 */
export class Resources {
  readonly #deps: ResourcesDeps

  constructor(deps: ResourcesDeps) {
    this.#deps = deps
  }

  match(method: string, path: readonly Segment[], query: URLSearchParams): Match | undefined {
    const [head, ...rest] = path
    if (method === 'POST') return this.#invite(path) ?? this.#write(method, path)
    if (method !== 'GET' && method !== 'HEAD') return this.#write(method, path)
    const call = functionCall(head?.name ?? '')
    switch (call.name) {
      case 'me':
        return this.#me(rest, query)
      case 'drives':
        return this.#drives(rest, query)
      case 'sites':
        return this.#sites(rest, query)
      case 'shares':
        return this.#share(rest, query)
      case 'organization':
        return rest.length === 0 ? { name: 'organization', run: r => organization(r) } : undefined
      case 'tenantRelationships':
        return this.#tenantInformation(rest)
      default:
        return undefined
    }
  }

  #invite(path: readonly Segment[]): Match | undefined {
    const { world, access } = this.#deps
    const [head, id, ...rest] = path
    if (head?.name === 'invitations' && !id) {
      return { name: 'invitations', run: request => createInvitation(world, request) }
    }
    const item = rest[0]?.name === 'items' ? rest[1] : rest[0]?.name === 'root' ? rest[0] : undefined
    if (head?.name !== 'drives' || !id || !item || rest.at(-1)?.name !== 'invite') return undefined
    if (rest.indexOf(item) !== rest.length - 2) return undefined
    const where = item.name === 'root' ? { path: item.path } : { id: item.name, path: item.path }
    const find = this.#finder(caller => access.drive(caller, id.name), where)
    return {
      name: 'invite',
      drive: id.name,
      run: async request => inviteToItem(world, access, request, await find(request)),
    }
  }

  #write(method: string, path: readonly Segment[]): Match | undefined {
    return this.#deps.writes.match(method, path, {
      own: caller => this.#ownDrive(caller),
      ofSite: (caller, segment) => defaultDrive(this.#findSite(caller, segment)),
    })
  }

  #me(path: readonly Segment[], query: URLSearchParams): Match | undefined {
    const [head, ...rest] = path
    if (!head) return { name: 'me', run: request => me(request) }
    const own: FindDrive = caller => this.#ownDrive(caller)
    if (head.name === 'drive') return this.#drive(undefined, own, rest, query)
    if (head.name === 'drives' && rest.length === 0) {
      return { name: 'drives', run: request => collection([this.#driveJson(request, own(request.caller))]) }
    }
    return undefined
  }

  #drives(path: readonly Segment[], query: URLSearchParams): Match | undefined {
    const [id, ...rest] = path
    if (!id) return undefined
    return this.#drive(id.name, caller => this.#deps.access.drive(caller, id.name), rest, query)
  }

  #drive(
    id: string | undefined,
    find: FindDrive,
    path: readonly Segment[],
    query: URLSearchParams,
  ): Match | undefined {
    const [head, ...rest] = path
    const drive = id === undefined ? {} : { drive: id }
    if (!head) {
      return { name: 'drive', ...drive, run: request => json(200, this.#getDrive(request, find)) }
    }
    if (head.name === 'root') {
      const where = { path: head.path }
      return withSubject(this.#item(this.#finder(find, where), rest, query), drive)
    }
    const [item, ...more] = rest
    if (head.name === 'items' && item) {
      const where = item.name === 'root' ? { path: item.path } : { id: item.name, path: item.path }
      const subject = item.path || item.name === 'root' ? drive : { ...drive, item: item.name }
      return withSubject(this.#item(this.#finder(find, where), more, query), subject)
    }
    if (head.name === 'list' && rest.length === 0) {
      return { name: 'list', ...drive, run: request => this.#getList(request, find(request.caller)) }
    }
    return undefined
  }

  #finder(find: FindDrive, where: { id?: string; path?: readonly string[] | undefined }): FindItem {
    return async request => {
      const placed = find(request.caller)
      return { ...placed, item: await locate(placed, where), lent: undefined }
    }
  }

  #item(find: FindItem, path: readonly Segment[], query: URLSearchParams): Match | undefined {
    const { access, items, delta } = this.#deps
    const [head, ...rest] = path
    if (!head) return { name: 'item', run: async request => items.get(request, await find(request)) }
    const [part, ...others] = rest
    if (head.name === 'permissions' && part && others.length === 0) {
      return {
        name: 'permission',
        run: async request => getPermission(access, request, await find(request), part.name),
      }
    }
    if (head.name === 'thumbnails') return this.#thumbnails(find, rest)
    if (head.name === 'subscriptions' && part?.name.toLowerCase() === 'socketio' && others.length === 0) {
      return {
        name: 'subscription-socketio',
        run: async request => this.#subscribe(request, await find(request)),
      }
    }
    if (head.name === 'versions') return this.#deps.versions.match(find, rest)
    if (part) return undefined
    const call = functionCall(head.name)
    switch (call.name) {
      case 'children':
        return { name: 'children', run: async request => items.children(request, await find(request)) }
      case 'content':
        return { name: 'content', run: async request => items.content(request, await find(request)) }
      case 'permissions':
        return {
          name: 'permissions',
          run: async request => listPermissions(access, request, await find(request)),
        }
      case 'delta':
      case 'microsoft.graph.delta': {
        const token = call.argument ?? query.get('token') ?? undefined
        return { name: 'delta', run: async request => delta.delta(request, await find(request), token) }
      }
      default:
        return undefined
    }
  }

  /** On a library as a whole; anything in it is enough to be told that something has changed. */
  async #subscribe(request: GraphRequest, placed: PlacedItem): Promise<Answer> {
    this.#deps.access.requireDrive(request.caller, placed)
    if (placed.item !== placed.drive.root) throw badRequest('Subscriptions are on the root of a drive.')
    return json(200, await this.#deps.notifications.subscribe(placed.drive, request.caller.clientId))
  }

  #thumbnails(find: FindItem, [id, size, content, ...more]: readonly Segment[]): Match | undefined {
    const { thumbnails } = this.#deps
    if (!id)
      return { name: 'thumbnails', run: async request => thumbnails.list(request, await find(request)) }
    if (!size) {
      return {
        name: 'thumbnails',
        run: async request => thumbnails.set(request, await find(request), id.name),
      }
    }
    if (!content) {
      return {
        name: 'thumbnail',
        run: async request => thumbnails.one(request, await find(request), id.name, size.name),
      }
    }
    if (content.name !== 'content' || more.length > 0) return undefined
    return {
      name: 'thumbnail-content',
      run: async request => thumbnails.content(request, await find(request), id.name, size.name),
    }
  }

  #sites(path: readonly Segment[], query: URLSearchParams): Match | undefined {
    const [head, ...rest] = path
    if (!head) return { name: 'sites', run: request => this.#searchSites(request) }
    const find: FindSite = caller => this.#findSite(caller, head)
    return this.#site(find, rest, query)
  }

  #site(find: FindSite, path: readonly Segment[], query: URLSearchParams): Match | undefined {
    const [head, ...rest] = path
    const { access } = this.#deps
    const open = (request: GraphRequest) => {
      const site = find(request.caller)
      access.requireSite(request.caller, site)
      return site
    }
    if (!head) {
      return {
        name: 'site',
        run: request => json(200, pick(siteJson(open(request)), request.options.select)),
      }
    }
    if (head.name === 'drives' && rest.length === 0) {
      return {
        name: 'site-drives',
        run: request => {
          const site = open(request)
          return collection(site.libraries.map(drive => this.#driveJson(request, { site, drive })))
        },
      }
    }
    if (head.name === 'drive')
      return this.#drive(undefined, caller => defaultDrive(find(caller)), rest, query)
    if (head.name !== 'lists') return undefined
    const [list, ...more] = rest
    if (!list) {
      return {
        name: 'site-lists',
        run: request => {
          const site = open(request)
          const lists = site.libraries.map(drive => listJson(site, drive))
          return collection(lists.map(each => pick(each, request.options.select)))
        },
      }
    }
    const findDrive: FindDrive = caller => {
      const site = find(caller)
      const asked = list.name.toLowerCase()
      const drive = site.libraries.find(each => each.listId === asked || each.name.toLowerCase() === asked)
      if (!drive) throw notFound()
      return access.drive(caller, drive.id)
    }
    const [part, ...others] = more
    if (!part) return { name: 'list', run: request => this.#getList(request, findDrive(request.caller)) }
    return part.name === 'drive' ? this.#drive(undefined, findDrive, others, query) : undefined
  }

  #share(path: readonly Segment[], query: URLSearchParams): Match | undefined {
    const [id, head, ...rest] = path
    const { shares, access } = this.#deps
    if (!id) return undefined
    const resolve = (request: GraphRequest) => shares.resolve(request, id.name)
    const find: FindItem = async request => {
      const shared = await resolve(request)
      if (shared.kind === 'site') throw notFound()
      return shared.placed
    }
    switch (head?.name) {
      case undefined:
        return {
          name: 'share',
          run: async request => shares.get(request, id.name, await resolve(request)),
        }
      case 'driveItem':
      case 'root': {
        const match = this.#item(find, rest, query)
        return match && { ...match, name: match.name === 'item' ? 'share-item' : match.name }
      }
      case 'site':
        if (rest.length > 0) return undefined
        return {
          name: 'share-site',
          run: async request => {
            const shared = await resolve(request)
            const site = shared.kind === 'site' ? shared.site : shared.placed.site
            access.requireSite(request.caller, site)
            return json(200, pick(siteJson(site), request.options.select))
          },
        }
      case 'list':
        if (rest.length > 0) return undefined
        return { name: 'share-list', run: async request => this.#getList(request, await find(request)) }
      case 'permission':
        if (rest.length > 0) return undefined
        return {
          name: 'share-permission',
          run: async request => {
            const shared = await resolve(request)
            if (shared.kind === 'site' || !shared.link) throw notFound()
            return json(200, linkJson(request, shared.link))
          },
        }
      default:
        return undefined
    }
  }

  #tenantInformation(path: readonly Segment[]): Match | undefined {
    const [head, ...rest] = path
    const call = functionCall(head?.name ?? '')
    if (call.name !== 'findTenantInformationByTenantId' || rest.length > 0) return undefined
    return {
      name: 'tenant-information',
      run: () => {
        const tenant = this.#deps.world.tenants.find(each => each.id === call.argument?.toLowerCase())
        if (!tenant) throw refuse(404, 'Request_ResourceNotFound', 'Tenant information could not be found.')
        return json(200, {
          tenantId: tenant.id,
          federationBrandName: null,
          displayName: tenant.displayName,
          defaultDomainName: tenant.domain,
        })
      },
    }
  }

  #findSite(caller: Caller, head: Segment): Site {
    const { world, access } = this.#deps
    access.requireKnown(caller)
    if (head.path) {
      const host = head.name === 'root' ? caller.tenant.sharePointHost : head.name.toLowerCase()
      if (world.tenantOfHost(host) !== caller.tenant) throw badRequest('Invalid hostname for this tenancy')
      const at = world.siteAt(host, head.path.length === 0 ? '' : '/' + head.path.join('/'))
      if (at?.rest !== '') throw notFound()
      return at.site
    }
    const id = head.name === 'root' ? caller.tenant.sharePointHost : head.name
    const site = access.siteById(caller, id)
    if (!site) throw notFound()
    return site
  }

  /** Guests find nothing: sites are searched among those that the tenant lists for its members. */
  #searchSites({ caller }: GraphRequest): Answer {
    const sites = caller.principal.kind === 'guest' ? [] : this.#deps.world.sites
    const visible = sites.filter(site => site.tenant === caller.tenant && site.siteRole(caller.principal))
    return collection(visible.map(siteJson))
  }

  #ownDrive(caller: Caller): PlacedDrive {
    this.#deps.access.requireKnown(caller)
    const site = this.#deps.world.sites.find(
      each => each.personal && each.tenant === caller.tenant && each.siteRole(caller.principal) === 'owner',
    )
    const drive = site?.libraries[0]
    if (!site || !drive) throw refuse(404, 'ResourceNotFound', "User's mysite not found.")
    return { site, drive }
  }

  #getDrive(request: GraphRequest, find: FindDrive) {
    return {
      '@odata.context': `https://${request.exchange.host}/v1.0/$metadata#drives/$entity`,
      ...this.#driveJson(request, find(request.caller)),
    }
  }

  #driveJson(request: GraphRequest, placed: PlacedDrive): Record<string, unknown> {
    this.#deps.access.requireDrive(request.caller, placed)
    const { select } = request.options
    const value = driveJson(placed.site, placed.drive)
    if (select?.includes('sharePointIds'))
      value['sharePointIds'] = driveSharePointIds(placed.site, placed.drive)
    return pick(value, select)
  }

  #getList(request: GraphRequest, placed: PlacedDrive): Answer {
    this.#deps.access.requireDrive(request.caller, placed)
    return json(200, pick(listJson(placed.site, placed.drive), request.options.select))
  }
}

function me({ caller, options }: GraphRequest): Answer {
  const { user, oid } = caller.principal
  const [givenName, ...surname] = user.displayName.split(' ')
  const value = {
    businessPhones: [],
    displayName: user.displayName,
    givenName,
    jobTitle: null,
    mail: user.upn,
    mobilePhone: null,
    officeLocation: null,
    preferredLanguage: null,
    surname: surname.join(' '),
    userPrincipalName: principalName(caller.principal, caller.tenant),
    id: oid,
  }
  const context = 'https://graph.microsoft.com/v1.0/$metadata#users/$entity'
  return json(200, { '@odata.context': context, ...pick(value, options.select) })
}

function organization({ caller }: GraphRequest): Answer {
  const { tenant } = caller
  if (caller.principal.kind === 'guest') {
    throw refuse(403, 'Authorization_RequestDenied', 'Insufficient privileges to complete the operation.')
  }
  const domain = (name: string, isDefault: boolean) => ({
    name,
    isDefault,
    isInitial: !isDefault,
    type: 'Managed',
  })
  return collection([
    {
      id: tenant.id,
      displayName: tenant.displayName,
      verifiedDomains: [domain(tenant.domain, true), domain(tenant.initialDomain, false)],
    },
  ])
}

function defaultDrive(site: Site): PlacedDrive {
  const drive = site.libraries[0]
  if (!drive) throw notFound()
  return { site, drive }
}

function collection(value: readonly unknown[]): Answer {
  return json(200, { value })
}

function withSubject(
  match: Match | undefined,
  subject: { drive?: string; item?: string },
): Match | undefined {
  return match && { ...match, ...subject }
}

import type { Caller } from '../entra/tokens.js'
import { type Answer, json } from '../http/answer.js'
import type { Principal } from '../world/directory.js'
import { pathOf } from '../world/drive.js'
import type { SharingLink, Site } from '../world/site.js'
import type { World } from '../world/world.js'
import type { Access, PlacedItem } from './access.js'
import { decodeShareId } from './address.js'
import { accessDenied, badRequest, notFound } from './graph-error.js'
import { authorJson } from './item-json.js'
import { locate } from './items.js'
import { type GraphRequest, prefers } from './request.js'

const GONE = 'The sharing link no longer exists, or you do not have permission to access it.'

/** What an encoded address turned out to be. */
export type Shared =
  | { readonly kind: 'item'; readonly placed: PlacedItem; readonly link: SharingLink | undefined }
  | { readonly kind: 'site'; readonly site: Site }

/** `/shares/u!…`: sharing links, and plain addresses of sites, libraries, folders and files. */
export class Shares {
  readonly #world: World
  readonly #access: Access

  constructor(world: World, access: Access) {
    this.#world = world
    this.#access = access
  }

  async resolve(request: GraphRequest, id: string): Promise<Shared> {
    this.#access.requireKnown(request.caller)
    const url = decodeShareId(id)
    if (url === undefined) throw badRequest('The sharing token is invalid.', 'invalidArgument')
    const { hostname, pathname } = new URL(url)
    if (this.#world.tenantOfHost(hostname) !== request.caller.tenant) {
      throw badRequest('The site in the encoded share URI is invalid.')
    }
    if (/^\/:\w:\//.test(pathname)) return this.#resolveLink(request, url)
    return this.#resolveAddress(request.caller, new URL(url))
  }

  #resolveLink(request: GraphRequest, url: string): Shared {
    const link = this.#world.link(url)
    const { caller } = request
    const expired = link?.expires !== undefined && link.expires <= this.#world.clock.now()
    if (!link || link.revoked || expired) throw accessDenied(GONE)
    const { site, drive, item } = link
    const role = link.type === 'edit' ? 'write' : 'read'
    const has = site.itemRole(caller.principal, drive, item) !== undefined
    if (has) return { kind: 'item', placed: { site, drive, item, lent: undefined }, link }
    if (!mayUse(caller.principal, link)) throw accessDenied(GONE)
    if (prefers(request, 'redeemSharingLink')) {
      if (link.scope !== 'anonymous') site.grant(caller.principal, role, { drive, item }, link)
    } else if (!prefers(request, 'redeemSharingLinkIfNecessary')) {
      throw accessDenied(GONE)
    }
    return { kind: 'item', placed: { site, drive, item, lent: role }, link }
  }

  async #resolveAddress(caller: Caller, url: URL): Promise<Shared> {
    const at = this.#world.siteAt(url.hostname, safeDecode(url.pathname))
    if (!at) throw notFound()
    const { site } = at
    if (at.rest === '') return { kind: 'site', site }
    const source = /^\{?([0-9a-f-]{36})\}?$/i.exec(url.searchParams.get('sourcedoc') ?? '')?.[1]
    for (const drive of site.libraries) {
      const root = safeDecode(new URL(drive.webUrl).pathname)
      const asked = safeDecode(url.pathname).replace(/\/+$/, '')
      const below = source === undefined && startsWithFolder(asked, root)
      const item = source === undefined ? undefined : drive.find(source)
      if (!below && !item) continue
      const path = asked
        .slice(root.length)
        .split('/')
        .filter(part => part !== '')
      const found = item ?? (await locate({ drive }, { path }))
      const placed: PlacedItem = { site, drive, item: found, lent: undefined }
      this.#access.requireItem(caller, placed)
      return { kind: 'item', placed, link: undefined }
    }
    throw notFound()
  }

  get(request: GraphRequest, id: string, shared: Shared): Answer {
    const [name, author] =
      shared.kind === 'site'
        ? [shared.site.title, shared.site.libraries[0]?.author]
        : [pathOf(shared.placed.item).at(-1) ?? shared.placed.drive.name, shared.placed.item.by]
    return json(200, {
      '@odata.context': `https://${request.exchange.host}/v1.0/$metadata#shares/$entity`,
      id,
      name,
      ...(author && { owner: { user: authorJson(author) } }),
    })
  }
}

export function mayUse({ kind, user }: Principal, link: SharingLink): boolean {
  switch (link.scope) {
    case 'anonymous':
      return true
    case 'organization':
      return kind === 'member'
    case 'users':
      return link.recipients.includes(user.oid)
  }
}

function startsWithFolder(path: string, folder: string): boolean {
  const [a, b] = [path.toLowerCase(), folder.toLowerCase()]
  return a === b || a.startsWith(b + '/')
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

import { mayUse } from '../graph/shares.js'
import { type Answer, html, redirect } from '../http/answer.js'
import type { Exchange } from '../http/exchange.js'
import { page } from '../http/html.js'
import type { Principal, Tenant } from '../world/directory.js'
import type { Drive, Item } from '../world/drive.js'
import { libraryViewUrl } from '../world/addresses.js'
import type { SharingLink, Site } from '../world/site.js'
import type { World } from '../world/world.js'
import { filePage, libraryPage, noAccessPage, passcodePage, sitePage } from './pages.js'
import type { Sessions } from './sessions.js'

export interface WebPagesDeps {
  readonly world: World
  readonly sessions: Sessions
}

/** What a person sees who opens an address of a SharePoint host in a browser. */
export class WebPages {
  readonly #world: World
  readonly #sessions: Sessions

  constructor({ world, sessions }: WebPagesDeps) {
    this.#world = world
    this.#sessions = sessions
  }

  async browse(exchange: Exchange, tenant: Tenant): Promise<Answer> {
    if (/^\/:\w:\//.test(exchange.path)) return this.#openLink(exchange, tenant)
    const at = this.#world.siteAt(exchange.host, safeDecode(exchange.path))
    if (!at || at.site.tenant !== tenant) return html(404, page('404', '<h1>404 FILE NOT FOUND</h1>'))
    const visitor = this.#sessions.visitor(exchange, tenant)
    if (!visitor) return this.#sessions.signIn(exchange, tenant)
    // Whoever has opened a site in a browser is known to SharePoint from then on.
    visitor.sharePointKnows = true
    if (at.rest === '') return sitePageFor(at.site, visitor)
    return this.#openPath(exchange, at.site, visitor)
  }

  /** A sharing link: opening it is accepting it. */
  #openLink(exchange: Exchange, tenant: Tenant): Answer {
    const link = this.#world.link(`https://${exchange.host}${exchange.path}`)
    const isExpired = link?.expires !== undefined && link.expires <= this.#world.clock.now()
    if (!link || link.revoked || isExpired) {
      return html(404, page('Sorry, something went wrong', '<h1>This link has been removed.</h1>'))
    }
    const where = addressOf(link.drive, link.item)
    if (link.scope === 'anonymous') return filePage(link.item.name)
    if (link.scope === 'users' && isForPasscodes(link, tenant)) return passcodePage(link.item.name)
    const visitor = this.#sessions.visitor(exchange, tenant)
    if (!visitor) return this.#sessions.signIn(exchange, tenant)
    visitor.sharePointKnows = true
    const { site, drive, item } = link
    if (site.itemRole(visitor, drive, item) === undefined) {
      if (!mayUse(visitor, link)) return noAccessPage(visitor)
      site.grant(visitor, link.type === 'edit' ? 'write' : 'read', { drive, item }, link)
    }
    return item.kind === 'file' ? filePage(item.name) : redirect(where)
  }

  async #openPath(exchange: Exchange, site: Site, visitor: Principal): Promise<Answer> {
    const asked = exchange.query.get('id') ?? safeDecode(exchange.path)
    const path = asked.replace(/\/Forms\/AllItems\.aspx$/i, '').replace(/\/+$/, '')
    const drive = site.libraries.find(each => isAtOrBelow(path, rootOf(each)))
    const below = drive && path.slice(rootOf(drive).length).split('/').filter(Boolean)
    await drive?.source?.refreshFolder(drive.root)
    const item = drive && below && drive.at(below)
    if (!drive || !item) return html(404, page('404', '<h1>404 FILE NOT FOUND</h1>'))
    if (site.itemRole(visitor, drive, item) === undefined) return noAccessPage(visitor)
    if (item.kind === 'file') return filePage(item.name)
    await drive.source?.refreshFolder(item)
    return libraryPage(site, drive, item, visitor)
  }
}

function sitePageFor(site: Site, visitor: Principal): Answer {
  return site.siteRole(visitor) === undefined ? noAccessPage(visitor) : sitePage(site, visitor)
}

/** Somebody who is no guest cannot sign in: without B2B integration, SharePoint sends a code by mail instead. */
function isForPasscodes(link: SharingLink, tenant: Tenant): boolean {
  if (tenant.sharing.enableAzureADB2BIntegration) return false
  return !link.recipients.some(oid => tenant.principals.some(({ user }) => user.oid === oid))
}

function addressOf(drive: Drive, item: Item): string {
  return libraryViewUrl(drive, item.parent ? item : undefined)
}

function rootOf(drive: Drive): string {
  return safeDecode(new URL(drive.webUrl).pathname)
}

function isAtOrBelow(path: string, folder: string): boolean {
  const [one, other] = [path.toLowerCase(), folder.toLowerCase()]
  return one === other || one.startsWith(`${other}/`)
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

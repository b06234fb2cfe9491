import type { Cloud } from '../model/cloud.js'
import { Fault } from '../model/fault.js'
import { plainAmpersands } from './ampersands.js'
import { parseOneDriveAddress, type ListAddress } from './odopen.js'
import { readablePath, sitePathOf } from './server-path.js'
import { checkedHost, malformed } from './sharepoint-host.js'

/** What a user can add, as the address says it; nothing has been asked yet. */
export type Address =
  /** An opaque sharing link: only the service knows where it leads. */
  | { readonly kind: 'sharing-link'; readonly host: string; readonly url: string }
  /** @property path server-relative, decoded, '' for the root site */
  | { readonly kind: 'site'; readonly host: string; readonly path: string }
  /** A library or a folder. @property path server-relative and decoded, with the site's in front */
  | {
      readonly kind: 'path'
      readonly host: string
      readonly site: string
      readonly path: string
      readonly url: string
    }
  | ListAddress

// Longer than any link that Office or a browser's Sync button makes.
const LONGEST = 16_384

/**
 * Understands what people paste: sharing links, addresses from the browser's address bar, `odopen://sync`, and the text
 * of "Copy library ID".
 *
 * @throws {Fault} `address-malformed`, `personal-account` (links of consumer OneDrive)
 */
export function parseAddress(text: string, cloud: Pick<Cloud, 'sharePointSuffix'>): Address {
  const trimmed = unquoted(text.trim())
  if (trimmed === '') throw malformed('The address is empty')
  if (trimmed.length > LONGEST || /[\p{Cc}]/u.test(trimmed)) throw malformed('This is not an address')
  if (/^odopen:/i.test(trimmed)) return parseOneDriveAddress(trimmed, cloud)
  if (/^\w+=/.test(trimmed) && /\blistId=/i.test(trimmed))
    return parseOneDriveAddress(`odopen://sync?${trimmed}`, cloud)
  return parseWebAddress(unwrapped(toUrl(trimmed)), cloud)
}

/**
 * The host of an `odopen://sync` address, and of nothing else: what a web page has handed to us is no pasted text.
 *
 * @throws {Fault} `address-malformed`
 */
export function syncButtonHost(text: string, cloud: Pick<Cloud, 'sharePointSuffix'>): string {
  const address = /^odopen:/i.test(text) ? parseAddress(text, cloud) : undefined
  if (address === undefined) throw malformed('This is not an address of the Sync button')
  return address.host
}

/** Copied together with the marks around it: of mails, shells, tables and texts. */
function unquoted(text: string): string {
  const match = /^(?:<(.*)>|'(.*)'|"(.*)"|`(.*)`|[“”„«‘](.*)[“”»’])$/s.exec(text)
  return (
    match
      ?.slice(1)
      .find(inside => inside !== undefined)
      ?.trim() ?? text
  )
}

function toUrl(text: string): URL {
  // People also copy what the browser shows, without the scheme.
  const withScheme = (/^[a-z][a-z0-9+.-]*:/i.test(text) ? text : `https://${text}`).replace(
    /\?.*$/s,
    plainAmpersands,
  )
  if (!URL.canParse(withScheme)) throw malformed('This is not an address')
  const url = new URL(withScheme)
  if (url.protocol === 'http:') url.protocol = 'https:'
  if (url.protocol !== 'https:')
    throw malformed(`Addresses begin with https:// or odopen://, not with ${url.protocol}`)
  return url
}

/** Mail filters of the user's own organization wrap links; what is inside is the address. */
function unwrapped(url: URL): URL {
  if (!url.hostname.endsWith('.safelinks.protection.outlook.com')) return url
  const inside = url.searchParams.get('url')
  if (inside === null || !URL.canParse(inside))
    throw malformed('This protected link does not contain an address')
  return toUrl(inside)
}

const CONSUMER_HOSTS = new Set([
  '1drv.ms',
  'onedrive.live.com',
  'd.docs.live.net',
  'my.microsoftpersonalcontent.com',
])
const INVITATION_HOSTS = new Set([
  'invitations.microsoft.com',
  'login.microsoftonline.com',
  'myaccount.microsoft.com',
])

function parseWebAddress(url: URL, cloud: Pick<Cloud, 'sharePointSuffix'>): Address {
  if (CONSUMER_HOSTS.has(url.hostname)) {
    throw new Fault('personal-account', 'This link leads to a personal OneDrive, not to an organization', {
      nextStep: 'Only SharePoint and OneDrive of organizations can be added.',
    })
  }
  if (INVITATION_HOSTS.has(url.hostname)) {
    throw new Fault('address-malformed', 'This is the invitation itself, not what you were invited to', {
      nextStep: 'Open it in your browser and accept; then add the address of the site that opens.',
    })
  }
  const host = checkedHost(url, cloud)
  const marker = /^\/:([a-z]{1,3}):\/([a-z])(?:\/(.*))?$/i.exec(url.pathname)
  if (marker === null) return parseBrowserAddress(url, host)
  const [, , form, rest] = marker
  // ":f:/r/sites/…" is not opaque: the path follows.
  if (form?.toLowerCase() === 'r')
    return parseBrowserAddress(new URL(`/${rest ?? ''}${url.search}`, url), host)
  if (rest === undefined || rest === '') throw malformed('The sharing link is not complete')
  return { kind: 'sharing-link', host, url: url.href }
}

/** Query parameters in which SharePoint's list pages say which folder they show. */
const FOLDER_PARAMETERS = ['id', 'rootfolder']

function parseBrowserAddress(url: URL, host: string): Address {
  const parameters = new Map([...url.searchParams].map(([name, value]) => [name.toLowerCase(), value]))
  // "?share=…" is the short form of a sharing link on some pages.
  const shown = FOLDER_PARAMETERS.map(name => parameters.get(name)).find(value => value?.startsWith('/'))
  const path = shown === undefined ? readablePath(url.pathname) : normalized(shown)
  if (path === undefined) throw malformed('The path of the address is damaged')
  const page = withoutPage(path)
  const site = sitePathOf(page)
  if (page === site) return { kind: 'site', host, path: site }
  return { kind: 'path', host, site, path: page, url: addressOf(host, page) }
}

/**
 * List pages are `<library>/Forms/<view>.aspx`, site pages `<site>/SitePages/….aspx`, settings `<site>/_layouts/…`:
 * what stands before them is what the user sees.
 */
function withoutPage(path: string): string {
  const page =
    /^(.*?)(?:\/Forms(?:\/[^/]*\.aspx)?|\/(?:SitePages|_layouts|_api)(?:\/.*)?|\/[^/]*\.aspx)$/i.exec(path)
  return page?.[1] ?? path
}

function normalized(path: string): string | undefined {
  const segments = path.split('/').filter(segment => segment !== '')
  if (segments.some(segment => segment === '.' || segment === '..')) return undefined
  return segments.length === 0 ? '' : `/${segments.join('/')}`
}

function addressOf(host: string, path: string): string {
  return `https://${host}${path.split('/').map(encodeURIComponent).join('/')}`
}

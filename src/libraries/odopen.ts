import type { Cloud } from '../model/cloud.js'
import { plainAmpersands } from './ampersands.js'
import { checkedHost, malformed } from './sharepoint-host.js'

/** What the Sync button and "Copy library ID" give: ids instead of a path. */
export interface ListAddress {
  readonly kind: 'list'
  readonly host: string
  /** GUIDs, lower case, without braces. */
  readonly siteId: string
  readonly webId: string
  readonly listId: string
  /** GUID of the folder, for `scope=OPENFOLDER`. */
  readonly folderId: string | undefined
  /** Of the folder, else of the site; on `host`. */
  readonly url: string
}

/**
 * `odopen://sync?…` as the Sync button emits it, and the text of "Copy library ID", which has the same parameters.
 * Seen in the wild: `sync?` and `sync/?`, names in any case, GUIDs bare, with braces or `%7B…%7D`, everything encoded
 * once too often, and `&amp;` from HTML.
 */
export function parseOneDriveAddress(text: string, cloud: Pick<Cloud, 'sharePointSuffix'>): ListAddress {
  const match = /^odopen:\/\/([a-z]+)\/?\?(.*)$/is.exec(text)
  if (match?.[1]?.toLowerCase() !== 'sync' || match[2] === undefined) {
    throw malformed('This odopen:// address is not one of the Sync button')
  }
  const parameters = parametersIn(match[2])
  const url = webUrlIn(parameters)
  const folderUrl = tryUrl(parameters.get('folderurl'), url)
  const isFolder =
    parameters.get('scope')?.toUpperCase() === 'OPENFOLDER' || (parameters.get('folderid') ?? '') !== ''
  return {
    kind: 'list',
    host: checkedHost(url, cloud),
    siteId: guidIn(parameters, 'siteId'),
    webId: guidIn(parameters, 'webId'),
    listId: guidIn(parameters, 'listId'),
    folderId: isFolder ? guidIn(parameters, 'folderId') : undefined,
    url: (isFolder && folderUrl?.host === url.host ? folderUrl : url).href,
  }
}

function parametersIn(query: string): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(plainAmpersands(query))) {
    parameters.set(name.toLowerCase(), value)
  }
  return parameters
}

/** Where a value was encoded twice, one `%7B` or `%3A` is left of it. */
function onceMore(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}

function guidIn(parameters: ReadonlyMap<string, string>, name: string): string {
  const guid = /^\{?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\}?$/i.exec(
    onceMore(parameters.get(name.toLowerCase()) ?? ''),
  )?.[1]
  if (guid === undefined) throw malformed(`The address of the Sync button lacks a usable ${name}`)
  return guid.toLowerCase()
}

function webUrlIn(parameters: ReadonlyMap<string, string>): URL {
  const url = tryUrl(parameters.get('weburl'))
  if (url === undefined) throw malformed('The address of the Sync button lacks a usable webUrl')
  return url
}

function tryUrl(value: string | undefined, base?: URL): URL | undefined {
  if (value === undefined || value === '') return undefined
  const decoded = /^https?%3A/i.test(value) ? onceMore(value) : value
  if (!URL.canParse(decoded, base?.href)) return undefined
  const url = new URL(decoded, base)
  return url.protocol === 'https:' ? url : undefined
}

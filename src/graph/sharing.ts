import { isJsonObject, type JsonObject } from '../http/json.js'
import { Fault, isFault } from '../model/fault.js'
import type { DriveId, ItemId, ItemKey, TenantId } from '../model/ids.js'
import type { LibraryAccess } from '../model/library.js'
import type { Drive, LinkTerms, RemoteSharing, SharedItem, Site } from '../model/sharing.js'
import type { GraphClient } from './graph-client.js'
import { displayText } from '../model/display-text.js'
import { drivePath, encodedPath, itemPath, sharePath } from './paths.js'
import { pages } from './pages.js'
import {
  boundedText,
  ITEM_FIELDS,
  parseDriveIdOf,
  parseEach,
  parseId,
  parseTopItem,
  UnusableItem,
} from './wire.js'

const SITE_FIELDS = 'id,displayName,name,webUrl'
const DRIVE_FIELDS = 'id,name,webUrl,driveType,owner'
const LONGEST_URL = 8192
// Somebody waits for them, and nothing is done with any before all have come.
const MOST_PAGES = 100

export interface GraphSharingDeps {
  readonly graph: GraphClient
  readonly report: (problem: string) => void
}

/** Sites, libraries and shared items: what adding a library asks of Graph. */
export class GraphSharing implements RemoteSharing {
  readonly #deps: GraphSharingDeps

  constructor(deps: GraphSharingDeps) {
    this.#deps = deps
  }

  async followLink(tenant: TenantId, url: string, signal: AbortSignal): Promise<SharedItem> {
    const path = `${sharePath(url)}/driveItem?$select=${ITEM_FIELDS},remoteItem,sharepointIds`
    // As opening the link in a browser does: access lasts.
    const headers = { prefer: 'redeemSharingLink' }
    return toSharedItem(tenant, await this.#deps.graph.get(tenant, path, signal, { headers }))
  }

  async linkTerms(tenant: TenantId, url: string, signal: AbortSignal): Promise<LinkTerms | undefined> {
    // For this request only: terms that we refuse must not have been accepted by looking at them.
    const headers = { prefer: 'redeemSharingLinkIfNecessary' }
    const asked = this.#deps.graph.get(tenant, `${sharePath(url)}/permission`, signal, { headers })
    const answer = await this.#ifShown(asked)
    const link = answer?.['link']
    if (!isJsonObject(link)) return undefined
    return { scope: scopeOf(link['scope']), blocksDownload: link['preventsDownload'] === true }
  }

  async siteByPath(tenant: TenantId, host: string, path: string, signal: AbortSignal): Promise<Site> {
    const below = encodedPath(path)
    const address = below === '' ? `/sites/${host}` : `/sites/${host}:/${below}`
    return toSite(await this.#deps.graph.get(tenant, `${address}?$select=${SITE_FIELDS}`, signal))
  }

  async siteById(tenant: TenantId, siteId: string, signal: AbortSignal): Promise<Site> {
    const address = `/sites/${encodeURIComponent(siteId)}?$select=${SITE_FIELDS}`
    return toSite(await this.#deps.graph.get(tenant, address, signal))
  }

  async defaultDrive(tenant: TenantId, site: Site, signal: AbortSignal): Promise<Drive> {
    const address = `/sites/${encodeURIComponent(site.id)}/drive?$select=${DRIVE_FIELDS}`
    return understood(toDrive, await this.#deps.graph.get(tenant, address, signal))
  }

  async drives(tenant: TenantId, site: Site, signal: AbortSignal): Promise<readonly Drive[]> {
    const found: Drive[] = []
    const address = `/sites/${encodeURIComponent(site.id)}/drives?$select=${DRIVE_FIELDS}`
    for await (const { values } of pages(this.#deps.graph, tenant, address, signal, {}, MOST_PAGES)) {
      found.push(...parseEach(values, toDrive, this.#deps.report))
    }
    return found
  }

  async driveOfList(tenant: TenantId, siteId: string, listId: string, signal: AbortSignal): Promise<Drive> {
    const address = `/sites/${encodeURIComponent(siteId)}/lists/${encodeURIComponent(listId)}/drive?$select=${DRIVE_FIELDS}`
    return understood(toDrive, await this.#deps.graph.get(tenant, address, signal))
  }

  async drive(tenant: TenantId, drive: DriveId, signal: AbortSignal): Promise<Drive> {
    return understood(
      toDrive,
      await this.#deps.graph.get(tenant, `${drivePath(drive)}?$select=${DRIVE_FIELDS}`, signal),
    )
  }

  async itemByPath(tenant: TenantId, drive: DriveId, path: string, signal: AbortSignal): Promise<SharedItem> {
    const below = encodedPath(path)
    const root = `${drivePath(drive)}/root`
    const address = `${below === '' ? root : `${root}:/${below}`}?$select=${ITEM_FIELDS}`
    return toSharedItem(tenant, await this.#deps.graph.get(tenant, address, signal), drive)
  }

  async itemById(tenant: TenantId, drive: DriveId, item: ItemId, signal: AbortSignal): Promise<SharedItem> {
    const address = `${itemPath(drive, item)}?$select=${ITEM_FIELDS}`
    return toSharedItem(tenant, await this.#deps.graph.get(tenant, address, signal), drive)
  }

  /** Guests see the permissions that apply to them, or none at all where they came through a SharePoint group. */
  async accessTo({ tenant, drive, item }: ItemKey, signal: AbortSignal): Promise<LibraryAccess> {
    const address = `${itemPath(drive, item)}/permissions?$select=roles`
    const answer = await this.#ifShown(this.#deps.graph.get(tenant, address, signal))
    const permissions: readonly unknown[] = Array.isArray(answer?.['value']) ? answer['value'] : []
    const roles = permissions.flatMap(permission =>
      isJsonObject(permission) && Array.isArray(permission['roles'])
        ? (permission['roles'] as unknown[])
        : [],
    )
    if (roles.some(role => role === 'write' || role === 'owner' || role === 'sp.full control')) return 'write'
    return roles.includes('read') ? 'read' : 'unknown'
  }

  async organizationName(tenant: TenantId, signal: AbortSignal): Promise<string | undefined> {
    const { graph } = this.#deps
    const address = `/tenantRelationships/findTenantInformationByTenantId(tenantId='${tenant}')`
    const information = await this.#ifShown(graph.get(tenant, address, signal))
    const name = displayText(information?.['displayName'])
    if (name !== undefined) return name
    const organizations = await this.#ifShown(graph.get(tenant, '/organization?$select=displayName', signal))
    const first: unknown = Array.isArray(organizations?.['value']) ? organizations['value'][0] : undefined
    return isJsonObject(first) ? displayText(first['displayName']) : undefined
  }

  /** For answers that are nice to have: guests may be refused them. */
  async #ifShown(answer: Promise<JsonObject>): Promise<JsonObject | undefined> {
    try {
      return await answer
    } catch (failure) {
      if (isFault(failure, 'access-denied', 'item-not-found', 'not-supported', 'protocol-error'))
        return undefined
      throw failure
    }
  }
}

function toSharedItem(tenant: TenantId, answer: JsonObject, knownDrive?: DriveId): SharedItem {
  return understood(raw => {
    // A shortcut stands for an item elsewhere, which is the one to list and to read.
    const remote = raw['remoteItem']
    const target = isJsonObject(remote) ? { name: raw['name'], webUrl: raw['webUrl'], ...remote } : raw
    const item = parseTopItem(target)
    const drive = isJsonObject(remote) || knownDrive === undefined ? parseDriveIdOf(target) : knownDrive
    return {
      key: { tenant, drive, item: item.id },
      item,
      isDriveRoot: isJsonObject(target['root']),
      siteId: siteIdOf(target),
    }
  }, answer)
}

function siteIdOf(item: JsonObject): string | undefined {
  for (const facet of [item['parentReference'], item['sharepointIds']]) {
    if (isJsonObject(facet) && typeof facet['siteId'] === 'string') return parseId('siteId', facet['siteId'])
  }
  return undefined
}

function toSite(answer: JsonObject): Site {
  return understood(
    raw => ({
      id: parseId('site.id', raw['id']),
      name: displayText(raw['displayName']) ?? displayText(raw['name']) ?? 'Site',
      webUrl: boundedText('site.webUrl', raw['webUrl'], LONGEST_URL),
    }),
    answer,
  )
}

function toDrive(raw: unknown): Drive {
  if (!isJsonObject(raw)) throw new UnusableItem('drive is not an object')
  return {
    id: parseId('drive.id', raw['id']) as DriveId,
    name: displayText(raw['name']) ?? 'Documents',
    webUrl: boundedText('drive.webUrl', raw['webUrl'], LONGEST_URL),
    kind: driveKindOf(raw['driveType']),
    owner: ownerOf(raw['owner']),
  }
}

function driveKindOf(raw: unknown): Drive['kind'] {
  return raw === 'personal' || raw === 'business' || raw === 'documentLibrary' ? raw : 'unknown'
}

function ownerOf(raw: unknown): string | undefined {
  if (!isJsonObject(raw)) return undefined
  const owner = raw['user'] ?? raw['group']
  return isJsonObject(owner) ? displayText(owner['displayName']) : undefined
}

function scopeOf(raw: unknown): LinkTerms['scope'] {
  return raw === 'anonymous' || raw === 'organization' || raw === 'users' || raw === 'existingAccess'
    ? raw
    : 'unknown'
}

function understood<Raw, Value>(parse: (raw: Raw) => Value, answer: Raw): Value {
  try {
    return parse(answer)
  } catch (cause) {
    if (!(cause instanceof UnusableItem)) throw cause
    throw new Fault('protocol-error', `The service sent an answer that makes no sense (${cause.message})`, {
      cause,
    })
  }
}

import { timestamp } from '../clock.js'
import { itemWebUrl } from '../world/addresses.js'
import { type Author, type Drive, type Item, pathOf } from '../world/drive.js'
import { encodeName, encodePath, type Role, type Site } from '../world/site.js'
import { isOfficeDocument, mediaType } from './media-type.js'
import { DOWNLOAD_URL } from './odata.js'

type Json = Record<string, unknown>

/** The place of an item, for rendering it. */
export interface Placed {
  readonly site: Site
  readonly drive: Drive
  readonly item: Item
}

/** A driveItem as SharePoint's own answers look; see `driveitem-*-live-shape-*.json` of the examples. */
export function itemJson({ site, drive, item }: Placed, downloadUrl?: string): Json {
  if (!item.parent) return rootJson({ site, drive, item })
  return {
    ...(downloadUrl !== undefined && { [DOWNLOAD_URL]: downloadUrl }),
    createdDateTime: timestamp(item.created),
    eTag: eTag(item),
    id: item.id,
    lastModifiedDateTime: timestamp(item.modified),
    name: item.name,
    webUrl: webUrl({ site, drive, item }),
    ...(item.kind === 'file' && { cTag: cTag(item) }),
    size: item.size,
    createdBy: { user: authorJson(item.by) },
    lastModifiedBy: { user: authorJson(item.modifiedBy ?? item.by) },
    ...(item.description !== undefined && { description: item.description }),
    parentReference: { ...parentReference(drive, item.parent), siteId: site.siteId },
    fileSystemInfo: fileSystemInfo(item),
    ...facets(item),
    ...sharedFacet(site, drive, item),
  }
}

/** In delta SharePoint leaves out the path of the parent and the cTag. */
export function deltaJson(placed: Placed): Json {
  const value = itemJson(placed)
  if (!placed.item.parent) return value
  delete value['cTag']
  delete (value['parentReference'] as Json)['path']
  return value
}

export function deletedJson({ drive, item }: Omit<Placed, 'site'>): Json {
  const never = '0001-01-01T00:00:00Z'
  return {
    id: item.id,
    size: 0,
    deleted: { state: 'deleted' },
    fileSystemInfo: { createdDateTime: never, lastModifiedDateTime: never },
    parentReference: { driveType: drive.type, driveId: drive.id, ...(item.parent && { id: item.parent.id }) },
    ...(item.kind === 'file' ? { file: {} } : { folder: {} }),
  }
}

/** Only sent when selected. */
export function sharepointIds({ site, drive, item }: Placed): Json {
  return {
    listId: drive.listId,
    listItemId: String(item.serial),
    listItemUniqueId: item.guid,
    siteId: site.siteId,
    siteUrl: site.webUrl,
    tenantId: site.tenant.id,
    webId: site.webId,
  }
}

/** Beta only, and only when selected. */
export function viewpoint(role: Role | undefined, mayDownload: boolean, { kind }: Item): Json {
  const write = role === 'write' || role === 'owner'
  return {
    accessOperations: {
      canComment: write,
      ...(kind === 'folder' && { canCreateFile: write, canCreateFolder: write }),
      canDelete: write,
      canDownload: role !== undefined && mayDownload,
      canRead: role !== undefined,
      canUpdate: write,
    },
  }
}

/** Only sent when selected. */
export function publication({ drive, item }: Placed): Json {
  const out = item.lockedBy?.kind === 'check-out' ? item.lockedBy.by : undefined
  return {
    level: out ? 'checkout' : 'published',
    versionId: `${drive.versionOf(item)}.0`,
    ...(out && { checkedOutBy: { user: authorJson(out) } }),
  }
}

export function eTag(item: Item): string {
  return `"{${item.guid.toUpperCase()}},${item.eTag}"`
}

export function cTag(item: Item): string {
  return `"c:{${item.guid.toUpperCase()}},${item.cTag}"`
}

/** No eTag, no cTag, no authors, and a parentReference without id and path. */
function rootJson({ drive, item }: Placed): Json {
  return {
    createdDateTime: timestamp(item.created),
    id: item.id,
    lastModifiedDateTime: timestamp(item.modified),
    name: 'root',
    webUrl: drive.webUrl,
    size: item.size,
    parentReference: { driveType: drive.type, driveId: drive.id },
    fileSystemInfo: fileSystemInfo(item),
    folder: { childCount: item.children.length },
    root: {},
  }
}

function parentReference(drive: Drive, parent: Item): Json {
  const path = pathOf(parent)
  return {
    driveType: drive.type,
    driveId: drive.id,
    id: parent.id,
    ...(parent.parent && { name: parent.name }),
    path: `/drives/${drive.id}/root:${path.length > 0 ? '/' + encodePath(path.join('/')) : ''}`,
  }
}

function facets(item: Item): Json {
  switch (item.kind) {
    case 'folder':
      return { folder: { childCount: item.children.length } }
    case 'package':
      return { package: { type: 'oneNote' } }
    case 'file': {
      const mimeType = mediaType(item.name)
      const quickXorHash = item.content?.quickXorHash()
      return {
        file: { mimeType, ...(quickXorHash !== undefined && { hashes: { quickXorHash } }) },
        ...(mimeType.startsWith('image/') && { image: {} }),
        ...(item.malware !== undefined && { malware: { description: item.malware } }),
      }
    }
  }
}

function sharedFacet(site: Site, drive: Drive, item: Item): Json {
  const on = (at: { drive: Drive; item: Item } | undefined) => at?.drive === drive && at.item === item
  const anonymous = site.links.some(link => link.item === item && link.scope === 'anonymous' && !link.revoked)
  if (anonymous) return { shared: { scope: 'anonymous' } }
  return site.grants.some(grant => on(grant.on)) ? { shared: { scope: 'users' } } : {}
}

function fileSystemInfo(item: Item): Json {
  return {
    createdDateTime: timestamp(item.fileTimes?.created ?? item.created),
    lastModifiedDateTime: timestamp(item.fileTimes?.modified ?? item.modified),
  }
}

function webUrl({ site, drive, item }: Placed): string {
  if (item.kind !== 'file' || !isOfficeDocument(item.name)) return itemWebUrl(drive, item)
  const source = encodeURIComponent(`{${item.guid.toUpperCase()}}`)
  return (
    `${site.webUrl}/_layouts/15/Doc.aspx?sourcedoc=${source}&file=${encodeName(item.name)}` +
    '&action=default&mobileredirect=true'
  )
}

export function authorJson(author: Author): Json {
  return { email: author.email, id: author.id, displayName: author.displayName }
}

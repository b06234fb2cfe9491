import { timestamp } from '../clock.js'
import type { Drive } from '../world/drive.js'
import type { Site } from '../world/site.js'
import { authorJson } from './item-json.js'

type Json = Record<string, unknown>

const USUAL_QUOTA = 27_487_790_694_400 // 25 TiB, of a site

export function driveJson(site: Site, drive: Drive): Json {
  const used = drive.root.size
  const owner = { user: authorJson(drive.author) }
  return {
    createdDateTime: timestamp(drive.created),
    description: '',
    id: drive.id,
    lastModifiedDateTime: timestamp(drive.log.at(-1)?.time ?? drive.root.modified),
    name: drive.name,
    webUrl: drive.webUrl,
    driveType: drive.type,
    createdBy: owner,
    owner:
      drive.type === 'business' ? owner : { group: { id: site.siteId, displayName: `${site.title} Owners` } },
    quota: quotaJson(drive.rules.quotaBytes ?? USUAL_QUOTA, used, site.recycleBin.sizeOf(drive)),
  }
}

function quotaJson(total: number, used: number, deleted: number): Json {
  const remaining = Math.max(0, total - used)
  const share = remaining / total
  const state = remaining === 0 ? 'exceeded' : share < 0.01 ? 'critical' : share < 0.1 ? 'nearing' : 'normal'
  return { deleted, remaining, state, total, used }
}

export function driveSharePointIds(site: Site, drive: Drive): Json {
  return {
    listId: drive.listId,
    siteId: site.siteId,
    siteUrl: site.webUrl,
    tenantId: site.tenant.id,
    webId: site.webId,
  }
}

export function siteJson(site: Site): Json {
  return {
    createdDateTime: timestamp(site.created),
    description: '',
    id: site.id,
    lastModifiedDateTime: timestamp(site.created),
    name: site.name,
    webUrl: site.webUrl,
    displayName: site.title,
    root: {},
    siteCollection: { hostname: site.host },
  }
}

export function listJson(site: Site, drive: Drive): Json {
  const by = { user: authorJson(drive.author) }
  return {
    createdDateTime: timestamp(drive.created),
    description: '',
    eTag: `"${drive.listId},1"`,
    id: drive.listId,
    lastModifiedDateTime: timestamp(drive.root.modified),
    name: decodeURIComponent(drive.webUrl.split('/').at(-1) ?? ''),
    webUrl: drive.webUrl,
    displayName: drive.name,
    createdBy: by,
    lastModifiedBy: by,
    parentReference: { siteId: site.id },
    list: { contentTypesEnabled: false, hidden: false, template: 'documentLibrary' },
  }
}

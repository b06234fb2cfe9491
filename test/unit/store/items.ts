import type { DriveItem } from '../../../src/model/drive-item.js'
import type { DriveId, ItemId, TenantId } from '../../../src/model/ids.js'
import type { NewLibrary } from '../../../src/model/library.js'

/** A library as it is added. */
export function library(
  tenant: string,
  organization: string,
  name: string,
  root = `root of ${name}`,
): NewLibrary {
  return {
    root: { tenant: tenant as TenantId, drive: `drive of ${root}` as DriveId, item: root as ItemId },
    scope: 'library',
    organization,
    name,
    webUrl: 'https://contoso.sharepoint.com/sites/team/Shared%20Documents',
    host: 'contoso.sharepoint.com',
    access: 'read',
  }
}

/** A file, unless `more` says otherwise, as the service describes it. */
export function item(id: string, name: string, more: Partial<DriveItem> = {}): DriveItem {
  return {
    id: id as ItemId,
    parentId: undefined,
    name,
    kind: 'file',
    size: 10,
    modified: 5,
    created: 4,
    eTag: `e of ${id}`,
    cTag: undefined,
    quickXorHash: `h of ${id}`,
    mimeType: undefined,
    webUrl: undefined,
    ...more,
  }
}

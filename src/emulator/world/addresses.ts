import type { Drive, Item } from './drive.js'
import { pathOf } from './drive.js'
import { encodePath, type Site } from './site.js'

/** Where a browser shows a folder or file of a library. */
export function itemWebUrl(drive: Drive, item: Item): string {
  const path = pathOf(item)
  return path.length === 0 ? drive.webUrl : `${drive.webUrl}/${encodePath(path.join('/'))}`
}

/** The address bar of the library's web view, with a folder open. */
export function libraryViewUrl(drive: Drive, folder?: Item): string {
  const view = `${drive.webUrl}/Forms/AllItems.aspx`
  if (!folder?.parent) return view
  return `${view}?id=${encodeURIComponent(decodeURIComponent(new URL(itemWebUrl(drive, folder)).pathname))}`
}

/** What the Sync button of the web view opens. */
export function syncUrl(site: Site, drive: Drive, user: { upn: string; oid: string }, folder?: Item): string {
  const braces = (guid: string) => `{${guid}}`
  const fields: [string, string][] = [
    ['userId', user.oid],
    ['userEmail', user.upn],
    ['isSiteAdmin', '0'],
    ['siteId', braces(site.siteId)],
    ['webId', braces(site.webId)],
    ['webTitle', site.title],
    ['webTemplate', '68'],
    ['webLogoUrl', ''],
    ['webUrl', site.webUrl],
    ['onPrem', '0'],
    ['libraryType', '3'],
    ['listId', braces(drive.listId)],
    ['listTitle', drive.name],
    ['listTemplateTypeId', '101'],
    ['scope', folder ? 'OPENFOLDER' : 'OPENLIST'],
    ...(folder
      ? ([
          ['folderId', braces(folder.guid)],
          ['folderName', folder.name],
          ['folderUrl', itemWebUrl(drive, folder)],
        ] as [string, string][])
      : []),
    ['version', '1'],
    ['tenantName', site.tenant.displayName],
  ]
  return 'odopen://sync?' + fields.map(([key, value]) => `${key}=${encodeURIComponent(value)}`).join('&')
}

/** What "Copy library ID" puts on the clipboard. */
export function libraryIdText(site: Site, drive: Drive): string {
  const braces = (guid: string) => encodeURIComponent(`{${guid}}`)
  return (
    `tenantId=${site.tenant.id}&siteId=${braces(site.siteId)}&webId=${braces(site.webId)}` +
    `&listId=${braces(drive.listId)}&webUrl=${encodeURIComponent(site.webUrl)}&version=1`
  )
}

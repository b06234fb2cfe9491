import { displayText } from '../model/display-text.js'
import type { Drive, SharedItem, Site } from '../model/sharing.js'
import { readablePath, sitePathOf } from './server-path.js'

/** `Site - Library` or `Site - Library - Folder`: the second level of the mounted drive. */
export function libraryName(
  shared: SharedItem,
  isDriveRoot: boolean,
  drive: Drive | undefined,
  site: Site | undefined,
): string {
  const path = pathOf(shared.item.webUrl ?? drive?.webUrl)
  const sitePath = sitePathOf(path)
  const owner = drive?.kind === 'business' ? drive.owner : undefined
  const siteName = owner ?? site?.name ?? displayText(sitePath.split('/').pop()) ?? 'Site'
  const name = drive?.name ?? displayText(path.slice(sitePath.length).split('/')[1]) ?? 'Documents'
  const folder = isDriveRoot ? undefined : displayText(shared.item.name)
  return [siteName, name, folder].filter(part => part !== undefined).join(' - ')
}

function pathOf(webUrl: string | undefined): string {
  return webUrl !== undefined && URL.canParse(webUrl) ? (readablePath(new URL(webUrl).pathname) ?? '') : ''
}

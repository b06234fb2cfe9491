import { Fault } from '../model/fault.js'
import type { DriveId, ItemId, ItemKey } from '../model/ids.js'

/** Paths below `/v1.0`. Ids come from elsewhere, so each is one encoded segment. */
export function drivePath(drive: DriveId): string {
  return `/drives/${encodeURIComponent(drive)}`
}

export function itemPath(drive: DriveId, item: ItemId): string {
  return `${drivePath(drive)}/items/${encodeURIComponent(item)}`
}

/**
 * What has, or will have, this name in a folder.
 *
 * @throws {Fault} `name-refused` for what would lead elsewhere, or cannot be said
 */
export function childPath({ drive, item }: ItemKey, name: string): string {
  // A lone surrogate does not come back from UTF-8.
  const isWellFormed = Buffer.from(name).toString() === name
  if (/^\.{0,2}$/.test(name) || name.includes('/') || !isWellFormed) {
    throw new Fault('name-refused', 'SharePoint cannot hold a name like this')
  }
  return `${itemPath(drive, item)}:/${encodeURIComponent(name)}:`
}

/** @param path decoded, without a leading slash */
export function encodedPath(path: string): string {
  return path
    .split('/')
    .filter(segment => segment !== '')
    .map(encodeURIComponent)
    .join('/')
}

/** @see https://learn.microsoft.com/graph/api/shares-get for the encoding */
export function sharePath(url: string): string {
  return `/shares/u!${Buffer.from(url, 'utf8').toString('base64url')}`
}

import type { DriveId, ItemId } from '../model/ids.js'

/** Paths below `/v1.0`. Ids come from elsewhere, so each is one encoded segment. */
export function drivePath(drive: DriveId): string {
  return `/drives/${encodeURIComponent(drive)}`
}

export function itemPath(drive: DriveId, item: ItemId): string {
  return `${drivePath(drive)}/items/${encodeURIComponent(item)}`
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

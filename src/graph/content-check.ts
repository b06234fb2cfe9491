import { contentVersion, type DriveItem } from '../model/drive-item.js'
import type { ContentVersion } from '../model/ids.js'

/**
 * Whether `item`, as it is now, has the bytes that `version` stands for.
 *
 * A version is made of the best that one answer had, and another answer may have more: delta omits the cTag that
 * the item itself has. So the item is compared by the very property that made the version.
 */
export function hasContent(item: DriveItem, version: ContentVersion): boolean {
  const unknown = { quickXorHash: undefined, cTag: undefined, eTag: undefined }
  return [
    { ...item },
    { ...item, ...unknown, cTag: item.cTag },
    { ...item, ...unknown, eTag: item.eTag },
    { ...item, ...unknown },
  ].some(seen => contentVersion(seen) === version)
}

/**
 * Whether the ETag of a download is that of the item: both are `"{GUID},n"` on SharePoint, where n counts changes.
 * Tags of another shape prove nothing.
 */
export function isSameTag(tag: string | undefined, expected: string | undefined): boolean {
  const [one, other] = [versionNumberOf(tag), versionNumberOf(expected)]
  return one !== undefined && one.guid === other?.guid && one.number === other.number
}

function versionNumberOf(tag: string | undefined): { guid: string; number: string } | undefined {
  const match = /^(?:W\/)?"\{([0-9A-Fa-f-]{36})\},(\d+)"$/.exec(tag ?? '')
  return match?.[1] !== undefined && match[2] !== undefined
    ? { guid: match[1].toUpperCase(), number: match[2] }
    : undefined
}

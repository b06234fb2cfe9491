import { contentVersion, describedVersion, type DriveItem } from '../model/drive-item.js'
import type { ContentVersion } from '../model/ids.js'

/**
 * Whether `item`, as it is now, has the bytes that `version` stands for.
 *
 * A version is made of what one answer had, and another answer may have more: delta omits the cTag that
 * the item itself has, and hashes come late. So the item is compared by the very properties that made the version.
 */
export function hasContent(item: DriveItem, version: ContentVersion): boolean {
  return [item, { ...item, quickXorHash: undefined }]
    .flatMap(seen => [seen, { ...seen, cTag: undefined }])
    .some(seen => contentVersion(seen) === version || describedVersion(seen) === version)
}

/**
 * What the ETag of an answer says of `item`: both are `"{GUID},n"` on SharePoint, where n counts changes. Tags of another
 * shape, and those of other items, say nothing.
 */
export function tagRelation(tag: string | undefined, item: Pick<DriveItem, 'eTag'>): TagRelation {
  const [one, other] = [versionNumberOf(tag), versionNumberOf(item.eTag)]
  if (one === undefined || one.guid !== other?.guid) return 'unknown'
  return one.number === other.number ? 'same' : 'other-change'
}

export type TagRelation =
  /** Of this very state of the item. */
  | 'same'
  /** Of this item, before or after a change that need not concern its content. */
  | 'other-change'
  | 'unknown'

function versionNumberOf(tag: string | undefined): { guid: string; number: string } | undefined {
  const match = /^(?:W\/)?"\{([0-9A-Fa-f-]{36})\},(\d+)"$/.exec(tag ?? '')
  return match?.[1] !== undefined && match[2] !== undefined
    ? { guid: match[1].toUpperCase(), number: match[2] }
    : undefined
}

import type { Bytes, ContentVersion, ItemId, Milliseconds } from './ids.js'

/**
 * A `driveItem` as the service describes it, parsed and checked.
 * The other organization is untrusted: `name` is whatever it says, see `item-name.ts`.
 */
export interface DriveItem {
  readonly id: ItemId
  /** `undefined` for the root of a drive. */
  readonly parentId: ItemId | undefined
  readonly name: string
  /** `package` is a OneNote notebook: neither file nor folder, shown as an empty folder. */
  readonly kind: 'file' | 'folder' | 'package'
  readonly size: Bytes
  readonly modified: Milliseconds
  readonly created: Milliseconds
  readonly eTag: string | undefined
  readonly cTag: string | undefined
  /** Base64, 28 characters; absent for some files. */
  readonly quickXorHash: string | undefined
  readonly mimeType: string | undefined
  readonly webUrl: string | undefined
  /** Of a folder, by itself: also of what is not listed to us. May be late. */
  readonly childCount?: number
}

/**
 * What a file's bytes are known by. SharePoint's delta omits cTag, and an eTag changes with a
 * mere rename, so hash and size come first (reference: driveItem delta, C2).
 */
export function contentVersion(
  item: Pick<DriveItem, 'quickXorHash' | 'size' | 'cTag' | 'eTag' | 'modified'>,
): ContentVersion {
  if (item.quickXorHash !== undefined) return `hash:${item.quickXorHash}:${item.size}` as ContentVersion
  if (item.cTag !== undefined) return `ctag:${item.cTag}` as ContentVersion
  if (item.eTag !== undefined) return `etag:${item.eTag}` as ContentVersion
  return `time:${item.modified}:${item.size}` as ContentVersion
}

/** A removal as delta reports it: on SharePoint nothing but the id is certain. */
export interface RemovedItem {
  readonly id: ItemId
  readonly removed: true
}

export type DriveChange = DriveItem | RemovedItem

export function isRemoved(change: DriveChange): change is RemovedItem {
  return 'removed' in change
}

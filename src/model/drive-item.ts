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

type Described = Pick<DriveItem, 'quickXorHash' | 'size' | 'cTag' | 'eTag' | 'modified'>

/**
 * What a file's bytes are known by: a tag that changes with every change of the bytes. A cTag changes with nothing else; an eTag
 * also with a mere rename. Hash and size prove difference only (see `same-content.ts`): they are never alone here.
 */
export function contentVersion(item: Described): ContentVersion {
  return [tagOf(item), ...descriptionOf(item)].join(' ') as ContentVersion
}

/**
 * For who has no byte of the file yet: any content that fits the description will do, and whichever comes first is the
 * one from then on.
 */
export function describedVersion(item: Described): ContentVersion {
  const [description] = descriptionOf(item)
  if (item.cTag !== undefined || description === undefined) return contentVersion(item)
  return description as ContentVersion
}

function tagOf({ cTag, eTag, modified, size }: Described): string {
  if (cTag !== undefined) return `ctag:${cTag}`
  return eTag === undefined ? `time:${modified}:${size}` : `etag:${eTag}`
}

function descriptionOf({ quickXorHash, size }: Described): readonly string[] {
  return quickXorHash === undefined ? [] : [`hash:${quickXorHash}:${size}`]
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

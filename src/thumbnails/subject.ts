import { contentVersion } from '../model/drive-item.js'
import type { Bytes, ContentVersion, Ino, ItemKey, Milliseconds } from '../model/ids.js'
import { isLocalId, type ItemRecord } from '../store/item-record.js'
import type { Store } from '../store/store.js'

/** One content of one file, of which there may be a thumbnail. */
export interface Subject {
  readonly ino: Ino
  readonly generation: number
  readonly item: ItemKey
  /** As well as it is known now: by this the service is asked. */
  readonly version: ContentVersion
  /** What thumbnails are kept by, see {@link contentForThumbnails}. */
  readonly content: ContentVersion
  readonly name: string
  readonly size: Bytes
  readonly modified: Milliseconds
}

export type SubjectStore = Pick<Store, 'items' | 'libraries' | 'owed'>

export function subjectOf(store: SubjectStore, ino: Ino): Subject | undefined {
  const record = store.items.byIno(ino)
  return record && subjectOfRecord(store, record)
}

export function subjectOfRecord(store: SubjectStore, record: ItemRecord): Subject | undefined {
  if (record.kind !== 'file' || record.size === 0 || isChangedHere(store, record)) return undefined
  const library = store.libraries.byId(record.library)
  if (library === undefined) return undefined
  const { ino, generation, name, size, modified } = record
  const { tenant, drive } = library.root
  const item = { tenant, drive, item: record.remoteId }
  return {
    ino,
    generation,
    item,
    version: contentVersion(record),
    content: contentForThumbnails(record),
    name,
    size,
    modified,
  }
}

/** Whether the item still has this content: every await is a place where it may have got another. */
export function isPresent(store: SubjectStore, { ino, content }: Subject): boolean {
  const record = store.items.byIno(ino)
  if (record === undefined || isChangedHere(store, record)) return false
  return contentForThumbnails(record) === content
}

/**
 * Stays when more is told of the same content: its cTag is learned when the file is first read, and what was found out of
 * thumbnails until then is still right. Hash and size prove no two contents to be the same; what changes instead is the
 * generation, where something of the content has been here, and otherwise the time.
 */
function contentForThumbnails(record: ItemRecord): ContentVersion {
  const { quickXorHash, size, modified, generation } = record
  const description =
    quickXorHash === undefined
      ? contentVersion(record)
      : `${quickXorHash} ${size} ${Math.floor(modified / 1000)}`
  return `${generation} ${description}` as ContentVersion
}

/** Then nobody has a thumbnail of it: the service has not seen it, and what is known of its content is of another one. */
function isChangedHere(store: SubjectStore, { ino, remoteId }: ItemRecord): boolean {
  return isLocalId(remoteId) || store.owed.of(ino)?.content === true
}

/** The path below the drive's root, of names as they are shown; `undefined` where the item is on no drive any more. */
export function pathOnDrive(store: SubjectStore, ino: Ino): string | undefined {
  const names: string[] = []
  for (let at = store.items.byIno(ino); at?.kind !== 'root'; at = store.items.byIno(at.parent)) {
    if (at === undefined) return undefined
    names.unshift(at.name)
  }
  return names.join('/')
}

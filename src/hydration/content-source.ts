import type { ContentVersion, Ino, ItemKey } from '../model/ids.js'
import { contentVersion, describedVersion } from '../model/drive-item.js'
import { Fault } from '../model/fault.js'
import { accessRemoved } from '../model/library.js'
import type { PastContent } from '../model/remote.js'
import { isLocalId, type ItemRecord } from '../store/item-record.js'
import type { LibraryRecord } from '../store/library-table.js'
import type { Store } from '../store/store.js'

/** Where the bytes of one content come from, and what they must be. */
export interface ContentSource {
  readonly item: ItemKey
  readonly version: ContentVersion
  readonly quickXorHash: string | undefined
  /** It was changed here: where the other side has replaced it, the version history has what the changes are over. */
  readonly past?: PastContent
  /** Why asking would be in vain: who reads a thousand files must not wait a thousand times. */
  readonly refusal: Fault | undefined
}

/** @returns `undefined` when the item has another content by now, or is gone */
export function contentSource(
  store: Pick<Store, 'items' | 'libraries' | 'owed' | 'content'>,
  ino: Ino,
  generation: number,
): ContentSource | undefined {
  const item = store.items.byIno(ino)
  if (item?.kind !== 'file' || item.generation !== generation) return undefined
  const library = store.libraries.byId(item.library)
  if (library === undefined) return undefined
  const { tenant, drive } = library.root
  const owed = store.owed.of(ino)
  const size = store.owed.contentSize(ino, item.size)
  const modified = owed?.content === true ? owed.base.modified : undefined
  const versionOf = store.content.has(ino, generation) ? contentVersion : describedVersion
  return {
    item: { tenant, drive, item: item.remoteId },
    version: versionOf({ ...item, size }),
    quickXorHash: item.quickXorHash,
    ...(modified !== undefined && { past: { size, modified } }),
    refusal: refusalOf(item, library),
  }
}

function refusalOf({ remoteId }: ItemRecord, library: LibraryRecord): Fault | undefined {
  if (library.accessRemoved !== undefined) return accessRemoved(library)
  if (!isLocalId(remoteId)) return undefined
  const sentence = 'The other side has replaced or deleted this file, and this part of it was not here'
  return new Fault('stale-content', sentence, {
    nextStep: 'Get what was written here out with:  b2bmount export DIRECTORY',
  })
}

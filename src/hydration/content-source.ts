import type { ContentVersion, Ino, ItemKey } from '../model/ids.js'
import { contentVersion } from '../model/drive-item.js'
import type { Fault } from '../model/fault.js'
import { accessRemoved } from '../model/library.js'
import type { Store } from '../store/store.js'

/** Where the bytes of one content come from, and what they must be. */
export interface ContentSource {
  readonly item: ItemKey
  readonly version: ContentVersion
  readonly quickXorHash: string | undefined
  /** Why asking would be in vain: who reads a thousand files must not wait a thousand times. */
  readonly refusal: Fault | undefined
}

/** @returns `undefined` when the item has another content by now, or is gone */
export function contentSource(
  store: Pick<Store, 'items' | 'libraries' | 'owed'>,
  ino: Ino,
  generation: number,
): ContentSource | undefined {
  const item = store.items.byIno(ino)
  if (item?.kind !== 'file' || item.generation !== generation) return undefined
  const library = store.libraries.byId(item.library)
  if (library === undefined) return undefined
  const { tenant, drive } = library.root
  return {
    item: { tenant, drive, item: item.remoteId },
    version: contentVersion({ ...item, size: store.owed.contentSize(ino, item.size) }),
    quickXorHash: item.quickXorHash,
    refusal: library.accessRemoved === undefined ? undefined : accessRemoved(library),
  }
}

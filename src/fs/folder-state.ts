import type { Ino } from '../model/ids.js'
import { isDirectory, isRemoteFolder, type ItemRecord } from '../store/item-record.js'
import type { Store } from '../store/store.js'

// A millisecond or two of the thread that answers the kernel; file managers ask for every folder in view.
const MOST_LOOKED_AT = 1_000

export interface FolderContents {
  /** Bytes of some file in it are here. */
  readonly hasLocal: boolean
  /** Bytes of some file in it are not, or what is in it is not all known. */
  readonly hasMissing: boolean
  /** Everything in it was looked at, or as much as decides. */
  readonly isWhole: boolean
}

/**
 * What of a folder and of all folders in it is here: the nearest first, until that is decided or so many items have
 * been looked at. By the store alone: bytes of the last seconds may be missing.
 *
 * @param isKept it is always to be local: of what is in it, only that counts which is to be so, too
 */
export function lookInto(
  store: Pick<Store, 'pins' | 'items' | 'isListed'>,
  root: ItemRecord,
  isKept: boolean,
): FolderContents {
  let [hasLocal, hasMissing, left] = [false, false, MOST_LOOKED_AT]
  const isDecided = () => hasMissing && (hasLocal || isKept)
  const folders: Ino[] = [root.ino]
  for (const ino of folders) {
    const folder = store.items.byIno(ino)
    if (folder && isRemoteFolder(folder.kind) && !store.isListed(folder)) hasMissing = true
    if (isDecided()) break
    const children = left > 0 ? store.items.childrenAfter(ino, '', left) : []
    for (const child of children) {
      if (isKept && (store.pins.saidOf(child.ino) ?? 'always-local') !== 'always-local') continue
      if (isDirectory(child.kind)) folders.push(child.ino)
      else if (child.localBytes < child.size) hasMissing = true
      if (child.localBytes > 0) hasLocal = true
    }
    left -= children.length
    if (left <= 0 && !isDecided()) return { hasLocal, hasMissing, isWhole: false }
  }
  return { hasLocal, hasMissing, isWhole: true }
}

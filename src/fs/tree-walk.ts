import { setImmediate } from 'node:timers/promises'
import type { Ino } from '../model/ids.js'
import { isDirectory, isRemoteFolder } from '../store/item-record.js'
import type { ChildRecord } from '../store/item-table.js'
import type { Store } from '../store/store.js'

// A query of about a millisecond: others have their turn after each.
const CHILDREN_AT_ONCE = 200

export interface TreeWalkOptions {
  readonly store: Pick<Store, 'items' | 'isListed'>
  /** Whether to look at a file, or into a folder, below the root. */
  readonly enters: (ino: Ino) => boolean
  /** Called for a folder whose children are not all known, before they are looked at. */
  readonly onUnlisted?: (folder: Ino) => Promise<void>
  readonly signal: AbortSignal
}

/** The files in a folder and in all folders in it, or the file itself. What changes meanwhile may be seen or not. */
export async function* filesIn(root: Ino, options: TreeWalkOptions): AsyncGenerator<ChildRecord> {
  const { store, signal } = options
  const item = store.items.byIno(root)
  if (item === undefined) return
  if (!isDirectory(item.kind)) {
    const self = store.items.child(root)
    if (self) yield self
    return
  }
  const folders = [root]
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    await listFirst(folder, options)
    for (let after = ''; ;) {
      signal.throwIfAborted()
      const children = store.items.childrenAfter(folder, after, CHILDREN_AT_ONCE)
      for (const child of children) {
        if (!options.enters(child.ino)) continue
        if (isDirectory(child.kind)) folders.push(child.ino)
        else yield child
      }
      const last = children.at(-1)
      if (last === undefined || children.length < CHILDREN_AT_ONCE) break
      after = last.name
      await setImmediate()
    }
    await setImmediate()
  }
}

async function listFirst(folder: Ino, { store, onUnlisted }: TreeWalkOptions): Promise<void> {
  const item = store.items.byIno(folder)
  if (item && isRemoteFolder(item.kind) && !store.isListed(item)) await onUnlisted?.(folder)
}

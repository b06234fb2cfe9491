import type { ContentCache } from '../hydration/content-cache.js'
import type { Bytes, Ino } from '../model/ids.js'
import type { Store } from '../store/store.js'
import { filesIn } from './tree-walk.js'

export interface FreeUpDeps {
  readonly store: Pick<Store, 'items' | 'isListed' | 'pins'>
  readonly cache: Pick<ContentCache, 'free'>
}

export interface Freed {
  readonly files: number
  readonly bytes: Bytes
  /** Files with local bytes that stay as they are: open, or always kept on this machine. */
  readonly kept: number
}

/** Makes everything in `root` online-only that is neither open nor always to be local. */
export async function freeUp(
  deps: FreeUpDeps,
  root: Ino,
  signal: AbortSignal,
  onFreed: (ino: Ino, generation: number) => void,
): Promise<Freed> {
  const { store, cache } = deps
  let [files, bytes, kept] = [0, 0, 0]
  for await (const { ino, generation, localBytes } of filesIn(root, { store, signal, enters: () => true })) {
    if (localBytes === 0) continue
    if (store.pins.of(ino) === 'always-local' || !cache.free(ino, generation)) {
      kept++
      continue
    }
    files++
    bytes += localBytes
    onFreed(ino, generation)
  }
  return { files, bytes, kept }
}

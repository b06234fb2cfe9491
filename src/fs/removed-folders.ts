import { LRUCache } from 'lru-cache'
import type { NodeId } from '../model/ids.js'
import type { AttributeChanges, Attributes } from './file-system.js'

// Of those that somebody may still have open, or works in.
const MOST = 1_000

/**
 * Folders that were removed here, as whoever has one open still sees them. That a folder is open nobody tells us (the kernel opens
 * directories without asking), so the last ones are remembered, as long as this process lives.
 */
export class RemovedFolders {
  readonly #folders = new LRUCache<NodeId, Attributes>({ max: MOST })

  note(folder: Attributes): void {
    if (folder.kind === 'directory') this.#folders.set(folder.node, { ...folder, links: 0 })
  }

  attributesOf(node: NodeId): Attributes | undefined {
    return this.#folders.get(node)
  }

  /** Seen by nobody but who has it open. @returns `undefined` where there is none */
  change(node: NodeId, { modified, permissions }: AttributeChanges): Attributes | undefined {
    const folder = this.#folders.get(node)
    if (folder === undefined) return undefined
    const changed = {
      ...folder,
      ...(modified !== undefined && { modified }),
      ...(permissions !== undefined && { permissions }),
    }
    this.#folders.set(node, changed)
    return changed
  }
}

import { LRUCache } from 'lru-cache'
import type { Ino, ItemId, LibraryId } from '../model/ids.js'

// More than can be settled while an answer is on its way.
const REMEMBERED = 100_000

/**
 * Of which items something was owed until a moment ago.
 *
 * As long as it is owed, what the service says of an item does not undo what was done here. Then it counts again; but an
 * answer that the service had composed before may come after that, and know nothing of what was done. Only in memory: no
 * answer outlives the process that waits for it.
 */
export class LatelySettled {
  readonly #positions = new LRUCache<string, number>({ max: REMEMBERED })
  #position = 0

  /** To be taken before the service is asked. */
  get position(): number {
    return this.#position
  }

  item(ino: Ino): void {
    this.#positions.set(String(ino), ++this.#position)
  }

  deletion(library: LibraryId, remoteId: ItemId): void {
    this.#positions.set(`${library} ${remoteId}`, ++this.#position)
  }

  isItemAfter(ino: Ino, position: number): boolean {
    return (this.#positions.get(String(ino)) ?? 0) > position
  }

  isDeletionAfter(library: LibraryId, remoteId: ItemId, position: number): boolean {
    return (this.#positions.get(`${library} ${remoteId}`) ?? 0) > position
  }
}

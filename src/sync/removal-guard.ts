import type { Ino, LibraryId } from '../model/ids.js'
import type { Store } from '../store/store.js'

/** As Microsoft's own client has it (`LocalMassDeleteFileDeleteThreshold`). */
export const MASS_DELETION = 200

// Nobody decides otherwise by the exact number of more.
const COUNTED_AT_MOST = 2_000

export interface RemovalGuardDeps {
  readonly store: Pick<Store, 'items' | 'held' | 'change'>
  /** More items than this may not go at once without somebody's consent. */
  readonly threshold?: number
}

/**
 * Stands between the other side's deletions and the drive. Whoever empties a library by mistake, or a service that answers
 * as if there were nothing left, shall not cost what is local.
 */
export class RemovalGuard {
  readonly #store: RemovalGuardDeps['store']
  readonly #threshold: number

  constructor({ store, threshold = MASS_DELETION }: RemovalGuardDeps) {
    this.#store = store
    this.#threshold = threshold
  }

  /**
   * @param gone what the other side does not have any more, at one time
   * @returns what is to be removed now; the rest is shown on, and noted down where somebody is to be asked
   */
  judge(library: LibraryId, gone: readonly Ino[]): readonly Ino[] {
    const { held } = this.#store
    const fresh = gone.filter(ino => !held.isKept(ino))
    if (this.#weigh(fresh, this.#threshold + 1) <= this.#threshold) return fresh
    held.add(library, fresh)
    return []
  }

  /** How many items wait for a decision, those in folders included; counted up to some number. */
  waiting(library: LibraryId): { readonly items: number; readonly orMore: boolean } {
    const items = this.#weigh(this.#store.held.waiting(library), COUNTED_AT_MOST)
    return { items, orMore: items >= COUNTED_AT_MOST }
  }

  #weigh(inos: readonly Ino[], most: number): number {
    const counted = new Set<Ino>()
    const queue = [...inos.slice(0, most)]
    for (let ino = queue.pop(); ino !== undefined && counted.size < most; ino = queue.pop()) {
      if (counted.has(ino)) continue
      counted.add(ino)
      queue.push(...this.#store.items.childInos(ino))
    }
    return Math.min(counted.size, most)
  }
}

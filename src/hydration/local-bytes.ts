import type { Bytes, Ino } from '../model/ids.js'
import type { Store } from '../store/store.js'
import type { ContentCache } from './content-cache.js'
import { readRange } from './read-range.js'

/**
 * Whole contents that are here and verified, for who wants to look at them without fetching anything. Of the service's; not of
 * what was changed here.
 */
export class LocalContents {
  readonly #store: Pick<Store, 'content' | 'items' | 'owed'>
  readonly #cache: ContentCache

  constructor(store: Pick<Store, 'content' | 'items' | 'owed'>, cache: ContentCache) {
    this.#store = store
    this.#cache = cache
  }

  isLocal(ino: Ino, generation: number): boolean {
    if (this.#store.owed.of(ino)?.content === true) return false
    const opened = this.#cache.opened(ino, generation)
    return opened?.verified ?? this.#store.content.get(ino, generation)?.verified === true
  }

  /** @returns `undefined` where not all bytes are here, or more than `largest` @throws {Fault} `local-io` */
  async read(ino: Ino, generation: number, largest: Bytes): Promise<Uint8Array | undefined> {
    const size = this.#store.items.byIno(ino)?.size ?? Infinity
    if (size > largest || !this.isLocal(ino, generation)) return undefined
    const file = this.#cache.open(ino, generation, size)
    try {
      if (!file.verified) return undefined
      const bytes = await readRange(file.fd, { start: 0, end: size })
      // Meanwhile somebody may have begun to write to it.
      return file.verified ? bytes : undefined
    } finally {
      this.#cache.release(file)
    }
  }
}

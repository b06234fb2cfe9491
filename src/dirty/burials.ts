import type { Ino } from '../model/ids.js'
import type { DirtyFiles } from './dirty-files.js'

export interface BurialsDeps {
  readonly dirty: Pick<DirtyFiles, 'bury' | 'exhume' | 'deleteBuried'>
  /** Resolves when every transaction that has been committed is on the disk. */
  readonly flushed: () => Promise<void>
  /** Something went wrong that nobody waits for. */
  readonly onTrouble: (event: string, failure: unknown) => void
}

/**
 * Bytes of items that are deleted go when their deletion is on the disk: else a machine that goes down in between has the
 * item again, and not its bytes. Meanwhile they are buried.
 */
export class Burials {
  readonly #deps: BurialsDeps
  readonly #waiting = new Set<Ino>()
  #deleting: Promise<void> | undefined

  constructor(deps: BurialsDeps) {
    this.#deps = deps
  }

  /**
   * @param change commits the transaction that deletes the item; calls `bury` before it ends
   * @throws what `change` throws; nothing is buried then
   */
  during<Value>(ino: Ino, change: (bury: () => void) => Value): Value {
    const { dirty } = this.#deps
    let isBuried = false
    try {
      const value = change(() => {
        dirty.bury(ino)
        isBuried = true
      })
      this.#waiting.add(ino)
      this.#deleting ??= this.#deleteAll().finally(() => (this.#deleting = undefined))
      return value
    } catch (failure) {
      if (isBuried) dirty.exhume(ino)
      throw failure
    }
  }

  /** Resolves when nothing waits any more. */
  async settled(): Promise<void> {
    while (this.#deleting !== undefined) await this.#deleting
  }

  /** What has gathered goes together: each time the disk is waited for. */
  async #deleteAll(): Promise<void> {
    const { dirty, flushed, onTrouble } = this.#deps
    try {
      while (this.#waiting.size > 0) {
        const inos = [...this.#waiting]
        this.#waiting.clear()
        await flushed()
        for (const ino of inos) dirty.deleteBuried(ino)
      }
    } catch (failure) {
      // The next start deletes them.
      onTrouble('unsent-not-deleted', failure)
    }
  }
}

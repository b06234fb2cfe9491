import { LRUCache } from 'lru-cache'
import type { Clock } from '../concurrency/clock.js'
import type { Ino, Milliseconds } from '../model/ids.js'

export interface FolderWatchersDeps {
  readonly clock: Clock
  /** Makes programs that watch the folder of this file look at it once more. Never throws. */
  readonly tell: (file: Ino) => void
}

const LATELY: Milliseconds = 60_000
/** From the refusal until a thumbnailer has said to its file manager that it has failed; longer on a busy machine. */
const FAILURE_TAKES: readonly Milliseconds[] = [3_000, 10_000, 30_000]
const MOST_REMEMBERED = 2_000

/**
 * Tells file managers that a thumbnail has come. Their own thumbnailer may be at work on the same file: that it was refused
 * the content is heard of only after our thumbnail, and the icon comes back. Where one was refused, they are told again.
 */
export class FolderWatchers {
  readonly #deps: FolderWatchersDeps
  readonly #shown = new LRUCache<Ino, Milliseconds>({ max: MOST_REMEMBERED })
  readonly #refused = new LRUCache<Ino, Milliseconds>({ max: MOST_REMEMBERED })
  readonly #toldLater = new LRUCache<Ino, Milliseconds>({ max: MOST_REMEMBERED })
  readonly #due: { readonly ino: Ino; readonly at: Milliseconds }[] = []
  #telling: Promise<void> | undefined
  readonly #closed = new AbortController()

  constructor(deps: FolderWatchersDeps) {
    this.#deps = deps
  }

  /** A thumbnail of a file stands there that did not before. */
  shown(ino: Ino): void {
    this.#shown.set(ino, this.#deps.clock.now())
    if (this.#isLately(this.#refused.get(ino))) this.#tellLater(ino)
    this.#deps.tell(ino)
  }

  /** A program was refused the content of a file. */
  refused(ino: Ino): void {
    this.#refused.set(ino, this.#deps.clock.now())
    if (this.#isLately(this.#shown.get(ino))) this.#tellLater(ino)
  }

  async close(): Promise<void> {
    this.#closed.abort()
    await this.#telling
  }

  #isLately(at: Milliseconds | undefined): boolean {
    return at !== undefined && this.#deps.clock.now() - at < LATELY
  }

  #tellLater(ino: Ino): void {
    const now = this.#deps.clock.now()
    if (this.#closed.signal.aborted || this.#isLately(this.#toldLater.get(ino))) return
    this.#toldLater.set(ino, now)
    for (const delay of FAILURE_TAKES) this.#due.push({ ino, at: now + delay })
    this.#due.sort((a, b) => a.at - b.at)
    this.#telling ??= this.#tellAgain()
      .catch(() => {}) // closed
      .finally(() => (this.#telling = undefined))
  }

  async #tellAgain(): Promise<void> {
    const { clock, tell } = this.#deps
    for (let next; (next = this.#due[0]) !== undefined;) {
      if (next.at > clock.now()) {
        await clock.sleep(next.at - clock.now(), this.#closed.signal)
        continue
      }
      this.#due.shift()
      tell(next.ino)
    }
  }
}

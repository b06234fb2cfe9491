import type { ByteRange } from '../model/byte-ranges.js'
import type { Bytes } from '../model/ids.js'

const KIB: Bytes = 1024
const MIB: Bytes = 1024 * KIB

// What was read is multiplied by this: at most four times as much is downloaded in vain when a reader stops.
const GROWTH = 4
const SMALLEST_WINDOW: Bytes = 1 * MIB
// Small files come in one request, and so does the beginning of a large one.
const HEAD: Bytes = 256 * KIB
// A type sniffer, with the kernel's read-ahead for it, stays below this.
const SHORTEST_RUN: Bytes = 256 * KIB
const LARGEST_WINDOW: Bytes = 128 * MIB
const SMALLEST_SEGMENT: Bytes = 1 * MIB
// At 100 Mbit/s and 40 ms this is 0.64 s of transfer for 0.08 s of asking.
const LARGEST_SEGMENT: Bytes = 8 * MIB
/** What tells the type of a file. One of these costs a sniffer no more than a second request would. */
export const SNIFFED: Bytes = 64 * KIB
/** How many segments of a window are under way at once. */
const PARALLEL = 8
// The kernel's own read-ahead asks in pieces that overtake each other, and steps back when a page was dropped.
const SLACK: Bytes = 4 * MIB

/**
 * What a reader is likely to want besides what it asks for. `sniffing`: the head of a file, and the rest only if it reads
 * on. `exact`: nothing.
 */
export type Appetite = 'ordinary' | 'sniffing' | 'exact'

/**
 * Guesses from the reads of one handle how far ahead it is worth fetching. Pure.
 *
 * It may not see reads of bytes that are local already, so a read anywhere within the window continues the run.
 */
export class ReadAhead {
  readonly #appetite: Appetite
  #runStart: Bytes = 0
  #position: Bytes = 0
  #reads = 0

  constructor(appetite: Appetite = 'ordinary') {
    this.#appetite = appetite
  }

  note({ start, end }: ByteRange): void {
    const expected =
      this.#reads > 0 && start >= this.#position - SLACK && start <= this.#position + this.#reach
    if (!expected) {
      this.#runStart = start
      this.#position = end
      this.#reads = 1
    } else if (end > this.#position) {
      this.#position = end
      this.#reads++
    }
  }

  /** Nobody waits for more: the reader was interrupted, or what was fetched ahead failed. */
  stop(): void {
    this.#reads = 0
  }

  /** What is worth having soon; empty for a reader that is not sequential. */
  get window(): ByteRange {
    return { start: this.#position, end: this.#position + this.#size }
  }

  /** So much of the beginning of a file comes in one request; a file that is no larger comes as a whole. */
  get head(): Bytes {
    const readsOn = this.#appetite === 'sniffing' && this.#reads > 1
    return this.#appetite === 'ordinary' || readsOn ? HEAD : SNIFFED
  }

  /** What to fetch at least where it asks for something at `start`. */
  leastAt(start: Bytes): Bytes {
    return start === 0 || (this.#appetite === 'sniffing' && this.#reads > 1) ? this.head : 0
  }

  /** In how large pieces to fetch it. */
  get segmentSize(): Bytes {
    return Math.min(LARGEST_SEGMENT, Math.max(SMALLEST_SEGMENT, roundDown(this.#size / PARALLEL)))
  }

  get #size(): Bytes {
    const run = this.#position - this.#runStart
    if (this.#appetite === 'exact' || this.#reads < 2 || run < SHORTEST_RUN) return 0
    return Math.min(LARGEST_WINDOW, Math.max(SMALLEST_WINDOW, GROWTH * run))
  }

  get #reach(): Bytes {
    return this.#size === 0 ? SHORTEST_RUN : this.#size + SLACK
  }
}

function roundDown(bytes: Bytes): Bytes {
  return Math.floor(bytes / MIB) * MIB
}

import type { ByteRange } from '../model/byte-ranges.js'
import type { Bytes } from '../model/ids.js'

const KIB: Bytes = 1024
const MIB: Bytes = 1024 * KIB

// What was read is multiplied by this: at most four times as much is downloaded in vain when a reader stops.
const GROWTH = 4
const SMALLEST_WINDOW: Bytes = 1 * MIB
// A type sniffer, with the kernel's read-ahead for it, stays below this.
const SHORTEST_RUN: Bytes = 256 * KIB
const LARGEST_WINDOW: Bytes = 128 * MIB
const SMALLEST_SEGMENT: Bytes = 1 * MIB
// At 100 Mbit/s and 40 ms this is 0.64 s of transfer for 0.08 s of asking.
const LARGEST_SEGMENT: Bytes = 8 * MIB
/** How many segments of a window are under way at once. */
const PARALLEL = 8
// The kernel's own read-ahead asks in pieces that overtake each other, and steps back when a page was dropped.
const SLACK: Bytes = 4 * MIB

/**
 * Guesses from the reads of one handle how far ahead it is worth fetching. Pure.
 *
 * It may not see reads of bytes that are local already, so a read anywhere within the window continues the run.
 */
export class ReadAhead {
  #runStart: Bytes = 0
  #position: Bytes = 0
  #reads = 0

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

  /** In how large pieces to fetch it. */
  get segmentSize(): Bytes {
    return Math.min(LARGEST_SEGMENT, Math.max(SMALLEST_SEGMENT, roundDown(this.#size / PARALLEL)))
  }

  get #size(): Bytes {
    const run = this.#position - this.#runStart
    if (this.#reads < 2 || run < SHORTEST_RUN) return 0
    return Math.min(LARGEST_WINDOW, Math.max(SMALLEST_WINDOW, GROWTH * run))
  }

  get #reach(): Bytes {
    return this.#size === 0 ? SHORTEST_RUN : this.#size + SLACK
  }
}

function roundDown(bytes: Bytes): Bytes {
  return Math.floor(bytes / MIB) * MIB
}

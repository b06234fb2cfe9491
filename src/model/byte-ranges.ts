import type { Bytes } from './ids.js'

/** Half-open: `start` is in, `end` is not. */
export type ByteRange = Readonly<{ start: Bytes; end: Bytes }>

/**
 * A set of bytes, kept as ranges that neither touch nor overlap, in ascending order.
 *
 * INVARIANT: for all i, ranges[i].start < ranges[i].end < ranges[i + 1].start
 */
export class ByteRanges {
  readonly #ranges: { start: Bytes; end: Bytes }[] = []

  constructor(ranges: Iterable<ByteRange> = []) {
    for (const range of ranges) this.add(range)
  }

  get size(): Bytes {
    return this.#ranges.reduce((sum, range) => sum + range.end - range.start, 0)
  }

  [Symbol.iterator](): IterableIterator<ByteRange> {
    return this.#ranges[Symbol.iterator]()
  }

  add(range: ByteRange): void {
    if (range.start >= range.end) return
    let { start, end } = range
    const first = this.#firstEndingAtOrAfter(start)
    let last = first
    for (let next = this.#ranges[last]; next && next.start <= end; next = this.#ranges[++last]) {
      start = Math.min(start, next.start)
      end = Math.max(end, next.end)
    }
    this.#ranges.splice(first, last - first, { start, end })
  }

  covers(range: ByteRange): boolean {
    if (range.start >= range.end) return true
    const found = this.#ranges[this.#firstEndingAtOrAfter(range.start + 1)]
    return found !== undefined && found.start <= range.start && found.end >= range.end
  }

  /** The parts of `range` that are not in the set, in ascending order. */
  missing(range: ByteRange): ByteRange[] {
    const gaps: ByteRange[] = []
    let start = range.start
    for (let i = this.#firstEndingAtOrAfter(start + 1); start < range.end; i++) {
      const next = this.#ranges[i]
      if (!next || next.start >= range.end) {
        gaps.push({ start, end: range.end })
        break
      }
      if (next.start > start) gaps.push({ start, end: next.start })
      start = next.end
    }
    return gaps
  }

  #firstEndingAtOrAfter(offset: Bytes): number {
    let low = 0
    let high = this.#ranges.length
    while (low < high) {
      const middle = (low + high) >> 1
      const range = this.#ranges[middle]
      if (range && range.end < offset) low = middle + 1
      else high = middle
    }
    return low
  }
}

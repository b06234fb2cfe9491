/** The same numbers for the same seed, so that what went wrong can be done again (mulberry32). */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** A whole number from 0 to `limit - 1`. */
  below(limit: number): number {
    return Math.floor(this.#next() * limit)
  }

  /** @throws {RangeError} of nothing */
  of<Value>(values: readonly Value[]): Value {
    if (values.length === 0) throw new RangeError('nothing to choose from')
    return values[this.below(values.length)] as Value
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.alloc(length)
    // One word in four is enough to tell any two of them apart.
    for (let at = 0; at + 4 <= length; at += 16) bytes.writeUInt32LE(this.below(2 ** 32), at)
    if (length > 0) bytes[length - 1] = this.below(256)
    return bytes
  }

  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

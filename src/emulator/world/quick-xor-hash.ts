/**
 * QuickXorHash, written from its description: byte i of the input is XOR-ed into a 160-bit
 * register at bit (11 * i) mod 160; at the end the length goes into the last 8 bytes.
 *
 * 11 * 160 is a multiple of 160, so a byte's place depends on i mod 160 only: folding the
 * input into 160 bytes first gives the same hash, and can be done four bytes at a time.
 *
 * https://learn.microsoft.com/onedrive/developer/code-snippets/quickxorhash
 */
export class QuickXorHash {
  static readonly PERIOD = 160
  readonly #fold = Buffer.alloc(QuickXorHash.PERIOD)
  readonly #foldWords = new Uint32Array(this.#fold.buffer, this.#fold.byteOffset, QuickXorHash.PERIOD / 4)
  #length = 0

  update(bytes: Uint8Array): this {
    let i = 0
    let place = this.#length % QuickXorHash.PERIOD
    this.#length += bytes.length
    while (i < bytes.length && (place !== 0 || ((bytes.byteOffset + i) & 3) !== 0)) {
      this.#xorByte(place, bytes[i++] ?? 0)
      place = (place + 1) % QuickXorHash.PERIOD
    }
    if (place === 0) i += this.#updateWords(bytes.subarray(i))
    for (; i < bytes.length; i++) {
      this.#xorByte(place, bytes[i] ?? 0)
      place = (place + 1) % QuickXorHash.PERIOD
    }
    return this
  }

  /** XORs bytes in as if they stood at `offset`, without counting them. */
  xorAt(offset: number, bytes: Uint8Array): this {
    for (let i = 0; i < bytes.length; i++) this.#xorByte((offset + i) % QuickXorHash.PERIOD, bytes[i] ?? 0)
    return this
  }

  /** The hash of this input followed by the other's. This one must be whole periods long. */
  append(next: QuickXorHash): this {
    if (this.#length % QuickXorHash.PERIOD !== 0) throw new RangeError('not at the end of a period')
    for (let i = 0; i < next.#fold.length; i++) this.#xorByte(i, next.#fold[i] ?? 0)
    this.#length += next.#length
    return this
  }

  /** @param length of the whole input, where `xorAt` was used */
  digest(length = this.#length): string {
    const register = Buffer.alloc(20)
    this.#fold.forEach((byte, i) => {
      const bit = (i * 11) % 160
      const shifted = byte << (bit & 7)
      const at = bit >> 3
      register[at] = (register[at] ?? 0) ^ (shifted & 255)
      register[(at + 1) % 20] = (register[(at + 1) % 20] ?? 0) ^ (shifted >> 8)
    })
    const tail = Buffer.alloc(8)
    tail.writeBigUInt64LE(BigInt(length))
    tail.forEach((byte, i) => (register[12 + i] = (register[12 + i] ?? 0) ^ byte))
    return register.toString('base64')
  }

  #xorByte(place: number, byte: number): void {
    this.#fold[place] = (this.#fold[place] ?? 0) ^ byte
  }

  /** Whole periods only; returns how many bytes it took. */
  #updateWords(bytes: Uint8Array): number {
    const periods = Math.floor(bytes.length / QuickXorHash.PERIOD)
    if (periods === 0 || (bytes.byteOffset & 3) !== 0) return 0
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, (periods * QuickXorHash.PERIOD) / 4)
    const fold = this.#foldWords
    for (let start = 0; start < words.length; start += fold.length) {
      for (let i = 0; i < fold.length; i++) fold[i] = (fold[i] ?? 0) ^ (words[start + i] ?? 0)
    }
    return periods * QuickXorHash.PERIOD
  }
}

export function quickXorHash(bytes: Uint8Array): string {
  return new QuickXorHash().update(bytes).digest()
}

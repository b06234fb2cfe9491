/** The bits of byte i go to bit 11 * i of a ring of 160 bits, so their places repeat after 160 bytes. */
const ROW_BYTES = 160
const SHIFT_BITS = 11
const HASH_BYTES = 20
const LENGTH_BYTES = 8
const WORD_BYTES = 4

/**
 * The hash that Graph reports for files of SharePoint and OneDrive for Business. The native addon has a faster twin;
 * this one is for where there is no addon, and for what arrives piece by piece.
 *
 * @see https://learn.microsoft.com/onedrive/developer/code-snippets/quickxorhash
 */
export class QuickXorHash {
  readonly #row = new Uint8Array(ROW_BYTES)
  readonly #words = new Uint32Array(this.#row.buffer)
  #length = 0

  /** Four bytes at a time: 0.4 ms for a megabyte. One at a time it would be 9. */
  update(bytes: Uint8Array): this {
    const head = Math.min((WORD_BYTES - (this.#length % WORD_BYTES)) % WORD_BYTES, bytes.length)
    this.#addBytes(bytes.subarray(0, head))
    const whole = bytes.length - ((bytes.length - head) % WORD_BYTES)
    this.#addWords(bytes.subarray(head, whole))
    this.#addBytes(bytes.subarray(whole))
    return this
  }

  /** Base64, as Graph reports it. Does not end the stream. */
  digest(): string {
    const hash = new Uint8Array(HASH_BYTES)
    const toggle = (place: number, bits: number): void => {
      hash[place] = (hash[place] ?? 0) ^ bits
    }
    this.#row.forEach((byte, i) => {
      const bit = (SHIFT_BITS * i) % (8 * HASH_BYTES)
      const spread = byte << (bit % 8)
      toggle(bit >> 3, spread & 0xff)
      toggle(((bit >> 3) + 1) % HASH_BYTES, spread >> 8)
    })
    const length = new DataView(new ArrayBuffer(LENGTH_BYTES))
    length.setBigUint64(0, BigInt(this.#length), true)
    for (let i = 0; i < LENGTH_BYTES; i++) toggle(HASH_BYTES - LENGTH_BYTES + i, length.getUint8(i))
    return btoa(String.fromCharCode(...hash))
  }
  #addBytes(bytes: Uint8Array): void {
    const row = this.#row
    let place = this.#length % ROW_BYTES
    for (const byte of bytes) {
      row[place] = (row[place] ?? 0) ^ byte
      if (++place === ROW_BYTES) place = 0
    }
    this.#length += bytes.length
  }

  /** @param bytes whole words, to be added where a word begins */
  #addWords(bytes: Uint8Array): void {
    // A view of words must begin at one; a copy does.
    const aligned = bytes.byteOffset % WORD_BYTES === 0 ? bytes : new Uint8Array(bytes)
    const words = new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length / WORD_BYTES)
    const row = this.#words
    let place = (this.#length % ROW_BYTES) / WORD_BYTES
    // Indexed: an iterator takes five times as long.
    for (let i = 0; i < words.length; i++) {
      row[place] = (row[place] ?? 0) ^ (words[i] ?? 0)
      if (++place === row.length) place = 0
    }
    this.#length += bytes.length
  }
}

/** The bits of byte i go to bit 11 * i of a ring of 160 bits, so their places repeat after 160 bytes. */
const ROW_BYTES = 160
const SHIFT_BITS = 11
const HASH_BYTES = 20
const LENGTH_BYTES = 8

/**
 * The hash that Graph reports for files of SharePoint and OneDrive for Business. The native addon has a faster twin;
 * this one is for where there is no addon, and for what arrives piece by piece.
 *
 * @see https://learn.microsoft.com/onedrive/developer/code-snippets/quickxorhash
 */
export class QuickXorHash {
  readonly #row = new Uint8Array(ROW_BYTES)
  #length = 0

  update(bytes: Uint8Array): this {
    const row = this.#row
    let place = this.#length % ROW_BYTES
    for (const byte of bytes) {
      row[place] = (row[place] ?? 0) ^ byte
      if (++place === ROW_BYTES) place = 0
    }
    this.#length += bytes.length
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
}

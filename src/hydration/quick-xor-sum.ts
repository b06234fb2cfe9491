import type { Bytes } from '../model/ids.js'

const HASH_BITS = 160n
const RING = (1n << HASH_BITS) - 1n
const SHIFT_BITS = 11
/** The length is XORed into the last 8 of the 20 bytes. */
const LENGTH_PLACE = 96n

/**
 * The QuickXorHash of a file from those of its pieces, in whatever order they arrive.
 *
 * Byte i of a file goes to bit 11 * i of a ring of 160 bits; all of them are XORed. So a piece that begins at s adds its
 * own hash, turned by 11 * s, and a file need not be read again to be verified.
 *
 * @see https://learn.microsoft.com/onedrive/developer/code-snippets/quickxorhash
 */
export class QuickXorSum {
  #sum = 0n
  #length: Bytes = 0

  /** @param hash base64, of the `length` bytes that begin at `start`, as if they were a file. No piece comes twice. */
  add(hash: string, start: Bytes, length: Bytes): void {
    const piece = fromBase64(hash) ^ (BigInt(length) << LENGTH_PLACE)
    const turn = (BigInt(SHIFT_BITS) * BigInt(start)) % HASH_BITS
    this.#sum ^= ((piece << turn) & RING) | (piece >> (HASH_BITS - turn))
    this.#length += length
  }

  /** How many bytes the pieces have. */
  get length(): Bytes {
    return this.#length
  }

  /** Base64: the hash of the file, if these were all its pieces. */
  digest(): string {
    const hash = this.#sum ^ (BigInt(this.#length) << LENGTH_PLACE)
    const bytes = Buffer.from(hash.toString(16).padStart(40, '0'), 'hex').reverse()
    return bytes.toString('base64')
  }
}

/** Little-endian, as the bits of the ring are numbered. */
function fromBase64(hash: string): bigint {
  return BigInt(`0x${Buffer.from(hash, 'base64').reverse().toString('hex')}`)
}

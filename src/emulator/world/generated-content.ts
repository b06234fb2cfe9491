import type { Content, ContentReader } from './content.js'
import { QuickXorHash } from './quick-xor-hash.js'

const PAGE = 4096
/** A multiple of the page and of the hash's period, so that whole blocks can be counted instead of hashed. */
const BLOCK = PAGE * 5 * 64
const STAMP = 8

/**
 * Bytes that depend on (seed, offset) only: any size, no disk, no memory, no order.
 *
 * One block of pseudo-random bytes is repeated (each seed starts at another place in it), and the
 * first 8 bytes of every 4 KiB page are its page number and the seed. So no two pages of a file are
 * equal, and a byte that is served from a wrong offset shows.
 */
export class GeneratedContent implements Content {
  readonly size: number
  readonly #seed: number
  #hash: string | undefined

  /** @param seed 0 … 2^24 - 1 */
  constructor(seed: number, size: number) {
    this.#seed = seed & 0xffffff
    this.size = size
  }

  open(): ContentReader {
    return { read: (target, offset) => this.fill(target, offset), close: () => undefined }
  }

  fill(target: Buffer, offset: number): number {
    const length = Math.max(0, Math.min(target.length, this.size - offset))
    const rotation = this.#rotation()
    for (let done = 0; done < length;) {
      const from = (offset + done + rotation) % BLOCK
      const copied = baseBlock().copy(target, done, from, Math.min(BLOCK, from + length - done))
      done += copied
    }
    this.#stamp(target, offset, length)
    return length
  }

  /** Without reading the file: whole blocks cancel each other in pairs, the stamps are added one by one. */
  quickXorHash(): string {
    return (this.#hash ??= this.#computeHash())
  }

  #computeHash(): string {
    const hash = new QuickXorHash()
    const rotation = this.#rotation()
    const oddBlock = Math.floor(this.size / BLOCK) % 2 === 1 ? BLOCK : 0
    for (let left = oddBlock + (this.size % BLOCK), from = rotation; left > 0; from = 0) {
      const piece = baseBlock().subarray(from, Math.min(BLOCK, from + left))
      hash.update(piece)
      left -= piece.length
    }
    const stamp = Buffer.alloc(STAMP)
    for (let offset = 0; offset < this.size; offset += PAGE) {
      this.#writeStamp(stamp, 0, offset)
      hash.xorAt(offset, stamp.subarray(0, Math.min(STAMP, this.size - offset)))
    }
    return hash.digest(this.size)
  }

  #rotation(): number {
    return (this.#seed % (BLOCK / PAGE)) * PAGE
  }

  #stamp(target: Buffer, offset: number, length: number): void {
    const end = offset + length
    for (let page = offset - (offset % PAGE); page < end; page += PAGE) {
      if (page >= offset && page + STAMP <= end) {
        this.#writeStamp(target, page - offset, page)
      } else {
        const stamp = Buffer.alloc(STAMP)
        this.#writeStamp(stamp, 0, page)
        const from = Math.max(page, offset)
        if (from < page + STAMP) stamp.copy(target, from - offset, from - page, Math.min(STAMP, end - page))
      }
    }
  }

  /** 5 bytes of page number, 3 bytes of seed. */
  #writeStamp(target: Buffer, at: number, page: number): void {
    target.writeUIntLE(page / PAGE, at, 5)
    target.writeUIntLE(this.#seed, at + 5, 3)
  }
}

let block: Buffer | undefined

/** Made once from constants; zero where the stamps go, so that XOR adds them. */
function baseBlock(): Buffer {
  if (block) return block
  const words = new Uint32Array(BLOCK / 4)
  let state = 0x9e3779b9
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[i] = state
  }
  for (let page = 0; page < words.length; page += PAGE / 4) words.fill(0, page, page + STAMP / 4)
  block = Buffer.from(words.buffer)
  return block
}

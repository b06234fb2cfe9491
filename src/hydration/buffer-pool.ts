import type { Bytes } from '../model/ids.js'

/** One write of a megabyte costs about as much as one of 64 KiB. */
export const BUFFER_SIZE: Bytes = 1024 * 1024
// Two for each of the connections that one sequential reader has.
const KEPT = 16

/**
 * Buffers between network and disk, used again and again: a new megabyte for every megabyte that arrives would make the
 * collector run all the time, over a heap that has nothing to do with it.
 */
export class BufferPool {
  readonly #free: Buffer[] = []

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(BUFFER_SIZE)
  }

  /** `buffer` must not be used after this. */
  giveBack(buffer: Buffer): void {
    if (this.#free.length < KEPT) this.#free.push(buffer)
  }
}

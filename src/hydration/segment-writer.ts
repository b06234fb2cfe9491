import type { Bytes } from '../model/ids.js'
import { BUFFER_SIZE, type BufferPool } from './buffer-pool.js'

// While one is being written, the network fills the other.
const BUFFERS = 2

export interface BytesTarget {
  /** Rejects when the bytes could not be written. `bytes` must not change until it settles. */
  write(bytes: Uint8Array, start: Bytes): Promise<void>
}

/**
 * Gathers the small chunks of a connection into large writes.
 *
 * INVARIANT: every byte is in the buffer being filled or in a write under way; a buffer is back in the pool only when
 * its write has ended.
 */
export class SegmentWriter {
  readonly #target: BytesTarget
  readonly #pool: BufferPool
  #filling: Buffer | undefined
  #filled: Bytes = 0
  /** Where the first byte of the buffer being filled belongs. */
  #start: Bytes
  readonly #writes = new Set<Promise<void>>()
  #failure: unknown

  constructor(target: BytesTarget, pool: BufferPool, start: Bytes) {
    this.#target = target
    this.#pool = pool
    this.#start = start
  }

  /** Bytes that are not on their way to the file yet. */
  get buffered(): Bytes {
    return this.#filled
  }

  /** Takes the bytes over; returns a promise when it has to wait for a write first. */
  push(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#failure !== undefined) throw this.#failure as Error
    const taken = this.#take(chunk)
    return taken === chunk.length ? undefined : this.#pushWhenFree(chunk.subarray(taken))
  }

  /** Starts to write what has gathered. */
  flush(): void {
    const buffer = this.#filling
    if (buffer === undefined || this.#filled === 0) return
    const write: Promise<void> = this.#target.write(buffer.subarray(0, this.#filled), this.#start).then(
      () => this.#written(write, buffer),
      (failure: unknown) => {
        this.#failure ??= failure
        this.#written(write, buffer)
      },
    )
    this.#writes.add(write)
    this.#start += this.#filled
    this.#filled = 0
    this.#filling = undefined
  }

  /** So many bytes go into the file without passing here. */
  skip(length: Bytes): void {
    this.flush()
    this.#start += length
  }

  /** Resolves when everything is in the file; rejects with the first failure. To be called last. */
  async drain(): Promise<void> {
    this.flush()
    if (this.#filling) this.#pool.giveBack(this.#filling)
    this.#filling = undefined
    while (this.#writes.size > 0) await Promise.all(this.#writes)
    if (this.#failure !== undefined) throw this.#failure as Error
  }

  async #pushWhenFree(chunk: Uint8Array): Promise<void> {
    let rest = chunk
    while (rest.length > 0) {
      await Promise.race(this.#writes)
      if (this.#failure !== undefined) throw this.#failure as Error
      rest = rest.subarray(this.#take(rest))
    }
  }

  /** Copies what there is room for. @returns how much that was */
  #take(chunk: Uint8Array): Bytes {
    let taken = 0
    while (taken < chunk.length) {
      if (this.#filling === undefined && this.#writes.size === BUFFERS) break
      this.#filling ??= this.#pool.take()
      const length = Math.min(chunk.length - taken, BUFFER_SIZE - this.#filled)
      this.#filling.set(length === chunk.length ? chunk : chunk.subarray(taken, taken + length), this.#filled)
      this.#filled += length
      taken += length
      if (this.#filled === BUFFER_SIZE) this.flush()
    }
    return taken
  }

  #written(write: Promise<void>, buffer: Buffer): void {
    this.#writes.delete(write)
    this.#pool.giveBack(buffer)
  }
}

import type { Bytes } from '../model/ids.js'

// One write of a megabyte costs about as much as one of 64 KiB; two buffers let the network go on meanwhile.
const BUFFER: Bytes = 1024 * 1024
const BUFFERS = 2

export interface BytesTarget {
  /** Rejects when the bytes could not be written. `bytes` must not change until it settles. */
  write(bytes: Uint8Array, start: Bytes): Promise<void>
}

/**
 * Gathers the small chunks of a connection into large writes.
 *
 * INVARIANT: every byte is in a free buffer, in the one being filled, or in a write under way; never in two.
 */
export class SegmentWriter {
  readonly #target: BytesTarget
  readonly #capacity: Bytes
  readonly #free: Buffer[] = []
  #allocated = 0
  #filling: Buffer | undefined
  #filled: Bytes = 0
  /** Where the first byte of the buffer being filled belongs. */
  #start: Bytes
  readonly #writes = new Set<Promise<void>>()
  #failure: unknown

  constructor(target: BytesTarget, start: Bytes, length: Bytes) {
    this.#target = target
    this.#start = start
    this.#capacity = Math.min(BUFFER, Math.max(1, length))
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
    const bytes = buffer.subarray(0, this.#filled)
    const write: Promise<void> = this.#target.write(bytes, this.#start).then(
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

  /** Resolves when everything is in the file; rejects with the first failure. */
  async drain(): Promise<void> {
    this.flush()
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
      this.#filling ??= this.#buffer()
      if (this.#filling === undefined) break
      const length = Math.min(chunk.length - taken, this.#capacity - this.#filled)
      this.#filling.set(length === chunk.length ? chunk : chunk.subarray(taken, taken + length), this.#filled)
      this.#filled += length
      taken += length
      if (this.#filled === this.#capacity) this.flush()
    }
    return taken
  }

  #buffer(): Buffer | undefined {
    const free = this.#free.pop()
    if (free !== undefined || this.#allocated === BUFFERS) return free
    this.#allocated++
    return Buffer.allocUnsafeSlow(this.#capacity)
  }

  #written(write: Promise<void>, buffer: Buffer): void {
    this.#writes.delete(write)
    this.#free.push(buffer)
  }
}

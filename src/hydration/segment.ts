import type { Clock } from '../concurrency/clock.js'
import type { ByteRange } from '../model/byte-ranges.js'
import type { DriveItem } from '../model/drive-item.js'
import { Fault } from '../model/fault.js'
import type { Bytes, Milliseconds } from '../model/ids.js'
import type { ContentSink, DirectStore, RemoteContent } from '../model/remote.js'
import type { BufferPool } from './buffer-pool.js'
import type { ContentSource } from './content-source.js'
import { localFault } from './local-fault.js'
import { SegmentWriter, type BytesTarget } from './segment-writer.js'

/** A download that brings no byte for so long has failed. */
export const PROGRESS_DEADLINE: Milliseconds = 30_000

export interface SegmentTarget extends BytesTarget {
  /** For who writes into the file himself; and then says so. */
  readonly fd: number
  /** @param hash the QuickXorHash of these bytes, as if they were a file */
  wrote(range: ByteRange, hash: string): void
}

export interface SegmentDeps {
  readonly remote: RemoteContent
  readonly clock: Clock
  readonly target: SegmentTarget
  readonly buffers: BufferPool
  /** What the service says of the item of which bytes are about to come. */
  readonly described: (item: DriveItem) => void
  /** Whether somebody waits for the `buffered` bytes before `position`, so that they should be written now. */
  readonly isAwaited: (position: Bytes, buffered: Bytes) => boolean
}

/** One connection that fetches one range of one file. Runs once. */
export class Segment {
  readonly start: Bytes
  readonly #deps: SegmentDeps
  readonly #writer: SegmentWriter
  readonly #abort = new AbortController()
  readonly #planned: Bytes
  #end: Bytes
  #position: Bytes
  #lastByteAt: Milliseconds

  constructor(range: ByteRange, deps: SegmentDeps) {
    this.start = range.start
    this.#planned = range.end
    this.#end = range.end
    this.#position = range.start
    this.#deps = deps
    this.#writer = new SegmentWriter(deps.target, deps.buffers, range.start)
    this.#lastByteAt = deps.clock.now()
  }

  get end(): Bytes {
    return this.#end
  }

  /** Where the next byte from the network belongs. */
  get position(): Bytes {
    return this.#position
  }

  covers(offset: Bytes): boolean {
    return this.start <= offset && offset < this.#end
  }

  /** Fetches less than was planned: another segment begins there. */
  stopAt(offset: Bytes): void {
    this.#end = Math.max(this.#position, Math.min(this.#end, offset))
    if (this.#position >= this.#end) this.#abort.abort(enough())
  }

  /** Nobody needs the rest. */
  cancel(): void {
    this.stopAt(this.#position)
  }

  /**
   * Resolves when every byte up to {@link end} is in the file.
   * @throws {Fault} what {@link RemoteContent} throws, `timed-out`, `disk-full`, `local-io`. Bytes up to
   *   {@link position} are in the file all the same, unless the disk failed.
   */
  async run(source: ContentSource): Promise<void> {
    const ended = new AbortController()
    void this.#watch(ended.signal)
    try {
      await this.#fetch(source)
    } finally {
      ended.abort()
      await this.#writer.drain()
    }
  }

  async #fetch({ item, version, past }: ContentSource): Promise<void> {
    const { signal } = this.#abort
    const range = { start: this.start, end: this.#planned }
    try {
      const sink: ContentSink = Object.assign(this.#take, {
        direct: this.#direct,
        describes: this.#deps.described,
      })
      await untilAborted(this.#deps.remote.fetch(item, version, range, sink, signal, past), signal)
    } catch (failure) {
      if (this.#position < this.#end) throw failure
    }
    if (this.#position < this.#end) {
      throw new Fault('protocol-error', 'The service sent fewer bytes than were asked for')
    }
  }

  readonly #take = (chunk: Uint8Array, offset: Bytes): Promise<void> | undefined => {
    this.#abort.signal.throwIfAborted()
    if (offset !== this.#position) {
      throw new Fault('protocol-error', 'The service sent other bytes than were asked for')
    }
    this.#lastByteAt = this.#deps.clock.now()
    const wanted = this.#end - this.#position
    const bytes = chunk.length <= wanted ? chunk : chunk.subarray(0, wanted)
    this.#position += bytes.length
    const full = this.#writer.push(bytes)
    if (this.#deps.isAwaited(this.#position, this.#writer.buffered)) this.#writer.flush()
    this.#endWhenEnough()
    return full
  }

  readonly #direct = (offset: Bytes, length: Bytes): DirectStore | undefined => {
    if (offset !== this.#position || offset >= this.#end) return undefined
    const { target, clock } = this.#deps
    this.#writer.flush()
    return {
      fd: target.fd,
      position: offset,
      length: Math.min(length, this.#end - offset),
      stored: (length, hash) => {
        this.#abort.signal.throwIfAborted()
        this.#lastByteAt = clock.now()
        const start = this.#position
        this.#position += length
        this.#writer.skip(length)
        target.wrote({ start, end: this.#position }, hash)
        this.#endWhenEnough()
      },
      fault: localFault,
    }
  }

  /** Where all was fetched as planned the connection is left alone: it will be used again. */
  #endWhenEnough(): void {
    if (this.#position >= this.#end && this.#end < this.#planned) this.#abort.abort(enough())
  }

  async #watch(ended: AbortSignal): Promise<void> {
    const { clock } = this.#deps
    try {
      for (;;) {
        const left = this.#lastByteAt + PROGRESS_DEADLINE - clock.now()
        if (left <= 0) break
        await clock.sleep(left, ended)
      }
    } catch {
      return // it has ended in time
    }
    this.#abort.abort(
      new Fault('timed-out', `The service sent nothing for ${PROGRESS_DEADLINE / 1000} seconds`),
    )
  }
}

function enough(): Fault {
  return new Fault('cancelled', 'Nobody waits for more of these bytes')
}

/** Settles with `work`, or rejects when `signal` aborts: also if `work` does not listen. */
async function untilAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  let onAbort = () => {}
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

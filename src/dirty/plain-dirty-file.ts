import { fstatSync, ftruncateSync, readSync, writeSync } from 'node:fs'
import type { Clock } from '../concurrency/clock.js'
import type { ByteRange, ByteRanges } from '../model/byte-ranges.js'
import type { DirtyFile } from '../model/dirty-file.js'
import type { Bytes, Milliseconds } from '../model/ids.js'
import { dirtyFault, locally } from './dirty-fault.js'
import { appendCut, appendWritten } from './range-log.js'

const ZEROS = Buffer.alloc(256 * 1024)

export interface DirtyFileState {
  /** Of `size` bytes, open for reading and writing. */
  readonly fd: number
  /** Open for appending; absent where there is no base, and the file is all there is. */
  readonly log: number | undefined
  readonly baseEnd: Bytes
  readonly written: ByteRanges
  readonly modified: Milliseconds
}

/** In JavaScript alone: its calls come one after the other, from one thread. */
export class PlainDirtyFile implements DirtyFile {
  readonly #openFd: number
  readonly #log: number | undefined
  readonly #written: ByteRanges
  readonly #clock: Clock
  #baseEnd: Bytes
  #size: Bytes
  #modified: Milliseconds
  #lastChange: Milliseconds = 0
  #writtenAt: Milliseconds
  #revision = 0
  #closed = false
  noted = 0
  saved: number | undefined
  permissions: number | undefined

  constructor({ fd, log, baseEnd, written, modified }: DirtyFileState, clock: Clock) {
    this.#openFd = fd
    this.#log = log
    this.#written = written
    this.#clock = clock
    this.#baseEnd = baseEnd
    this.#modified = modified
    this.#writtenAt = clock.now()
    this.#size = fstatSync(fd).size
  }

  get size(): Bytes {
    return this.#size
  }

  get modified(): Milliseconds {
    return this.#modified
  }

  get changed(): Milliseconds {
    return this.#lastChange
  }

  get revision(): number {
    return this.#revision
  }

  get writtenAt(): Milliseconds {
    return this.#writtenAt
  }

  /** Nothing else changes it. */
  writes(): number {
    return this.#revision
  }

  writtenOutside(modified: Milliseconds): void {
    this.#changed(modified)
  }

  write(offset: Bytes, bytes: Uint8Array): void {
    if (bytes.length === 0) return
    try {
      this.#put(offset, bytes)
    } catch (failure) {
      // A part of it may have made the file longer.
      if (!this.#closed) ftruncateSync(this.#fd, this.#size)
      throw dirtyFault(failure)
    }
    this.#size = Math.max(this.#size, offset + bytes.length)
    this.#changed()
  }

  truncate(size: Bytes): void {
    locally(() => {
      if (this.#log !== undefined && size < this.#baseEnd) appendCut(this.#log, size)
      ftruncateSync(this.#fd, size)
    })
    this.#baseEnd = Math.min(this.#baseEnd, size)
    this.#size = size
    this.#changed()
  }

  zero(range: ByteRange): void {
    const end = Math.min(range.end, this.#size)
    for (let at = range.start; at < end; at += ZEROS.length) {
      locally(() => this.#put(at, ZEROS.subarray(0, Math.min(ZEROS.length, end - at))))
    }
    this.#changed()
  }

  fill(offset: Bytes, bytes: Uint8Array): void {
    for (const { start, end } of this.fromBase({ start: offset, end: offset + bytes.length })) {
      locally(() => this.#put(start, bytes.subarray(start - offset, end - offset)))
    }
  }

  setModified(modified: Milliseconds): void {
    this.#modified = modified
  }

  fromBase({ start, end }: ByteRange): readonly ByteRange[] {
    return this.#written.missing({ start, end: Math.min(end, this.#baseEnd) })
  }

  read({ start, end }: ByteRange): Uint8Array {
    const bytes = Buffer.alloc(Math.max(0, Math.min(end, this.#size) - start))
    locally(() => {
      for (let done = 0; done < bytes.length;) {
        const count = readSync(this.#fd, bytes, done, bytes.length - done, start + done)
        if (count === 0) break
        done += count
      }
    })
    // Of a machine that went down there may be something where nothing counts as written.
    for (const gap of this.fromBase({ start, end })) bytes.fill(0, gap.start - start, gap.end - start)
    return bytes
  }

  close(): void {
    this.#closed = true
  }

  /** Closed by who made it; the number may be another file's by then. */
  get #fd(): number {
    if (this.#closed) throw Object.assign(new Error('the dirty file is closed'), { code: 'EBADF' })
    return this.#openFd
  }

  #put(offset: Bytes, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      done += writeSync(this.#fd, bytes, done, bytes.length - done, offset + done)
    }
    const range = { start: offset, end: offset + bytes.length }
    if (this.#log === undefined || range.start >= this.#baseEnd || this.#written.covers(range)) return
    appendWritten(this.#log, range)
    this.#written.add(range)
  }

  #changed(now = this.#clock.now()): void {
    this.#modified = this.#lastChange = now
    this.#writtenAt = now
    this.#revision++
  }
}

import { closeSync, fstatSync, openSync, readSync, renameSync, writeSync } from 'node:fs'
import type { Bytes } from '../model/ids.js'

export interface RotatingFileOptions {
  readonly file: string
  readonly largest: Bytes
  /** How many older ones are kept: `<file>.1` is the youngest. */
  readonly old: number
}

/** Text that is only ever appended, readable by its owner only, in files that do not grow without end. */
export class RotatingFile {
  readonly #options: RotatingFileOptions
  #fd: number | undefined
  #size: Bytes = 0
  #isClosed = false

  constructor(options: RotatingFileOptions) {
    this.#options = options
    this.#tryOpen()
  }

  /** Whether nothing, or a whole line, was written last. */
  get endsWithLine(): boolean {
    if (this.#size === 0) return true
    const last = Buffer.alloc(1)
    const fd = openSync(this.#options.file, 'r')
    try {
      readSync(fd, last, 0, 1, this.#size - 1)
    } finally {
      closeSync(fd)
    }
    return last.toString() === '\n'
  }

  /** Writes at once. @throws what the disk says; part of the text may have been written */
  append(text: string): void {
    if (this.#isClosed) return
    const bytes = Buffer.from(text)
    if (this.#size + bytes.length > this.#options.largest && this.#size > 0) this.#rotate()
    const fd = (this.#fd ??= this.#open())
    for (let done = 0; done < bytes.length;) {
      const written = writeSync(fd, bytes, done)
      this.#size += written
      done += written
    }
  }

  /** What is appended later is lost. */
  close(): void {
    this.#isClosed = true
    this.#closeFile()
  }

  #closeFile(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }

  #rotate(): void {
    this.#closeFile()
    const { file, old } = this.#options
    for (let i = old; i > 0; i--) {
      try {
        renameSync(i === 1 ? file : `${file}.${i - 1}`, `${file}.${i}`)
      } catch {
        // The first ones are missing until there is enough to say.
      }
    }
    this.#tryOpen()
  }

  #tryOpen(): void {
    try {
      this.#fd = this.#open()
    } catch {
      this.#fd = undefined // tried again when there is something to write
    }
  }

  #open(): number {
    const fd = openSync(this.#options.file, 'a', 0o600)
    this.#size = fstatSync(fd).size
    return fd
  }
}

import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs'
import type { Clock } from '../concurrency/clock.js'
import type { Bytes } from '../model/ids.js'
import type { Log, LogLevel } from './log.js'
import { redact } from './redact.js'

const LEVELS: readonly LogLevel[] = ['error', 'warn', 'info', 'debug']
const LARGEST_FILE: Bytes = 5 * 1024 * 1024
/** `daemon.log.1` is the youngest of them. */
const OLD_FILES = 3

export interface JsonLogOptions {
  readonly file: string
  readonly level: LogLevel
  readonly clock: Clock
  readonly largestFile?: Bytes
}

/**
 * One JSON object a line: `{"time":"…","level":"info","event":"library-added",…}`.
 *
 * Written synchronously: the line before a crash is the one that is needed. Never throws:
 * a full disk must not stop the daemon.
 */
export class JsonLog implements Log {
  readonly #options: JsonLogOptions
  readonly #largestFile: Bytes
  #fd: number | undefined
  #size: Bytes = 0

  constructor(options: JsonLogOptions) {
    this.#options = options
    this.#largestFile = options.largestFile ?? LARGEST_FILE
    this.#open()
  }

  error(event: string, fields?: Readonly<Record<string, unknown>>): void {
    this.#write('error', event, fields)
  }

  warn(event: string, fields?: Readonly<Record<string, unknown>>): void {
    this.#write('warn', event, fields)
  }

  info(event: string, fields?: Readonly<Record<string, unknown>>): void {
    this.#write('info', event, fields)
  }

  debug(event: string, fields?: Readonly<Record<string, unknown>>): void {
    this.#write('debug', event, fields)
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }

  #write(level: LogLevel, event: string, fields: Readonly<Record<string, unknown>> = {}): void {
    if (LEVELS.indexOf(level) > LEVELS.indexOf(this.#options.level)) return
    try {
      const time = new Date(this.#options.clock.now()).toISOString()
      const line = Buffer.from(`${JSON.stringify({ time, level, event, ...(redact(fields) as object) })}\n`)
      if (this.#size + line.length > this.#largestFile && this.#size > 0) this.#rotate()
      if (this.#fd === undefined) return
      this.#size += writeSync(this.#fd, line)
    } catch {
      // Nowhere left to say so.
    }
  }

  #rotate(): void {
    this.close()
    const { file } = this.#options
    for (let i = OLD_FILES; i > 0; i--) {
      try {
        renameSync(i === 1 ? file : `${file}.${i - 1}`, `${file}.${i}`)
      } catch {
        // The first ones are missing until there is enough to say.
      }
    }
    this.#open()
  }

  #open(): void {
    try {
      this.#fd = openSync(this.#options.file, 'a', 0o600)
      this.#size = fstatSync(this.#fd).size
    } catch {
      this.#fd = undefined
    }
  }
}

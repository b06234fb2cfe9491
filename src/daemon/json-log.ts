import type { Clock } from '../concurrency/clock.js'
import type { Bytes } from '../model/ids.js'
import type { Log, LogLevel } from './log.js'
import { redact } from './redact.js'
import { RotatingFile } from './rotating-file.js'

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
  readonly #file: RotatingFile

  constructor(options: JsonLogOptions) {
    this.#options = options
    const { file, largestFile: largest = LARGEST_FILE } = options
    this.#file = new RotatingFile({ file, largest, old: OLD_FILES })
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
    this.#file.close()
  }

  #write(level: LogLevel, event: string, fields: Readonly<Record<string, unknown>> = {}): void {
    if (LEVELS.indexOf(level) > LEVELS.indexOf(this.#options.level)) return
    try {
      const time = new Date(this.#options.clock.now()).toISOString()
      this.#file.append(`${JSON.stringify({ time, level, event, ...(redact(fields) as object) })}\n`)
    } catch {
      // Nowhere left to say so.
    }
  }
}

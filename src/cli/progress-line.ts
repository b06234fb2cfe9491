import type { Progress } from '../control/answers.js'
import type { Milliseconds } from '../model/ids.js'
import { printable } from './printable.js'
import type { Sink } from './output.js'

/** What takes longer than this is worth a line. */
const PATIENCE: Milliseconds = 2000
const ERASE_LINE = '\r\x1b[K'
/** A longer line would wrap, and only its last row could be erased. */
const FALLBACK_COLUMNS = 80

/** One line of a terminal that tells how a long command is getting on; erased before anything else is printed. */
export class ProgressLine {
  readonly #terminal: Sink
  #patience: NodeJS.Timeout | undefined
  #isPatient = true
  #isShown = false
  #latest: Progress | undefined

  constructor(terminal: Sink) {
    this.#terminal = terminal
  }

  show(progress: Progress): void {
    this.#latest = progress
    if (!this.#isPatient) this.#render()
    else this.#patience ??= setTimeout(() => this.#losePatience(), PATIENCE).unref()
  }

  /** Until the next `show`. */
  erase(): void {
    clearTimeout(this.#patience)
    this.#patience = undefined
    if (this.#isShown) this.#terminal.write(ERASE_LINE)
    this.#isShown = false
  }

  #losePatience(): void {
    this.#isPatient = false
    this.#render()
  }

  #render(): void {
    if (this.#latest === undefined) return
    const line = progressText(this.#latest).slice(0, (this.#terminal.columns ?? FALLBACK_COLUMNS) - 1)
    this.#terminal.write(`${ERASE_LINE}${line}`)
    this.#isShown = true
  }
}

/** `Listing Contoso … 1,200 of 5,000` */
export function progressText({ message, done, total }: Progress): string {
  const counted = [done, total].flatMap(number =>
    number === undefined ? [] : [number.toLocaleString('en-US')],
  )
  return printable([`${message} …`, counted.join(' of ')].filter(part => part !== '').join(' '))
}

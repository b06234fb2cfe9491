import type { Milliseconds } from '../model/ids.js'

/** Calls `onSilence` when nothing has been heard for a while. Not watching until {@link Watchdog.watch}. */
export class Watchdog {
  readonly #onSilence: () => void
  #timer: NodeJS.Timeout | undefined

  constructor(onSilence: () => void) {
    this.#onSilence = onSilence
  }

  /** From now on, with this much patience. */
  watch(patience: Milliseconds): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(this.#onSilence, patience)
  }

  /** Something was heard. */
  heard(): void {
    this.#timer?.refresh()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}

import { Fault } from './fault.js'
import type { Milliseconds } from './ids.js'

export interface ListBounds {
  /** Pages in a row, and the longest time, without anything new. */
  readonly fruitlessPages: number
  readonly fruitlessTime: Milliseconds
  readonly itemsOfLibrary: number
}

/**
 * A guest who may see little of a large library gets many empty pages: a thousand are a million items that are passed
 * over. SharePoint recommends to keep no more than 300,000 items in sync; five million take up some gigabytes here.
 */
export const LIST_BOUNDS: ListBounds = {
  fruitlessPages: 1_000,
  fruitlessTime: 10 * 60_000,
  itemsOfLibrary: 5_000_000,
}

// A list costs a thousand requests until it is seen to be endless.
const ASKED_AGAIN_SECONDS = 10 * 60

/** Tells a list that never ends from one that is long: by what it brings, not by how many pages it has. */
export class ListProgress {
  readonly #bounds: ListBounds
  #found = 0
  #fruitless = 0
  #since: Milliseconds

  constructor(now: Milliseconds, bounds: ListBounds = LIST_BOUNDS) {
    this.#since = now
    this.#bounds = bounds
  }

  /**
   * To be called after each page.
   *
   * @param found how many different items the list has had so far
   * @param known how many items of the library are known by now
   * @throws {Fault} `protocol-error`
   */
  check(found: number, known: number, now: Milliseconds): void {
    if (known > this.#bounds.itemsOfLibrary) {
      throw endlessList(`has listed more than ${this.#bounds.itemsOfLibrary} items of this library`)
    }
    if (found > this.#found) {
      this.#found = found
      this.#fruitless = 0
      this.#since = now
    } else if (
      ++this.#fruitless >= this.#bounds.fruitlessPages ||
      now - this.#since >= this.#bounds.fruitlessTime
    ) {
      throw endlessList('goes on and on with its list, and nothing new is in it')
    }
  }
}

/** @param what the service does */
export function endlessList(what: string): Fault {
  return new Fault('protocol-error', `The service ${what}`, {
    retryAfterSeconds: ASKED_AGAIN_SECONDS,
    nextStep:
      'What is known stays as it is, and the list is asked for again in ten minutes. If that does not help, ' +
      'ask the person who shares with you to report it, or add a folder of the library instead.',
  })
}

import type { Database } from './database.js'

// Opening a file asks for it and for the folders above it a dozen times, and a walk goes on in the same folders.
const MOST = 1_000

/** What was read of rows; forgotten as soon as any row may have changed. */
export class Remembered<Key, Value extends object> {
  readonly #database: Pick<Database, 'writes'>
  readonly #read: (key: Key) => Value | undefined
  readonly #values = new Map<Key, Value>()
  #writes = 0

  /** @param read what the rows say now */
  constructor(database: Pick<Database, 'writes'>, read: (key: Key) => Value | undefined) {
    this.#database = database
    this.#read = read
  }

  get(key: Key): Value | undefined {
    const { writes } = this.#database
    if (writes !== this.#writes || this.#values.size >= MOST) this.#values.clear()
    this.#writes = writes
    const known = this.#values.get(key)
    if (known !== undefined) return known
    const value = this.#read(key)
    if (value !== undefined) this.#values.set(key, value)
    return value
  }
}

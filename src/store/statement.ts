import type Sqlite from 'better-sqlite3'
import { storeFault } from './store-fault.js'

/** A prepared statement whose failures are faults. */
export class Statement<Parameters extends unknown[], Row> {
  readonly #prepared: Sqlite.Statement<unknown[], Row>
  readonly #onRun: () => void

  /** @param onRun rows may have been changed */
  constructor(prepared: Sqlite.Statement<unknown[], Row>, onRun: () => void) {
    this.#prepared = prepared
    this.#onRun = onRun
  }

  get(...parameters: Parameters): Row | undefined {
    try {
      return this.#prepared.get(...parameters)
    } catch (failure) {
      throw storeFault(failure)
    }
  }

  all(...parameters: Parameters): Row[] {
    try {
      return this.#prepared.all(...parameters)
    } catch (failure) {
      throw storeFault(failure)
    }
  }

  /** Changes rows. @returns how many, and the rowid of the last that was inserted */
  run(...parameters: Parameters): { readonly changes: number; readonly rowid: number } {
    try {
      const { changes, lastInsertRowid } = this.#prepared.run(...parameters)
      return { changes, rowid: Number(lastInsertRowid) }
    } catch (failure) {
      throw storeFault(failure)
    } finally {
      this.#onRun()
    }
  }
}

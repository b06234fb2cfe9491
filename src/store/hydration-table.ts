import type { Bytes, Ino, Milliseconds } from '../model/ids.js'
import type { Database } from './database.js'

/** That a program caused downloads of one file. */
export interface HydrationRecord {
  readonly program: string
  readonly ino: Ino
  /** As it was called then. */
  readonly name: string
  /** What the program was allowed. */
  readonly verdict: string
  readonly bytes: Bytes
  /** The last time. */
  readonly at: Milliseconds
}

/** That a program was refused bytes that are not local. */
export interface RefusalRecord {
  readonly program: string
  readonly verdict: string
  readonly count: number
  /** Of the last time, as the rest. */
  readonly ino: Ino
  readonly name: string
  readonly at: Milliseconds
}

const MOST_HYDRATIONS = 1_000
const MOST_REFUSALS = 200

/** Who has downloaded what, and who was not allowed to: the latest of each. */
export class HydrationTable {
  readonly #add
  readonly #prune
  readonly #all
  readonly #addRefusal
  readonly #pruneRefusals
  readonly #allRefusals

  constructor(database: Database) {
    this.#add = database.prepare<[string, Ino, string, string, Bytes, Milliseconds]>(
      `INSERT INTO hydration (program, ino, name, verdict, bytes, at) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (program, ino) DO UPDATE SET
         name = excluded.name, verdict = excluded.verdict, bytes = bytes + excluded.bytes, at = excluded.at`,
    )
    this.#prune = database.prepare<[number]>(
      'DELETE FROM hydration WHERE at < (SELECT at FROM hydration ORDER BY at DESC LIMIT 1 OFFSET ?)',
    )
    this.#all = database.prepare<[], HydrationRecord>('SELECT * FROM hydration ORDER BY at DESC, ino')
    this.#addRefusal = database.prepare<[string, string, number, Ino, string, Milliseconds]>(
      `INSERT INTO refusal (program, verdict, count, ino, name, at) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (program) DO UPDATE SET verdict = excluded.verdict, count = count + excluded.count,
         ino = excluded.ino, name = excluded.name, at = excluded.at`,
    )
    this.#pruneRefusals = database.prepare<[number]>(
      'DELETE FROM refusal WHERE at < (SELECT at FROM refusal ORDER BY at DESC LIMIT 1 OFFSET ?)',
    )
    this.#allRefusals = database.prepare<[], RefusalRecord>('SELECT * FROM refusal ORDER BY at DESC, program')
  }

  add(hydrations: Iterable<HydrationRecord>, refusals: Iterable<RefusalRecord>): void {
    for (const { program, ino, name, verdict, bytes, at } of hydrations) {
      this.#add.run(program, ino, name, verdict, bytes, at)
    }
    for (const { program, verdict, count, ino, name, at } of refusals) {
      this.#addRefusal.run(program, verdict, count, ino, name, at)
    }
    this.#prune.run(MOST_HYDRATIONS - 1)
    this.#pruneRefusals.run(MOST_REFUSALS - 1)
  }

  /** The latest first. */
  all(): HydrationRecord[] {
    return this.#all.all()
  }

  /** The latest first. */
  refusals(): RefusalRecord[] {
    return this.#allRefusals.all()
  }
}

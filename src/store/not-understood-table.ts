import type { ItemId, LibraryId, Milliseconds } from '../model/ids.js'
import type { NotUnderstood } from '../model/remote.js'
import type { Database } from './database.js'

// Of one folder. One is enough to keep it; more are kept so that the last one to go is noticed.
const MOST_IN_A_FOLDER = 1_000

/** What is in folders of the other side and makes no sense to us. It counts as being there: {@link Database}. */
export class NotUnderstoodTable {
  readonly #count
  readonly #countIn
  readonly #add
  readonly #forget
  readonly #forgetIn
  readonly #forgetBefore
  readonly #forgetLibrary
  /** Nearly always: nothing has to be looked up then. */
  #isEmpty: boolean

  constructor(database: Database) {
    this.#count = database.preparePluck<[], number>('SELECT count(*) FROM not_understood')
    this.#countIn = database.preparePluck<[LibraryId, ItemId], number>(
      'SELECT count(*) FROM not_understood WHERE library = ? AND parent = ?',
    )
    this.#add = database.prepare<[LibraryId, ItemId, string, Milliseconds]>(
      `INSERT INTO not_understood (library, parent, remote_id, seen) VALUES (?, ?, ?, ?)
       ON CONFLICT (library, parent, remote_id) DO UPDATE SET seen = excluded.seen`,
    )
    this.#forget = database.prepare<[LibraryId, ItemId]>(
      'DELETE FROM not_understood WHERE library = ? AND remote_id = ?',
    )
    this.#forgetIn = database.prepare<[LibraryId, ItemId]>(
      'DELETE FROM not_understood WHERE library = ? AND parent = ?',
    )
    this.#forgetBefore = database.prepare<[LibraryId, Milliseconds]>(
      'DELETE FROM not_understood WHERE library = ? AND seen < ?',
    )
    this.#forgetLibrary = database.prepare<[LibraryId]>('DELETE FROM not_understood WHERE library = ?')
    this.#isEmpty = this.#count.get() === 0
  }

  /** How many are in a folder, as far as anybody has said. */
  countIn(library: LibraryId, folder: ItemId): number {
    return this.#isEmpty ? 0 : (this.#countIn.get(library, folder) ?? 0)
  }

  /** The service told of one. Of which folder it is must be known: otherwise only its listing will tell. */
  add(library: LibraryId, { id, parent }: NotUnderstood, now: Milliseconds): void {
    if (parent === undefined || this.countIn(library, parent) >= MOST_IN_A_FOLDER) return
    this.#isEmpty = false
    this.#add.run(library, parent, id ?? '', now)
  }

  /** The item is understood now, or gone. */
  forget(library: LibraryId, id: ItemId): void {
    if (!this.#isEmpty) this.#forget.run(library, id)
  }

  /** A complete listing of the folder begins anew. */
  forgetIn(library: LibraryId, folder: ItemId): void {
    if (!this.#isEmpty) this.#forgetIn.run(library, folder)
  }

  /** Everything was enumerated since: what has not come is gone. */
  forgetBefore(library: LibraryId, time: Milliseconds): void {
    if (!this.#isEmpty) this.#forgetBefore.run(library, time)
  }

  forgetLibrary(library: LibraryId): void {
    if (!this.#isEmpty) this.#forgetLibrary.run(library)
  }
}

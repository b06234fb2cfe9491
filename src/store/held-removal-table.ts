import type { Ino, LibraryId } from '../model/ids.js'
import type { Database } from './database.js'

/** Items that the other side no longer has, and that are shown until somebody has said whether they may go. */
export class HeldRemovalTable {
  readonly #ofLibrary
  readonly #add
  readonly #keep
  readonly #forget
  readonly #isKept
  readonly #count
  /** Nearly always: nothing has to be looked up then. */
  #isEmpty: boolean

  constructor(database: Database) {
    this.#ofLibrary = database.preparePluck<[LibraryId, number], Ino>(
      'SELECT ino FROM held_removal WHERE library = ? AND kept <= ? ORDER BY ino',
    )
    this.#add = database.prepare<[Ino, LibraryId]>(
      'INSERT INTO held_removal (ino, library, kept) VALUES (?, ?, 0) ON CONFLICT (ino) DO NOTHING',
    )
    this.#keep = database.prepare<[LibraryId]>('UPDATE held_removal SET kept = 1 WHERE library = ?')
    this.#forget = database.prepare<[Ino]>('DELETE FROM held_removal WHERE ino = ?')
    this.#isKept = database.preparePluck<[Ino], number>('SELECT kept FROM held_removal WHERE ino = ?')
    this.#count = database.preparePluck<[], number>('SELECT count(*) FROM held_removal')
    this.#isEmpty = this.#count.get() === 0
  }

  /** Those about which somebody is to be asked. */
  waiting(library: LibraryId): Ino[] {
    return this.#isEmpty ? [] : this.#ofLibrary.all(library, 0)
  }

  /** Those, and the ones that somebody wants to keep. */
  all(library: LibraryId): Ino[] {
    return this.#isEmpty ? [] : this.#ofLibrary.all(library, 1)
  }

  isKept(ino: Ino): boolean {
    return !this.#isEmpty && this.#isKept.get(ino) === 1
  }

  add(library: LibraryId, inos: readonly Ino[]): void {
    for (const ino of inos) this.#add.run(ino, library)
    if (inos.length > 0) this.#isEmpty = false
  }

  /** They stay, and nobody is asked again. */
  keep(library: LibraryId): void {
    this.#keep.run(library)
  }

  /** The other side has it after all. */
  forget(ino: Ino): void {
    if (!this.#isEmpty) this.#forget.run(ino)
  }
}

import type { LibraryId, Milliseconds } from '../model/ids.js'
import type { Database } from './database.js'

export interface SyncCursor {
  /** Opaque: Graph's delta link. */
  readonly cursor: string
  /** When the round ended that gave it. */
  readonly pulled: Milliseconds
}

/** Where to ask next for a library's changes. Written in the same transaction as the changes before it. */
export class SyncCursorTable {
  readonly #get
  readonly #set
  readonly #remove

  constructor(database: Database) {
    this.#get = database.prepare<[LibraryId], SyncCursor>(
      'SELECT cursor, pulled FROM sync_cursor WHERE library = ?',
    )
    this.#set = database.prepare<[LibraryId, string, Milliseconds]>(
      `INSERT INTO sync_cursor (library, cursor, pulled) VALUES (?, ?, ?)
       ON CONFLICT (library) DO UPDATE SET cursor = excluded.cursor, pulled = excluded.pulled`,
    )
    this.#remove = database.prepare<[LibraryId]>('DELETE FROM sync_cursor WHERE library = ?')
  }

  get(library: LibraryId): SyncCursor | undefined {
    return this.#get.get(library)
  }

  set(library: LibraryId, cursor: string, pulled: Milliseconds): void {
    this.#set.run(library, cursor, pulled)
  }

  remove(library: LibraryId): void {
    this.#remove.run(library)
  }
}

import type { ItemId, LibraryId, Milliseconds } from '../model/ids.js'
import { PACE_FORGOTTEN_AFTER, paceAfter, type VersionPace } from '../model/save-pace.js'
import type { Database } from './database.js'

/** Of which files versions were sent lately. By their ids: a program that saves by renaming makes a new inode each time. */
export class VersionPaceTable {
  readonly #get
  readonly #put
  readonly #forget

  constructor(database: Database) {
    this.#get = database.prepare<
      [LibraryId, ItemId],
      { readonly sent_at: number; readonly level: number; readonly while_open: number }
    >('SELECT sent_at, level, while_open FROM version_pace WHERE library = ? AND remote_id = ?')
    this.#put = database.prepare<[LibraryId, ItemId, sentAt: Milliseconds, level: number, whileOpen: number]>(
      `INSERT INTO version_pace (library, remote_id, sent_at, level, while_open) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (library, remote_id) DO UPDATE SET sent_at = excluded.sent_at, level = excluded.level,
         while_open = excluded.while_open`,
    )
    this.#forget = database.prepare<[Milliseconds]>('DELETE FROM version_pace WHERE sent_at < ?')
  }

  of(library: LibraryId, item: ItemId): VersionPace | undefined {
    const row = this.#get.get(library, item)
    return row && { sentAt: row.sent_at, level: row.level, whileOpen: row.while_open === 1 }
  }

  /** A version has been sent. @param whileOpen a program had the file open for writing */
  sent(library: LibraryId, item: ItemId, now: Milliseconds, whileOpen: boolean): void {
    const { level } = paceAfter(this.of(library, item), now, whileOpen)
    this.#forget.run(now - PACE_FORGOTTEN_AFTER)
    this.#put.run(library, item, now, level, Number(whileOpen))
  }
}

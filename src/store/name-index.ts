import type { Ino, Milliseconds } from '../model/ids.js'
import { indexedWords, searchedWords } from '../model/name-words.js'
import type { Database } from './database.js'

/** What is needed to rank it. */
export interface NamedItem {
  readonly ino: Ino
  readonly name: string
  readonly modified: Milliseconds
}

/** Finds items by words of their names. Is filled behind the items: see {@link step}. */
export class NameIndex {
  readonly #database: Database
  readonly #progress
  readonly #setProgress
  readonly #unseen
  readonly #stale
  readonly #forgetStale
  readonly #name
  readonly #insert
  readonly #delete
  readonly #find

  constructor(database: Database) {
    this.#database = database
    this.#progress = database.preparePluck<[], number>('SELECT ino FROM item_words_progress')
    this.#setProgress = database.prepare<[number]>('UPDATE item_words_progress SET ino = ?')
    this.#unseen = database.prepareRaw<[number, number], [ino: number, name: string]>(
      'SELECT ino, name FROM item WHERE ino > ? ORDER BY ino LIMIT ?',
    )
    this.#stale = database.preparePluck<[number], number>('SELECT ino FROM item_words_stale LIMIT ?')
    this.#forgetStale = database.prepare<[number]>('DELETE FROM item_words_stale WHERE ino = ?')
    this.#name = database.preparePluck<[number], string>('SELECT name FROM item WHERE ino = ?')
    this.#insert = database.prepare<[number, string]>('INSERT INTO item_words (rowid, words) VALUES (?, ?)')
    this.#delete = database.prepare<[number]>('DELETE FROM item_words WHERE rowid = ?')
    // Of a removed library items may be there for a while: none of them is shown.
    this.#find = database.prepareRaw<[string, number], [ino: Ino, name: string, modified: Milliseconds]>(
      `SELECT item.ino, name, modified FROM item_words JOIN item ON item.ino = item_words.rowid
       WHERE item_words MATCH ? AND (library = 0 OR library IN (SELECT id FROM library WHERE removed = 0))
       ORDER BY item_words.rowid DESC LIMIT ?`,
    )
  }

  /**
   * Takes up to `limit` items into the index: some milliseconds for 200.
   * @returns whether there may be more
   */
  step(limit: number): boolean {
    const stale = this.#stale.all(limit)
    const progress = this.#progress.get() ?? 0
    const unseen = stale.length < limit ? this.#unseen.all(progress, limit - stale.length) : []
    if (stale.length === 0 && unseen.length === 0) return false
    this.#database.transaction(() => {
      for (const ino of stale) {
        this.#forgetStale.run(ino)
        // Not there yet: its turn comes, with the name that it has then.
        if (ino > progress) continue
        this.#delete.run(ino)
        const name = this.#name.get(ino)
        if (name !== undefined) this.#insert.run(ino, indexedWords(name))
      }
      for (const [ino, name] of unseen) this.#insert.run(ino, indexedWords(name))
      const last = unseen.at(-1)
      if (last !== undefined) this.#setProgress.run(last[0])
    })
    return stale.length + unseen.length === limit
  }

  /** Whether `text` holds anything that could be found. */
  isSearchable(text: string): boolean {
    return searchedWords(text).length > 0
  }

  /** Those whose names have a word that begins with each of `text`; the ones that came last first. */
  find(text: string, limit: number): NamedItem[] {
    // Nothing of the query language can be in them: they are letters and digits.
    const match = searchedWords(text).map(word => `"${word}"*`)
    if (match.length === 0) return []
    return this.#find
      .all(match.join(' AND '), limit)
      .map(([ino, name, modified]) => ({ ino, name, modified }))
  }
}

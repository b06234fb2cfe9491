import { rmSync } from 'node:fs'
import type { Milliseconds } from '../model/ids.js'
import { DamagedStore, Database } from './database.js'
import type { Migration } from './migrations/migration.js'

const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    sql: `
      CREATE TABLE image (
        name TEXT NOT NULL PRIMARY KEY,
        content BLOB NOT NULL
      ) STRICT;
    `,
  },
]

// Images are read once each; the pages of the index are what is worth keeping.
const PAGE_CACHE_KIB = 2 * 1024

/**
 * Small images by names, in one SQLite file of the cache folder. A file for each costs eight times the processor time
 * (measured with 5,000 of 7 KiB): four operations on another thread, where this is one row among others of a transaction.
 */
export class ImageStore {
  readonly #database: Database
  readonly #get
  readonly #put
  readonly #remove

  /**
   * @param path absolute; what is damaged is begun anew
   * @throws {Fault} as {@link Database}
   */
  constructor(path: string, now: Milliseconds) {
    const options = { migrations: MIGRATIONS, pageCacheKib: PAGE_CACHE_KIB }
    this.#database = openAnyway(() => new Database(path, now, options))
    this.#get = this.#database.preparePluck<[string], Buffer>('SELECT content FROM image WHERE name = ?')
    this.#put = this.#database.prepare<[string, Uint8Array]>('INSERT OR REPLACE INTO image VALUES (?, ?)')
    this.#remove = this.#database.prepare<[string]>('DELETE FROM image WHERE name = ?')
  }

  get(name: string): Uint8Array | undefined {
    return this.#get.get(name)
  }

  /** All of them or none. @throws {Fault} `disk-full`, `local-io`, `store-corrupt` */
  putAll(images: Iterable<readonly [name: string, content: Uint8Array]>): void {
    this.#database.transaction(() => {
      for (const [name, content] of images) this.#put.run(name, content)
    })
  }

  removeAll(names: Iterable<string>): void {
    this.#database.transaction(() => {
      for (const name of names) this.#remove.run(name)
    })
  }

  close(): void {
    this.#database.close()
  }
}

/** Deletes the files of a store. It must be closed. */
export function deleteImageStore(path: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
}

/** The images can be had again: a damaged file is no evidence of anything that somebody would miss. */
function openAnyway(open: () => Database): Database {
  try {
    return open()
  } catch (failure) {
    if (!(failure instanceof DamagedStore)) throw failure
    deleteImageStore(failure.evidence)
    return open()
  }
}

// SQLite's log, its index in shared memory, and its rollback journal, each beside its database.
// @see https://www.sqlite.org/tempfiles.html
const ASIDE = /-(?:wal|shm|journal)$/

/** What the database is called of which this would be a part; `undefined`: it is none by its name. */
export function databaseOf(name: string): string | undefined {
  const database = name.replace(ASIDE, '')
  return database === name || database === '' ? undefined : database
}

/** In it is what a transaction has overwritten: as long as there is one, the database alone is not whole. */
export function journalOf(database: string): string {
  return `${database}-journal`
}

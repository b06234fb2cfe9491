import type { Migration } from './migration.js'

/**
 * Items of the other side that are there and make no sense to us: they are not shown, and keep their folders from being
 * deleted. `remote_id` is empty where not even that can be read.
 */
export const notUnderstood: Migration = {
  version: 15,
  sql: `
    CREATE TABLE not_understood (
      library INTEGER NOT NULL,
      parent TEXT NOT NULL,
      remote_id TEXT NOT NULL,
      seen INTEGER NOT NULL,
      PRIMARY KEY (library, parent, remote_id)
    ) WITHOUT ROWID;
    CREATE INDEX not_understood_item ON not_understood (library, remote_id);
  `,
}

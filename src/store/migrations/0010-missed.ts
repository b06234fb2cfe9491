import type { Migration } from './migration.js'

/** Whether the other side has told something of an item that what is owed of it has kept from being shown. */
export const missed: Migration = {
  version: 10,
  sql: 'ALTER TABLE owed ADD COLUMN missed INTEGER NOT NULL DEFAULT 0;',
}

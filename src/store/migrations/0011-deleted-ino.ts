import type { Migration } from './migration.js'

/** The number that an item had here before it was deleted: what was known before it is not what has arrived of it. */
export const deletedIno: Migration = {
  version: 11,
  sql: 'ALTER TABLE owed_deletion ADD COLUMN ino INTEGER;',
}

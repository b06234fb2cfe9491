import type { Migration } from './migration.js'

/**
 * Which thumbnails there are, and of which files there is none. The images are in the cache folder.
 *
 * By the other side's ids and not by inode: a library that is removed and added again has its thumbnails at once.
 * An item has one row for each size, that of the version which was asked for last.
 */
export const thumbnails: Migration = {
  version: 2,
  sql: `
    CREATE TABLE thumbnail (
      tenant TEXT NOT NULL,
      drive TEXT NOT NULL,
      item TEXT NOT NULL,
      box INTEGER NOT NULL,
      version TEXT NOT NULL,
      source TEXT NOT NULL,
      bytes INTEGER NOT NULL,
      expires INTEGER NOT NULL,
      accessed INTEGER NOT NULL,
      PRIMARY KEY (tenant, drive, item, box)
    ) STRICT, WITHOUT ROWID;

    CREATE INDEX thumbnail_accessed ON thumbnail (accessed);
  `,
}

import type { Migration } from './migration.js'

/**
 * What is to be kept local, and who has downloaded what.
 *
 * A row of `pin` is what somebody said of this very item; an item without one is as its folder is. `hydration` has one
 * row for each program and file, `refusal` one for each program; `name` is for when the item is gone.
 */
export const policy: Migration = {
  version: 3,
  sql: `
    CREATE TABLE pin (
      ino INTEGER PRIMARY KEY,
      state TEXT NOT NULL
    ) STRICT;

    CREATE TRIGGER item_unpinned AFTER DELETE ON item BEGIN
      DELETE FROM pin WHERE ino = OLD.ino;
    END;

    -- The longest unused first: what to free when room is needed.
    CREATE INDEX content_accessed ON content (accessed, ino);

    CREATE TABLE hydration (
      program TEXT NOT NULL,
      ino INTEGER NOT NULL,
      name TEXT NOT NULL,
      verdict TEXT NOT NULL,
      bytes INTEGER NOT NULL,
      at INTEGER NOT NULL,
      PRIMARY KEY (program, ino)
    ) STRICT, WITHOUT ROWID;

    CREATE INDEX hydration_at ON hydration (at);

    CREATE TABLE refusal (
      program TEXT PRIMARY KEY,
      verdict TEXT NOT NULL,
      count INTEGER NOT NULL,
      ino INTEGER NOT NULL,
      name TEXT NOT NULL,
      at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
  `,
}

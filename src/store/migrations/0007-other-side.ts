import type { Migration } from './migration.js'

/**
 * What the other side has taken away: access to a library, and many items at once.
 *
 * A row of `held_removal` is an item that the other side no longer has and the drive still shows, because too many went
 * at once: `kept` when somebody was asked and wants it to stay. What is in a folder is held with it.
 */
export const otherSide: Migration = {
  version: 7,
  sql: `
    ALTER TABLE library ADD COLUMN access_removed INTEGER;

    CREATE TABLE held_removal (
      ino INTEGER PRIMARY KEY,
      library INTEGER NOT NULL,
      kept INTEGER NOT NULL
    ) STRICT;

    CREATE INDEX held_removal_library ON held_removal (library, kept);

    CREATE TRIGGER item_not_held AFTER DELETE ON item BEGIN
      DELETE FROM held_removal WHERE ino = OLD.ino;
    END;
  `,
}

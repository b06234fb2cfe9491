import type { Migration } from './migration.js'

/**
 * What the other side has not been told yet, and the permission bits that it cannot hold.
 *
 * A row of `owed` is an item whose row in `item` says what it is here; the columns `base_…` say what it was at the service
 * when that began to differ. `is_new`: the service has never seen it, its `remote_id` is ours; then `base_parent` and
 * `base_name` say where it may have arrived all the same. `sent_hash` is of the bytes that were sent last, whatever became of
 * them. `session_url` is a secret.
 * A row of `owed_deletion` is an item that is gone here and not there. They are carried out in the order of their numbers.
 * `consented`: somebody has been asked, and wants it to go with many others.
 */
export const owed: Migration = {
  version: 8,
  sql: `
    ALTER TABLE item ADD COLUMN mode INTEGER;

    CREATE TABLE owed (
      ino INTEGER PRIMARY KEY,
      library INTEGER NOT NULL,
      is_new INTEGER NOT NULL,
      content INTEGER NOT NULL,
      place INTEGER NOT NULL,
      times INTEGER NOT NULL,
      stays_here INTEGER NOT NULL,
      base_etag TEXT,
      base_size INTEGER NOT NULL,
      base_parent TEXT,
      base_name TEXT,
      base_modified INTEGER,
      sent_hash TEXT,
      revision INTEGER NOT NULL,
      since INTEGER NOT NULL,
      changed INTEGER NOT NULL,
      session_url TEXT,
      session_expires INTEGER,
      attempts INTEGER NOT NULL,
      not_before INTEGER NOT NULL,
      reason TEXT,
      message TEXT
    ) STRICT;

    CREATE TRIGGER item_not_owed AFTER DELETE ON item BEGIN
      DELETE FROM owed WHERE ino = OLD.ino;
    END;

    CREATE TABLE owed_deletion (
      number INTEGER PRIMARY KEY AUTOINCREMENT,
      library INTEGER NOT NULL,
      remote_id TEXT NOT NULL,
      is_folder INTEGER NOT NULL,
      etag TEXT,
      parent TEXT NOT NULL,
      name TEXT NOT NULL,
      hash TEXT,
      modified INTEGER,
      consented INTEGER NOT NULL,
      since INTEGER NOT NULL,
      attempts INTEGER NOT NULL,
      not_before INTEGER NOT NULL,
      reason TEXT,
      message TEXT,
      UNIQUE (library, remote_id)
    ) STRICT;

    CREATE INDEX owed_deletion_place ON owed_deletion (library, parent, name);
  `,
}

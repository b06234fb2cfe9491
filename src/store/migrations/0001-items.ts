import type { Migration } from './migration.js'

/**
 * Libraries, their items, what of them is local, and where to ask for changes.
 *
 * Paths are never stored: renaming a folder changes one row.
 * `item.ino` is `st_ino`; AUTOINCREMENT never gives a number again. `item.library` is 0 above the libraries, where
 * `remote_id` is the tenant of an organization. An item has at most one row of content, and only the one of its
 * own generation counts.
 */
export const items: Migration = {
  version: 1,
  sql: `
    CREATE TABLE library (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      tenant TEXT NOT NULL,
      drive TEXT NOT NULL,
      item TEXT NOT NULL,
      scope TEXT NOT NULL,
      organization TEXT NOT NULL,
      name TEXT NOT NULL,
      web_url TEXT NOT NULL,
      host TEXT NOT NULL,
      access TEXT NOT NULL,
      enumerated INTEGER,
      removed INTEGER NOT NULL DEFAULT 0,
      UNIQUE (tenant, drive, item)
    ) STRICT;

    CREATE TABLE item (
      ino INTEGER PRIMARY KEY AUTOINCREMENT,
      parent INTEGER NOT NULL,
      kind INTEGER NOT NULL,
      library INTEGER NOT NULL,
      remote_id TEXT NOT NULL,
      name TEXT NOT NULL,
      remote_name TEXT,
      size INTEGER NOT NULL,
      modified INTEGER NOT NULL,
      created INTEGER NOT NULL,
      changed INTEGER NOT NULL,
      generation INTEGER NOT NULL DEFAULT 0,
      listed INTEGER,
      hash TEXT,
      ctag TEXT,
      etag TEXT,
      web_url TEXT,
      UNIQUE (parent, name),
      UNIQUE (library, remote_id)
    ) STRICT;

    -- The few whose shown name is not the remote one: who may get a plainer name when another leaves.
    CREATE INDEX item_renamed ON item (parent) WHERE remote_name IS NOT NULL;

    -- The folders of which more is known than of their library.
    CREATE INDEX item_listed ON item (library, listed) WHERE listed IS NOT NULL;

    CREATE TABLE content (
      ino INTEGER PRIMARY KEY,
      generation INTEGER NOT NULL,
      present BLOB NOT NULL,
      local_bytes INTEGER NOT NULL,
      verified INTEGER NOT NULL,
      accessed INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE sync_cursor (
      library INTEGER PRIMARY KEY,
      cursor TEXT NOT NULL,
      pulled INTEGER NOT NULL
    ) STRICT;

    INSERT INTO item (ino, parent, kind, library, remote_id, name, size, modified, created, changed)
    VALUES (1, 0, 0, 0, '', '', 0, 0, 0, 0);
  `,
}

import type { Migration } from './migration.js'

/** Versions of files that were sent lately: `level` in a row, the last at `sent_at`. See `model/save-pace.ts`. */
export const versionPace: Migration = {
  version: 13,
  sql: `
    CREATE TABLE version_pace (
      library INTEGER NOT NULL,
      remote_id TEXT NOT NULL,
      sent_at INTEGER NOT NULL,
      level INTEGER NOT NULL,
      while_open INTEGER NOT NULL,
      PRIMARY KEY (library, remote_id)
    ) STRICT, WITHOUT ROWID;

    CREATE INDEX version_pace_sent_at ON version_pace (sent_at);
  `,
}

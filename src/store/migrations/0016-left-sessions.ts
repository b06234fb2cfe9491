import type { Migration } from './migration.js'

/**
 * Upload sessions that nobody wants any more and that the service may still have: as long as it has one, it holds a name. Whoever
 * takes the address of one out of `owed`, however, leaves it here; it goes when the service has said that the session is no more.
 * `url` is a secret.
 */
export const leftSessions: Migration = {
  version: 16,
  sql: `
    CREATE TABLE left_session (
      url TEXT PRIMARY KEY,
      library INTEGER NOT NULL,
      ino INTEGER NOT NULL,
      expires INTEGER NOT NULL
    ) STRICT;

    CREATE INDEX left_session_ino ON left_session (ino);

    CREATE TRIGGER session_left AFTER UPDATE OF session_url ON owed
    WHEN OLD.session_url IS NOT NULL AND OLD.session_url IS NOT NEW.session_url BEGIN
      INSERT OR IGNORE INTO left_session
      VALUES (OLD.session_url, OLD.library, OLD.ino, coalesce(OLD.session_expires, 0));
    END;

    CREATE TRIGGER session_left_with_item AFTER DELETE ON owed WHEN OLD.session_url IS NOT NULL BEGIN
      INSERT OR IGNORE INTO left_session
      VALUES (OLD.session_url, OLD.library, OLD.ino, coalesce(OLD.session_expires, 0));
    END;
  `,
}

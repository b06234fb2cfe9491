import type { Migration } from './migration.js'

/**
 * The words of names, for searching. Holds no text of its own: `item` has it.
 *
 * It is filled behind the items, because that costs about as much as writing them: `item_words_progress` says up to which
 * item it goes (numbers only grow), `item_words_stale` which of those before have another name by now, or are gone.
 */
export const nameIndex: Migration = {
  version: 4,
  sql: `
    CREATE VIRTUAL TABLE item_words USING fts5 (
      words, content = '', contentless_delete = 1, detail = none, tokenize = 'unicode61 remove_diacritics 2'
    );

    CREATE TABLE item_words_progress (ino INTEGER NOT NULL) STRICT;
    INSERT INTO item_words_progress VALUES (0);

    CREATE TABLE item_words_stale (ino INTEGER PRIMARY KEY) STRICT;

    CREATE TRIGGER item_words_renamed AFTER UPDATE OF name ON item WHEN new.name <> old.name BEGIN
      INSERT OR IGNORE INTO item_words_stale VALUES (new.ino);
    END;

    CREATE TRIGGER item_words_removed AFTER DELETE ON item BEGIN
      INSERT OR IGNORE INTO item_words_stale VALUES (old.ino);
    END;
  `,
}

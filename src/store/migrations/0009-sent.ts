import type { Migration } from './migration.js'

/**
 * What was sent, and of which nobody has heard whether it has arrived.
 *
 * `sent_hash` and `sent_modified` of `owed_deletion`: what was being sent of the item when it was deleted. A row whose `remote_id` is ours is something that was new here, was being sent to the place, and is gone:
 * if it has arrived it is to go. `session_url`, a secret, is of the upload that may still bring it there.
 */
export const sent: Migration = {
  version: 9,
  sql: `
    ALTER TABLE owed_deletion ADD COLUMN sent_hash TEXT;
    ALTER TABLE owed_deletion ADD COLUMN sent_modified INTEGER;
    ALTER TABLE owed_deletion ADD COLUMN session_url TEXT;

    CREATE INDEX owed_sent ON owed (base_parent, base_name) WHERE is_new = 1 AND base_parent IS NOT NULL;
  `,
}

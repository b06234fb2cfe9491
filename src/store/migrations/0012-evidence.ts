import type { Migration } from './migration.js'

/**
 * More than a hash of what was sent and of what was deleted here: hashes prove no equality. Of rows that were made before, what
 * was sent is not found again.
 *
 * `sent_size`, `sent_modified`: as the service has them if it has arrived. `sent_sha256`: of the bytes, for who goes on sending
 * them. `size` and `ctag` of `owed_deletion`: of the content that is not wanted any more.
 */
export const sentEvidence: Migration = {
  version: 12,
  sql: `
    ALTER TABLE owed ADD COLUMN sent_size INTEGER;
    ALTER TABLE owed ADD COLUMN sent_modified INTEGER;
    ALTER TABLE owed ADD COLUMN sent_sha256 TEXT;
    ALTER TABLE owed_deletion ADD COLUMN sent_size INTEGER;
    ALTER TABLE owed_deletion ADD COLUMN size INTEGER;
    ALTER TABLE owed_deletion ADD COLUMN ctag TEXT;
  `,
}

import type { Migration } from './migration.js'

/** What a person can do about what keeps something from being sent. */
export const nextStep: Migration = {
  version: 14,
  sql: `
    ALTER TABLE owed ADD COLUMN next_step TEXT;
    ALTER TABLE owed_deletion ADD COLUMN next_step TEXT;
  `,
}

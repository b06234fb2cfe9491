/** One step of the schema. Never edited after a release: later steps build on what it left. */
export interface Migration {
  /** `PRAGMA user_version` after the step. */
  readonly version: number
  readonly sql: string
}

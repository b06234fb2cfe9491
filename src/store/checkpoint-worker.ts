import Sqlite from 'better-sqlite3'
import { workerData } from 'node:worker_threads'
import { CLOSED, RUNNING, type CheckpointTask } from './checkpointer.js'

const INTERVAL_MILLISECONDS = 1_000

// The thread of `checkpointer.ts`. Sleeps, moves what is in the log into the database, sleeps.
const { path, state } = workerData as CheckpointTask
let sqlite: Sqlite.Database | undefined
try {
  sqlite = new Sqlite(path)
  while (Atomics.wait(state, 0, RUNNING, INTERVAL_MILLISECONDS) === 'timed-out') {
    // PASSIVE: as far as it gets without waiting for anybody.
    sqlite.pragma('wal_checkpoint(PASSIVE)')
  }
} finally {
  sqlite?.close()
  // Also when it fails: who waits in `close` hears of no failure.
  Atomics.store(state, 0, CLOSED)
  Atomics.notify(state, 0)
}

import Sqlite from 'better-sqlite3'
import { closeSync, existsSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs'
import { open as openFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Fault } from '../model/fault.js'
import type { Bytes, Milliseconds } from '../model/ids.js'
import { Checkpointer } from './checkpointer.js'
import { items } from './migrations/0001-items.js'
import { thumbnails } from './migrations/0002-thumbnails.js'
import { policy } from './migrations/0003-policy.js'
import { nameIndex } from './migrations/0004-name-index.js'
import { itemCounts } from './migrations/0006-item-counts.js'
import { otherSide } from './migrations/0007-other-side.js'
import { owed } from './migrations/0008-owed.js'
import { sent } from './migrations/0009-sent.js'
import { missed } from './migrations/0010-missed.js'
import { deletedIno } from './migrations/0011-deleted-ino.js'
import { sentEvidence } from './migrations/0012-evidence.js'
import { versionPace } from './migrations/0013-version-pace.js'
import { nextStep } from './migrations/0014-next-step.js'
import { notUnderstood } from './migrations/0015-not-understood.js'
import { leftSessions } from './migrations/0016-left-sessions.js'
import type { Migration } from './migrations/migration.js'
import { Statement } from './statement.js'
import { isCorruption, storeFault } from './store-fault.js'

const MIGRATIONS: readonly Migration[] = [
  items,
  thumbnails,
  policy,
  nameIndex,
  itemCounts,
  otherSide,
  owed,
  sent,
  missed,
  deletedIno,
  sentEvidence,
  versionPace,
  nextStep,
  notUnderstood,
  leftSessions,
]

// After a burst it would stay as large as the burst was.
const LARGEST_LOG_AT_REST = 64 * 1024 * 1024
const LARGEST_LOG_WITHOUT_CHECKPOINTS: Bytes = 4 * 1024 * 1024
const TRANSACTIONS_BETWEEN_LOOKS = 32
const PAGE_CACHE_KIB = 16 * 1024
// Checking takes about a second for 500 MiB: what is small is checked at every start, the rest after a crash.
const ALWAYS_CHECKED: Bytes = 32 * 1024 * 1024

/** `store-corrupt`, with where the damaged file is now. */
export class DamagedStore extends Fault {
  readonly evidence: string

  constructor(evidence: string, cause: unknown) {
    super('store-corrupt', `The store of the drive was damaged; it has been kept as ${evidence}`, {
      nextStep:
        'A new one has been begun. Add your libraries again with:  b2bmount add ADDRESS\n' +
        'Nothing at the other organizations is affected; what was local will be downloaded again when it is read.',
      cause,
    })
    this.evidence = evidence
  }
}

export interface DatabaseOptions {
  /** Its schema; otherwise the one of the drive's store. */
  readonly migrations?: readonly Migration[]
  readonly pageCacheKib?: number
}

/** One SQLite file: opened, checked, brought up to date. All calls are synchronous and short. */
export class Database {
  readonly #path: string
  readonly #sqlite: Sqlite.Database
  #checkpointer: Checkpointer | undefined
  #transactions = 0
  #writes = 0

  /**
   * @param path absolute; created with mode 0600, its folder with 0700
   * @param now names the evidence when the file is damaged
   * @throws {DamagedStore} the file has been moved aside, calling again starts with an empty one
   * @throws {Fault} `configuration-invalid`: a newer version of the program wrote it; `disk-full`, `local-io`
   */
  constructor(path: string, now: Milliseconds, options: DatabaseOptions = {}) {
    createPrivately(path)
    this.#path = path
    try {
      this.#sqlite = open(path, now, options)
    } catch (failure) {
      throw storeFault(failure)
    }
  }

  prepare<Parameters extends unknown[], Row = unknown>(sql: string): Statement<Parameters, Row> {
    return this.#statement(this.#prepare<Row>(sql))
  }

  /** Rows are arrays in the order of the columns: for listings, where an object a row is too much. */
  prepareRaw<Parameters extends unknown[], Row extends unknown[]>(sql: string): Statement<Parameters, Row> {
    return this.#statement(this.#prepare<Row>(sql).raw())
  }

  /** Rows are the first column's values. */
  preparePluck<Parameters extends unknown[], Value>(sql: string): Statement<Parameters, Value> {
    return this.#statement(this.#prepare<Value>(sql).pluck())
  }

  /** Another number than before: rows may have changed. */
  get writes(): number {
    return this.#writes
  }

  /** All of `work`'s changes or none. Nests. */
  transaction<Result>(work: () => Result): Result {
    try {
      return this.#sqlite.transaction(work).immediate()
    } catch (failure) {
      this.#writes++ // what was changed is as before
      throw storeFault(failure)
    } finally {
      this.#watchLog()
    }
  }

  /**
   * Resolves when everything that was committed is on the disk. Otherwise that is so a little later, and what a power cut
   * may take is the last transactions.
   */
  async flushed(): Promise<void> {
    try {
      // Its descriptor holds no lock of SQLite's, unlike those of the other two files.
      const log = await openFile(`${this.#path}-wal`, 'r')
      try {
        await log.datasync()
      } finally {
        await log.close()
      }
    } catch (failure) {
      if ((failure as NodeJS.ErrnoException).code !== 'ENOENT') throw storeFault(failure)
    }
  }

  close(): void {
    this.#checkpointer?.close()
    this.#sqlite.close()
  }

  /** Small stores never need the thread: closing them empties the log. */
  #watchLog(): void {
    if (this.#checkpointer || ++this.#transactions % TRANSACTIONS_BETWEEN_LOOKS !== 0) return
    if (sizeOf(`${this.#path}-wal`) < LARGEST_LOG_WITHOUT_CHECKPOINTS) return
    this.#checkpointer = new Checkpointer(this.#path, () => {
      // By ourselves, then: that may keep the kernel waiting for the disk, but the log must not grow for ever.
      if (this.#sqlite.open) this.#sqlite.pragma('wal_autocheckpoint = 1000')
    })
  }

  #statement<Parameters extends unknown[], Row>(
    prepared: Sqlite.Statement<unknown[], Row>,
  ): Statement<Parameters, Row> {
    return new Statement<Parameters, Row>(prepared, () => this.#writes++)
  }

  #prepare<Row>(sql: string): Sqlite.Statement<unknown[], Row> {
    try {
      return this.#sqlite.prepare<unknown[], Row>(sql)
    } catch (failure) {
      throw storeFault(failure)
    }
  }
}

function open(
  path: string,
  now: Milliseconds,
  { migrations = MIGRATIONS, pageCacheKib = PAGE_CACHE_KIB }: DatabaseOptions,
): Sqlite.Database {
  const isSuspect = logRemains(path) || sizeOf(path) <= ALWAYS_CHECKED
  const sqlite = new Sqlite(path)
  try {
    refuseNewer(sqlite, migrations)
    sqlite.pragma('journal_mode = WAL')
    // Without a power loss nothing is lost; with one, the last transactions may be, but the file stays whole.
    // Content ranges and listings can be had again.
    sqlite.pragma('synchronous = NORMAL')
    sqlite.pragma(`journal_size_limit = ${LARGEST_LOG_AT_REST}`)
    sqlite.pragma('wal_autocheckpoint = 0') // see #watchLog
    sqlite.pragma(`cache_size = -${pageCacheKib}`)
    sqlite.pragma('temp_store = MEMORY')
    if (isSuspect) check(sqlite)
    migrate(sqlite, migrations)
    return sqlite
  } catch (failure) {
    // Before it is closed, which would remove the log.
    const evidence = isCorruption(failure) ? moveAside(path, now) : undefined
    sqlite.close()
    throw evidence === undefined ? failure : new DamagedStore(evidence, failure)
  }
}

/** A clean close removes the log. */
function logRemains(path: string): boolean {
  return sizeOf(`${path}-wal`) > 0
}

function sizeOf(path: string): Bytes {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

function check(sqlite: Sqlite.Database): void {
  const verdict = sqlite.pragma('quick_check(1)', { simple: true })
  if (verdict !== 'ok') throw new Sqlite.SqliteError(String(verdict), 'SQLITE_CORRUPT')
}

function refuseNewer(sqlite: Sqlite.Database, migrations: readonly Migration[]): void {
  const found = versionOf(sqlite)
  const newest = migrations.at(-1)?.version ?? 0
  if (found <= newest) return
  throw new Fault(
    'configuration-invalid',
    `The store was written by a newer b2bmount (format ${found}; this one knows ${newest})`,
    { nextStep: 'Install the newer version again; nothing was changed' },
  )
}

function migrate(sqlite: Sqlite.Database, migrations: readonly Migration[]): void {
  const found = versionOf(sqlite)
  for (const { version, sql } of migrations) {
    if (version <= found) continue
    sqlite.transaction(() => {
      sqlite.exec(sql)
      sqlite.pragma(`user_version = ${version}`)
    })()
  }
}

function versionOf(sqlite: Sqlite.Database): number {
  return Number(sqlite.pragma('user_version', { simple: true }))
}

function createPrivately(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    // SQLite gives its -wal and -shm files the mode of the database.
    closeSync(openSync(path, 'a', 0o600))
  } catch (failure) {
    const { code } = failure as NodeJS.ErrnoException
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      throw new Fault('disk-full', `There is no space left for ${path}`, { cause: failure })
    }
    throw new Fault('local-io', `The store ${path} cannot be opened (${code ?? 'unknown'})`, {
      nextStep: 'See that the state folder belongs to you',
      cause: failure,
    })
  }
}

/** @returns where it is now */
function moveAside(path: string, now: Milliseconds): string {
  const evidence = `${path}.corrupt-${new Date(now).toISOString().replaceAll(':', '-')}`
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(path + suffix)) renameSync(path + suffix, evidence + suffix)
  }
  return evidence
}

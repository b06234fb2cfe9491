import Sqlite from 'better-sqlite3'
import { Fault } from '../model/fault.js'

/**
 * What SQLite reports, as a fault; anything else unchanged.
 * @see https://www.sqlite.org/rescode.html
 */
export function storeFault(failure: unknown): unknown {
  if (!(failure instanceof Sqlite.SqliteError)) return failure
  const options = { cause: failure }
  if (isCorruption(failure)) return new Fault('store-corrupt', 'The store of the drive is damaged', options)
  if (failure.code === 'SQLITE_FULL') {
    return new Fault('disk-full', 'There is no space left for the store of the drive', {
      nextStep: 'Free some space on the disk that holds the state folder, then try again',
      ...options,
    })
  }
  if (/^SQLITE_(IOERR|CANTOPEN|READONLY|BUSY|LOCKED|PERM)/.test(failure.code)) {
    return new Fault('local-io', `The store of the drive cannot be used (${failure.code})`, {
      nextStep: 'See that the state folder belongs to you and that its disk works',
      ...options,
    })
  }
  return failure
}

export function isCorruption(failure: unknown): boolean {
  return failure instanceof Sqlite.SqliteError && /^SQLITE_(CORRUPT|NOTADB)/.test(failure.code)
}

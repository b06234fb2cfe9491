import Sqlite from 'better-sqlite3'
import { Fault } from '../model/fault.js'
import type { DriveId, ItemId, Milliseconds, TenantId } from '../model/ids.js'
import type { NewLibrary } from '../model/library.js'
import { Store } from './store.js'

/** The file that was moved aside is damaged somewhere: what it says is checked like a stranger's word. */
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const ID = /^[\w!.~-]{1,200}$/
const HOST = /^[a-z0-9.-]{1,253}$/
const MOST_LIBRARIES = 10_000

/**
 * Begins a new store with the libraries that can still be read in the damaged one.
 *
 * @param damage what {@link Store} threw
 * @returns what to tell the user
 */
export function beginAgain(path: string, evidence: string, damage: Fault, now: Milliseconds): Fault {
  const store = new Store(path, now)
  let rescued = 0
  try {
    for (const library of librariesIn(evidence)) {
      store.addLibrary(library, now)
      rescued++
    }
  } finally {
    store.close()
  }
  if (rescued === 0) return damage
  return new Fault('store-corrupt', damage.message, {
    cause: damage,
    nextStep:
      `${rescued} of your libraries could be read in it and are added again: see  b2bmount list\n` +
      'Nothing at the other organizations is affected; what was local will be downloaded again when it is read.',
  })
}

function librariesIn(file: string): NewLibrary[] {
  const found: NewLibrary[] = []
  const seen = new Set<string>()
  let sqlite: Sqlite.Database | undefined
  try {
    sqlite = new Sqlite(file, { readonly: true, fileMustExist: true })
    const rows = sqlite.prepare<[], Record<string, unknown>>(
      `SELECT tenant, drive, item, scope, organization, name, web_url, host, access FROM library
       WHERE removed = 0 LIMIT ${MOST_LIBRARIES}`,
    )
    // Row by row: those before the damage count.
    for (const row of rows.iterate()) {
      const library = libraryOf(row)
      const key = JSON.stringify(library?.root)
      if (library !== undefined && !seen.has(key)) found.push(library)
      seen.add(key)
    }
  } catch (failure) {
    if (!(failure instanceof Sqlite.SqliteError)) throw failure
  } finally {
    sqlite?.close()
  }
  return found
}

function libraryOf(row: Record<string, unknown>): NewLibrary | undefined {
  const { tenant, drive, item, scope, organization, name, web_url: webUrl, host, access } = row
  if (!isText(tenant, GUID) || !isText(drive, ID) || !isText(item, ID) || !isText(host, HOST))
    return undefined
  if (!isText(organization) || !isText(name) || !isText(webUrl, /^https:\/\//)) return undefined
  return {
    root: { tenant: tenant as TenantId, drive: drive as DriveId, item: item as ItemId },
    scope: scope === 'folder' ? 'folder' : 'library',
    organization,
    name,
    webUrl,
    host,
    access: access === 'read' || access === 'write' ? access : 'unknown',
  }
}

function isText(value: unknown, pattern = /./): value is string {
  return typeof value === 'string' && value.length <= 4096 && pattern.test(value)
}

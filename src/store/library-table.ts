import type { DriveId, ItemId, LibraryId, Milliseconds, TenantId } from '../model/ids.js'
import type { Library, LibraryScope, NewLibrary } from '../model/library.js'
import type { Database } from './database.js'

export interface LibraryRecord extends Library {
  /** When all of its items had been listed for the first time; `undefined` until then. */
  readonly enumerated: Milliseconds | undefined
  /** Since when the other side refuses us everything; `undefined`: it does not. */
  readonly accessRemoved: Milliseconds | undefined
}

interface Row {
  readonly id: number
  readonly tenant: string
  readonly drive: string
  readonly item: string
  readonly scope: string
  readonly organization: string
  readonly name: string
  readonly web_url: string
  readonly host: string
  readonly access: string
  readonly enumerated: number | null
  readonly access_removed: number | null
}

/** The libraries that were added. Their folders on the drive are rows of `item`: see `store.ts`. */
export class LibraryTable {
  readonly #all
  readonly #byId
  readonly #byRoot
  readonly #insert
  readonly #setEnumerated
  readonly #setAccess
  readonly #setAccessRemoved
  readonly #moveDrive
  readonly #ofTenant
  readonly #markRemoved
  readonly #removed
  readonly #delete
  /** Of the few that there are: it is asked with every change of a file. */
  readonly #known = new Map<LibraryId, LibraryRecord>()

  constructor(database: Database) {
    this.#all = database.prepare<[], Row>(
      'SELECT * FROM library WHERE removed = 0 ORDER BY organization, name, id',
    )
    this.#byId = database.prepare<[LibraryId], Row>('SELECT * FROM library WHERE id = ? AND removed = 0')
    this.#byRoot = database.prepare<[TenantId, DriveId, ItemId], Row>(
      'SELECT * FROM library WHERE tenant = ? AND drive = ? AND item = ? AND removed = 0',
    )
    this.#insert = database.prepare<
      [TenantId, DriveId, ItemId, LibraryScope, string, string, string, string, Library['access']]
    >(
      `INSERT INTO library (tenant, drive, item, scope, organization, name, web_url, host, access)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    this.#setEnumerated = database.prepare<[Milliseconds | null, LibraryId]>(
      'UPDATE library SET enumerated = ? WHERE id = ?',
    )
    this.#setAccess = database.prepare<[Library['access'], LibraryId]>(
      'UPDATE library SET access = ? WHERE id = ?',
    )
    this.#setAccessRemoved = database.prepare<[Milliseconds | null, LibraryId]>(
      'UPDATE library SET access_removed = ? WHERE id = ?',
    )
    this.#moveDrive = database.prepare<[DriveId, TenantId, DriveId]>(
      'UPDATE OR IGNORE library SET drive = ? WHERE tenant = ? AND drive = ?',
    )
    this.#ofTenant = database.preparePluck<[TenantId], number>(
      'SELECT count(*) FROM library WHERE tenant = ? AND removed = 0',
    )
    // The row stays until its items are gone, so that a crash meanwhile cannot leave them behind for ever.
    this.#markRemoved = database.prepare<[LibraryId]>(
      "UPDATE library SET removed = 1, item = item || ' removed ' || id WHERE id = ?",
    )
    this.#removed = database.preparePluck<[], LibraryId>('SELECT id FROM library WHERE removed = 1')
    this.#delete = database.prepare<[LibraryId]>('DELETE FROM library WHERE id = ?')
  }

  /** In the order of the drive: organization, then name. */
  all(): LibraryRecord[] {
    return this.#all.all().map(recordOf)
  }

  byId(id: LibraryId): LibraryRecord | undefined {
    const known = this.#known.get(id)
    if (known !== undefined) return known
    const row = this.#byId.get(id)
    const record = row && recordOf(row)
    if (record !== undefined) this.#known.set(id, record)
    return record
  }

  byRoot(root: Library['root']): LibraryRecord | undefined {
    const row = this.#byRoot.get(root.tenant, root.drive, root.item)
    return row && recordOf(row)
  }

  countOfTenant(tenant: TenantId): number {
    return this.#ofTenant.get(tenant) ?? 0
  }

  insert(library: NewLibrary): LibraryId {
    const { root, scope, organization, name, webUrl, host, access } = library
    const { rowid } = this.#insert.run(
      root.tenant,
      root.drive,
      root.item,
      scope,
      organization,
      name,
      webUrl,
      host,
      access,
    )
    return rowid as LibraryId
  }

  setEnumerated(id: LibraryId, at: Milliseconds | undefined): void {
    this.reload()
    this.#setEnumerated.run(at ?? null, id)
  }

  setAccess(id: LibraryId, access: Library['access']): void {
    this.reload()
    this.#setAccess.run(access, id)
  }

  /** @param since `undefined`: it is shared with us again */
  setAccessRemoved(id: LibraryId, since: Milliseconds | undefined): void {
    this.reload()
    this.#setAccessRemoved.run(since ?? null, id)
  }

  /** The libraries of a drive are found under another id from now on. */
  moveDrive(tenant: TenantId, from: DriveId, to: DriveId): void {
    this.reload()
    this.#moveDrive.run(to, tenant, from)
  }

  markRemoved(id: LibraryId): void {
    this.reload()
    this.#markRemoved.run(id)
  }

  /** Of which items may still be in the store. */
  removed(): LibraryId[] {
    return this.#removed.all()
  }

  /** After a transaction that was rolled back. */
  reload(): void {
    this.#known.clear()
  }

  delete(id: LibraryId): void {
    this.reload()
    this.#delete.run(id)
  }
}

function recordOf(row: Row): LibraryRecord {
  return {
    id: row.id as LibraryId,
    root: { tenant: row.tenant as TenantId, drive: row.drive as DriveId, item: row.item as ItemId },
    scope: row.scope as LibraryScope,
    organization: row.organization,
    name: row.name,
    webUrl: row.web_url,
    host: row.host,
    access: row.access as Library['access'],
    enumerated: row.enumerated ?? undefined,
    accessRemoved: row.access_removed ?? undefined,
  }
}

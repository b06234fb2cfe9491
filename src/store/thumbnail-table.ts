import type { Bytes, ContentVersion, DriveId, ItemId, ItemKey, Milliseconds, TenantId } from '../model/ids.js'
import type { ThumbnailBox } from '../model/thumbnail.js'
import type { Database } from './database.js'

/** `none`: nobody could make one. Otherwise who did: the service, or we, of the content or of a preview in it. */
export type ThumbnailSource = 'none' | 'service' | 'content' | 'preview'

export interface ThumbnailRecord {
  readonly item: ItemKey
  readonly version: ContentVersion
  readonly box: ThumbnailBox
  readonly source: ThumbnailSource
  /** Of the image; 0 for `none`. */
  readonly bytes: Bytes
  /** Until then nobody asks again. */
  readonly expires: Milliseconds
  readonly accessed: Milliseconds
}

export interface ThumbnailTotals {
  readonly images: number
  readonly bytes: Bytes
  readonly none: number
}

interface Row {
  readonly tenant: string
  readonly drive: string
  readonly item: string
  readonly box: number
  readonly version: string
  readonly source: string
  readonly bytes: number
  readonly expires: number
  readonly accessed: number
}

/** INVARIANT: an image was kept (see `image-store.ts`) before it was listed. */
export class ThumbnailTable {
  readonly #database: Database
  readonly #get
  readonly #put
  readonly #touch
  readonly #remove
  readonly #oldest
  readonly #totals

  constructor(database: Database) {
    this.#database = database
    this.#get = database.prepare<[TenantId, DriveId, ItemId, number], Row>(
      'SELECT * FROM thumbnail WHERE tenant = ? AND drive = ? AND item = ? AND box = ?',
    )
    this.#put = database.prepare<
      [TenantId, DriveId, ItemId, number, ContentVersion, string, Bytes, Milliseconds, Milliseconds]
    >('INSERT OR REPLACE INTO thumbnail VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)')
    this.#touch = database.prepare<[Milliseconds, TenantId, DriveId, ItemId, number]>(
      'UPDATE thumbnail SET accessed = ? WHERE tenant = ? AND drive = ? AND item = ? AND box = ?',
    )
    this.#remove = database.prepare<[TenantId, DriveId, ItemId, number]>(
      'DELETE FROM thumbnail WHERE tenant = ? AND drive = ? AND item = ? AND box = ?',
    )
    this.#oldest = database.prepare<[number], Row>('SELECT * FROM thumbnail ORDER BY accessed LIMIT ?')
    this.#totals = database.prepare<[], { images: number; bytes: number; none: number }>(
      `SELECT count(*) FILTER (WHERE source <> 'none') AS images, coalesce(sum(bytes), 0) AS bytes,
         count(*) FILTER (WHERE source = 'none') AS none FROM thumbnail`,
    )
  }

  /** Whatever its version. */
  get({ tenant, drive, item }: ItemKey, box: ThumbnailBox): ThumbnailRecord | undefined {
    const row = this.#get.get(tenant, drive, item, box)
    return row && recordOf(row)
  }

  put({ item: key, box, version, source, bytes, expires, accessed }: ThumbnailRecord): void {
    this.#put.run(key.tenant, key.drive, key.item, box, version, source, bytes, expires, accessed)
  }

  putAll(records: readonly ThumbnailRecord[]): void {
    this.#database.transaction(() => {
      for (const record of records) this.put(record)
    })
  }

  touch({ tenant, drive, item }: ItemKey, box: ThumbnailBox, accessed: Milliseconds): void {
    this.#touch.run(accessed, tenant, drive, item, box)
  }

  remove({ tenant, drive, item }: ItemKey, box: ThumbnailBox): void {
    this.#remove.run(tenant, drive, item, box)
  }

  removeAll(records: readonly ThumbnailRecord[]): void {
    this.#database.transaction(() => {
      for (const { item, box } of records) this.remove(item, box)
    })
  }

  /** Those that nobody has looked at for the longest time. */
  oldest(limit: number): ThumbnailRecord[] {
    return this.#oldest.all(limit).map(recordOf)
  }

  totals(): ThumbnailTotals {
    return this.#totals.get() ?? { images: 0, bytes: 0, none: 0 }
  }
}

function recordOf(row: Row): ThumbnailRecord {
  return {
    item: { tenant: row.tenant as TenantId, drive: row.drive as DriveId, item: row.item as ItemId },
    version: row.version as ContentVersion,
    box: row.box as ThumbnailBox,
    source: row.source as ThumbnailSource,
    bytes: row.bytes,
    expires: row.expires,
    accessed: row.accessed,
  }
}

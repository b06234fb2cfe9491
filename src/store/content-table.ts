import type { ByteRanges } from '../model/byte-ranges.js'
import type { Bytes, Ino, LibraryId, Milliseconds } from '../model/ids.js'
import type { Database } from './database.js'
import { decodeRanges, encodeRanges } from './range-codec.js'
import { Remembered } from './remembered.js'

/** Which bytes of one content are in its cache file, durably. */
export interface ContentRecord {
  readonly ino: Ino
  readonly generation: number
  readonly present: ByteRanges
  /** All bytes are there and are what the service says they are. */
  readonly verified: boolean
  readonly accessed: Milliseconds
}

/** For who has to make room. */
export interface UsedContent {
  readonly ino: Ino
  readonly generation: number
  readonly localBytes: Bytes
  readonly accessed: Milliseconds
}

interface Row {
  readonly ino: number
  readonly generation: number
  readonly present: Uint8Array
  readonly local_bytes: Bytes
  readonly verified: number
  readonly accessed: number
}

/** INVARIANT: a listed range was in the file, and the file on the disk, before it was listed. */
export class ContentTable {
  readonly #rows
  readonly #save
  readonly #touch
  readonly #remove
  readonly #total
  readonly #ofLibrary
  readonly #longestUnused

  constructor(database: Database) {
    const rowOf = database.prepare<[Ino], Row>('SELECT * FROM content WHERE ino = ?')
    this.#rows = new Remembered(database, (ino: Ino) => rowOf.get(ino))
    // Only for the generation that the item has: a download that ends late must not list bytes of a replaced content.
    this.#save = database.prepare<[Uint8Array, Bytes, number, Milliseconds, Ino, number]>(
      `INSERT INTO content (ino, generation, present, local_bytes, verified, accessed)
       SELECT ino, generation, ?, ?, ?, ? FROM item WHERE ino = ? AND generation = ?
       ON CONFLICT (ino) DO UPDATE SET generation = excluded.generation, present = excluded.present,
         local_bytes = excluded.local_bytes, verified = excluded.verified, accessed = excluded.accessed`,
    )
    this.#touch = database.prepare<[Milliseconds, Ino, number]>(
      'UPDATE content SET accessed = ? WHERE ino = ? AND generation = ?',
    )
    this.#remove = database.prepare<[Ino, number]>('DELETE FROM content WHERE ino = ? AND generation = ?')
    this.#total = database.preparePluck<[], Bytes>('SELECT coalesce(sum(local_bytes), 0) FROM content')
    this.#ofLibrary = database.preparePluck<[LibraryId], Bytes>(
      `SELECT coalesce(sum(local_bytes), 0) FROM content JOIN item ON item.ino = content.ino WHERE library = ?`,
    )
    this.#longestUnused = database.prepare<[Milliseconds, Ino, number], UsedContent>(
      `SELECT ino, generation, local_bytes AS localBytes, accessed FROM content
       WHERE (accessed, ino) > (?, ?) ORDER BY accessed, ino LIMIT ?`,
    )
  }

  get(ino: Ino, generation: number): ContentRecord | undefined {
    const row = this.#row(ino, generation)
    return (
      row && {
        ino,
        generation,
        present: decodeRanges(row.present),
        verified: row.verified === 1,
        accessed: row.accessed,
      }
    )
  }

  localBytes(ino: Ino, generation: number): Bytes {
    return this.#row(ino, generation)?.local_bytes ?? 0
  }

  /** @returns false when the item has another content by now: nothing was written */
  save(record: ContentRecord): boolean {
    const { ino, generation, present, verified, accessed } = record
    return (
      this.#save.run(encodeRanges(present), present.size, verified ? 1 : 0, accessed, ino, generation)
        .changes > 0
    )
  }

  touch(ino: Ino, generation: number, accessed: Milliseconds): void {
    this.#touch.run(accessed, ino, generation)
  }

  has(ino: Ino, generation: number): boolean {
    return this.#row(ino, generation) !== undefined
  }

  remove(ino: Ino, generation: number): void {
    this.#remove.run(ino, generation)
  }

  /** What the cache holds; for whoever has to make room. */
  totalBytes(): Bytes {
    return this.#total.get() ?? 0
  }

  /** A part of all contents, the longest unused first; `after` is the last one seen. */
  longestUnused(after: Pick<UsedContent, 'accessed' | 'ino'> | undefined, limit: number): UsedContent[] {
    return this.#longestUnused.all(after?.accessed ?? -1, after?.ino ?? (0 as Ino), limit)
  }

  bytesOfLibrary(library: LibraryId): Bytes {
    return this.#ofLibrary.get(library) ?? 0
  }

  #row(ino: Ino, generation: number): Row | undefined {
    const row = this.#rows.get(ino)
    return row?.generation === generation ? row : undefined
  }
}

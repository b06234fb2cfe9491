import type { Clock } from '../concurrency/clock.js'
import type { ByteRange } from '../model/byte-ranges.js'
import type { DriveItem } from '../model/drive-item.js'
import type { Bytes, Ino } from '../model/ids.js'
import type { RemoteContent } from '../model/remote.js'
import type { Store } from '../store/store.js'
import { BufferPool } from './buffer-pool.js'
import { ConnectionBudget } from './connection-budget.js'
import type { ContentCache, ContentOwner } from './content-cache.js'
import type { ContentFile } from './content-file.js'
import { contentSource } from './content-source.js'
import { FileDownload } from './file-download.js'
import type { OfflineMemory } from './offline-memory.js'
import { ReadAhead, type Appetite } from './read-ahead.js'

// Enough for several sequential readers; Microsoft throttles by requests, not by connections.
const CONNECTIONS_AHEAD = 16
const CONNECTIONS = 48

export interface HydratorDeps {
  readonly store: Pick<Store, 'items' | 'libraries' | 'owed' | 'content' | 'change'>
  readonly cache: ContentCache
  readonly remote: RemoteContent
  readonly clock: Clock
  readonly offline: OfflineMemory
}

/** Whoever knows the items: told when content and item do not fit. Never throws. */
export interface HydrationOwner extends ContentOwner {
  /** The service says that it has another version than our record. */
  outdated(ino: Ino): void
}

/** One open of one content. */
export interface ContentReader {
  readonly file: ContentFile
  readonly readAhead: ReadAhead
}

/** Makes ranges of files present in the cache. */
export class Hydrator {
  readonly #deps: HydratorDeps
  readonly #budget = new ConnectionBudget({ forWaiting: CONNECTIONS, forAhead: CONNECTIONS_AHEAD })
  readonly #buffers = new BufferPool()
  readonly #downloads = new Map<ContentFile, FileDownload>()
  readonly #retiring = new Set<Promise<void>>()
  #owner: Pick<HydrationOwner, 'outdated'> = { outdated: () => {} }

  constructor(deps: HydratorDeps) {
    this.#deps = deps
  }

  belongsTo(owner: HydrationOwner): void {
    this.#owner = owner
    this.#deps.cache.belongsTo(owner)
  }

  /**
   * Opens a content; downloads nothing. To be given back with {@link release}.
   * @throws {Fault} `disk-full`, `local-io`
   */
  open(ino: Ino, generation: number, size: Bytes, appetite: Appetite = 'ordinary'): ContentReader {
    const file = this.#deps.cache.open(ino, generation, size)
    const reader = { file, readAhead: new ReadAhead(appetite) }
    this.#downloadOf(file).addReader(reader.readAhead)
    return reader
  }

  /**
   * Makes every byte of `range` readable in the reader's cache file. A range that is there already tells only where
   * the reader is.
   *
   * @param range half-open; clamped to the file's size
   * @param signal ends this caller's wait; other readers of the same bytes go on
   * @throws {Fault} `stale-content`: the other side has another version by now, and these bytes are not local;
   *   `corrupt-content`; `timed-out` when nothing came for 30 s; what {@link RemoteContent} throws; `disk-full`,
   *   `local-io`
   */
  async ensure(reader: ContentReader, range: ByteRange, signal: AbortSignal): Promise<void> {
    const { file, readAhead } = reader
    const clamped = { start: Math.max(0, range.start), end: Math.min(file.size, range.end) }
    if (clamped.start >= clamped.end) return
    await this.#downloadOf(file).ensure(readAhead, clamped, signal)
  }

  /** Ends an open. What only this reader needed is not fetched any more. */
  release({ file, readAhead }: ContentReader): void {
    const download = this.#downloadOf(file)
    download.removeReader(readAhead)
    const retiring = this.#retire(download).finally(() => this.#retiring.delete(retiring))
    this.#retiring.add(retiring)
  }

  /** Resolves when everything that was released is on the disk and in the store. */
  async settled(): Promise<void> {
    while (this.#retiring.size > 0) await Promise.all(this.#retiring)
    await this.#deps.cache.settled()
  }

  /** The descriptor stays open until the last bytes are written. */
  async #retire(download: FileDownload): Promise<void> {
    if (download.isIdle) await download.settled()
    // Opened again meanwhile: the download goes on.
    if (download.isIdle && this.#downloads.get(download.file) === download) {
      this.#downloads.delete(download.file)
      download.close()
    }
    this.#deps.cache.release(download.file)
  }

  /** Somebody wants this file all the same, although it was never delivered as it is described. */
  insist(ino: Ino): void {
    this.#deps.cache.disagreements.forget(ino)
  }

  /** Before the first byte: by its tags alone this content is told from others of the same size and hash later. */
  #described({ ino, generation }: ContentFile, item: DriveItem): void {
    const { store, clock } = this.#deps
    const known = store.items.byIno(ino)
    if (known === undefined || known.cTag !== undefined) return
    store.change(clock.now(), edit => edit.contentTold(ino, generation, item))
    // One of the two is news to us.
    if (known.eTag !== item.eTag) this.#owner.outdated(ino)
  }

  #downloadOf(file: ContentFile): FileDownload {
    const running = this.#downloads.get(file)
    if (running) return running
    const { store, cache, remote, clock, offline } = this.#deps
    const download = new FileDownload(file, {
      remote,
      clock,
      offline,
      budget: this.#budget,
      buffers: this.#buffers,
      source: () => {
        const source = contentSource(store, file.ino, file.generation)
        return source && { ...source, refusal: source.refusal ?? cache.disagreements.refusalOf(file.ino) }
      },
      onDescribed: item => this.#described(file, item),
      onOutdated: () => {
        cache.disagreements.refused(file.ino)
        this.#owner.outdated(file.ino)
      },
    })
    this.#downloads.set(file, download)
    return download
  }
}

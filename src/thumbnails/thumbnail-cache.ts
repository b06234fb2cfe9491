import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../concurrency/clock.js'
import type { Bytes, ContentVersion, ItemId, ItemKey, Milliseconds } from '../model/ids.js'
import type { ThumbnailBox } from '../model/thumbnail.js'
import type { Store } from '../store/store.js'
import type { ThumbnailRecord, ThumbnailSource, ThumbnailTotals } from '../store/thumbnail-table.js'
import { writeSafely } from './freedesktop-store.js'

export interface ThumbnailCacheDeps {
  readonly store: Pick<Store, 'thumbnails'>
  /** Absolute; holds nothing but our images. */
  readonly directory: string
  readonly clock: Clock
  readonly largest?: Bytes
  readonly onTrouble: (event: string, failure: unknown) => void
}

export type Kept =
  | { readonly kind: 'image'; readonly image: Uint8Array; readonly source: ThumbnailSource }
  | { readonly kind: 'none' }

const DAY: Milliseconds = 24 * 60 * 60_000
// Some 20,000 to 50,000 thumbnails.
const LARGEST: Bytes = 512 * 1024 * 1024
const OLDEST: Milliseconds = 180 * DAY
const ACCESS_RESOLUTION: Milliseconds = DAY
const EVICTED_AT_ONCE = 100
const PUTS_BETWEEN_LOOKS = 200
const FOREVER = Number.MAX_SAFE_INTEGER

/**
 * Our own thumbnails, whatever the drive is called on this machine: one image for each item, version and size, as it
 * came. Whoever shows it has the decoder look at it first.
 *
 * Bytes first, then the record. A record without its file counts as nothing; a file without a record is overwritten
 * when its thumbnail is made again.
 */
export class ThumbnailCache {
  readonly #deps: ThumbnailCacheDeps
  readonly #folders = new Set<string>()
  #puts = 0
  #complained = false

  constructor(deps: ThumbnailCacheDeps) {
    this.#deps = deps
  }

  /** What is known of the thumbnail; `undefined`: nothing, or not of this version, or not any more. */
  record(item: ItemKey, version: ContentVersion, box: ThumbnailBox): ThumbnailRecord | undefined {
    const { store, clock } = this.#deps
    const record = store.thumbnails.get(item, box)
    return record?.version === version && clock.now() < record.expires ? record : undefined
  }

  async get(item: ItemKey, version: ContentVersion, box: ThumbnailBox): Promise<Kept | undefined> {
    const { store, clock } = this.#deps
    const record = this.record(item, version, box)
    if (record === undefined || record.source === 'none') return record && { kind: 'none' }
    try {
      const image = await readFile(this.#pathOf(item, version, box))
      if (clock.now() - record.accessed >= ACCESS_RESOLUTION) store.thumbnails.touch(item, box, clock.now())
      return { kind: 'image', image, source: record.source }
    } catch {
      store.thumbnails.remove(item, box)
      return undefined
    }
  }

  /** Never rejects: what cannot be kept is made again another time. */
  async putImage(
    item: ItemKey,
    version: ContentVersion,
    box: ThumbnailBox,
    source: Exclude<ThumbnailSource, 'none'>,
    image: Uint8Array,
  ): Promise<void> {
    const path = this.#pathOf(item, version, box)
    try {
      await this.#makeFolder(dirname(path))
      await writeSafely(path, image)
      await this.#list({ item, version, box, source, bytes: image.length, expires: FOREVER })
      this.#complained = false
      if (++this.#puts % PUTS_BETWEEN_LOOKS === 0) await this.makeRoom()
    } catch (failure) {
      this.#folders.clear()
      if (!this.#complained) this.#deps.onTrouble('thumbnail-not-kept', failure)
      this.#complained = true
    }
  }

  /** @param until when to ask again */
  async putNone(
    item: ItemKey,
    version: ContentVersion,
    box: ThumbnailBox,
    until: Milliseconds,
  ): Promise<void> {
    try {
      await this.#list({ item, version, box, source: 'none', bytes: 0, expires: until })
    } catch (failure) {
      this.#deps.onTrouble('thumbnail-not-kept', failure)
    }
  }

  totals(): ThumbnailTotals {
    return this.#deps.store.thumbnails.totals()
  }

  /** Deletes what nobody has looked at for long, and the longest ago of what is too much. */
  async makeRoom(): Promise<void> {
    const { store, clock, largest = LARGEST } = this.#deps
    let { bytes } = store.thumbnails.totals()
    for (;;) {
      const some = store.thumbnails.oldest(EVICTED_AT_ONCE)
      for (const record of some) {
        if (bytes <= largest && clock.now() - record.accessed < OLDEST) return
        bytes -= record.bytes
        await this.#drop(record)
      }
      if (some.length < EVICTED_AT_ONCE) return
      await setImmediate()
    }
  }

  /** @returns what there was */
  async clear(): Promise<ThumbnailTotals> {
    const { store, directory } = this.#deps
    const totals = store.thumbnails.totals()
    for (let some; (some = store.thumbnails.oldest(EVICTED_AT_ONCE)).length > 0;) {
      for (const { item, box } of some) store.thumbnails.remove(item, box)
      await setImmediate()
    }
    this.#folders.clear()
    await rm(directory, { recursive: true, force: true })
    return totals
  }

  /** Deletes those of some items of a drive. Yields between small steps. */
  async removeOf(
    drive: Pick<ItemKey, 'tenant' | 'drive'>,
    isMeant: (item: ItemId) => Promise<boolean>,
  ): Promise<void> {
    const { store } = this.#deps
    let last: ThumbnailRecord | undefined
    do {
      const some = store.thumbnails.ofDrive(drive, last, EVICTED_AT_ONCE)
      for (const record of some) if (await isMeant(record.item.item)) await this.#drop(record)
      last = some.at(-1)
      await setImmediate()
    } while (last !== undefined)
  }

  /** Deletes files of a store that was lost, when it lists nothing. */
  async sweep(): Promise<void> {
    if (this.totals().images > 0) return this.makeRoom()
    const { directory } = this.#deps
    const left = await readdir(directory).catch(() => [])
    if (left.length > 0) await rm(directory, { recursive: true, force: true })
  }

  #pathOf({ tenant, drive, item }: ItemKey, version: ContentVersion, box: ThumbnailBox): string {
    const text = [tenant, drive, item, version, box].join('\0')
    const name = createHash('sha256').update(text).digest('hex').slice(0, 40)
    return join(this.#deps.directory, name.slice(0, 2), name)
  }

  async #list(record: Omit<ThumbnailRecord, 'accessed'>): Promise<void> {
    const { store, clock } = this.#deps
    const before = store.thumbnails.get(record.item, record.box)
    store.thumbnails.put({ ...record, accessed: clock.now() })
    if (
      before &&
      before.source !== 'none' &&
      (before.version !== record.version || record.source === 'none')
    ) {
      await this.#unlink(before)
    }
  }

  async #drop(record: ThumbnailRecord): Promise<void> {
    this.#deps.store.thumbnails.remove(record.item, record.box)
    if (record.source !== 'none') await this.#unlink(record)
  }

  async #unlink({ item, version, box }: ThumbnailRecord): Promise<void> {
    await unlink(this.#pathOf(item, version, box)).catch(() => {})
  }

  async #makeFolder(folder: string): Promise<void> {
    if (this.#folders.has(folder)) return
    await mkdir(folder, { recursive: true, mode: 0o700 })
    this.#folders.add(folder)
  }
}

import { createHash } from 'node:crypto'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../concurrency/clock.js'
import { isFault } from '../model/fault.js'
import type { Bytes, ContentVersion, ItemKey, Milliseconds } from '../model/ids.js'
import type { ThumbnailBox } from '../model/thumbnail.js'
import { deleteImageStore, ImageStore } from '../store/image-store.js'
import type { Store } from '../store/store.js'
import type { ThumbnailRecord, ThumbnailSource, ThumbnailTotals } from '../store/thumbnail-table.js'

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
const IMAGES = 'images.sqlite'

interface Arrived {
  readonly record: Omit<ThumbnailRecord, 'accessed'>
  readonly image: Uint8Array
  readonly done: () => void
}

/**
 * Our own thumbnails, whatever the drive is called on this machine: one image for each item, version and size, as it
 * came. Whoever shows it has the decoder look at it first.
 *
 * Images first, then the records, of all that have arrived within one turn of the event loop. A record without its
 * image counts as nothing; an image without a record is overwritten when its thumbnail is made again.
 */
export class ThumbnailCache {
  readonly #deps: ThumbnailCacheDeps
  #images: ImageStore | undefined
  #arrived: Arrived[] = []
  #puts = 0
  #complained = false
  #isClosed = false

  constructor(deps: ThumbnailCacheDeps) {
    this.#deps = deps
  }

  /** What is known of the thumbnail; `undefined`: nothing, or not of this version, or not any more. */
  record(item: ItemKey, version: ContentVersion, box: ThumbnailBox): ThumbnailRecord | undefined {
    const { store, clock } = this.#deps
    const record = store.thumbnails.get(item, box)
    return record?.version === version && clock.now() < record.expires ? record : undefined
  }

  get(item: ItemKey, version: ContentVersion, box: ThumbnailBox): Kept | undefined {
    const { store, clock } = this.#deps
    const record = this.record(item, version, box)
    if (record === undefined || record.source === 'none') return record && { kind: 'none' }
    const image = this.#read(nameOf(record))
    if (image === undefined) {
      store.thumbnails.remove(item, box)
      return undefined
    }
    if (clock.now() - record.accessed >= ACCESS_RESOLUTION) store.thumbnails.touch(item, box, clock.now())
    return { kind: 'image', image, source: record.source }
  }

  /** Never rejects: what cannot be kept is made again another time. */
  async putImage(
    item: ItemKey,
    version: ContentVersion,
    box: ThumbnailBox,
    source: Exclude<ThumbnailSource, 'none'>,
    image: Uint8Array,
  ): Promise<void> {
    const record = { item, version, box, source, bytes: image.length, expires: FOREVER }
    await new Promise<void>(resolve => {
      if (this.#arrived.push({ record, image, done: resolve }) === 1) void this.#keepArrived()
    })
    if (++this.#puts % PUTS_BETWEEN_LOOKS === 0) await this.makeRoom().catch(this.#notKept)
  }

  /** @param until when to ask again */
  putNone(item: ItemKey, version: ContentVersion, box: ThumbnailBox, until: Milliseconds): void {
    try {
      this.#list([{ item, version, box, source: 'none', bytes: 0, expires: until }])
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
      const dropped: ThumbnailRecord[] = []
      for (const record of some) {
        if (bytes <= largest && clock.now() - record.accessed < OLDEST) break
        bytes -= record.bytes
        dropped.push(record)
      }
      store.thumbnails.removeAll(dropped)
      this.#removeImages(dropped)
      if (dropped.length < EVICTED_AT_ONCE) return
      await setImmediate()
    }
  }

  /** @returns what there was */
  async clear(): Promise<ThumbnailTotals> {
    const { store, directory } = this.#deps
    const totals = store.thumbnails.totals()
    for (let some; (some = store.thumbnails.oldest(EVICTED_AT_ONCE)).length > 0;) {
      store.thumbnails.removeAll(some)
      await setImmediate()
    }
    this.#closeImages()
    await rm(directory, { recursive: true, force: true })
    return totals
  }

  /** Deletes images of a store that was lost, when it lists nothing, and what an earlier version has kept otherwise. */
  async sweep(): Promise<void> {
    const { directory } = this.#deps
    const isLost = this.totals().images === 0 && this.#images === undefined
    const left = await readdir(directory).catch(() => [])
    for (const name of left) {
      if (!isLost && name.startsWith(IMAGES)) continue
      await rm(join(directory, name), { recursive: true, force: true })
    }
    await this.makeRoom()
  }

  /** Nothing is kept any more. */
  close(): void {
    this.#isClosed = true
    this.#closeImages()
  }

  async #keepArrived(): Promise<void> {
    await setImmediate()
    const arrived = this.#arrived
    this.#arrived = []
    try {
      if (this.#isClosed) return
      this.#opened().putAll(arrived.map(({ record, image }) => [nameOf(record), image] as const))
      this.#list(arrived.map(({ record }) => record))
      this.#complained = false
    } catch (failure) {
      this.#notKept(failure)
    } finally {
      for (const { done } of arrived) done()
    }
  }

  readonly #notKept = (failure: unknown): void => {
    if (isFault(failure, 'store-corrupt')) this.#discard()
    if (!this.#complained) this.#deps.onTrouble('thumbnail-not-kept', failure)
    this.#complained = true
  }

  #list(records: readonly Omit<ThumbnailRecord, 'accessed'>[]): void {
    const { store, clock } = this.#deps
    const replaced = records.flatMap(record => {
      const before = store.thumbnails.get(record.item, record.box)
      if (before === undefined || before.source === 'none') return []
      return before.version !== record.version || record.source === 'none' ? [before] : []
    })
    store.thumbnails.putAll(records.map(record => ({ ...record, accessed: clock.now() })))
    this.#removeImages(replaced)
  }

  #read(name: string): Uint8Array | undefined {
    try {
      return this.#isClosed ? undefined : this.#opened().get(name)
    } catch (failure) {
      this.#notKept(failure)
      return undefined
    }
  }

  #removeImages(records: readonly ThumbnailRecord[]): void {
    const names = records.filter(({ source }) => source !== 'none').map(nameOf)
    if (names.length > 0 && !this.#isClosed) this.#opened().removeAll(names)
  }

  /** Not before it is needed: a folder that cannot be used costs thumbnails only. */
  #opened(): ImageStore {
    const { directory, clock } = this.#deps
    return (this.#images ??= new ImageStore(join(directory, IMAGES), clock.now()))
  }

  #closeImages(): void {
    this.#images?.close()
    this.#images = undefined
  }

  /** What it held is asked for again. */
  #discard(): void {
    this.#closeImages()
    deleteImageStore(join(this.#deps.directory, IMAGES))
  }
}

function nameOf({
  item: { tenant, drive, item },
  version,
  box,
}: Pick<ThumbnailRecord, 'item' | 'version' | 'box'>): string {
  const text = [tenant, drive, item, version, box].join('\0')
  return createHash('sha256').update(text).digest('hex').slice(0, 40)
}

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { LocalContents } from '../../src/hydration/local-bytes.js'
import type { Fault } from '../../src/model/fault.js'
import { inoOf, type ContentVersion, type Ino } from '../../src/model/ids.js'
import type { FoundThumbnail, RemoteThumbnails, WantedThumbnail } from '../../src/model/remote.js'
import { DesktopThumbnails } from '../../src/thumbnails/desktop-thumbnails.js'
import type { Decoded } from '../../src/thumbnails/decoder/decoder.js'
import { RangedPreviews } from '../../src/thumbnails/embedded-preview.js'
import { FolderWatchers } from '../../src/thumbnails/folder-watchers.js'
import { FreedesktopStore } from '../../src/thumbnails/freedesktop-store.js'
import { OpenedFolders } from '../../src/thumbnails/opened-folders.js'
import { emptyPng } from '../../src/thumbnails/png-text.js'
import { ThumbnailCache } from '../../src/thumbnails/thumbnail-cache.js'
import { ThumbnailService } from '../../src/thumbnails/thumbnail-service.js'
import { Thumbnails } from '../../src/thumbnails/thumbnails.js'
import { startWorld, until, type DriveWorld, type DriveWorldOptions } from './drive-world.js'

export const MOUNT = '/home/ann/B2B'
/** Looks like an image to who looks at the first bytes only. */
export const JPEG = Buffer.from('\xff\xd8\xff\xe0 I am a picture', 'latin1')

/** One batch that was asked for; answered when the test says so. */
export interface AskedBatch {
  readonly names: readonly string[]
  /** All of it. */
  answer(with_: (version: ContentVersion, name: string) => FoundThumbnail): void
  fail(fault: Fault): void
}

/** Items are called by their ids. */
export class FakeThumbnails implements RemoteThumbnails {
  readonly mostAtOnce = 20
  readonly batches: AskedBatch[] = []
  answersAtOnce: ((version: ContentVersion, name: string) => FoundThumbnail) | undefined

  async fetch(
    wanted: readonly WantedThumbnail[],
    _box: number,
    found: (place: number, thumbnail: FoundThumbnail) => void,
    signal: AbortSignal,
  ): Promise<void> {
    if (wanted.length === 0) return
    await new Promise<void>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
      const batch: AskedBatch = {
        names: wanted.map(({ item }) => item.item),
        answer: of => {
          wanted.forEach(({ version, item }, place) => found(place, of(version, item.item)))
          resolve()
        },
        fail: reject,
      }
      this.batches.push(batch)
      if (this.answersAtOnce) batch.answer(this.answersAtOnce)
    })
  }
}

export interface ThumbnailWorld extends DriveWorld {
  readonly service: FakeThumbnails
  readonly shared: FreedesktopStore
  readonly cache2: ThumbnailCache
  readonly thumbnails: Thumbnails
  readonly folders: OpenedFolders
  /** Files whose watchers were told to look again. */
  readonly watchersTold: Ino[]
  /** Images that were decoded. */
  readonly decoded: Uint8Array[]
  /** Opens a folder as a file manager does, and lets its quiet time pass. */
  look(...names: string[]): Promise<Ino>
}

export function startThumbnailWorld(t: Test, options: DriveWorldOptions = {}): ThumbnailWorld {
  // Not t.testdir(): that is gone before teardown.
  const directory = mkdtempSync(join(tmpdir(), 'b2bmount-thumbnails-'))
  const world = startWorld(t, { ...options, directory })
  const { store, clock, cache, remote } = world
  const onTrouble = (event: string) => void world.troubles.push(event)
  const decoded: Uint8Array[] = []
  const watchersTold: Ino[] = []
  const decoder = {
    decode: (image: Uint8Array, boxes: readonly number[]): Promise<Decoded> => {
      decoded.push(image)
      return Promise.resolve(
        Buffer.from(image).includes('bomb')
          ? { kind: 'refused', reason: 'a bomb' }
          : { kind: 'thumbnails', pngs: boxes.map(() => emptyPng()) },
      )
    },
  }
  const service = new FakeThumbnails()
  const contents = new LocalContents(store, cache)
  const cache2 = new ThumbnailCache({ store, directory: join(world.directory, 'thumbs'), clock, onTrouble })
  const shared = new FreedesktopStore({ directory: join(world.directory, 'thumbnails'), clock, onTrouble })
  const tell = (ino: Ino) => void watchersTold.push(ino)
  const watchers = new FolderWatchers({ clock, tell })
  const desktop = new DesktopThumbnails({
    store,
    shared,
    isLocal: ({ ino, generation }) => contents.isLocal(ino, generation),
    watchers,
  })
  const made = new ThumbnailService({
    store,
    cache: cache2,
    remote: service,
    local: contents,
    previews: new RangedPreviews(remote),
    decoder,
    clock,
    onTrouble,
  })
  const folders = new OpenedFolders({
    store,
    service: made,
    desktop,
    clock,
    reasonNotToAsk: () => undefined,
    onTrouble,
  })
  const thumbnails = new Thumbnails({
    store,
    service: made,
    cache: cache2,
    desktop,
    folders,
    watchers,
    onTrouble,
  })
  thumbnails.mounted(MOUNT)
  t.teardown(async () => {
    await thumbnails.close()
    await world.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const look = async (...names: string[]) => {
    const node = await world.node(...names)
    await world.names(node)
    thumbnails.opened(inoOf(node))
    await until(() => folders.status.folders > 0)
    clock.advance(200)
    return inoOf(node)
  }
  return Object.assign(world, { service, shared, cache2, thumbnails, folders, watchersTold, decoded, look })
}

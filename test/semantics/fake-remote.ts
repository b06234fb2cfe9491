import type { ByteRange } from '../../src/model/byte-ranges.js'
import type { DriveChange, DriveItem } from '../../src/model/drive-item.js'
import { Fault } from '../../src/model/fault.js'
import type { Bytes, ContentVersion, ItemId, ItemKey } from '../../src/model/ids.js'
import type {
  ContentSink,
  DeltaPage,
  FolderPage,
  NotUnderstood,
  RemoteContent,
  RemoteDelta,
  RemoteFolder,
  RemoteItems,
} from '../../src/model/remote.js'

/** One download that was asked for. Ends when the test says so, unless the remote answers by itself. */
export class FakeDownload {
  readonly item: ItemId
  readonly range: ByteRange
  readonly signal: AbortSignal
  readonly #sink: ContentSink
  readonly #bytes: (range: ByteRange) => Uint8Array
  #position: Bytes
  isOver = false
  #resolve = () => {}
  #reject: (failure: Error) => void = () => {}
  readonly ended = new Promise<void>((resolve, reject) => {
    this.#resolve = resolve
    this.#reject = reject
  })

  constructor(
    item: ItemId,
    range: ByteRange,
    sink: ContentSink,
    signal: AbortSignal,
    bytes: FakeDownload['read'],
  ) {
    this.item = item
    this.range = range
    this.signal = signal
    this.#sink = sink
    this.#bytes = bytes
    this.#position = range.start
    this.ended.catch(() => {}) // also when nobody waits for it
    signal.addEventListener('abort', () => this.#reject(signal.reason as Error), { once: true })
  }

  read(range: ByteRange): Uint8Array {
    return this.#bytes(range)
  }

  /** Sends the next bytes, in chunks as a network would. */
  async send(length: Bytes = this.range.end - this.#position, chunk: Bytes = 16_384): Promise<void> {
    const end = Math.min(this.range.end, this.#position + length)
    while (this.#position < end) {
      const range = { start: this.#position, end: Math.min(end, this.#position + chunk) }
      this.#position = range.end
      await this.#sink(this.#bytes(range), range.start)
    }
  }

  /** Sends what the test says, whatever the file has. */
  async sendBytes(bytes: Uint8Array): Promise<void> {
    const start = this.#position
    this.#position += bytes.length
    await this.#sink(bytes, start)
  }

  finish(): void {
    this.isOver = true
    this.#resolve()
  }

  fail(failure: Error): void {
    this.isOver = true
    this.#reject(failure)
  }

  /** Sends what is left and ends. A sink that throws fails the download, as a real one does. */
  async complete(): Promise<void> {
    try {
      await this.send()
      this.finish()
    } catch (failure) {
      this.fail(failure as Error)
    }
  }
}

export interface FakeFile {
  item: DriveItem
  bytes: (range: ByteRange) => Uint8Array
}

/** The other organization: its items, and answers that come when the test wants them. */
export class FakeRemote implements RemoteContent, RemoteFolder, RemoteDelta, RemoteItems {
  readonly items = new Map<ItemId, FakeFile>()
  readonly downloads: FakeDownload[] = []
  /** Folders that were asked for, in order. */
  /** Comes with every listing of its folder. */
  notUnderstood: NotUnderstood[] = []
  readonly listings: ItemId[] = []
  readonly cursors: (string | undefined)[] = []
  /** Items that were asked for by themselves. */
  readonly asked: ItemId[] = []
  /** Whether items have cTags where they are asked for or listed; in delta they never have. */
  hasCTags = true
  /** Downloads end by themselves. */
  answersAtOnce = true
  /** Thrown by every request while it is set. */
  failure: Error | undefined
  /** Pages of the next rounds of delta. */
  rounds: (DeltaPage | Error)[][] = []
  pageSize = 3
  /** Awaited before each page of a listing. */
  beforePage: () => Promise<void> = () => Promise.resolve()

  put(item: DriveItem, bytes: Uint8Array | FakeFile['bytes'] = new Uint8Array(0)): DriveItem {
    const read =
      typeof bytes === 'function' ? bytes : ({ start, end }: ByteRange) => bytes.subarray(start, end)
    this.items.set(item.id, { item, bytes: read })
    return item
  }

  /** Items as they are now. */
  async current(keys: readonly ItemKey[]): Promise<(DriveItem | undefined)[]> {
    await Promise.resolve()
    if (this.failure) throw this.failure
    return keys.map(({ item }) => {
      this.asked.push(item)
      const file = this.items.get(item)
      return file && this.#told(file.item)
    })
  }

  /** With the cTag, which delta leaves out: one for each content, unless the test says which. */
  #told(item: DriveItem): DriveItem {
    if (item.kind !== 'file' || !this.hasCTags) return item
    return { ...item, cTag: item.cTag ?? `"c:{${item.id}},${item.quickXorHash ?? item.eTag ?? ''}"` }
  }

  async fetch(
    key: ItemKey,
    version: ContentVersion,
    range: ByteRange,
    sink: ContentSink,
    signal: AbortSignal,
  ): Promise<void> {
    const file = this.items.get(key.item)
    const download = new FakeDownload(key.item, range, sink, signal, file?.bytes ?? (() => new Uint8Array(0)))
    this.downloads.push(download)
    if (this.failure) throw this.failure
    if (file === undefined) throw new Fault('item-not-found', 'It is not there any more')
    const told = this.#told(file.item)
    if (!versionsOf(told).includes(version)) throw new Fault('stale-content', 'There is another version')
    sink.describes?.(told)
    if (this.answersAtOnce) void download.complete()
    await download.ended
  }

  async *children(folder: ItemKey, signal: AbortSignal): AsyncIterable<FolderPage> {
    this.listings.push(folder.item)
    await this.beforePage()
    signal.throwIfAborted()
    if (this.failure) throw this.failure
    const children = [...this.items.values()]
      .map(({ item }) => this.#told(item))
      .filter(item => item.parentId === folder.item)
    for (let start = 0; start === 0 || start < children.length; start += this.pageSize) {
      if (start > 0) await this.beforePage()
      signal.throwIfAborted()
      yield {
        items: children.slice(start, start + this.pageSize),
        notUnderstood: this.notUnderstood.filter(({ parent }) => parent === folder.item),
      }
    }
  }

  async *pages(_root: ItemKey, _isDriveRoot: boolean, cursor: string | undefined): AsyncIterable<DeltaPage> {
    this.cursors.push(cursor)
    if (this.failure) throw this.failure
    for (const page of this.rounds.shift() ?? [{ changes: [], cursor: cursor ?? 'start' }]) {
      await Promise.resolve()
      if (page instanceof Error) throw page
      yield page
    }
  }

  /** One round that reports `changes`. */
  round(changes: readonly DriveChange[], cursor: string): void {
    this.rounds.push([{ changes, cursor }])
  }
}

/** What a client may know its content by. */
export function versionsOf({ cTag, eTag, quickXorHash, size, modified }: DriveItem): string[] {
  const hash = `hash:${quickXorHash}:${size}`
  const tags = [`ctag:${cTag}`, `etag:${eTag}`, `time:${modified}:${size}`]
  return [hash, ...tags, ...tags.map(tag => `${tag} ${hash}`)]
}

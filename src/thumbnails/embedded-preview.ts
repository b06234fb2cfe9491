import { promisify } from 'node:util'
import { inflateRaw } from 'node:zlib'
import type { ByteRange } from '../model/byte-ranges.js'
import { Fault } from '../model/fault.js'
import type { Bytes } from '../model/ids.js'
import type { RemoteContent } from '../model/remote.js'
import { previewInJpeg } from './jpeg-preview.js'
import type { Subject } from './subject.js'
import type { EmbeddedPreviews } from './thumbnail-service.js'
import { directoryIn, END_OF_DIRECTORY, entriesIn, entryBytes, type ZipEntry } from './zip-directory.js'

const inflate = promisify(inflateRaw)

/** Of one file, for its preview. */
const MOST_READ: Bytes = 256 * 1024
/** What cameras write before the picture, their preview included, is one segment of at most 64 KiB. */
const JPEG_HEAD: Bytes = 72 * 1024
const LARGEST_PREVIEW: Bytes = 2 * 1024 * 1024
/** A local header has its own copy of the name, and extra fields of its own. */
const LOCAL_HEADER: Bytes = 1024

/** Where Office and OpenDocument keep a picture of the first page. */
const PREVIEW_ENTRY = /^(docProps\/thumbnail\.(jpe?g|png)|Thumbnails\/thumbnail\.png)$/i
const ZIPPED = /\.(docx|pptx|xlsx|potx|ppsx|vsdx|odt|ods|odp|odg)$/i
const JPEG = /\.(jpe?g|jfif)$/i

/** Previews that files carry within themselves, by a few ranges. What was read is not kept: the file stays online-only. */
export class RangedPreviews implements EmbeddedPreviews {
  readonly #remote: Pick<RemoteContent, 'fetch'>

  constructor(remote: Pick<RemoteContent, 'fetch'>) {
    this.#remote = remote
  }

  async find(subject: Subject, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const ranges = new BoundedRanges(this.#remote, subject, signal)
    if (JPEG.test(subject.name)) return previewInJpeg(await ranges.read({ start: 0, end: JPEG_HEAD }))
    if (ZIPPED.test(subject.name)) return await previewInZip(ranges)
    return undefined
  }
}

/** Ranges of one file, so many bytes of them and no more. */
class BoundedRanges {
  readonly #remote: Pick<RemoteContent, 'fetch'>
  readonly #subject: Subject
  readonly #signal: AbortSignal
  #left = MOST_READ

  constructor(remote: Pick<RemoteContent, 'fetch'>, subject: Subject, signal: AbortSignal) {
    this.#remote = remote
    this.#subject = subject
    this.#signal = signal
  }

  get size(): Bytes {
    return this.#subject.size
  }

  /** Whether `length` more bytes may be read. */
  affords(length: Bytes): boolean {
    return length <= this.#left
  }

  /** Clamped to the file. @throws {Fault} as {@link RemoteContent.fetch}; `not-supported` where it is too much */
  async read(wanted: ByteRange): Promise<Buffer> {
    const range = { start: Math.max(0, wanted.start), end: Math.min(this.size, wanted.end) }
    const length = range.end - range.start
    if (length <= 0) return Buffer.alloc(0)
    if (!this.affords(length)) throw new Fault('not-supported', 'The preview is too far inside the file')
    this.#left -= length
    const bytes = Buffer.alloc(length)
    const sink = (chunk: Uint8Array, offset: Bytes) => bytes.set(chunk, offset - range.start)
    await this.#remote.fetch(this.#subject.item, this.#subject.version, range, sink, this.#signal)
    return bytes
  }
}

async function previewInZip(ranges: BoundedRanges): Promise<Uint8Array | undefined> {
  const tailStart = Math.max(0, ranges.size - END_OF_DIRECTORY)
  const tail = await ranges.read({ start: tailStart, end: ranges.size })
  const directory = directoryIn(tail)
  if (directory === undefined || !ranges.affords(directory.end - directory.start)) return undefined
  const listed =
    directory.start >= tailStart
      ? tail.subarray(directory.start - tailStart, directory.end - tailStart)
      : await ranges.read(directory)
  const entry = entriesIn(listed).find(({ name }) => PREVIEW_ENTRY.test(name))
  return entry && (await contentOf(entry, ranges))
}

async function contentOf(entry: ZipEntry, ranges: BoundedRanges): Promise<Uint8Array | undefined> {
  if (entry.size > LARGEST_PREVIEW) return undefined
  const range = { start: entry.offset, end: entry.offset + LOCAL_HEADER + entry.compressedSize }
  if (!ranges.affords(range.end - range.start)) return undefined
  const compressed = entryBytes(await ranges.read(range), entry)
  if (compressed === undefined) return undefined
  if (entry.method === 'stored') return compressed
  try {
    return await inflate(compressed, { maxOutputLength: LARGEST_PREVIEW })
  } catch {
    return undefined
  }
}

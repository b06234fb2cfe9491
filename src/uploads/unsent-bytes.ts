import type { DirtyFiles, OpenDirty } from '../dirty/dirty-files.js'
import type { ByteRange } from '../model/byte-ranges.js'
import type { DirtyFile } from '../model/dirty-file.js'
import { Fault, isFault } from '../model/fault.js'
import type { Bytes, Milliseconds } from '../model/ids.js'
import type { UploadSource } from '../model/remote.js'
import { isLocalId, type ItemRecord } from '../store/item-record.js'
import type { Owed } from '../store/owed-table.js'

/** Goes in one request, from memory: what is written meanwhile does not matter. */
export const SMALL: Bytes = 4 * 1024 * 1024
// One request of the base, one fragment of an upload.
const PIECE: Bytes = 4 * 1024 * 1024

/** The content that a change began with. To be closed. */
export interface OpenBase {
  /** Exactly the bytes of `range`, which is within the size. @throws {Fault} as `RemoteContent`; `stale-content` */
  read(range: ByteRange, signal: AbortSignal): Promise<Uint8Array>
  close(): void
}

/** Implemented by `hydration/base-contents.ts`. */
export interface BaseContents {
  /** @param size of the content that the change began with @throws {Fault} `disk-full`, `local-io` */
  open(item: ItemRecord, size: Bytes): OpenBase
}

export interface UnsentBytesDeps {
  readonly dirty: DirtyFiles
  readonly base: BaseContents
  /** `fd`, size -> QuickXorHash, base64; not on this thread. @throws the signal's reason */
  readonly hashFile: (fd: number, size: Bytes, signal: AbortSignal) => Promise<string>
  readonly hashBytes: (bytes: Uint8Array) => string
}

/** The bytes of one item as they are at one moment. To be closed. */
export interface UnsentContent {
  readonly hash: string
  readonly source: UploadSource
  /** They are still what the file has. */
  isUnchanged(): boolean
  close(): void
}

/** What is to be sent of a file that was changed here, whole. */
export class UnsentBytes {
  readonly #deps: UnsentBytesDeps

  constructor(deps: UnsentBytesDeps) {
    this.#deps = deps
  }

  /**
   * Completes the file from its base and looks at it.
   *
   * @param checkStill throws when the item is changing
   * @param inMemory called when nothing is read from the file any more
   * @throws {Fault} what the base cannot be had for; `local-io`, `disk-full`
   */
  async open(
    item: ItemRecord,
    owed: Owed,
    signal: AbortSignal,
    checkStill: () => void,
    inMemory: () => void,
  ): Promise<UnsentContent> {
    const opened = this.#deps.dirty.open(item.ino, owed.base.size)
    try {
      await this.#complete(opened, item, owed, signal)
      checkStill()
      const { file } = opened
      const { size, revision } = file
      const modified: Milliseconds = size === item.size ? item.modified : file.modified
      const close = () => this.#deps.dirty.release(opened)
      const isUnchanged = () => file.revision === revision
      if (size < SMALL) {
        const bytes = file.read({ start: 0, end: size })
        inMemory()
        const read = ({ start, end }: ByteRange) => Promise.resolve(bytes.subarray(start, end))
        return { hash: this.#deps.hashBytes(bytes), source: { size, modified, read }, isUnchanged, close }
      }
      const check = () => {
        checkStill()
        if (!isUnchanged()) throw new Fault('cancelled', 'The file is being changed')
      }
      const hash = await this.#deps.hashFile(opened.fd, size, signal)
      check()
      const read = async (range: ByteRange) => {
        check()
        return Promise.resolve(file.read(range))
      }
      return { hash, source: { size, modified, read }, isUnchanged, close }
    } catch (failure) {
      this.#deps.dirty.release(opened)
      throw failure
    }
  }

  /**
   * Afterwards nothing of the base is needed any more, also if the machine goes down: when it has been sent, the store says
   * that all of it is here.
   */
  async #complete(opened: OpenDirty, item: ItemRecord, owed: Owed, signal: AbortSignal): Promise<void> {
    const { file } = opened
    const gaps = file.fromBase({ start: 0, end: file.size })
    try {
      if (gaps.length > 0) await this.#fill(file, gaps, this.#deps.base.open(item, owed.base.size), signal)
    } catch (failure) {
      throw isOver(failure, item, owed) ? new NeverWhole(failure) : failure
    }
    await this.#deps.dirty.sync(opened)
  }

  async #fill(
    file: DirtyFile,
    gaps: readonly ByteRange[],
    base: OpenBase,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      for (const gap of gaps) {
        for (let start = gap.start; start < gap.end; start += PIECE) {
          const end = Math.min(gap.end, start + PIECE)
          file.fill(start, await base.read({ start, end }, signal))
          signal.throwIfAborted()
        }
      }
    } finally {
      base.close()
    }
  }
}

/** Whether bytes of the base are nowhere any more. */
function isOver(failure: unknown, item: ItemRecord, owed: Owed): failure is Fault {
  if (isFault(failure, 'stale-content')) return true
  // "Not found" comes and goes, unless the service has said that it is deleted.
  const isDeleted = isLocalId(item.remoteId) || owed.hindrance?.code === 'item-not-found'
  return isFault(failure, 'item-not-found') && isDeleted
}

/** Parts of a file that were not changed here are nowhere any more: it cannot be sent. */
export class NeverWhole extends Fault {
  constructor(cause: Fault) {
    const sentence =
      'The other side has replaced or deleted this file, and what was not changed here cannot be had any more'
    super('not-supported', sentence, {
      nextStep: 'Get what was written here out with:  b2bmount export DIRECTORY',
      cause,
    })
  }
}

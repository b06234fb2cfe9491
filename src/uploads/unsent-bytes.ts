import type { DirtyFiles, OpenDirty } from '../dirty/dirty-files.js'
import type { ByteRange } from '../model/byte-ranges.js'
import type { DirtyFile } from '../model/dirty-file.js'
import { Fault, isFault } from '../model/fault.js'
import type { Bytes, Milliseconds } from '../model/ids.js'
import type { UploadSource } from '../model/remote.js'
import { isLocalId, type ItemRecord } from '../store/item-record.js'
import type { Owed } from '../store/owed-table.js'
import { sha256Of } from './sha256.js'

/** Goes in one request, from memory: what is written meanwhile does not matter. */
export const SMALL: Bytes = 4 * 1024 * 1024
// One request of the base, one fragment of an upload.
const PIECE: Bytes = 4 * 1024 * 1024

/** The content that a change began with. To be closed. */
export interface OpenBase {
  readonly size: Bytes
  /** All of it is local, and verified. */
  readonly isHere: boolean
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
  /** Of the first `size` bytes of an open file; not on this thread. @throws the signal's reason */
  readonly fingerprintFile: (fd: number, size: Bytes, signal: AbortSignal) => Promise<Fingerprint>
  readonly hashBytes: (bytes: Uint8Array) => string
}

/** Whoever reads the bytes of a file that programs may write to. */
export interface Reading {
  readonly signal: AbortSignal
  /** Programs have it open for writing, and may go on at any moment: what is sent is a copy. */
  readonly isOpen: () => boolean
  /** @throws {Fault} `cancelled`: a program is writing to it, what would be read is not whole; the signal's reason */
  readonly checkStill: () => void
  /** Nothing is read from the file any more: whatever becomes of it does not matter. */
  readonly detached: () => void
}

/** What the bytes of one file are known by, base64. Implemented by `hydration/fingerprint.ts`. */
export interface Fingerprint {
  /** QuickXorHash, as the service has it: another one says that the bytes are others. */
  readonly hash: string
  /** SHA-256, of small files by themselves, of larger ones by pieces: the same one says that they are the same. */
  readonly sha256: string
}

/** The bytes of one item as they are at one moment. To be closed. */
export interface UnsentContent extends Fingerprint {
  readonly source: UploadSource
  readonly opened: OpenDirty
  /** {@link DirtyFile.writes} when these were the bytes of the file. */
  readonly writes: number
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
   * Completes the file from its base and looks at it, or at a copy of it.
   *
   * @throws {Fault} what the base cannot be had for; `local-io`, `disk-full`; as `reading.checkStill`
   */
  async open(item: ItemRecord, owed: Owed, reading: Reading): Promise<UnsentContent> {
    const { dirty, hashBytes, fingerprintFile } = this.#deps
    const opened = dirty.open(item.ino, owed.base.size)
    const giveBack = [() => dirty.release(opened)]
    try {
      await this.#complete(opened, item, owed, reading.signal)
      reading.checkStill()
      dirty.noticeMapping(opened)
      const { file } = opened
      const writes = file.writes()
      const isUnchanged = () => {
        dirty.noticeMapping(opened)
        return file.writes() === writes
      }
      const check = () => {
        reading.checkStill()
        if (!isUnchanged()) throw new Fault('cancelled', 'The file is being changed')
      }
      // From here on the time of the file tells whether a mapping writes.
      if (opened.isTakenOver) await dirty.sync(opened)
      const { size } = file
      const modified: Milliseconds = size === item.size ? item.modified : file.modified
      const close = () => giveBack.forEach(each => each())
      const content = { opened, writes, isUnchanged, close }
      if (size < SMALL) {
        const bytes = file.read({ start: 0, end: size })
        check()
        reading.detached()
        const read = ({ start, end }: ByteRange) => Promise.resolve(bytes.subarray(start, end))
        const [hash, sha256] = [hashBytes(bytes), await sha256Of(bytes)]
        return { ...content, hash, sha256, source: { size, modified, read } }
      }
      if (reading.isOpen()) {
        const copy = await dirty.snapshot(opened, check)
        giveBack.push(() => copy.close())
        reading.detached()
        const fingerprint = await fingerprintFile(copy.fd, size, reading.signal)
        return { ...content, ...fingerprint, source: { size, modified, read: range => copy.read(range) } }
      }
      const fingerprint = await fingerprintFile(opened.fd, size, reading.signal)
      check()
      const read = async (range: ByteRange) => {
        check()
        return Promise.resolve(file.read(range))
      }
      return { ...content, ...fingerprint, source: { size, modified, read } }
    } catch (failure) {
      giveBack.forEach(each => each())
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

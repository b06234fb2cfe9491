import type { DirtyFile as NativeFile } from '../../native/index.js'
import type { ByteRange } from '../model/byte-ranges.js'
import type { DirtyFile } from '../model/dirty-file.js'
import type { Bytes, Milliseconds } from '../model/ids.js'
import { dirtyFault, locally } from './dirty-fault.js'
import type { DirtyFileState } from './plain-dirty-file.js'

/** What `native/` has of it. */
export type NativeDirtyFiles = { readonly DirtyFile: typeof NativeFile }

/** Read and written by the threads of `native/`, too; `NativeTransport` gives it to them. */
export class NativeDirtyFile implements DirtyFile {
  /** For the session of a mount. */
  readonly native: NativeFile
  saved: number | undefined

  /** @throws {Fault} `local-io` */
  constructor(addon: NativeDirtyFiles, { fd, log, baseEnd, written, modified }: DirtyFileState) {
    const pairs = Float64Array.from([...written].flatMap(({ start, end }) => [start, end]))
    this.native = whileLocal(() => new addon.DirtyFile(fd, log ?? -1, baseEnd, pairs, modified))
  }

  get size(): Bytes {
    return this.native.size
  }

  get modified(): Milliseconds {
    return this.native.modified
  }

  get changed(): Milliseconds {
    return this.native.changed
  }

  get revision(): number {
    return this.native.revision
  }

  get writtenAt(): Milliseconds {
    return this.native.writtenAt
  }

  writes(): number {
    return this.native.writes()
  }

  writtenOutside(modified: Milliseconds): void {
    locally(() => this.native.writtenOutside(modified))
  }

  get noted(): number {
    return this.native.noted
  }

  set noted(revision: number) {
    this.native.noted = revision
  }

  get permissions(): number | undefined {
    return this.native.permissions
  }

  set permissions(permissions: number | undefined) {
    if (permissions !== undefined) this.native.permissions = permissions
  }

  write(offset: Bytes, bytes: Uint8Array): void {
    locally(() => this.native.write(offset, bytes))
  }

  truncate(size: Bytes): void {
    locally(() => this.native.truncate(size))
  }

  zero({ start, end }: ByteRange): void {
    locally(() => this.native.zero(start, end))
  }

  fill(offset: Bytes, bytes: Uint8Array): void {
    locally(() => this.native.fill(offset, bytes))
  }

  setModified(modified: Milliseconds): void {
    this.native.setModified(modified)
  }

  fromBase({ start, end }: ByteRange): readonly ByteRange[] {
    return toRanges(this.native.fromBase(start, end))
  }

  read({ start, end }: ByteRange): Uint8Array {
    return whileLocal(() => this.native.read(start, end))
  }

  close(): void {
    this.native.close()
  }
}

function whileLocal<Result>(work: () => Result): Result {
  try {
    return work()
  } catch (failure) {
    throw dirtyFault(failure)
  }
}

function toRanges(pairs: Float64Array): ByteRange[] {
  const ranges: ByteRange[] = []
  for (let i = 0; i + 1 < pairs.length; i += 2) ranges.push({ start: pairs[i] ?? 0, end: pairs[i + 1] ?? 0 })
  return ranges
}

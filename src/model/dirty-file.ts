import type { ByteRange } from './byte-ranges.js'
import type { Bytes, Milliseconds } from './ids.js'

/**
 * The bytes of a file that was changed here, over those that the service has. Shared by all who have the file open.
 *
 * Every byte below the size is one of three: written here, given by the base (the content that the change began with),
 * or zero. What was written is in the file when a call returns, and is found again after the process was killed.
 *
 * All methods throw {@link Fault} `disk-full`, `file-too-large`, `local-io`; nothing was changed then.
 */
export interface DirtyFile {
  readonly size: Bytes
  /** Of the last change. */
  readonly modified: Milliseconds
  /** Of the last change of bytes or attributes since it was opened; 0: none. */
  readonly changed: Milliseconds
  /** Counts the changes, from 0. */
  readonly revision: number
  /** When a byte, or the size, was changed last; at first when it was opened. */
  readonly writtenAt: Milliseconds
  /** Counts the changes of bytes and size, from 0. Waits for one under way, which may have put a part of its bytes. */
  writes(): number
  /** Bytes were changed at `modified` without this object: by a mapping that a kernel serves by itself. */
  writtenOutside(modified: Milliseconds): void
  /** What {@link writes} was when a program has said last that the file is whole; `undefined`: it has not. */
  saved: number | undefined
  /** The revision that the store knows of; at first that it began with. */
  noted: number
  /** Permission bits, where a program has set them by way of the open file. */
  permissions: number | undefined
  write(offset: Bytes, bytes: Uint8Array): void
  /** Shorter, or longer by zeros. */
  truncate(size: Bytes): void
  /** Zeros from now on; does not grow. */
  zero(range: ByteRange): void
  /** Bytes of the base, for where it still gives them: whatever was written meanwhile stays. No change. */
  fill(offset: Bytes, bytes: Uint8Array): void
  setModified(modified: Milliseconds): void
  /** What of `range` the base gives. */
  fromBase(range: ByteRange): readonly ByteRange[]
  /** The bytes of `range`, at most up to the size; zeros for those that the base gives. */
  read(range: ByteRange): Uint8Array
  /** Nobody here uses it any more; what it is like can still be asked. */
  close(): void
}

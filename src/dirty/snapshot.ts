import {
  closeSync,
  constants,
  ftruncateSync,
  openSync,
  read as readCallback,
  rmSync,
  write as writeCallback,
} from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { ByteRange } from '../model/byte-ranges.js'
import type { Bytes } from '../model/ids.js'

const read = promisify(readCallback)
const write = promisify(writeCallback)
const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW, COPYFILE_FICLONE_FORCE } = constants

/** Between two looks whether the copy is still wanted. */
const PIECE: Bytes = 1024 * 1024

/** A copy of a file that nobody else knows. Its room on the disk is given back when it is closed, or the process ends. */
export interface Snapshot {
  /** Open for reading. */
  readonly fd: number
  /** Exactly the bytes of `range`, which is within the size. @throws {NodeJS.ErrnoException} */
  read(range: ByteRange): Promise<Uint8Array>
  close(): void
}

/**
 * Copies a file that others may write to meanwhile. Whether they have must be asked afterwards: the copy is worthless then.
 *
 * Where the file system shares blocks (FICLONE: Btrfs, XFS) that takes no room and no time.
 *
 * @param fd open for reading
 * @param path where there is nothing, on the same disk; there is nothing again when this returns
 * @param checkStill throws when the copy is not wanted any more
 * @throws {NodeJS.ErrnoException} what the disk says; what `checkStill` throws
 */
export async function takeSnapshot(
  fd: number,
  size: Bytes,
  path: string,
  checkStill: () => void,
): Promise<Snapshot> {
  const own = (await cloned(fd, path)) ?? openUnnamed(path, O_RDWR | O_CREAT | O_EXCL)
  try {
    if (!own.isClone) await copy(fd, own.fd, size, checkStill)
    checkStill()
  } catch (failure) {
    closeSync(own.fd)
    throw failure
  }
  return { fd: own.fd, read: range => readAll(own.fd, range), close: () => closeSync(own.fd) }
}

interface Unnamed {
  readonly fd: number
  readonly isClone: boolean
}

/** @returns `undefined` where the file system shares no blocks */
async function cloned(fd: number, path: string): Promise<Unnamed | undefined> {
  try {
    // By its descriptor: the file may have another name meanwhile.
    await copyFile(`/proc/self/fd/${fd}`, path, COPYFILE_FICLONE_FORCE)
    return { ...openUnnamed(path, O_RDWR), isClone: true }
  } catch (failure) {
    rmSync(path, { force: true })
    const { code } = failure as NodeJS.ErrnoException
    if (code === 'ENOSPC' || code === 'EDQUOT') throw failure
    return undefined
  }
}

function openUnnamed(path: string, flags: number): Unnamed {
  const fd = openSync(path, flags | O_NOFOLLOW, 0o600)
  // Nothing is left of it when the process is killed.
  rmSync(path, { force: true })
  return { fd, isClone: false }
}

async function copy(from: number, to: number, size: Bytes, checkStill: () => void): Promise<void> {
  const buffer = Buffer.allocUnsafe(Math.min(PIECE, size))
  for (let at = 0; at < size;) {
    checkStill()
    const { bytesRead } = await read(from, buffer, 0, Math.min(buffer.length, size - at), at)
    if (bytesRead === 0) break
    // A hole takes no room.
    if (!isZeros(buffer, bytesRead)) await writeAll(to, buffer, bytesRead, at)
    at += bytesRead
  }
  ftruncateSync(to, size)
}

async function readAll(fd: number, { start, end }: ByteRange): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafe(Math.max(0, end - start))
  for (let done = 0; done < bytes.length;) {
    const { bytesRead } = await read(fd, bytes, done, bytes.length - done, start + done)
    if (bytesRead === 0) throw Object.assign(new Error('a copy is shorter than it was'), { code: 'EIO' })
    done += bytesRead
  }
  return bytes
}

async function writeAll(fd: number, buffer: Buffer, length: Bytes, at: Bytes): Promise<void> {
  for (let done = 0; done < length;) {
    const { bytesWritten } = await write(fd, buffer, done, length - done, at + done)
    done += bytesWritten
  }
}

const ZEROS = Buffer.alloc(PIECE)

function isZeros(buffer: Buffer, length: Bytes): boolean {
  return buffer[0] === 0 && buffer.subarray(0, length).equals(ZEROS.subarray(0, length))
}

import { read } from 'node:fs'
import { promisify } from 'node:util'
import type { Bytes } from '../model/ids.js'
import { QuickXorHash } from '../model/quick-xor-hash.js'
import { QuickXorSum } from './quick-xor-sum.js'

const readAt = promisify(read)

// A tenth of a millisecond each, between reads on the thread pool.
const SLICE: Bytes = 256 * 1024
// Some milliseconds of a thread of the pool, also of a slow disk's not many more: until then nothing can stop it.
const PIECE: Bytes = 16 * 1024 * 1024

/**
 * `fd`, size -> base64. Whoever hashes has to be able to stop: files may have terabytes that take no room on the disk.
 * The promise settles when nothing reads `fd` any more.
 * @throws the signal's reason
 */
export type HashFile = (fd: number, size: Bytes, signal: AbortSignal) => Promise<string>

/** `fd`, start, length -> base64, of these bytes as if they were a file; on another thread. */
export type HashRange = (fd: number, start: Bytes, length: Bytes) => Promise<string>

/** By the native addon, piece by piece. */
export function hashFileInPieces(hashRange: HashRange): HashFile {
  return async (fd, size, signal) => {
    const sum = new QuickXorSum()
    for (let start = 0; start < size; start += PIECE) {
      signal.throwIfAborted()
      const length = Math.min(PIECE, size - start)
      sum.add(await hashRange(fd, start, length), start, length)
    }
    signal.throwIfAborted()
    return sum.digest()
  }
}

/** For where there is no addon. */
export const hashFileInSlices: HashFile = async (fd, size, signal) => {
  const hash = new QuickXorHash()
  const slice = Buffer.allocUnsafeSlow(Math.min(SLICE, size))
  for (let done = 0; done < size;) {
    signal.throwIfAborted()
    const { bytesRead } = await readAt(fd, slice, 0, Math.min(slice.length, size - done), done)
    if (bytesRead === 0) throw new Error('the file is shorter than expected')
    hash.update(slice.subarray(0, bytesRead))
    done += bytesRead
  }
  signal.throwIfAborted()
  return hash.digest()
}

/** `HashBytes` of content-file.ts. */
export function hashBytes(bytes: Uint8Array): string {
  return new QuickXorHash().update(bytes).digest()
}

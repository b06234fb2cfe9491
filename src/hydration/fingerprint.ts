import { createHash, webcrypto } from 'node:crypto'
import { read } from 'node:fs'
import { promisify } from 'node:util'
import type { Bytes } from '../model/ids.js'
import type { HashBytes } from './content-file.js'
import { QuickXorSum } from './quick-xor-sum.js'

const readAt = promisify(read)

// Read and hashed on the thread pool, and copied once in between.
const PIECE: Bytes = 1024 * 1024

/** What a file is known by. */
export interface Fingerprint {
  /** QuickXorHash, base64: as the service has it, to find a difference. */
  readonly hash: string
  /** SHA-256, base64, of the SHA-256 of each MiB: to find that two contents are the same. Compared with others of its kind only. */
  readonly sha256: string
}

/** `fd`, size, both in one reading. @throws the signal's reason */
export type FingerprintFile = (fd: number, size: Bytes, signal: AbortSignal) => Promise<Fingerprint>

/** By pieces, so that it can be stopped, and no thread of JavaScript hashes gigabytes with SHA-256. */
export function fingerprintFile(hashBytes: HashBytes): FingerprintFile {
  return async (fd, size, signal) => {
    const sum = new QuickXorSum()
    const digests = createHash('sha256')
    const buffer = Buffer.allocUnsafeSlow(Math.min(PIECE, size))
    for (let start = 0; start < size; start += PIECE) {
      signal.throwIfAborted()
      const piece = buffer.subarray(0, Math.min(PIECE, size - start))
      await fill(fd, piece, start)
      sum.add(hashBytes(piece), start, piece.length)
      digests.update(new Uint8Array(await webcrypto.subtle.digest('SHA-256', piece)))
    }
    signal.throwIfAborted()
    return { hash: sum.digest(), sha256: digests.digest('base64') }
  }
}

async function fill(fd: number, piece: Buffer, start: Bytes): Promise<void> {
  for (let done = 0; done < piece.length;) {
    const { bytesRead } = await readAt(fd, piece, done, piece.length - done, start + done)
    if (bytesRead === 0) throw new Error('the file is shorter than expected')
    done += bytesRead
  }
}

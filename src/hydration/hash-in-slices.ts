import { read } from 'node:fs'
import { promisify } from 'node:util'
import type { Bytes } from '../model/ids.js'
import { QuickXorHash } from '../model/quick-xor-hash.js'

const readAt = promisify(read)

// A tenth of a millisecond each, between reads on the thread pool.
const SLICE: Bytes = 256 * 1024

/** What the native addon does on a thread of its own, for where there is none: `HashFile` of content-file.ts. */
export async function hashFileInSlices(fd: number, size: Bytes): Promise<string> {
  const hash = new QuickXorHash()
  const slice = Buffer.allocUnsafeSlow(Math.min(SLICE, size))
  for (let done = 0; done < size;) {
    const { bytesRead } = await readAt(fd, slice, 0, Math.min(slice.length, size - done), done)
    if (bytesRead === 0) throw new Error('the file is shorter than expected')
    hash.update(slice.subarray(0, bytesRead))
    done += bytesRead
  }
  return hash.digest()
}

/** `HashBytes` of content-file.ts. */
export function hashBytes(bytes: Uint8Array): string {
  return new QuickXorHash().update(bytes).digest()
}

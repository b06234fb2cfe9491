import { read } from 'node:fs'
import { promisify } from 'node:util'
import { localFault } from '../hydration/local-fault.js'
import { Fault } from '../model/fault.js'
import type { Bytes } from '../model/ids.js'

const readAt = promisify(read)

/** Of a cache file, where they are known to be. @throws {Fault} `local-io` */
export async function readBytes(fd: number, start: Bytes, end: Bytes): Promise<Uint8Array> {
  const length = Math.max(0, end - start)
  const bytes = Buffer.allocUnsafe(length)
  try {
    for (let done = 0; done < length;) {
      const { bytesRead } = await readAt(fd, bytes, done, length - done, start + done)
      if (bytesRead === 0) throw new Fault('local-io', 'A file of the content cache is shorter than it was')
      done += bytesRead
    }
  } catch (failure) {
    throw localFault(failure)
  }
  return bytes
}

import { read } from 'node:fs'
import { promisify } from 'node:util'
import type { ByteRange } from '../model/byte-ranges.js'
import { Fault } from '../model/fault.js'
import { localFault } from './local-fault.js'

const readAt = promisify(read)

/** All of a range of a cache file, where it is known to be. @throws {Fault} `local-io` */
export async function readRange(fd: number, { start, end }: ByteRange): Promise<Uint8Array> {
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

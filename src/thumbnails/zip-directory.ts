import type { ByteRange } from '../model/byte-ranges.js'
import type { Bytes } from '../model/ids.js'

/**
 * As much of the zip format as finds one small entry. Of hostile archives: every number is checked against the bytes
 * that are there.
 * @see https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 */
export interface ZipEntry {
  readonly name: string
  readonly method: 'stored' | 'deflated'
  /** Of its local header. */
  readonly offset: Bytes
  readonly compressedSize: Bytes
  readonly size: Bytes
}

/** From the end: the record without a comment has 22 bytes, and the directory of a document lies right before it. */
export const END_OF_DIRECTORY: Bytes = 16 * 1024
const END_SIGNATURE = 0x06054b50
const END_SIZE = 22
const ENTRY_SIGNATURE = 0x02014b50
const ENTRY_SIZE = 46
const LOCAL_SIGNATURE = 0x04034b50
const LOCAL_SIZE = 30
const METHODS: Readonly<Record<number, ZipEntry['method']>> = { 0: 'stored', 8: 'deflated' }

/** Where the archive's directory is. @param tail the end of the archive */
export function directoryIn(tail: Buffer): ByteRange | undefined {
  for (let at = tail.length - END_SIZE; at >= 0; at--) {
    if (tail.readUInt32LE(at) !== END_SIGNATURE) continue
    const [size, start] = [tail.readUInt32LE(at + 12), tail.readUInt32LE(at + 16)]
    return { start, end: start + size }
  }
  return undefined
}

export function entriesIn(directory: Buffer): ZipEntry[] {
  const entries: ZipEntry[] = []
  for (let at = 0; at + ENTRY_SIZE <= directory.length && directory.readUInt32LE(at) === ENTRY_SIGNATURE;) {
    const nameEnd = at + ENTRY_SIZE + directory.readUInt16LE(at + 28)
    const isEncrypted = (directory.readUInt16LE(at + 8) & 1) !== 0
    const method = METHODS[directory.readUInt16LE(at + 10)]
    if (method !== undefined && !isEncrypted && nameEnd <= directory.length) {
      entries.push({
        name: directory.toString('utf8', at + ENTRY_SIZE, nameEnd),
        method,
        compressedSize: directory.readUInt32LE(at + 20),
        size: directory.readUInt32LE(at + 24),
        offset: directory.readUInt32LE(at + 42),
      })
    }
    at = nameEnd + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32)
  }
  return entries
}

/** @param local the archive from the entry's offset on @returns its bytes as they are stored */
export function entryBytes(local: Buffer, { compressedSize }: ZipEntry): Buffer | undefined {
  if (local.length < LOCAL_SIZE || local.readUInt32LE(0) !== LOCAL_SIGNATURE) return undefined
  const start = LOCAL_SIZE + local.readUInt16LE(26) + local.readUInt16LE(28)
  const end = start + compressedSize
  return end <= local.length ? local.subarray(start, end) : undefined
}

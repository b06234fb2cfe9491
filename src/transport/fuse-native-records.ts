import type { Attributes, Entry, FileSystemStatistics } from '../fs/file-system.js'
import type { Bytes } from '../model/ids.js'
import { LONGEST_NAME } from '../model/item-name.js'

// The package reads records as arrays of 32-bit numbers; those of 64 bits are two, the low half first.
const WORD = 2 ** 32
const STAT_WORDS = 18
const STATFS_WORDS = 11

const S_IFDIR = 0o040000
const S_IFREG = 0o100000
const SMALLEST_BLOCK = 4096
// By this transport nothing can be written.
const WRITING = 0o222

export interface Owner {
  readonly uid: number
  readonly gid: number
}

/** In place of a record, for an answer that is an error: the package reads one all the same. */
export const NO_STAT = new Uint32Array(STAT_WORDS)
export const NO_STATFS = new Uint32Array(STATFS_WORDS)

export function packStat(
  attributes: Attributes,
  owner: Owner,
  into = new Uint32Array(STAT_WORDS),
): Uint32Array {
  const type = attributes.kind === 'directory' ? S_IFDIR : S_IFREG
  into[0] = type | (attributes.permissions & ~WRITING)
  into[1] = owner.uid
  into[2] = owner.gid
  setLong(into, 3, attributes.size)
  into[6] = attributes.links
  // Numbers of more than four billion items are shown without their upper half.
  into[7] = attributes.ino % WORD
  setLong(into, 10, attributes.blocks)
  setLong(into, 12, attributes.modified)
  setLong(into, 14, attributes.modified)
  setLong(into, 16, attributes.changed)
  return into
}

export interface Listing {
  readonly names: readonly string[]
  readonly stats: readonly Uint32Array[]
}

/** @param self and @param parent become '.' and '..' */
export function packListing(
  entries: readonly Entry[],
  self: Attributes,
  parent: Attributes,
  owner: Owner,
): Listing {
  const all = [{ name: '.', attributes: self }, { name: '..', attributes: parent }, ...entries]
  // One piece of memory for all: a folder may have a hundred thousand entries.
  const words = new Uint32Array(all.length * STAT_WORDS)
  return {
    names: all.map(({ name }) => name),
    stats: all.map(({ attributes }, i) =>
      packStat(attributes, owner, words.subarray(i * STAT_WORDS, (i + 1) * STAT_WORDS)),
    ),
  }
}

/** Counts of blocks have 32 bits, so the blocks of a large disk are large. */
export function packStatfs({ totalBytes, freeBytes, availableBytes }: FileSystemStatistics): Uint32Array {
  let block = SMALLEST_BLOCK
  while (totalBytes / block >= WORD) block *= 2
  const blocks = (bytes: Bytes) => Math.floor(bytes / block)
  const record = new Uint32Array(STATFS_WORDS)
  // No numbers of files: nobody says how many there may be. df(1) shows a dash then, not that all are in use.
  record.set([block, block, blocks(totalBytes), blocks(freeBytes), blocks(availableBytes)])
  record[10] = LONGEST_NAME
  return record
}

/** Negative numbers, of times before 1970, become 0: the package has no sign. */
function setLong(record: Uint32Array, place: number, value: number): void {
  const whole = Math.max(0, Math.floor(value))
  record[place] = whole % WORD
  record[place + 1] = Math.floor(whole / WORD)
}

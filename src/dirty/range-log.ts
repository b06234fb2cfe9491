import { fstatSync, writeSync } from 'node:fs'
import { ByteRanges, type ByteRange } from '../model/byte-ranges.js'
import type { Bytes } from '../model/ids.js'

/**
 * What of a dirty file is written, in a file of its own beside it, so that it is known after a crash. Records of three
 * u64, little-endian:
 *
 *   1, start, end     these bytes are in the file. Appended after them.
 *   2, size, 0        cut at, and if grown again by zeros: the base gives nothing from here on. Before it is done.
 *   3, boot, length   this run of the machine; the records within the first `length` bytes, and what they say, are on
 *                     the disk.
 */
const RECORD_LENGTH = 24
const WRITTEN = 1n
const CUT = 2n
const SYNCED = 3n

export interface LoggedState {
  readonly baseEnd: Bytes
  readonly written: ByteRanges
}

export function appendWritten(log: number, { start, end }: ByteRange): void {
  append(log, WRITTEN, BigInt(start), BigInt(end))
}

export function appendCut(log: number, size: Bytes): void {
  append(log, CUT, BigInt(size), 0n)
}

/** @param boot tells this run of the machine from others */
export function appendSynced(log: number, boot: bigint, length: Bytes): void {
  append(log, SYNCED, boot, BigInt(length))
}

/** Appended so far. */
export function logLength(log: number): Bytes {
  const { size } = fstatSync(log)
  return size - (size % RECORD_LENGTH)
}

/**
 * What a log says. After the machine went down, what was not followed by a sync does not count: the record may be on the
 * disk without the bytes, and zeros would be read for what the base has.
 */
export function replay(records: Uint8Array, baseSize: Bytes, boot: bigint): LoggedState {
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength)
  const whole = records.byteLength - (records.byteLength % RECORD_LENGTH)
  const written = new ByteRanges()
  let baseEnd = baseSize
  const end = trusted(view, whole, boot)
  for (let at = 0; at < end; at += RECORD_LENGTH) {
    const kind = view.getBigUint64(at, true)
    const first = Number(view.getBigUint64(at + 8, true))
    if (kind === WRITTEN) written.add({ start: first, end: Number(view.getBigUint64(at + 16, true)) })
    else if (kind === CUT) baseEnd = Math.min(baseEnd, first)
  }
  return { baseEnd, written }
}

/** Up to where the records count. */
function trusted(view: DataView, whole: Bytes, boot: bigint): Bytes {
  for (let at = whole - RECORD_LENGTH; at >= 0; at -= RECORD_LENGTH) {
    if (view.getBigUint64(at, true) !== SYNCED) continue
    if (view.getBigUint64(at + 8, true) === boot) return whole
    return Math.min(whole, Number(view.getBigUint64(at + 16, true)))
  }
  return 0
}

function append(log: number, kind: bigint, first: bigint, second: bigint): void {
  const record = Buffer.allocUnsafe(RECORD_LENGTH)
  record.writeBigUInt64LE(kind, 0)
  record.writeBigUInt64LE(first, 8)
  record.writeBigUInt64LE(second, 16)
  // Opened for appending: at the end, whoever else writes.
  const written = writeSync(log, record)
  if (written !== RECORD_LENGTH) throw Object.assign(new Error('a record was cut off'), { code: 'ENOSPC' })
}

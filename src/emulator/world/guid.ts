import { createHash } from 'node:crypto'

/** Lower case, with dashes. */
export type Guid = string

const SHAPE = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

export function isGuid(text: string): boolean {
  return SHAPE.test(text)
}

/** A GUID that is the same in every run for the same parts. */
export function guidFrom(...parts: readonly string[]): Guid {
  const bytes = createHash('sha256').update(parts.join('\0')).digest().subarray(0, 16)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  return fromHex(bytes.toString('hex'))
}

/** .NET byte order: the first three groups are little-endian. */
export function guidToBytes(guid: Guid): Buffer {
  return swapGroups(Buffer.from(guid.replaceAll('-', ''), 'hex'))
}

export function guidFromBytes(bytes: Buffer): Guid {
  return fromHex(swapGroups(Buffer.from(bytes)).toString('hex'))
}

function swapGroups(bytes: Buffer): Buffer {
  bytes.subarray(0, 4).reverse()
  bytes.subarray(4, 6).reverse()
  bytes.subarray(6, 8).reverse()
  return bytes
}

function fromHex(hex: string): Guid {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

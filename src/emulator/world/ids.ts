import { createHash } from 'node:crypto'
import { type Guid, guidFromBytes, guidToBytes } from './guid.js'

/** What the root of every document library decodes to. */
export const ROOT_GUID: Guid = 'ea8cc6be-ffdb-43d7-976f-bc7da445c639'

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** `01` + base32 of 4 bytes that belong to the drive and 16 bytes of GUID. */
export function itemId(prefix: Buffer, guid: Guid): string {
  return `01${base32(Buffer.concat([prefix, guidToBytes(guid)]))}`
}

export function parseItemId(id: string): { prefix: Buffer; guid: Guid } | undefined {
  if (!/^01[A-Z2-7]{32}$/.test(id)) return undefined
  const bytes = fromBase32(id.slice(2))
  return { prefix: bytes.subarray(0, 4), guid: guidFromBytes(bytes.subarray(4)) }
}

/** `b!` + base64url of site, web and list GUID. */
export function driveId(site: Guid, web: Guid, list: Guid): string {
  return 'b!' + Buffer.concat([site, web, list].map(guidToBytes)).toString('base64url')
}

export function parseDriveId(id: string): { site: Guid; web: Guid; list: Guid } | undefined {
  const bytes = Buffer.from(id.slice(2), 'base64url')
  if (!id.startsWith('b!') || bytes.length !== 48) return undefined
  return {
    site: guidFromBytes(bytes.subarray(0, 16)),
    web: guidFromBytes(bytes.subarray(16, 32)),
    list: guidFromBytes(bytes.subarray(32)),
  }
}

/** The same for all items of one drive; where the service takes it from is not known. */
export function itemIdPrefix(drive: string): Buffer {
  return createHash('sha256').update(drive).digest().subarray(0, 4)
}

// 20 bytes are exactly 32 letters: no padding, no remainder.
function base32(bytes: Buffer): string {
  const letters = Buffer.allocUnsafe((bytes.length * 8) / 5)
  let length = 0
  let bits = 0
  let value = 0
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff
    bits += 8
    while (bits >= 5) {
      bits -= 5
      letters[length++] = BASE32.charCodeAt((value >> bits) & 31)
    }
  }
  // One flat string: `+=` would leave a rope of 32 parts for each of 100,000 ids.
  return letters.toString('latin1')
}

function fromBase32(text: string): Buffer {
  const bytes: number[] = []
  let bits = 0
  let value = 0
  for (const letter of text) {
    value = ((value << 5) | BASE32.indexOf(letter)) & 0xfff
    bits += 5
    if (bits >= 8) {
      bits -= 8
      bytes.push((value >> bits) & 255)
    }
  }
  return Buffer.from(bytes)
}

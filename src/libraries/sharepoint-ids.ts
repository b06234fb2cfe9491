import type { DriveId, ItemId } from '../model/ids.js'

/**
 * How Graph's ids are made of SharePoint's GUIDs. Not documented, but constant since 2016 (reference: id-vectors);
 * used only where a guest is refused the documented way, and what comes of it is checked by the service's answer.
 */

/** Item ids: "01" and 20 bytes in base32: 4 of the drive, 16 of the item. */
const ITEM_ID = /^01[A-Z2-7]{32}$/
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
const DRIVE_PREFIX_BYTES = 4

/** `b!` and the GUIDs of site, web and list. */
export function driveIdOf(siteId: string, webId: string, listId: string): DriveId {
  const bytes = Buffer.concat([siteId, webId, listId].map(guidBytes))
  return `b!${bytes.toString('base64url')}` as DriveId
}

/** The id of the item with `guid` in the drive of `sibling`. `undefined` where ids of that drive look different. */
export function itemIdOf(guid: string, sibling: ItemId): ItemId | undefined {
  if (!ITEM_ID.test(sibling)) return undefined
  const prefix = fromBase32(sibling.slice(2)).subarray(0, DRIVE_PREFIX_BYTES)
  return `01${toBase32(Buffer.concat([prefix, guidBytes(guid)]))}` as ItemId
}

/** .NET's order: the first three groups little-endian. */
function guidBytes(guid: string): Buffer {
  const bytes = Buffer.from(guid.replaceAll('-', ''), 'hex')
  bytes.subarray(0, 4).reverse()
  bytes.subarray(4, 6).reverse()
  bytes.subarray(6, 8).reverse()
  return bytes
}

function toBase32(bytes: Buffer): string {
  let bits = 0n
  for (const byte of bytes) bits = (bits << 8n) | BigInt(byte)
  let text = ''
  for (let shift = BigInt(bytes.length * 8 - 5); shift >= 0n; shift -= 5n) {
    text += BASE32[Number((bits >> shift) & 31n)] ?? ''
  }
  return text
}

function fromBase32(text: string): Buffer {
  let bits = 0n
  for (const character of text) bits = (bits << 5n) | BigInt(BASE32.indexOf(character))
  return Buffer.from(bits.toString(16).padStart((text.length * 5) / 4, '0'), 'hex')
}

export const SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')
/** Length, type, 13 bytes, checksum. */
const HEADER_CHUNK = 25
/** Length and type before the data, checksum behind. */
const AROUND_DATA = 12

/** The thumbnail store's keys and values: Latin-1, as the format has it, and in fact ASCII. */
export type PngTexts = Readonly<Record<string, string>>

/**
 * A PNG with texts, placed right behind its header, where a reader finds them without the pixels.
 * @throws {RangeError} if it is no PNG
 */
export function withTexts(png: Uint8Array, texts: PngTexts): Buffer {
  const header = SIGNATURE.length + HEADER_CHUNK
  if (png.length < header || !SIGNATURE.equals(png.subarray(0, SIGNATURE.length))) {
    throw new RangeError('not a PNG')
  }
  const chunks = Object.entries(texts).map(([key, value]) =>
    chunk('tEXt', Buffer.from(`${key}\0${value}`, 'latin1')),
  )
  return Buffer.concat([png.subarray(0, header), ...chunks, png.subarray(header)])
}

/** The texts before the pixels of a PNG, of which `head` is the beginning. */
export function textsOf(head: Buffer): PngTexts {
  const texts: Record<string, string> = {}
  if (!SIGNATURE.equals(head.subarray(0, SIGNATURE.length))) return texts
  for (let at = SIGNATURE.length; at + AROUND_DATA <= head.length;) {
    const length = head.readUInt32BE(at)
    const type = head.toString('latin1', at + 4, at + 8)
    const data = head.subarray(at + 8, at + 8 + length)
    if (type === 'IDAT' || data.length < length) break
    const end = data.indexOf(0)
    if (type === 'tEXt' && end > 0) texts[data.toString('latin1', 0, end)] = data.toString('latin1', end + 1)
    at += AROUND_DATA + length
  }
  return texts
}

/** One transparent pixel: what a note of failure is written into. */
export function emptyPng(): Buffer {
  const header = Buffer.from([0, 0, 0, 1, 0, 0, 0, 1, 8, 6, 0, 0, 0])
  // One stored block of zlib: filter 0 and four zeros.
  const pixels = Buffer.from([0x78, 0x01, 0x01, 5, 0, 0xfa, 0xff, 0, 0, 0, 0, 0, 0, 0x05, 0x00, 0x01])
  pixels.writeUInt32BE(0x00050001, 12)
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('IDAT', pixels),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

export function chunk(type: string, data: Buffer): Buffer {
  const typed = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const whole = Buffer.alloc(typed.length + 8)
  whole.writeUInt32BE(data.length, 0)
  typed.copy(whole, 4)
  whole.writeUInt32BE(crc(typed), typed.length + 4)
  return whole
}

// Node's own is there from 20.15 on.
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1
  return value
})

/** @see https://www.w3.org/TR/png/#D-CRCAppendix */
function crc(bytes: Uint8Array): number {
  let value = 0xffffffff
  for (const byte of bytes) value = (CRC_TABLE[(value ^ byte) & 0xff] ?? 0) ^ (value >>> 8)
  return (value ^ 0xffffffff) >>> 0
}

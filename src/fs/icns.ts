import type { ThumbnailBox } from '../model/thumbnail.js'

/** Elements that hold a PNG of so many pixels a side. */
const TYPES: Readonly<Record<ThumbnailBox, string>> = { 128: 'ic07', 256: 'ic08', 512: 'ic09', 1024: 'ic10' }
const ELEMENT_HEADER = 8

/**
 * Apple's icon format: a type and a length (with these eight bytes, big-endian), for the whole and for each element.
 * @param pngs square, exactly as large as their key says
 */
export function icnsOf(pngs: Iterable<readonly [ThumbnailBox, Uint8Array]>): Buffer {
  const elements = [...pngs].map(([box, png]) => element(TYPES[box], png))
  return element('icns', Buffer.concat(elements))
}

/** How long {@link icnsOf} is with PNGs of these lengths. */
export function icnsLength(lengths: readonly number[]): number {
  return lengths.reduce((sum, length) => sum + ELEMENT_HEADER + length, ELEMENT_HEADER)
}

function element(type: string, data: Uint8Array): Buffer {
  const header = Buffer.alloc(ELEMENT_HEADER)
  header.write(type, 'latin1')
  header.writeUInt32BE(ELEMENT_HEADER + data.length, 4)
  return Buffer.concat([header, data])
}

const START = 0xffd8
const APP1 = 0xe1
const START_OF_SCAN = 0xda
const EXIF = Buffer.from('Exif\0\0', 'latin1')

const ORIENTATION = 0x0112
const PREVIEW_OFFSET = 0x0201
const PREVIEW_LENGTH = 0x0202

/** Bytes of a TIFF structure; offsets count from its start. */
interface Tiff {
  readonly bytes: Buffer
  u16(at: number): number
  u32(at: number): number
}

/**
 * The preview that a camera put before the picture, turned the way the picture is.
 *
 * @param head the first bytes of a JPEG, of another organization: every number is checked
 * @see CIPA DC-008 (Exif 2.32), 4.5: IFD1 has the preview
 */
export function previewInJpeg(head: Buffer): Uint8Array | undefined {
  const tiff = exifIn(head)
  if (tiff === undefined) return undefined
  const first = tiff.u32(4)
  const pictureTags = tagsAt(tiff, first)
  const previewTags = tagsAt(tiff, nextDirectory(tiff, first))
  const [offset, length] = [previewTags.get(PREVIEW_OFFSET) ?? 0, previewTags.get(PREVIEW_LENGTH) ?? 0]
  if (offset === 0 || length === 0 || offset + length > tiff.bytes.length) return undefined
  const preview = tiff.bytes.subarray(offset, offset + length)
  if (preview.length < 4 || preview.readUInt16BE(0) !== START) return undefined
  const orientation = pictureTags.get(ORIENTATION) ?? 1
  return orientation >= 2 && orientation <= 8 ? turned(preview, orientation) : preview
}

function exifIn(head: Buffer): Tiff | undefined {
  if (head.length < 4 || head.readUInt16BE(0) !== START) return undefined
  for (let at = 2; at + 4 <= head.length && head[at] === 0xff;) {
    const marker = head[at + 1] ?? 0
    const end = at + 2 + head.readUInt16BE(at + 2)
    if (marker === START_OF_SCAN) return undefined
    const data = head.subarray(at + 4, Math.min(end, head.length))
    if (marker === APP1 && EXIF.equals(data.subarray(0, EXIF.length))) {
      return tiffOf(data.subarray(EXIF.length))
    }
    at = end
  }
  return undefined
}

function tiffOf(bytes: Buffer): Tiff | undefined {
  if (bytes.length < 8) return undefined
  const order = bytes.toString('latin1', 0, 2)
  if (order !== 'II' && order !== 'MM') return undefined
  const isLittle = order === 'II'
  const fits = (at: number, length: number) => at >= 0 && at + length <= bytes.length
  return {
    bytes,
    u16: at => (!fits(at, 2) ? 0 : isLittle ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at)),
    u32: at => (!fits(at, 4) ? 0 : isLittle ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at)),
  }
}

const ENTRY_SIZE = 12
const MOST_ENTRIES = 512
const SHORT = 3

/** Numbers only: SHORT and LONG. */
function tagsAt(tiff: Tiff, at: number): Map<number, number> {
  const tags = new Map<number, number>()
  if (at < 8) return tags
  const count = Math.min(MOST_ENTRIES, tiff.u16(at))
  for (let i = 0; i < count; i++) {
    const entry = at + 2 + i * ENTRY_SIZE
    const isShort = tiff.u16(entry + 2) === SHORT
    tags.set(tiff.u16(entry), isShort ? tiff.u16(entry + 8) : tiff.u32(entry + 8))
  }
  return tags
}

function nextDirectory(tiff: Tiff, at: number): number {
  return at < 8 ? 0 : tiff.u32(at + 2 + tiff.u16(at) * ENTRY_SIZE)
}

/** The preview itself does not say how it is to be held: a header that does, put before it. */
function turned(preview: Buffer, orientation: number): Buffer {
  const tiff = Buffer.alloc(26)
  tiff.write('II*\0', 0, 'latin1')
  tiff.writeUInt32LE(8, 4)
  tiff.writeUInt16LE(1, 8)
  tiff.writeUInt16LE(ORIENTATION, 10)
  tiff.writeUInt16LE(SHORT, 12)
  tiff.writeUInt32LE(1, 14)
  tiff.writeUInt16LE(orientation, 18)
  const segment = Buffer.alloc(4)
  segment.writeUInt16BE(0xff00 | APP1, 0)
  segment.writeUInt16BE(2 + EXIF.length + tiff.length, 2)
  return Buffer.concat([preview.subarray(0, 2), segment, EXIF, tiff, preview.subarray(2)])
}

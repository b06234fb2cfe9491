/** A side of the square, in pixels, that a thumbnail fits into; the sizes of the freedesktop store. */
export type ThumbnailBox = 128 | 256 | 512 | 1024

export const THUMBNAIL_BOXES: readonly ThumbnailBox[] = [128, 256, 512, 1024]

/** The smallest box that holds an image of `pixels`, or the largest there is. */
export function boxFor(pixels: number): ThumbnailBox {
  return THUMBNAIL_BOXES.find(box => box >= pixels) ?? 1024
}

export type ImageFormat = 'jpeg' | 'png' | 'webp' | 'gif'

/**
 * By the first bytes, whatever a name or a header says. Only formats that are nothing but pixels: no SVG, which
 * may refer to other files and hosts.
 */
export function imageFormatOf(bytes: Uint8Array): ImageFormat | undefined {
  const head = Buffer.from(bytes.subarray(0, 16)).toString('latin1')
  const starts = (offset: number, text: string) => head.startsWith(text, offset)
  if (starts(0, '\xff\xd8\xff')) return 'jpeg'
  if (starts(0, '\x89PNG\r\n\x1a\n')) return 'png'
  if (starts(0, 'RIFF') && starts(8, 'WEBP')) return 'webp'
  if (starts(0, 'GIF87a') || starts(0, 'GIF89a')) return 'gif'
  return undefined
}

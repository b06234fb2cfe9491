import { createHash } from 'node:crypto'
import sharp from 'sharp'
import { type Content, MemoryContent } from './content.js'
import type { Item } from './drive.js'

/** Of the names that end so the service makes thumbnails; of spreadsheets it has hardly ever any (graph-docs #2849). */
const LANDSCAPE = new Set([
  'bmp',
  'gif',
  'heic',
  'jpeg',
  'jpg',
  'mov',
  'mp4',
  'png',
  'psd',
  'tif',
  'tiff',
  'webp',
])
const PORTRAIT = new Set(['ai', 'docx', 'pdf', 'pptx'])

export interface Box {
  readonly width: number
  readonly height: number
  /** Fill the box and cut what does not fit. */
  readonly crop: boolean
}

/** What the service made a thumbnail of; `undefined` where it makes none. */
export function shapeOf(item: Item): 'landscape' | 'portrait' | undefined {
  if (item.kind !== 'file' || item.size === 0) return undefined
  const extension = item.name.slice(item.name.lastIndexOf('.') + 1).toLowerCase()
  if (LANDSCAPE.has(extension)) return 'landscape'
  return PORTRAIT.has(extension) ? 'portrait' : undefined
}

/** In pixels: three by four, or four by three, in the box. */
export function sizeInBox(shape: 'landscape' | 'portrait', box: Box): { width: number; height: number } {
  if (box.crop) return { width: box.width, height: box.height }
  const ratio = shape === 'landscape' ? 4 / 3 : 3 / 4
  const width = Math.min(box.width, box.height * ratio)
  return { width: Math.max(1, Math.round(width)), height: Math.max(1, Math.round(width / ratio)) }
}

/** Two bands of one colour each, over which lies some noise so that a JPEG of it has the size of a photo's. */
export interface Colours {
  readonly top: readonly [number, number, number]
  readonly bottom: readonly [number, number, number]
}

const HUES = 96

/**
 * The same for one version of an item in every run, another for another version. Few enough to be drawn once each:
 * a folder of thousands must not cost the emulator thousands of encodings.
 */
export function coloursOf(item: Item, version: number): Colours {
  const digest = createHash('sha256').update(`${item.guid} ${version}`).digest()
  const hue = digest.readUInt16BE(0) % HUES
  return { top: colour(hue), bottom: colour((hue + HUES / 3) % HUES) }
}

const drawn = new Map<string, Promise<Content>>()
const MOST_DRAWN = 1000

export function drawThumbnail(item: Item, version: number, box: Box): Promise<Content> {
  const shape = shapeOf(item)
  if (!shape) throw new Error(`${item.name} has no thumbnail`)
  const { width, height } = sizeInBox(shape, box)
  const colours = coloursOf(item, version)
  const key = `${width} ${height} ${colours.top.join(' ')}`
  let image = drawn.get(key)
  if (!image) {
    if (drawn.size >= MOST_DRAWN) drawn.clear()
    image = draw(width, height, colours)
    drawn.set(key, image)
  }
  return image
}

async function draw(width: number, height: number, { top, bottom }: Colours): Promise<Content> {
  const pixels = Buffer.alloc(width * height * 3)
  let noise = 12345
  for (let y = 0; y < height; y++) {
    const [red, green, blue] = y * 2 < height ? top : bottom
    for (let x = 0; x < width; x++) {
      noise = (Math.imul(noise, 1_103_515_245) + 12_345) >>> 0
      const grain = ((noise >>> 16) % 33) - 16
      const at = (y * width + x) * 3
      pixels[at] = red + grain
      pixels[at + 1] = green + grain
      pixels[at + 2] = blue + grain
    }
  }
  return new MemoryContent(
    await sharp(pixels, { raw: { width, height, channels: 3 } })
      .jpeg({ quality: 70 })
      .toBuffer(),
  )
}

/** Of full saturation but never at the ends of the range, so that the grain does not clip. */
function colour(hue: number): [number, number, number] {
  const channel = (shift: number) => {
    const at = ((hue / HUES) * 6 + shift) % 6
    return Math.round(40 + 170 * Math.max(0, Math.min(1, Math.abs(at - 3) - 1)))
  }
  return [channel(0), channel(4), channel(2)]
}

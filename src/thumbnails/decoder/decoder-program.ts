import sharp from 'sharp'
import { imageFormatOf } from '../../model/thumbnail.js'
import { frame, FrameReader, piecesOf } from './frames.js'
import { LARGEST_JOB, LARGEST_PIXELS } from './limits.js'
import { halved, pngOf, squared, type Pixels } from './pixels.js'

/**
 * A program of its own: images of other organizations in, PNGs out, over its standard input and output. It knows no
 * file, no network and no secret; whatever an image does to it, it does to this process only.
 *
 * Job: the boxes (2 bytes each), the image, and a third piece where the PNGs are to be square. Answer: a PNG for each box; or one piece, the reason, after an empty one.
 */
sharp.cache(false)
sharp.concurrency(1)
// Of libvips' many loaders only those of formats that are nothing but pixels, and only from memory.
sharp.block({ operation: ['VipsForeignLoad'] })
sharp.unblock({
  operation: [
    'VipsForeignLoadJpegBuffer',
    'VipsForeignLoadPngBuffer',
    'VipsForeignLoadWebpBuffer',
    'VipsForeignLoadNsgifBuffer',
  ],
})

const reader = new FrameReader(LARGEST_JOB)
let work = Promise.resolve()
process.stdin.on('data', (chunk: Buffer) => {
  for (const job of reader.add(chunk)) {
    work = work.then(async () => void process.stdout.write(await answerTo(job)))
  }
})
// Said once everything is loaded: what ends the process before this is no image's fault.
process.stdout.write(frame([]))
process.stdin.on('end', () => void work.then(() => process.exit(0)))

async function answerTo(job: Buffer): Promise<Buffer> {
  try {
    const [boxes, image, square] = piecesOf(job)
    if (boxes === undefined || image === undefined) throw new RangeError('no job')
    return frame(await thumbnailsOf(Buffer.from(image), boxesIn(boxes), square !== undefined))
  } catch (failure) {
    const reason = failure instanceof Error ? failure.message : 'unknown'
    return frame([new Uint8Array(0), Buffer.from(reason.slice(0, 200))])
  }
}

/** The largest is made of the image, the others of the largest. */
async function thumbnailsOf(
  image: Buffer,
  boxes: readonly number[],
  isSquare: boolean,
): Promise<Uint8Array[]> {
  if (imageFormatOf(image) === undefined) throw new RangeError('no image that we know')
  const largest = Math.max(...boxes)
  const { data, info } = await sharp(image, { limitInputPixels: LARGEST_PIXELS, failOn: 'error', pages: 1 })
    .autoOrient()
    .resize(largest, largest, { fit: 'inside', withoutEnlargement: true })
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true })
  const pixels = { data, width: info.width, height: info.height, channels: info.channels }
  return await Promise.all(
    boxes.map(async box => {
      const small = await within(pixels, box)
      return pngOf(isSquare ? squared(small, box) : small)
    }),
  )
}

async function within(pixels: Pixels, box: number): Promise<Pixels> {
  const longest = Math.max(pixels.width, pixels.height)
  if (longest <= box) return pixels
  if (longest === 2 * box) return halved(pixels)
  const { data, width, height, channels } = pixels
  const small = await sharp(data, { raw: { width, height, channels } })
    .resize(box, box, { fit: 'inside' })
    .raw()
    .toBuffer({ resolveWithObject: true })
  return {
    data: small.data,
    width: small.info.width,
    height: small.info.height,
    channels: small.info.channels,
  }
}

function boxesIn(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const boxes = Array.from({ length: bytes.length >> 1 }, (_, i) => view.getUint16(2 * i, true))
  if (boxes.length === 0 || boxes.length > 4 || boxes.some(box => box < 1 || box > 1024)) {
    throw new RangeError('no boxes that we know')
  }
  return boxes
}

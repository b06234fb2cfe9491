import sharp from 'sharp'
import t from 'tap'
import { docx, zip } from '../../../src/emulator/world/documents.js'
import type { ByteRange } from '../../../src/model/byte-ranges.js'
import type { ContentVersion, Ino, ItemKey } from '../../../src/model/ids.js'
import { RangedPreviews } from '../../../src/thumbnails/embedded-preview.js'
import { previewInJpeg } from '../../../src/thumbnails/jpeg-preview.js'

const forever = new AbortController().signal
const picture = async (width: number, height: number, background: string) =>
  sharp({ create: { width, height, channels: 3, background } })
    .jpeg()
    .toBuffer()
const preview = await picture(160, 120, '#20c040')

/** A JPEG whose camera left a preview, and says how it was held. */
function photo(image: Buffer, orientation: number, order: 'II' | 'MM' = 'II'): Buffer {
  const tiff = Buffer.alloc(8 + 18 + 30 + preview.length)
  const u16 = (value: number, at: number) =>
    order === 'II' ? tiff.writeUInt16LE(value, at) : tiff.writeUInt16BE(value, at)
  const u32 = (value: number, at: number) =>
    order === 'II' ? tiff.writeUInt32LE(value, at) : tiff.writeUInt32BE(value, at)
  tiff.write(order, 0, 'latin1')
  u16(42, 2)
  u32(8, 4)
  u16(1, 8) // IFD0: how it was held
  u16(0x0112, 10)
  u16(3, 12)
  u32(1, 14)
  u16(orientation, 18)
  u32(26, 22)
  u16(2, 26) // IFD1: where the preview is
  u16(0x0201, 28)
  u16(4, 30)
  u32(1, 32)
  u32(56, 36)
  u16(0x0202, 40)
  u16(4, 42)
  u32(1, 44)
  u32(preview.length, 48)
  preview.copy(tiff, 56)
  const segment = Buffer.from([0xff, 0xe1, 0, 0])
  segment.writeUInt16BE(2 + 6 + tiff.length, 2)
  return Buffer.concat([
    image.subarray(0, 2),
    segment,
    Buffer.from('Exif\0\0', 'latin1'),
    tiff,
    image.subarray(2),
  ])
}

function finder(file: Buffer) {
  const ranges: ByteRange[] = []
  const previews = new RangedPreviews({
    fetch: async (_, __, range, sink) => {
      ranges.push(range)
      await sink(file.subarray(range.start, range.end), range.start)
    },
  })
  const find = (name: string) =>
    previews.find(
      {
        ino: 5 as Ino,
        generation: 0,
        item: {} as ItemKey,
        version: 'v' as ContentVersion,
        content: 'v' as ContentVersion,
        name,
        size: file.length,
        modified: 0,
      },
      forever,
    )
  const read = () => ranges.reduce((sum, { start, end }) => sum + end - start, 0)
  return { find, ranges, read }
}

t.test('a photo’s preview is found in its head, and turned as the photo is', async t => {
  const large = Buffer.concat([photo(await picture(4000, 3000, '#20c040'), 6), Buffer.alloc(3_000_000)])
  const { find, ranges } = finder(large)
  const found = await find('Holiday.JPG')
  t.same(ranges, [{ start: 0, end: 72 * 1024 }])
  t.match(await sharp(found).autoOrient().toBuffer({ resolveWithObject: true }), {
    info: { width: 120, height: 160 },
  })
  t.same(previewInJpeg(photo(preview, 1, 'MM')), preview)
})

t.test('a document’s preview is found by the directory at its end', async t => {
  const filler = Buffer.from(Array.from({ length: 400_000 }, (_, i) => (i * 7919) % 251))
  const document = zip({
    'word/media/film.bin': filler,
    'docProps/thumbnail.jpeg': preview,
    'word/a.xml': '<a/>',
  })
  const { find, read } = finder(document)
  t.same(await find('Plan.docx'), preview)
  t.ok(read() <= 256 * 1024)
  const png = await sharp(preview).png().toBuffer()
  t.same(await finder(zip({ 'Thumbnails/thumbnail.png': png })).find('Slides.odp'), png)
  t.equal(await finder(docx('Plan', ['without'])).find('Plan.docx'), undefined)
})

t.test('a file that lies about itself has no preview, and costs no more than 256 KiB', async t => {
  const honest = photo(preview, 1)
  for (let i = 0; i < honest.length && i < 120; i++) {
    const lying = Buffer.from(honest)
    lying[i] = 0xff
    t.doesNotThrow(() => previewInJpeg(lying))
  }
  t.equal(previewInJpeg(Buffer.from([0xff, 0xd8, 0xff])), undefined)

  const archive = zip({ 'docProps/thumbnail.jpeg': preview })
  for (let i = 4; i < 100; i++) {
    const lying = Buffer.from(archive)
    lying.fill(0xff, lying.length - i, lying.length - i + 4)
    const { find, read } = finder(lying)
    await find('Plan.docx').catch(() => {})
    t.ok(read() <= 256 * 1024)
  }
  const bomb = zip({ 'docProps/thumbnail.jpeg': Buffer.alloc(30_000_000) })
  t.equal(await finder(bomb).find('Plan.docx'), undefined)
  t.equal(await finder(Buffer.alloc(0)).find('Plan.docx'), undefined)
  t.equal(await finder(Buffer.from('no archive at all')).find('Plan.docx'), undefined)
})

t.test('of other files nothing is read', async t => {
  const { find, ranges } = finder(Buffer.alloc(1000))
  for (const name of ['film.mp4', 'scan.pdf', 'notes.txt']) t.equal(await find(name), undefined)
  t.same(ranges, [])
})

import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { crc32, deflateSync } from 'node:zlib'
import sharp from 'sharp'
import t, { type Test } from 'tap'
import { findConfinement, wrapped, type Confinement } from '../../../src/thumbnails/decoder/confinement.js'
import { Decoder, type DecoderOptions } from '../../../src/thumbnails/decoder/decoder.js'

const execute = promisify(execFile)
const found = await findConfinement()

function openDecoder(test: Test, options: DecoderOptions = {}): Decoder {
  const decoder = new Decoder(options)
  test.teardown(() => decoder.close())
  return decoder
}

const photo = await sharp({ create: { width: 640, height: 480, channels: 3, background: '#c03020' } })
  .jpeg()
  .toBuffer()

/** Process groups that we have started and that still run. */
async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return text.trim().split(' ').filter(Boolean).map(Number)
}

async function works(t: Test, decoder: Decoder, name: string): Promise<void> {
  const decoded = await decoder.decode(photo, [256])
  t.match(decoded, { kind: 'thumbnails' }, name)
}

/** A PNG of any size whose pixels are all zero: large as an image, small as a file. */
function pngBomb(width: number, height: number, options: { interlaced: boolean; bits: 1 | 8 }): Buffer {
  const row = 1 + Math.ceil((width * options.bits) / 8)
  // The passes of an interlaced image have a few more rows than this has.
  const pixels = deflateSync(Buffer.alloc(row * (height + (options.interlaced ? height : 0))), { level: 9 })
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([options.bits, 0, 0, 0, options.interlaced ? 1 : 0], 8)
  const chunk = (type: string, data: Buffer) => {
    const typed = Buffer.concat([Buffer.from(type), data])
    const whole = Buffer.alloc(8)
    whole.writeUInt32BE(data.length)
    whole.writeUInt32BE(crc32(typed) >>> 0, 4)
    return Buffer.concat([whole.subarray(0, 4), typed, whole.subarray(4)])
  }
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', pixels),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

/** A small picture that says that it is large. */
function enlarged(jpeg: Buffer, width: number, height: number): Buffer {
  const copy = Buffer.from(jpeg)
  const frame = copy.indexOf(Buffer.from([0xff, 0xc0]))
  copy.writeUInt16BE(height, frame + 5)
  copy.writeUInt16BE(width, frame + 7)
  return copy
}

t.test('with descriptors of ours hidden from it the decoder works all the same', async t => {
  await works(t, openDecoder(t, { hidden: () => [7, 12] }), 'through its own pipes')
})

t.test('an image becomes PNGs that fit into their boxes', async t => {
  const decoder = openDecoder(t)
  const decoded = await decoder.decode(photo, [256, 128])
  if (decoded.kind !== 'thumbnails') throw new Error(decoded.reason)
  const [large, normal] = await Promise.all(decoded.pngs.map(png => sharp(png).metadata()))
  t.match(large, { format: 'png', width: 256, height: 192 })
  t.match(normal, { format: 'png', width: 128, height: 96 })

  const small = await sharp(photo).resize(40, 30).png().toBuffer()
  const kept = await decoder.decode(small, [256])
  if (kept.kind !== 'thumbnails') throw new Error(kept.reason)
  t.match(await sharp(kept.pngs[0]).metadata(), { width: 40, height: 30 }, 'nothing is made larger')
})

t.test('of an animation the first picture is shown', async t => {
  const frames = [Buffer.alloc(30 * 30 * 3, 250), Buffer.alloc(30 * 30 * 3, 5)]
  const raw = { width: 30, height: 60, channels: 3, pageHeight: 30 } as const
  const gif = await sharp(Buffer.concat(frames), { raw }).gif().toBuffer()
  t.equal((await sharp(gif, { pages: -1 }).metadata()).pages, 2)
  const decoded = await openDecoder(t).decode(gif, [128])
  if (decoded.kind !== 'thumbnails') throw new Error(decoded.reason)
  t.match(await sharp(decoded.pngs[0]).metadata(), { width: 30, height: 30 })
  t.ok(((await sharp(decoded.pngs[0]).stats()).channels[0]?.mean ?? 0) > 200)
})

const svg = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="99" height="99">
<image xlink:href="file:///etc/passwd" width="9" height="9"/><image xlink:href="https://contoso.example/x.png"/></svg>`

const hostile: Readonly<Record<string, Buffer>> = {
  'a PNG of 30,000 by 30,000': pngBomb(30_000, 30_000, { interlaced: false, bits: 1 }),
  'a JPEG of 30,000 by 30,000': enlarged(photo, 30_000, 30_000),
  'a truncated PNG': (await sharp(photo).png().toBuffer()).subarray(0, 700),
  'a truncated JPEG': photo.subarray(0, photo.length / 2),
  'an SVG that refers to files and hosts': Buffer.from(svg),
  'an SVG behind the first bytes of a PNG': Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    Buffer.from(svg),
  ]),
  'an error page': Buffer.from('<!DOCTYPE html><title>Something went wrong</title>'),
  'random bytes': randomBytes(50_000),
  'a TIFF': await sharp(photo).tiff().toBuffer(),
  nothing: Buffer.alloc(0),
}

for (const confinement of new Set<Confinement>([found, 'limits'])) {
  t.test(`what is no good image costs itself (${confinement})`, async t => {
    const decoder = openDecoder(t, { confinement })
    for (const [name, bytes] of Object.entries(hostile)) {
      t.match(await decoder.decode(bytes, [256]), { kind: 'refused' }, name)
    }
    await works(t, decoder, 'and the next one is decoded')
  })
}

t.test('an image that is unpacked to hundreds of megabytes costs itself at most', async t => {
  const decoder = openDecoder(t)
  const bomb = pngBomb(11_000, 11_000, { interlaced: true, bits: 8 })
  const before = process.memoryUsage().rss
  const decoded = await decoder.decode(bomb, [256])
  t.ok(['refused', 'thumbnails'].includes(decoded.kind))
  t.ok(process.memoryUsage().rss - before < 100e6, 'not of our memory')
  await works(t, decoder, 'and the next one is decoded')
})

t.test('what takes too long is ended', async t => {
  const decoder = openDecoder(t, { longestJob: 1 })
  const large = await sharp(photo).resize(6000, 6000, { fit: 'fill' }).png().toBuffer()
  t.match(await decoder.decode(large, [1024]), { kind: 'refused', reason: 'took too long' })
})

t.test('a process that is killed while it works costs that image and nothing else', async t => {
  const decoder = openDecoder(t)
  await works(t, decoder, 'it runs')
  const large = await sharp(photo).resize(6000, 6000, { fit: 'fill' }).png().toBuffer()
  const during = decoder.decode(large, [1024])
  const behind = decoder.decode(photo, [256])
  const [child] = await childrenOf(process.pid)
  t.ok(child)
  if (child !== undefined) process.kill(child, 'SIGSEGV')
  t.match(await during, { kind: 'refused', reason: /^ended with / })
  t.match(await behind, { kind: 'thumbnails' })
  await works(t, decoder, 'and the next one is decoded')
})

t.test('a decoder that is closed ends with its work', async t => {
  const decoder = openDecoder(t)
  await works(t, decoder, 'before')
  decoder.close()
  await t.rejects(decoder.decode(photo, [256]), { code: 'cancelled' })
})

t.test('what decodes leaves the processors to others', async t => {
  await works(t, openDecoder(t), 'before')
  const { stdout } = await execute('ps', ['--ppid', String(process.pid), '-o', 'ni=,args='])
  const decoders = stdout.split('\n').filter(line => line.includes('decoder-program'))
  t.ok(decoders.length > 0)
  for (const line of decoders) t.match(line, /^ *10 /)
})

t.test('the process has no environment, and limits', async t => {
  const { program, args } = wrapped('limits', [
    '/bin/sh',
    '-c',
    'env; ulimit -d; ulimit -f; ulimit -t; ulimit -c',
  ])
  const { stdout } = await execute(program, [...args], { env: { PATH: '/usr/bin:/bin' } })
  t.same(stdout.trim().split('\n').slice(-4), ['1048576', '0', '300', '0'])
  t.notMatch(stdout, /HOME|TOKEN|XDG/)
})

t.test(
  'in the sandbox there is no home, no other file, and no network',
  { skip: found !== 'sandbox' && found },
  async t => {
    const script =
      'ls -d /root /home /tmp /etc/passwd /var /run 2>/dev/null; cat /proc/net/dev | grep -c :; touch /x'
    const { program, args } = wrapped('sandbox', ['/bin/sh', '-c', `${script}; true`])
    const { stdout } = await execute(program, [...args], { env: { PATH: '/usr/bin:/bin', SECRET: 'x' } })
    const shown = stdout.trim().split('\n')
    t.equal(shown.pop(), '1', 'only the loopback')
    // What leads to the program may be shown, and nothing beside it.
    const isOnTheWay = (path: string) => import.meta.dirname.startsWith(`${path}/`)
    t.same(
      shown.filter(path => path !== '/tmp' && !isOnTheWay(path)),
      [],
    )
  },
)

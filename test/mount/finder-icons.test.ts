import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { cannotMount, cannotMountByFuseNative } from '../helpers/can-mount.js'
import { counters, look, openGallery, type Gallery } from '../helpers/gallery.js'
import { iconElements, resourcesOf } from '../helpers/mac-formats.js'

const run = promisify(execFile)

/** What a program gets that asks the kernel. */
async function attribute(path: string, name: string): Promise<Buffer> {
  const { stdout } = await run('getfattr', ['--only-values', '--absolute-names', '-n', name, path], {
    encoding: 'buffer',
    timeout: 20_000,
    maxBuffer: 1024 * 1024,
  })
  return stdout
}

/** Pillow's reader of icons: the corners and the middle, of the one of 128 pixels. */
const PILLOW = `
import io, sys
from PIL import Image
icon = Image.open(io.BytesIO(sys.stdin.buffer.read()))
icon.size = (128, 128, 1)
icon.load()
print(icon.mode, icon.getpixel((0, 0))[3], icon.getpixel((64, 64))[3], icon.getpixel((127, 127))[3])
`

async function readByPillow(icns: Buffer): Promise<string> {
  const asked = run('/usr/bin/python3', ['-c', PILLOW], { timeout: 20_000 })
  asked.child.stdin?.end(icns)
  return (await asked).stdout.trim()
}

async function showsIcons(t: Test, { folder, drive, sandbox }: Gallery): Promise<void> {
  const table = (await readdir(folder)).find(name => name.endsWith('.xlsx')) ?? ''
  const photo = join(folder, 'Photo 001.jpg')
  const info = await attribute(photo, 'com.apple.FinderInfo')
  t.equal(info.length, 32)
  t.equal(info.readUInt16BE(8), 0x0400)
  const fork = await attribute(photo, 'com.apple.ResourceFork')
  const [icon, ...others] = resourcesOf(fork)
  t.match(icon, { type: 'icns', id: -16455 })
  t.same(others, [])
  const icns = icon?.data ?? Buffer.alloc(0)
  t.ok(iconElements(icns).has('ic07'))
  t.equal(await readByPillow(icns), 'RGBA 0 255 0', 'a landscape in a square of nothing')
  await t.rejects(attribute(join(folder, table), 'com.apple.FinderInfo'), /No such attribute/)
  await t.rejects(attribute(photo, 'com.apple.metadata:kMDItemWhereFroms'), /No such attribute/)

  const volume = await readFile(join(drive, '.VolumeIcon.icns'))
  t.same([...iconElements(volume).keys()], ['ic07', 'ic08', 'ic09'])
  t.equal((await readFile(join(drive, '.metadata_never_index'))).length, 0)
  t.equal((await attribute(drive, 'com.apple.FinderInfo')).readUInt16BE(8), 0x0400)
  t.same((await counters(sandbox)).content, { requests: 0, bytes: 0 }, 'nothing was downloaded')
}

t.test('a Mac would find thumbnails as icons of files', { skip: cannotMount }, async t => {
  const gallery = await openGallery(t, { finderIcons: true })
  await look(gallery)
  await t.test('through the kernel', t => showsIcons(t, gallery))
  await t.test('through fuse-native', { skip: cannotMountByFuseNative }, async t => {
    const { sandbox, drive } = gallery
    await sandbox.json('unmount')
    await sandbox.json('mount', drive, '--transport', 'fuse-native')
    await showsIcons(t, gallery)
  })
})

import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import t from 'tap'
import type { ItemStatus, ThumbnailAnswer } from '../../src/control/answers.js'
import { fileUri } from '../../src/thumbnails/file-uri.js'
import { textsOf } from '../../src/thumbnails/png-text.js'
import { cannotMount } from '../helpers/can-mount.js'
import { counters, look, made, openGallery, type Gallery } from '../helpers/gallery.js'

const nameOf = (path: string) => `${createHash('md5').update(fileUri(path)).digest('hex')}.png`

/** Where a file manager looks. */
function places({ folder, thumbnails }: Gallery, name: string) {
  const file = nameOf(join(folder, name))
  return {
    normal: join(thumbnails, 'normal', file),
    large: join(thumbnails, 'large', file),
    failure: join(thumbnails, 'fail', 'gnome-thumbnail-factory', file),
  }
}

t.test(
  'a folder that is opened shows its thumbnails, and nothing of it is downloaded',
  { skip: cannotMount },
  async t => {
    const gallery = await openGallery(t)
    const { sandbox, folder } = gallery
    await sandbox.admin('DELETE', '/counters')
    const names = await look(gallery)
    t.equal(names.length, 200)
    const ofMacs = join(gallery.drive, '.metadata_never_index')
    await t.rejects(readFile(ofMacs), { code: 'ENOENT' }, 'what only a Mac would look for')
    const { routes, content, thumbnails } = await counters(sandbox)
    t.same(content, { requests: 0, bytes: 0 })
    t.equal(thumbnails.requests, 180)
    t.equal(routes['batch'], 10, 'twenty at a time')

    for (const name of names) {
      const { normal, large, failure } = places(gallery, name)
      if (name.endsWith('.xlsx')) {
        t.same([existsSync(normal), existsSync(large), existsSync(failure)], [false, false, true], name)
        continue
      }
      t.same([existsSync(normal), existsSync(large), existsSync(failure)], [true, true, false], name)
    }

    const photo = places(gallery, 'Photo 001.jpg')
    const { mtimeMs, size } = await stat(join(folder, 'Photo 001.jpg'))
    const png = await readFile(photo.large)
    t.match(textsOf(png), {
      'Thumb::URI': fileUri(join(folder, 'Photo 001.jpg')),
      'Thumb::MTime': String(Math.floor(mtimeMs / 1000)),
      'Thumb::Size': String(size),
      Software: 'b2bmount',
    })
    t.match(await sharp(png).metadata(), { format: 'png', width: 256, height: 192 })
    t.match(await sharp(photo.normal).metadata(), { width: 128, height: 96 })
    t.equal((await stat(photo.large)).mode & 0o777, 0o600)
    t.equal((await stat(join(gallery.thumbnails, 'large'))).mode & 0o777, 0o700)
    t.same(
      (await readdir(join(gallery.thumbnails, 'large'))).filter(name => !/^[0-9a-f]{32}\.png$/.test(name)),
      [],
      'nothing is left over',
    )
    const { state } = await sandbox.json<ItemStatus>('status', join(folder, 'Photo 001.jpg'))
    t.equal(state, 'online-only')

    // Mounted again, nothing is asked for again.
    await sandbox.json('stop')
    await sandbox.json('mount', gallery.drive)
    await sandbox.admin('DELETE', '/counters')
    await look(gallery)
    t.notOk((await counters(sandbox)).routes['batch'])
  },
)

t.test(
  'where the service has none, nothing is downloaded either, and file managers are told not to try',
  { skip: cannotMount },
  async t => {
    const gallery = await openGallery(t)
    const { sandbox, folder, driveId } = gallery
    await sandbox.admin('PUT', '/thumbnails', { available: false })
    await sandbox.admin('DELETE', '/counters')
    for (const name of await look(gallery)) t.ok(existsSync(places(gallery, name).failure), name)
    t.same((await counters(sandbox)).content, { requests: 0, bytes: 0 })
    t.same((await sandbox.cli('thumbnail', join(folder, 'Scan 007.pdf'))).status, 1)

    // What is read is local, and is drawn from what is local.
    const { failure, large } = places(gallery, 'Photo 001.jpg')
    const bytes = await readFile(join(folder, 'Photo 001.jpg'))
    await made(sandbox)
    const end = Date.now() + 20_000
    while (!existsSync(large) && Date.now() < end) await stat(folder)
    t.notOk(existsSync(failure))
    const [ours, truth] = await Promise.all([sharp(large).stats(), sharp(bytes).stats()])
    t.ok(Math.abs((ours.channels[0]?.mean ?? 0) - (truth.channels[0]?.mean ?? 255)) < 8)

    // Another content, and the service has its thumbnail by now.
    await sandbox.admin('PUT', '/thumbnails', { available: true })
    await sandbox.admin('POST', '/items', {
      do: 'replace',
      drive: driveId,
      path: 'Mixed/Photo 002.jpg',
      text: 'new',
    })
    const second = join(folder, 'Photo 002.jpg')
    while ((await stat(second)).size !== 3 && Date.now() < end + 60_000) await made(sandbox)
    t.notOk(existsSync(places(gallery, 'Photo 002.jpg').failure), 'the old note is gone')
    await look(gallery)
    t.ok(existsSync(places(gallery, 'Photo 002.jpg').large))
  },
)

t.test('one thumbnail is made to order', { skip: cannotMount }, async t => {
  const gallery = await openGallery(t)
  const { sandbox, folder } = gallery
  const file = join(folder, 'Photo 003.jpg')
  await readdir(folder)
  const output = join(sandbox.home, 'out.png')
  const answer = await sandbox.json<ThumbnailAnswer>('thumbnail', file, '--size', '512', '--output', output)
  t.match(answer, { source: 'service', file: output })
  t.match(await sharp(output).metadata(), { format: 'png', width: 512 })
  const other = join(sandbox.home, 'other.png')
  const made = await sandbox.cli('thumbnailer', fileUri(file), other, '200')
  t.same(made.status, 0, made.stderr)
  t.match(await sharp(other).metadata(), { width: 256 })
  t.same((await sandbox.cli('thumbnailer', fileUri(join(folder, 'Figures 010.xlsx')), other)).status, 1)
  t.same((await sandbox.cli('thumbnailer', 'https://contoso.sharepoint.com/x', other)).status, 2)
  t.match(await sandbox.json('thumbnails', 'clear'), { images: Number })
  t.match(await sandbox.json('thumbnails', 'status'), { images: 0, bytes: 0 })
})

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import t from 'tap'
import { Fault } from '../../src/model/fault.js'
import type { DriveItem } from '../../src/model/drive-item.js'
import { inoOf, type LibraryId } from '../../src/model/ids.js'
import { fileUri } from '../../src/thumbnails/file-uri.js'
import { subjectOf } from '../../src/thumbnails/subject.js'
import { aWhile, fileItem, folderItem, forever, pattern, until } from './drive-world.js'
import { JPEG, MOUNT, startThumbnailWorld, type ThumbnailWorld } from './thumbnail-world.js'

const image = () => ({ kind: 'image' as const, bytes: JPEG })
const none = () => ({ kind: 'none' as const })

function putPhotos(world: ThumbnailWorld, folder: string, count: number): void {
  world.library()
  world.remote.pageSize = 1000
  world.remote.put(folderItem(folder, folder))
  for (let i = 1; i <= count; i++) {
    world.remote.put(fileItem(`${folder}-${i}`, `photo ${i}.jpg`, pattern(100 + i), folder))
  }
}

async function depicted(world: ThumbnailWorld, ...names: string[]) {
  const item = world.store.items.byIno(inoOf(await world.node(...names)))
  const content = item && subjectOf(world.store, item.ino)?.content
  if (item === undefined || content === undefined) throw new Error('gone')
  return {
    uri: fileUri([MOUNT, 'Contoso', 'Team - Projects', ...names].join('/')),
    modifiedSeconds: Math.floor(item.modified / 1000),
    size: item.size,
    version: content,
  }
}

/** As the synchronisation does. */
function replace(world: ThumbnailWorld, library: LibraryId, newer: DriveItem): void {
  const known = world.store.items.byRemoteId(library, newer.id)
  if (!known) throw new Error('nothing to replace')
  const changes = world.store.change(world.clock.now(), edit =>
    edit.put(library, known.parent, newer, { kind: 'unlisted' }),
  )
  world.thumbnails.changed(changes)
}

t.test('files are asked for in the order of their names, twenty at a time, ten times at once', async t => {
  const world = startThumbnailWorld(t)
  putPhotos(world, 'trip', 220)
  await world.look('trip')
  await until(() => world.service.batches.length === 10)
  await aWhile()
  const { batches } = world.service
  t.equal(batches.length, 10, 'no more before one is answered')
  t.same(batches[0]?.names.slice(0, 3), ['trip-1', 'trip-2', 'trip-3'])
  t.same(batches[9]?.names.at(-1), 'trip-200')
  batches[0]?.answer(image)
  await until(() => batches.length === 11)
  t.equal(batches[10]?.names.length, 20)
})

t.test(
  'a folder that is opened meanwhile goes first, and the work on the other goes on after it',
  async t => {
    const world = startThumbnailWorld(t)
    putPhotos(world, 'trip', 220)
    putPhotos(world, 'party', 30)
    await world.look('trip')
    await until(() => world.service.batches.length === 10)
    world.clock.advance(60_000)
    await world.look('party')
    const { batches } = world.service
    for (let i = 0; i < 10; i++) batches[i]?.answer(image)
    await until(() => batches.length === 13)
    t.same(
      batches.slice(10).map(({ names }) => names[0]?.split('-')[0]),
      ['party', 'party', 'trip'],
    )
  },
)

t.test('what is in a folder that is looked at comes after it', async t => {
  const world = startThumbnailWorld(t)
  putPhotos(world, 'trip', 30)
  world.remote.put(folderItem('sub', 'sub', 'trip'))
  world.remote.put(fileItem('deep', 'deep.jpg', pattern(10), 'sub'))
  const trip = inoOf(await world.node('trip'))
  await world.names(await world.node('trip'))
  const sub = inoOf(await world.node('trip', 'sub'))
  await world.names(await world.node('trip', 'sub'))
  world.thumbnails.opened(trip)
  world.thumbnails.opened(sub) // as a file manager does to count what is in it
  world.clock.advance(200)
  await until(() => world.service.batches.length === 3)
  t.same(world.service.batches.at(-1)?.names, ['deep'])
})

t.test('a walk through a tree leaves no more than the last folders', async t => {
  const world = startThumbnailWorld(t)
  const folders = []
  for (let i = 0; i < 60; i++) {
    putPhotos(world, `folder ${i}`, 1)
    folders.push(`folder ${i}`)
  }
  await world.names(await world.node())
  for (const name of folders) {
    const node = await world.node(name)
    await world.names(node)
    world.thumbnails.opened(inoOf(node))
  }
  t.equal(world.folders.status.folders, 16)
  world.service.answersAtOnce = image
  world.clock.advance(200)
  await world.folders.settled()
  t.equal(world.service.batches.length, 16)
})

t.test('who shows the folder is told when a thumbnail has come, and not again', async t => {
  const world = startThumbnailWorld(t)
  putPhotos(world, 'trip', 2)
  world.service.answersAtOnce = (_, name) => (name === 'trip-1' ? image() : none())
  await world.look('trip')
  await world.folders.settled()
  t.same(world.watchersTold, [inoOf(await world.node('trip', 'photo 1.jpg'))])
  await world.look('trip')
  await world.folders.settled()
  t.same(world.watchersTold, [inoOf(await world.node('trip', 'photo 1.jpg'))])
})

t.test('they are told again where their thumbnailer was refused the file, before or after', async t => {
  const world = startThumbnailWorld(t)
  putPhotos(world, 'trip', 3)
  world.service.answersAtOnce = image
  const photo = async (i: number) => inoOf(await world.node('trip', `photo ${i}.jpg`))
  world.thumbnails.refused(await photo(1))
  await world.look('trip')
  await world.folders.settled()
  world.thumbnails.refused(await photo(2))
  t.same(world.watchersTold.toSorted(), [await photo(1), await photo(2), await photo(3)])
  // It may take long until the thumbnailer has said so: three times, 3, 10 and 30 s after.
  for (const [round, wait] of [3_000, 7_000, 20_000].entries()) {
    const before = 3 + 2 * round
    await aWhile()
    world.clock.advance(wait)
    await until(() => world.watchersTold.length === before + 2)
    t.same(world.watchersTold.slice(before).toSorted(), [await photo(1), await photo(2)])
  }
  // Being told makes a program look, and be refused, again.
  world.thumbnails.refused(await photo(1))
  await aWhile()
  world.clock.advance(20_000)
  await aWhile()
  t.equal(world.watchersTold.length, 9)
})

t.test('a thumbnail that comes for a content which is over is not written', async t => {
  const world = startThumbnailWorld(t)
  putPhotos(world, 'trip', 1)
  await world.look('trip')
  await until(() => world.service.batches.length === 1)
  const before = await depicted(world, 'trip', 'photo 1.jpg')
  const newer = world.remote.put(fileItem('trip-1', 'photo 1.jpg', pattern(500, 7), 'trip'))
  const library = world.library()
  replace(world, library.id, newer)
  world.service.batches[0]?.answer(image)
  await world.folders.settled()
  t.notOk(await world.shared.holds(before, 256))
  t.notOk(await world.shared.holds(await depicted(world, 'trip', 'photo 1.jpg'), 256))
  t.match(world.thumbnails.status(), { images: 0 })
})

t.test('a content that is over takes its thumbnails along, whoever made them', async t => {
  const world = startThumbnailWorld(t)
  putPhotos(world, 'trip', 1)
  world.service.answersAtOnce = image
  await world.look('trip')
  await world.folders.settled()
  const before = await depicted(world, 'trip', 'photo 1.jpg')
  t.ok(await world.shared.holds(before, 256))
  const newer = world.remote.put(fileItem('trip-1', 'photo 1.jpg', pattern(101, 9), 'trip'))
  const library = world.library()
  replace(world, library.id, newer)
  t.equal(
    (await depicted(world, 'trip', 'photo 1.jpg')).modifiedSeconds,
    before.modifiedSeconds,
    'of one time',
  )
  let held = true
  for (let i = 0; held && i < 200; i++) held = await world.shared.holds(before, 256)
  t.notOk(held)
})

t.test('where there is none it is written down, for a day, and nothing is read', async t => {
  const world = startThumbnailWorld(t)
  putPhotos(world, 'trip', 3)
  world.service.answersAtOnce = (_, name) =>
    name === 'trip-2' ? { kind: 'image', bytes: Buffer.from('\xff\xd8\xff bomb', 'latin1') } : none()
  await world.look('trip')
  await world.folders.settled()
  for (const i of [1, 2, 3])
    t.ok(await world.shared.holdsFailure(await depicted(world, 'trip', `photo ${i}.jpg`)))
  t.same(world.remote.downloads, [])
  t.match(world.thumbnails.status(), { images: 0, none: 3 })
  t.same(world.troubles, ['image-refused'])

  world.service.batches.length = 0
  await world.look('trip')
  await world.folders.settled()
  t.equal(world.service.batches.length, 0)

  world.clock.advance(25 * 60 * 60_000)
  world.service.answersAtOnce = image
  await world.look('trip')
  await world.folders.settled()
  t.equal(world.service.batches.length, 1)
  t.ok(await world.shared.holds(await depicted(world, 'trip', 'photo 1.jpg'), 256))
  t.notOk(await world.shared.holdsFailure(await depicted(world, 'trip', 'photo 1.jpg')))
})

t.test('what concerns all of a tenant makes a pause, after which the work goes on', async t => {
  const world = startThumbnailWorld(t)
  putPhotos(world, 'trip', 5)
  await world.look('trip')
  await until(() => world.service.batches.length === 1)
  world.service.batches[0]?.fail(new Fault('throttled', 'Not so fast', { retryAfterSeconds: 90 }))
  await until(() => world.folders.status.problem !== undefined)
  await aWhile()
  t.match(world.folders.status, { folders: 1, files: 5, problem: { code: 'throttled' } })
  world.clock.advance(80_000)
  await aWhile()
  t.equal(world.service.batches.length, 1, 'not before the service said')
  world.clock.advance(20_000)
  await until(() => world.service.batches.length === 2)
  t.same(world.service.batches[1]?.names, ['trip-1', 'trip-2', 'trip-3', 'trip-4', 'trip-5'])
  world.service.batches[1]?.answer(image)
  await world.folders.settled()
  t.match(world.folders.status, { folders: 0, problem: undefined })
})

t.test('what is no picture or document is not asked for', async t => {
  const world = startThumbnailWorld(t)
  world.library()
  world.remote.put(folderItem('notes', 'notes'))
  for (const name of ['a.txt', 'b.zip', 'c', 'song.mp3', 'empty.jpg']) {
    world.remote.put(fileItem(name, name, pattern(name === 'empty.jpg' ? 0 : 10), 'notes'))
  }
  await world.look('notes')
  await world.folders.settled()
  t.same(world.service.batches, [])
  t.ok(await world.shared.holdsFailure(await depicted(world, 'notes', 'song.mp3')), 'which others would read')
  t.notOk(await world.shared.holdsFailure(await depicted(world, 'notes', 'a.txt')))
})

t.test('what is local is drawn from what is local, and others may try', async t => {
  const world = startThumbnailWorld(t)
  world.library()
  const [photo, film] = [Buffer.concat([JPEG, pattern(900)]), pattern(1000)]
  world.remote.put(folderItem('trip', 'trip'))
  world.remote.put(fileItem('photo', 'photo.jpg', photo, 'trip'), photo)
  world.remote.put(fileItem('film', 'film.mp4', film, 'trip'), film)
  world.service.answersAtOnce = none
  await world.look('trip')
  await world.folders.settled()
  t.ok(await world.shared.holdsFailure(await depicted(world, 'trip', 'film.mp4')))

  for (const name of ['photo.jpg', 'film.mp4']) {
    const node = await world.node('trip', name)
    const file = await world.drive.open(node, 0, { pid: 1, uid: 0 }, forever)
    await world.drive.read(file.handle, { start: 0, end: 2000 }, forever)
    world.drive.release(file.handle)
    const item = world.store.items.byIno(inoOf(node))
    world.thumbnails.localNow(inoOf(node), item?.generation ?? 0)
  }
  let drawn = false
  for (let i = 0; !drawn && i < 2000; i++) {
    drawn = await world.shared.holds(await depicted(world, 'trip', 'photo.jpg'), 256)
  }
  t.ok(drawn)
  t.ok(world.decoded.some(image => Buffer.from(image).equals(photo)))
  t.notOk(await world.shared.holdsFailure(await depicted(world, 'trip', 'film.mp4')))
})

t.test('what is too much is deleted, the longest unused first', async t => {
  const world = startThumbnailWorld(t)
  putPhotos(world, 'trip', 2)
  world.service.answersAtOnce = image
  const ino = inoOf(await world.node('trip', 'photo 1.jpg'))
  const { file } = await world.thumbnails.make(ino, 256, false, forever)
  t.ok(file?.startsWith(world.directory))
  world.clock.advance(200 * 24 * 60 * 60_000)
  await world.thumbnails.make(inoOf(await world.node('trip', 'photo 2.jpg')), 256, false, forever)
  t.match(world.thumbnails.status(), { images: 2 })
  await world.thumbnails.sweep()
  t.match(world.thumbnails.status(), { images: 1 })
  t.match(await world.thumbnails.clear(), { images: 1 })
  t.match(world.thumbnails.status(), { images: 0, bytes: 0 })
})

t.test('a library that is removed takes its thumbnails along, also those of file managers', async t => {
  const world = startThumbnailWorld(t)
  putPhotos(world, 'trip', 130)
  world.service.answersAtOnce = image
  await world.look('trip')
  await world.folders.settled()
  const first = await depicted(world, 'trip', 'photo 1.jpg')
  t.ok(await world.shared.holds(first, 256))
  t.match(world.thumbnails.status(), { images: 130 })
  await world.thumbnails.forgetLibrary(world.library())
  t.match(world.thumbnails.status(), { images: 0, none: 0, bytes: 0 })
  t.notOk(await world.shared.holds(first, 256))
  t.same(await filesBelow(join(world.directory, 'thumbnails')), [])
  const images = new Sqlite(join(world.directory, 'thumbs', 'images.sqlite'), { readonly: true })
  t.same(images.prepare('SELECT count(*) FROM image').pluck().get(), 0)
  images.close()
})

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  return entries.filter(entry => entry.isFile()).map(({ name }) => name)
}

t.test(
  'a thumbnail stays that of a content of which more is learned, and is not that of another',
  async t => {
    const world = startThumbnailWorld(t)
    const { store, clock, drive, remote } = world
    world.library()
    const photo = fileItem('photo', 'photo.jpg', pattern(5_000))
    remote.hasCTags = false
    remote.put(photo, pattern(5_000))
    const ino = inoOf(await world.node('photo.jpg'))
    const record = () => {
      const item = store.items.byIno(ino)
      if (item === undefined) throw new Error('gone')
      return item
    }
    const before = subjectOf(store, ino)?.content
    t.ok(before)
    store.change(clock.now(), edit => {
      edit.contentTold(ino, record().generation, { ...photo, cTag: 'learned' })
    })
    t.equal(record().cTag, 'learned')
    t.equal(subjectOf(store, ino)?.content, before, 'its cTag comes with its first bytes')
    remote.put(fileItem('photo', 'photo.jpg', pattern(5_000, 7)), pattern(5_000, 7))
    await drive.refreshFolder(store.parentOf(record()), forever)
    t.not(subjectOf(store, ino)?.content, before, 'another content')
  },
)

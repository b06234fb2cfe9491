import { readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { HashFile } from '../../src/hydration/hash-in-slices.js'
import { Fault } from '../../src/model/fault.js'
import { inoOf } from '../../src/model/ids.js'
import { fileItem, folderItem, pattern, ROOT, startWorld, until, DriveWorld } from './drive-world.js'
import { FakeRemote } from './fake-remote.js'

const MIB = 1024 * 1024

/** A first run that read a part of a film, and all of a note. */
async function firstRun(t: Test) {
  const directory = t.testdir()
  const remote = new FakeRemote()
  const film = pattern(10 * MIB)
  const note = pattern(50_000, 2)
  remote.put(folderItem('f1', 'Reports'))
  remote.put(folderItem('f2', 'unseen'))
  remote.put(fileItem('film', 'film.mp4', film, 'f1'), film)
  remote.put(fileItem('note', 'note.txt', note, 'f1'), note)
  const world = startWorld(t, { directory, remote })
  world.library()
  const files = [await world.open('Reports', 'film.mp4'), await world.open('Reports', 'note.txt')] as const
  await world.read(files[0], { start: 5 * MIB, end: 5 * MIB + 1000 })
  await world.read(files[1], { start: 0, end: note.length })
  return { directory, remote, film, note, world, files }
}

/** A run that never ends properly: nothing is closed until the test is over. */
function kill(t: Test, directory: string, remote: FakeRemote): DriveWorld {
  const world = new DriveWorld({ directory, remote })
  t.teardown(() => world.stop())
  return world
}

// "`st_ino` […] survives renaming, moving and restarting." "Offline: everything that was listed can be browsed,
// everything that is local can be read."
t.test('after a restart without a network everything is as it was', async t => {
  const { directory, remote, film, note, world } = await firstRun(t)
  const before = [await world.node('Reports', 'film.mp4'), await world.node('Reports', 'note.txt')]
  await world.stop()
  remote.failure = new Fault('offline', 'no network')
  const again = startWorld(t, { directory, remote })
  t.same([await again.node('Reports', 'film.mp4'), await again.node('Reports', 'note.txt')], before)
  t.same(await again.names(ROOT), ['Contoso'])
  t.same(await again.names(await again.node('Reports')), ['film.mp4', 'note.txt'])
  const file = await again.open('Reports', 'note.txt')
  t.ok(file.content.verified)
  t.ok(Buffer.compare(await again.read(file, { start: 0, end: note.length }), note) === 0)
  const partial = await again.open('Reports', 'film.mp4')
  const local = await again.read(partial, { start: 5 * MIB, end: 5 * MIB + 1000 })
  t.ok(Buffer.compare(local, film.subarray(5 * MIB, 5 * MIB + 1000)) === 0)
  await t.rejects(again.read(partial, { start: 0, end: 10 }), { code: 'offline' })
  const unseen = await again.node('unseen')
  await t.rejects(again.names(unseen), { code: 'offline' })
})

// "A crash costs a download, never a wrong byte."
t.test('after a crash only what was on the disk counts as local', async t => {
  const { directory, remote, film, world, files } = await firstRun(t)
  world.clock.advance(5_000) // what was read so far is written down
  await until(() => world.store.content.totalBytes() > 100_000)
  await world.read(files[0], { start: 1 * MIB, end: 1 * MIB + 1000 }) // and this is not
  const listed = world.store.content.totalBytes()
  const again = kill(t, directory, remote)
  t.equal(again.store.content.totalBytes(), listed)
  const file = await again.open('Reports', 'film.mp4')
  t.ok(file.content.present.covers({ start: 5 * MIB, end: 5 * MIB + 1000 }))
  t.notOk(file.content.present.covers({ start: 1 * MIB, end: 1 * MIB + 1000 }))
  const read = await again.read(file, { start: 0, end: film.length })
  t.ok(Buffer.compare(read, film) === 0)
  t.ok(file.content.verified)
})

t.test('what was read is listed five seconds later, once it is on the disk', async t => {
  const { world, files } = await firstRun(t)
  const { ino } = world.drive.getattr(await world.node('Reports', 'film.mp4'))
  t.equal(world.store.content.localBytes(ino, 0), 0)
  world.clock.advance(5_000)
  await until(() => world.store.content.localBytes(ino, 0) > 0)
  t.equal(world.store.content.localBytes(ino, 0), files[0].content.present.size)
})

t.test('a file that was complete but not yet verified is verified at its next open', async t => {
  const { directory, remote, note, world, files } = await firstRun(t)
  const { ino } = world.drive.getattr(await world.node('Reports', 'note.txt'))
  world.drive.release(files[1].handle)
  await world.hydrator.settled()
  const record = world.store.content.get(ino, 0)
  if (record) world.store.content.save({ ...record, verified: false })
  const again = kill(t, directory, remote)
  const before = remote.downloads.length
  const file = await again.open('Reports', 'note.txt')
  t.ok(Buffer.compare(await again.read(file, { start: 0, end: note.length }), note) === 0)
  t.ok(file.content.verified)
  t.equal(again.hashed.length, 1)
  t.equal(remote.downloads.length, before)
})

t.test('a drive that closes does not wait for a file to be verified; the next one verifies it', async t => {
  let given = 0
  const hashFile: HashFile = (_, __, signal) =>
    new Promise((___, reject) => {
      given++
      signal.addEventListener('abort', () => reject(signal.reason as Error))
    })
  const remote = new FakeRemote()
  const note = pattern(50_000, 2)
  remote.put(fileItem('note', 'note.txt', note), note)
  const directory = t.testdir()
  const world = startWorld(t, { directory, remote, hashFile })
  world.library()
  const file = await world.open('note.txt')
  const reading = world.read(file, { start: 0, end: note.length }).catch((failure: unknown) => failure)
  await until(() => given === 1)
  await world.stop()
  t.match(await reading, { code: 'cancelled' })
  t.same(world.troubles, [], 'the bytes are not said to be wrong')

  const before = remote.downloads.length
  const again = startWorld(t, { directory, remote })
  const opened = await again.open('note.txt')
  t.ok(Buffer.compare(await again.read(opened, { start: 0, end: note.length }), note) === 0)
  t.equal(again.hashed.length, 1)
  t.equal(remote.downloads.length, before, 'nothing is downloaded again')
})

// "Cache files that the store does not list are deleted at the next start; listed ones that somebody deleted are
// downloaded again."
t.test('a cache that somebody tidied costs downloads, nothing else', async t => {
  const { directory, remote, note, world } = await firstRun(t)
  await world.stop()
  rmSync(join(directory, 'content'), { recursive: true })
  const again = startWorld(t, { directory, remote })
  const file = await again.open('Reports', 'note.txt')
  t.ok(Buffer.compare(await again.read(file, { start: 0, end: note.length }), note) === 0)
})

t.test('a cache file of the wrong size is not believed', async t => {
  const { directory, remote, note, world } = await firstRun(t)
  const { ino } = world.drive.getattr(await world.node('Reports', 'note.txt'))
  await world.stop()
  truncateSync(join(directory, 'content', (ino % 256).toString(16).padStart(2, '0'), `${ino}-0`), 100)
  const again = startWorld(t, { directory, remote })
  const file = await again.open('Reports', 'note.txt')
  t.notOk(file.content.verified)
  t.ok(Buffer.compare(await again.read(file, { start: 0, end: note.length }), note) === 0)
})

t.test('files that nobody lists are deleted, files in use are not', async t => {
  const { directory, world } = await firstRun(t)
  const folder = join(directory, 'content', readdirSync(join(directory, 'content'))[0] ?? '')
  for (const name of ['999-0', 'rubbish', '5-']) writeFileSync(join(folder, name), 'nobody knows me')
  await world.cache.sweep()
  const left = readdirSync(join(directory, 'content')).flatMap(name =>
    readdirSync(join(directory, 'content', name)),
  )
  t.equal(left.length, 2)
})

t.test('a new store does not believe the cache of an old one', async t => {
  const { directory, remote, world } = await firstRun(t)
  await world.stop()
  for (const name of readdirSync(join(directory, 'state'))) rmSync(join(directory, 'state', name))
  const other = pattern(50_000, 77)
  remote.items.clear()
  for (let i = 0; i < 8; i++) remote.put(fileItem(`i${i}`, `${i}.txt`, other), other)
  const again = startWorld(t, { directory, remote })
  again.library()
  for (let i = 0; i < 8; i++) {
    const file = await again.open(`${i}.txt`)
    t.ok(Buffer.compare(await again.read(file, { start: 0, end: other.length }), other) === 0)
  }
})

t.test('a file that is closed and opened again at once is one content', async t => {
  const { world, film, files } = await firstRun(t)
  world.drive.release(files[0].handle)
  const again = await world.open('Reports', 'film.mp4')
  t.equal(again.content, files[0].content)
  await world.hydrator.settled()
  t.ok(Buffer.compare(await world.read(again, { start: 0, end: film.length }), film) === 0)
  const { ino } = world.drive.getattr(await world.node('Reports', 'film.mp4'))
  t.equal(inoOf(await world.node('Reports', 'film.mp4')), ino)
  world.drive.release(again.handle)
  await world.hydrator.settled()
  t.ok(statSync(join(world.directory, 'content', (ino % 256).toString(16).padStart(2, '0'), `${ino}-0`)).size)
})

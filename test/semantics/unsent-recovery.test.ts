import {
  cpSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Fault } from '../../src/model/fault.js'
import { temporaryDirectory } from '../helpers/mounted-directory.js'
import { CALLER, forever, startWorld, type DriveWorld } from './drive-world.js'
import {
  close,
  contentOf,
  created,
  itemOf,
  opened,
  readByKernel,
  save,
  stateOf,
  worldWith,
  writeTo,
} from './writing-world.js'

const bytesOf = (text: string) => Buffer.from(text)

/** The next run of the daemon, after whatever has ended this one. */
async function next(t: Test, world: DriveWorld, boot = 1n): Promise<DriveWorld> {
  await world.stop()
  const again = startWorld(t, { writable: true, directory: world.directory, remote: world.remote, boot })
  again.recover()
  return again
}

t.test('what was written and closed is there after a restart, and still owed', async t => {
  const world = await worldWith(t, { 'a.txt': bytesOf('0123456789') })
  await save(world, 'new.txt', 'new')
  const file = await opened(world, 'a.txt')
  await writeTo(world, file, 'MID', 4)
  close(world, file)
  const before = world.store.owed.all().map(({ ino, revision }) => [ino, revision])
  const again = await next(t, world)
  t.equal(await contentOf(again, 'new.txt'), 'new')
  t.equal(await contentOf(again, 'a.txt'), '0123MID789')
  t.same(
    again.store.owed.all().map(({ ino, revision }) => [ino, revision]),
    before,
    'nothing else has changed',
  )
  t.same(again.troubles, [])
})

t.test('what was written after the last close is found by the file itself', async t => {
  const world = await worldWith(t)
  await save(world, 'log', 'one')
  const { ino } = await itemOf(world, 'log')
  const { revision = 0 } = world.store.owed.of(ino) ?? {}
  // Killed: natively written, and nobody has heard of it.
  writeFileSync(join(world.directory, 'unsent', String(ino)), 'one, two')
  const again = await next(t, world)
  t.equal(again.drive.getattr(await again.node('log')).size, 8)
  t.equal(await contentOf(again, 'log'), 'one, two')
  t.ok(
    (again.store.owed.of(ino)?.revision ?? 0) > revision,
    'what was sent of the old one is not gone on with',
  )
})

t.test('what was written is there after the process was killed, closed or not', async t => {
  const world = await worldWith(t, { 'a.txt': bytesOf('0123456789') })
  await save(world, 'closed', 'closed')
  await writeTo(world, await created(world, 'written'), 'not closed')
  await writeTo(world, await opened(world, 'a.txt'), 'MID', 4)
  const directory = await temporaryDirectory(t)
  cpSync(world.directory, directory, { recursive: true })
  const again = startWorld(t, { writable: true, directory, remote: world.remote })
  again.recover()
  t.equal(await contentOf(again, 'closed'), 'closed')
  t.equal(await contentOf(again, 'written'), 'not closed')
  t.equal(await contentOf(again, 'a.txt'), '0123MID789')
  t.equal(again.drive.getattr(await again.node('written')).size, 10)
  t.same(again.troubles, [])
})

t.test(
  'bytes of which nobody knows the name are set aside with a message, never twice under one name',
  async t => {
    const world = await worldWith(t)
    const unsent = join(world.directory, 'unsent')
    writeFileSync(join(unsent, '4711'), 'whose is this?')
    const again = await next(t, world)
    t.equal(readFileSync(join(world.directory, 'aside', '4711'), 'utf8'), 'whose is this?')
    t.match(again.troubles, [/^unsent-set-aside: .*aside\/4711/])
    writeFileSync(join(unsent, '4711'), 'and this?')
    writeFileSync(join(unsent, '4711.log'), '')
    const third = await next(t, again)
    t.equal(readFileSync(join(world.directory, 'aside', '4711'), 'utf8'), 'whose is this?')
    t.equal(readFileSync(join(world.directory, 'aside', '4711-2'), 'utf8'), 'and this?')
    t.ok(readdirSync(join(world.directory, 'aside')).includes('4711-2.log'))
    t.equal(third.troubles.length, 1)
  },
)

t.test('after the store was lost, no unsent file is overwritten by a new one of its number', async t => {
  const world = await worldWith(t)
  await save(world, 'precious', 'precious')
  const { ino } = await itemOf(world, 'precious')
  await world.stop()
  for (const name of readdirSync(join(world.directory, 'state'))) rmSync(join(world.directory, 'state', name))
  const again = startWorld(t, { writable: true, directory: world.directory, remote: world.remote })
  again.recover()
  again.library()
  for (let i = 0; i < 10; i++) await save(again, `${i}`, 'other')
  t.equal(readFileSync(join(world.directory, 'aside', String(ino)), 'utf8'), 'precious')
})

t.test('bytes that are lost are reported, kept as owed, and can be written anew', async t => {
  const world = await worldWith(t)
  await save(world, 'new.txt', 'new')
  const { ino } = await itemOf(world, 'new.txt')
  await world.stop()
  rmSync(join(world.directory, 'unsent', String(ino)))
  const again = await next(t, world)
  t.match(again.troubles, [/^unsent-lost: .*Contoso\/Team - Projects\/new.txt/])
  t.equal(await stateOf(again, 'new.txt'), 'attention')
  await t.rejects(contentOf(again, 'new.txt'), { code: 'local-io' })
  const file = await opened(again, 'new.txt', 0o1002)
  await writeTo(again, file, 'written anew')
  close(again, file)
  t.equal(await contentOf(again, 'new.txt'), 'written anew')
  t.equal(await stateOf(again, 'new.txt'), 'syncing')
})

t.test('a deletion that never came about has its bytes back', async t => {
  const world = await worldWith(t)
  await save(world, 'a.txt', 'kept')
  const { ino } = await itemOf(world, 'a.txt')
  // Ended between the burial and the end of the transaction; or the power failed before that was on the disk.
  world.dirty.bury(ino)
  const again = await next(t, world)
  t.equal(await contentOf(again, 'a.txt'), 'kept')
  t.same(again.dirty.buriedInos(), [])
})

t.test('a deletion that came about takes its bytes with it, at the latest at the next start', async t => {
  const world = await worldWith(t)
  await save(world, 'a.txt', 'gone')
  const { ino } = await itemOf(world, 'a.txt')
  await world.drive.unlink(await world.node(), 'a.txt', CALLER, forever)
  await world.writer.settled()
  writeFileSync(join(world.directory, 'unsent', `${ino}.buried`), 'gone')
  const again = await next(t, world)
  t.same(readdirSync(join(world.directory, 'unsent')), [])
  t.same(again.troubles, [])
})

t.test('a cache file that was taken over goes back where the journal does not know of it', async t => {
  const world = await worldWith(t, { 'a.txt': bytesOf('0123456789') })
  await contentOf(world, 'a.txt')
  await world.hydrator.settled()
  const { ino, generation } = await itemOf(world, 'a.txt')
  // Killed between moving it and the transaction.
  renameSync(world.cache.pathOf(ino, generation), join(world.directory, 'unsent', String(ino)))
  const again = await next(t, world)
  t.equal(await contentOf(again, 'a.txt'), '0123456789')
  t.equal(again.remote.downloads.length, 1)
  t.same(again.troubles, [])
})

t.test('one that the journal knows of is there after a restart', async t => {
  const world = await worldWith(t, { 'a.txt': bytesOf('0123456789') })
  await contentOf(world, 'a.txt')
  await world.hydrator.settled()
  readByKernel(world)
  const file = await opened(world, 'a.txt')
  await world.drive.beginWrite(file.handle, forever)
  await writeTo(world, file, 'MID', 4)
  const again = await next(t, world)
  t.equal(await contentOf(again, 'a.txt'), '0123MID789')
  t.match(again.store.owed.all(), [{ isNew: false, content: true }])
  t.same(again.troubles, [])
})

t.test('a deletion that fails leaves the file as it was', async t => {
  const world = await worldWith(t)
  const file = await created(world, 'a.txt')
  await writeTo(world, file, 'kept')
  const changeHere = world.store.changeHere.bind(world.store)
  world.store.changeHere = (now, work) =>
    changeHere(now, edit => {
      work(edit)
      throw new Fault('disk-full', 'no space')
    })
  await t.rejects(world.drive.unlink(await world.node(), 'a.txt', CALLER, forever), { code: 'disk-full' })
  world.store.changeHere = changeHere
  await writeTo(world, file, '!', 4)
  close(world, file)
  t.equal(await contentOf(world, 'a.txt'), 'kept!')
  t.equal((await itemOf(world, 'a.txt')).size, 5, 'also in the store')
  t.same(world.dirty.buriedInos(), [])
})

t.test(
  'fsync: what was written is there after the power failed, and what was not comes from the base',
  async t => {
    const world = await worldWith(t, { 'a.txt': bytesOf('0123456789') })
    const file = await opened(world, 'a.txt')
    await writeTo(world, file, 'AB', 0)
    await world.drive.fsync(file.handle)
    await writeTo(world, file, 'XY', 8)
    close(world, file)
    // The record may be on the disk without the bytes.
    const again = await next(t, world, 2n)
    t.equal(await contentOf(again, 'a.txt'), 'AB23456789')
  },
)

t.test('an unsent file that was cut off is shown as it is, not as the store remembers it', async t => {
  const world = await worldWith(t)
  await save(world, 'a.txt', '0123456789')
  const { ino } = await itemOf(world, 'a.txt')
  await world.stop()
  truncateSync(join(world.directory, 'unsent', String(ino)), 4)
  const again = await next(t, world)
  t.equal(again.drive.getattr(await again.node('a.txt')).size, 4)
  t.equal(await contentOf(again, 'a.txt'), '0123')
})

t.test('a time that is set by name after the last close is that of the file after a restart', async t => {
  const world = await worldWith(t)
  await save(world, 'new.txt', 'new')
  // Every millisecond is one: times in seconds, as numbers, are a little less or more.
  for (const modified of [1_580_601_600_345, 1_580_601_600_001, 1_700_000_000_123, 1_700_000_000_999]) {
    await world.drive.setattr(await world.node('new.txt'), { modified }, undefined, CALLER, forever)
    const directory = await temporaryDirectory(t)
    cpSync(world.directory, directory, { recursive: true, preserveTimestamps: true })
    const { revision } = world.store.owed.all()[0] ?? {}
    const again = startWorld(t, { writable: true, directory, remote: world.remote })
    again.recover()
    t.equal(again.drive.getattr(await again.node('new.txt')).modified, modified)
    t.equal(again.store.owed.all()[0]?.revision, revision, 'nothing has changed')
  }
})

t.test(
  'what was written over after the last close has the time of that, and is another revision',
  async t => {
    const world = await worldWith(t)
    await save(world, 'log', 'one')
    const { ino, modified } = await itemOf(world, 'log')
    const { revision = 0 } = world.store.owed.of(ino) ?? {}
    const path = join(world.directory, 'unsent', String(ino))
    await world.stop()
    writeFileSync(path, 'two')
    const again = await next(t, world)
    t.equal(again.drive.getattr(await again.node('log')).modified, Math.round(statSync(path).mtimeMs))
    t.not(again.drive.getattr(await again.node('log')).modified, modified)
    t.ok((again.store.owed.of(ino)?.revision ?? 0) > revision)
  },
)

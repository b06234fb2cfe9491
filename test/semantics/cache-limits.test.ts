import { constants } from 'node:fs'
import t from 'tap'
import { Fault } from '../../src/model/fault.js'
import type { Limits } from '../../src/hydration/cache-limits.js'
import { LARGEST_FILE } from '../../src/model/file-size.js'
import { CALLER, fileItem, forever, pattern, startWorld, until, type DriveWorld } from './drive-world.js'

const MIB = 1024 * 1024
const HOUR = 60 * 60_000
const DAY = 24 * HOUR

/** Files 0 to 9 of one MiB each, none local. */
function limitedWorld(t: Parameters<typeof startWorld>[0], limits: Limits) {
  const world = startWorld(t, { limits })
  world.library()
  for (let i = 0; i < 10; i++) {
    const bytes = pattern(MIB, i + 1)
    world.remote.put(fileItem(`i${i}`, `file ${i}.bin`, bytes), bytes)
  }
  return world
}

/** Reads a file to its end and closes it, an hour after the one before. */
async function use(world: DriveWorld, i: number): Promise<void> {
  world.clock.advance(HOUR)
  const file = await world.open(`file ${i}.bin`)
  await world.read(file, { start: 0, end: MIB })
  world.drive.release(file.handle)
  await world.hydrator.settled()
}

async function local(world: DriveWorld, count = 10): Promise<number[]> {
  const found: number[] = []
  for (let i = 0; i < count; i++) {
    const { ino } = world.drive.getattr(await world.node(`file ${i}.bin`))
    if (world.store.content.localBytes(ino, 0) > 0) found.push(i)
  }
  return found
}

// "`cacheLimitInMB`: what was not used for the longest time goes first."
t.test('a cache that is too large loses what was not used for the longest time', async t => {
  const world = limitedWorld(t, { cacheBytes: 4 * MIB })
  for (const i of [0, 1, 2, 3, 0, 4, 5]) await use(world, i)
  await world.limits.enforce()
  t.same(await local(world), [0, 3, 4, 5])
})

t.test('it is looked at while the cache grows', async t => {
  const world = limitedWorld(t, { cacheBytes: 4 * MIB })
  for (let i = 0; i < 10; i++) await use(world, i)
  await until(() => world.store.content.totalBytes() <= 5 * MIB)
  t.ok(world.store.content.totalBytes() <= 5 * MIB)
  t.ok((await local(world)).includes(9))
})

t.test('and every ten minutes', async t => {
  const world = limitedWorld(t, { freeBytes: 10 * MIB })
  for (const i of [0, 1, 2]) await use(world, i)
  world.limits.start()
  await world.limits.enforce()
  t.same(await local(world), [0, 1, 2])
  world.freeBytes = 8 * MIB + 1
  world.clock.advance(10 * 60_000)
  await until(() => world.store.content.totalBytes() <= MIB)
  t.same(await local(world), [2], '`minimumFreeSpaceInMB`: two files are what is missing')
})

// "Never what is open or always available: …"
t.test('what is open or pinned stays, even if there is too much of it', async t => {
  const world = limitedWorld(t, { cacheBytes: 0 })
  for (const i of [0, 1, 2]) await use(world, i)
  await world.limits.enforce()
  t.equal(world.store.content.totalBytes(), 0)
  const { ino } = world.drive.getattr(await world.node('file 3.bin'))
  world.drive.pin(ino, 'always-local')
  await world.keeper.keep(ino, forever, () => {})
  const file = await world.open('file 4.bin')
  await world.read(file, { start: 0, end: MIB })
  world.clock.advance(5_000)
  await until(() => world.store.content.totalBytes() === 2 * MIB)
  await world.limits.enforce()
  t.same(await local(world), [3, 4])
  world.drive.release(file.handle)
  await world.hydrator.settled()
  await world.limits.enforce()
  t.same(await local(world), [3])
})

// "`freeUpAfterDays`: what was not used for so long goes."
t.test('what was not used for some days goes', async t => {
  const world = limitedWorld(t, { age: 30 * DAY })
  for (const i of [0, 1]) await use(world, i)
  world.clock.advance(29 * DAY)
  await use(world, 1)
  await world.limits.enforce()
  t.same(await local(world), [0, 1])
  world.clock.advance(DAY)
  await world.limits.enforce()
  t.same(await local(world), [1])
})

t.test('without limits nothing goes', async t => {
  const world = limitedWorld(t, {})
  for (const i of [0, 1]) await use(world, i)
  world.clock.advance(1_000 * DAY)
  await world.limits.enforce()
  t.same(await local(world), [0, 1])
})

// "If the disk is full, what was not used for long is freed, and the read goes on."
t.test('a full disk frees old contents before a read fails', async t => {
  const world = limitedWorld(t, {})
  for (const i of [0, 1]) await use(world, i)
  world.remote.answersAtOnce = false
  const file = await world.open('file 5.bin')
  const reading = world.read(file, { start: 0, end: MIB })
  await until(() => world.remote.downloads.length === 3)
  world.remote.answersAtOnce = true
  world.remote.downloads[2]?.fail(new Fault('disk-full', 'There is no space left'))
  t.ok(Buffer.compare(await reading, pattern(MIB, 6)) === 0)
  t.same(await local(world).then(found => found.filter(i => i < 5)), [])
})

/** Reads a file on a disk that is full until somebody has made room, once. */
async function readOnFullDisk(world: DriveWorld, i: number): Promise<Uint8Array> {
  const before = world.remote.downloads.length
  world.remote.answersAtOnce = false
  const file = await world.open(`file ${i}.bin`)
  const reading = world.read(file, { start: 0, end: MIB })
  await until(() => world.remote.downloads.length > before)
  world.remote.answersAtOnce = true
  world.remote.downloads[before]?.fail(new Fault('disk-full', 'There is no space left'))
  return await reading
}

/** Files 0 to 5 of 10 MiB each, of which the first five are local, the first one the longest unused. */
async function fullWorld(t: Parameters<typeof startWorld>[0], limits: Limits = {}) {
  const world = startWorld(t, { limits, writable: true })
  world.library()
  for (let i = 0; i < 6; i++) {
    const bytes = pattern(10 * MIB, i + 1)
    world.remote.put(fileItem(`i${i}`, `file ${i}.bin`, bytes), bytes)
  }
  for (const i of [0, 1, 2, 3, 4]) {
    world.clock.advance(HOUR)
    const file = await world.open(`file ${i}.bin`)
    await world.read(file, { start: 0, end: 10 * MIB })
    world.drive.release(file.handle)
    await world.hydrator.settled()
  }
  world.freeBytes = 0
  return world
}

const localOfFive = async (world: DriveWorld) => (await local(world, 6)).filter(i => i < 5)

// "Of what is freed on a full disk the oldest goes first, no more than is needed with 16 MiB in reserve"
t.test('a full disk frees no more than is needed', async t => {
  const world = await fullWorld(t)
  t.equal(Buffer.compare(await readOnFullDisk(world, 5), pattern(10 * MIB, 6).subarray(0, MIB)), 0)
  t.same(await localOfFive(world), [2, 3, 4], 'a MiB, and the reserve: two files of ten')
})

// "and nothing where all that may be freed is not enough, or is on another disk."
t.test('and nothing where freeing cannot help', async t => {
  const world = await fullWorld(t, { freeBytes: 100 * MIB })
  await t.rejects(readOnFullDisk(world, 5), { code: 'disk-full' }, 'more is to stay free than there is')
  t.same(await localOfFive(world), [0, 1, 2, 3, 4])

  t.equal(await world.limits.makeRoom({ bytes: 200 * MIB, of: 'contents' }), false)
  t.same(await localOfFive(world), [0, 1, 2, 3, 4], 'more is needed than all of them have')

  world.drive.pin(world.drive.getattr(await world.node('file 0.bin')).ino, 'always-local')
  const opened = await world.open('file 1.bin')
  t.equal(await world.limits.makeRoom({ bytes: -60 * MIB, of: 'contents' }), false)
  t.same(await localOfFive(world), [0, 1, 2, 3, 4], 'what is pinned or open does not count')
  world.drive.release(opened.handle)

  const other = await fullWorld(t)
  other.holdsChanges = false
  t.equal(await other.limits.makeRoom({ bytes: 1, of: 'changes' }), false)
  t.same(await localOfFive(other), [0, 1, 2, 3, 4], 'changes are kept on another disk')
})

// "No file may be larger than SharePoint takes, 250 GB: whatever would make it so is `file-too-large` at once, and frees nothing."
t.test('an impossible size is refused at once, and frees nothing', async t => {
  const world = await fullWorld(t)
  const node = await world.node('file 0.bin')
  const file = await world.drive.open(node, constants.O_RDWR, CALLER, forever)
  const resize = (size: number, handle?: number) =>
    world.drive.setattr(node, { size }, handle, CALLER, forever)
  for (const size of [LARGEST_FILE + 1, 2 ** 50]) {
    await t.rejects(resize(size), { code: 'file-too-large' }, 'truncate')
    await t.rejects(resize(size, file.handle), { code: 'file-too-large' }, 'ftruncate')
    const bytes = Buffer.from('x')
    await t.rejects(world.drive.write(file.handle, size - 1, bytes, forever), { code: 'file-too-large' })
  }
  t.same(await localOfFive(world), [0, 1, 2, 3, 4])
  t.equal(world.store.owed.isEmpty, true, 'nothing is owed of it')
  t.equal((await resize(LARGEST_FILE)).size, LARGEST_FILE, 'the largest that SharePoint takes')
  world.drive.release(file.handle)
})

t.test('and where nothing can be freed, the read fails with disk-full', async t => {
  const world = limitedWorld(t, {})
  world.remote.answersAtOnce = false
  const file = await world.open('file 5.bin')
  const reading = world.read(file, { start: 0, end: MIB })
  await until(() => world.remote.downloads.length === 1)
  world.remote.downloads[0]?.fail(new Fault('disk-full', 'There is no space left'))
  await t.rejects(reading, { code: 'disk-full' })
})

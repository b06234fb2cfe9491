import t from 'tap'
import { Fault } from '../../src/model/fault.js'
import type { Limits } from '../../src/hydration/cache-limits.js'
import { fileItem, forever, pattern, startWorld, until, type DriveWorld } from './drive-world.js'

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

async function local(world: DriveWorld): Promise<number[]> {
  const found: number[] = []
  for (let i = 0; i < 10; i++) {
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

t.test('and where nothing can be freed, the read fails with disk-full', async t => {
  const world = limitedWorld(t, {})
  world.remote.answersAtOnce = false
  const file = await world.open('file 5.bin')
  const reading = world.read(file, { start: 0, end: MIB })
  await until(() => world.remote.downloads.length === 1)
  world.remote.downloads[0]?.fail(new Fault('disk-full', 'There is no space left'))
  await t.rejects(reading, { code: 'disk-full' })
})

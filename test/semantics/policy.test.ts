import { constants } from 'node:fs'
import t from 'tap'
import { toErrno } from '../../src/fs/errno.js'
import type { HydrationRule } from '../../src/hydration/hydration-policy.js'
import { fileItem, forever, pattern, program, startWorld, until, type DriveWorld } from './drive-world.js'

const KIB = 1024
const MIB = 1024 * KIB
const EACCES = 13

const [CP, TUMBLERD, NAUTILUS, PEEKER, BANNED] = [11, 12, 13, 14, 15]
const RULES: readonly HydrationRule[] = [
  { verdict: 'head-only', programs: ['peeker'] },
  { verdict: 'deny', programs: ['banned'] },
]

/** A world with one file and one process of each kind. */
function policyWorld(t: Parameters<typeof startWorld>[0], size: number) {
  const world = startWorld(t, { rules: RULES })
  world.library()
  const bytes = pattern(size)
  world.remote.put(fileItem('film', 'film.mp4', bytes), bytes)
  const names = {
    [CP]: 'cp',
    [TUMBLERD]: 'tumblerd',
    [NAUTILUS]: 'nautilus',
    [PEEKER]: 'peeker',
    [BANNED]: 'banned',
  }
  for (const [pid, name] of Object.entries(names)) world.programs.set(Number(pid), [program(name)])
  const isRight = (found: Uint8Array, start: number) =>
    Buffer.compare(found, bytes.subarray(start, start + found.length)) === 0
  return { world, bytes, isRight }
}

function downloaded({ remote }: DriveWorld): number {
  return remote.downloads.reduce((sum, { range }) => sum + range.end - range.start, 0)
}

// "*local-only*: nothing is; it can open what is local as a whole, the rest fails to open with `hydration-refused`."
t.test('a thumbnailer opens what is local as a whole, and downloads nothing', async t => {
  const { world, isRight } = policyWorld(t, 4 * MIB)
  const refused = await world.openAs(TUMBLERD, 'film.mp4').catch((failure: unknown) => failure)
  t.match(refused, { code: 'hydration-refused' })
  t.equal(toErrno(refused), EACCES)
  const copying = await world.openAs(CP, 'film.mp4')
  await world.read(copying, { start: 0, end: 4 * MIB - 1 })
  await world.read(copying, { start: 4 * MIB - 1, end: 4 * MIB })
  const before = downloaded(world)

  const thumbnailer = await world.openAs(TUMBLERD, 'film.mp4')
  t.ok(isRight(await world.read(thumbnailer, { start: 0, end: 4 * MIB }), 0))
  world.drive.release(copying.handle)
  world.drive.release(thumbnailer.handle)
  await world.hydrator.settled()
  t.ok(isRight(await world.read(await world.openAs(TUMBLERD, 'film.mp4'), { start: 0, end: 4096 }), 0))
  t.equal(downloaded(world), before)
})

t.test('a file that is partly local is refused to it, and so is one that somebody downloads', async t => {
  const { world, isRight } = policyWorld(t, 4 * MIB)
  const copying = await world.openAs(CP, 'film.mp4')
  await world.read(copying, { start: 0, end: 4096 })
  await t.rejects(world.openAs(TUMBLERD, 'film.mp4'), { code: 'hydration-refused' })
  world.remote.answersAtOnce = false
  const reading = world.read(copying, { start: MIB, end: MIB + 4096 })
  await until(() => world.remote.downloads.length === 2)
  await t.rejects(world.openAs(TUMBLERD, 'film.mp4'), { code: 'hydration-refused' })
  await world.remote.downloads[1]?.complete()
  t.ok(isRight(await reading, MIB), 'the other one goes on')
})

t.test('an empty file is local', async t => {
  const { world } = policyWorld(t, 0)
  t.ok((await world.openAs(TUMBLERD, 'film.mp4')).handle > 0)
})

// "*head-only*: the first 64 KiB are, by one request; what is local can be read, other reads fail with
// `hydration-refused`."
t.test('a program that may see heads gets 64 KiB by one request, and an error after them', async t => {
  const { world, isRight } = policyWorld(t, 4 * MIB)
  const peeking = await world.openAs(PEEKER, 'film.mp4')
  t.ok(isRight(await world.read(peeking, { start: 0, end: 4096 }), 0))
  t.ok(isRight(await world.read(peeking, { start: 60 * KIB, end: 64 * KIB }), 60 * KIB))
  await t.rejects(world.read(peeking, { start: 64 * KIB, end: 68 * KIB }), { code: 'hydration-refused' })
  t.same(
    world.remote.downloads.map(({ range }) => range),
    [{ start: 0, end: 64 * KIB }],
  )
})

t.test('a read that the kernel has made longer than the head brings the head all the same', async t => {
  const { world, isRight } = policyWorld(t, 4 * MIB)
  const peeking = await world.openAs(PEEKER, 'film.mp4')
  await t.rejects(world.read(peeking, { start: 0, end: 128 * KIB }), { code: 'hydration-refused' })
  t.equal(downloaded(world), 64 * KIB)
  t.ok(
    isRight(await world.read(peeking, { start: 0, end: 4096 }), 0),
    'and it is there when asked page by page',
  )
  t.equal(downloaded(world), 64 * KIB)
})

// "*deny*: it can open nothing."
t.test('a denied program opens nothing', async t => {
  const { world } = policyWorld(t, MIB)
  const refused = await world.openAs(BANNED, 'film.mp4').catch((failure: unknown) => failure)
  t.match(refused, { code: 'hydration-refused' })
  t.equal(toErrno(refused), EACCES)
})

// "A file manager's first read brings no more than 64 KiB: …"
t.test('a file manager that looks at a head brings 64 KiB', async t => {
  const { world, isRight } = policyWorld(t, 4 * MIB)
  const looking = await world.openAs(NAUTILUS, 'film.mp4')
  t.ok(isRight(await world.read(looking, { start: 0, end: 16 * KIB }), 0))
  world.drive.release(looking.handle)
  t.equal(downloaded(world), 64 * KIB)
  t.equal(world.remote.downloads.length, 1)
})

t.test('so does whoever opens with O_NOATIME, as GLib does', async t => {
  const { world } = policyWorld(t, 4 * MIB)
  const node = await world.node('film.mp4')
  const looking = await world.drive.open(node, constants.O_NOATIME, { pid: CP, uid: 0 }, forever)
  await world.read(looking, { start: 0, end: 16 * KIB })
  t.equal(downloaded(world), 64 * KIB)
})

t.test('a file manager that copies gets everything, in few requests', async t => {
  const { world, isRight } = policyWorld(t, 48 * MIB)
  const copying = await world.openAs(NAUTILUS, 'film.mp4')
  for (let start = 0; start < 48 * MIB; start += 128 * KIB) {
    const found = await world.read(copying, { start, end: start + 128 * KIB })
    if (!isRight(found, start)) t.fail(`wrong bytes at ${start}`)
  }
  t.equal(downloaded(world), 48 * MIB, 'no byte twice')
  t.ok(world.remote.downloads.length < 40, `${world.remote.downloads.length} requests`)
})

t.test('who cannot be recognised is served', async t => {
  const { world, isRight } = policyWorld(t, MIB)
  const reading = await world.openAs(0, 'film.mp4')
  t.ok(isRight(await world.read(reading, { start: 0, end: MIB }), 0))
})

// "What was downloaded is remembered with the program that asked for it, …"
t.test('who downloaded what is remembered, and who was refused', async t => {
  const { world } = policyWorld(t, 4 * MIB)
  const copying = await world.openAs(CP, 'film.mp4')
  await world.read(copying, { start: 0, end: 4 * MIB })
  await world.openAs(TUMBLERD, 'film.mp4')
  for (let i = 0; i < 3; i++) await t.rejects(world.openAs(BANNED, 'film.mp4'))
  world.hydrationLog.flush()
  t.match(world.store.hydrations.all(), [
    { program: 'cp', name: 'film.mp4', verdict: 'full', bytes: 4 * MIB },
  ])
  t.match(world.store.hydrations.refusals(), [
    { program: 'banned', verdict: 'deny', count: 3, name: 'film.mp4' },
  ])
})

t.test('what was refused is written a few seconds later, once', async t => {
  const { world } = policyWorld(t, MIB)
  for (let i = 0; i < 100; i++) await t.rejects(world.openAs(BANNED, 'film.mp4'))
  t.same(world.store.hydrations.refusals(), [])
  world.clock.advance(5_000)
  await until(() => world.store.hydrations.refusals().length > 0)
  t.match(world.store.hydrations.refusals(), [{ count: 100 }])
})

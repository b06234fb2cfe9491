import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { toErrno } from '../../src/fs/errno.js'
import { Fault } from '../../src/model/fault.js'
import type { Ino } from '../../src/model/ids.js'
import { projects } from './drive-world.js'
import {
  aWhile,
  fileItem,
  folderItem,
  forever,
  pattern,
  startWorld,
  until,
  type DriveWorld,
} from './drive-world.js'
import { FakeRemote } from './fake-remote.js'

const MIB = 1024 * 1024
const SETTLING = 2_000
const RETRY = 30_000

/** Plans/{a,b}.pdf and Plans/deep/c.pdf, of one MiB each, and notes.txt beside them. */
function pinWorld(t: Parameters<typeof startWorld>[0], options: Parameters<typeof startWorld>[1] = {}) {
  const world = startWorld(t, options)
  world.library()
  world.remote.put(folderItem('plans', 'Plans'))
  world.remote.put(folderItem('deep', 'deep', 'plans'))
  for (const [id, name, parent] of [
    ['a', 'a.pdf', 'plans'],
    ['b', 'b.pdf', 'plans'],
    ['c', 'c.pdf', 'deep'],
    ['n', 'notes.txt', projects.root.item],
  ] as const) {
    const bytes = pattern(MIB, id.charCodeAt(0))
    world.remote.put(fileItem(id, name, bytes, parent), bytes)
  }
  return world
}

async function inoOf(world: DriveWorld, ...names: string[]): Promise<Ino> {
  return world.drive.getattr(await world.node(...names)).ino
}

async function attribute(world: DriveWorld, name: string, ...path: string[]): Promise<string> {
  return Buffer.from(world.drive.getxattr(await world.node(...path), `user.b2bmount.${name}`)).toString()
}

const state = (world: DriveWorld, ...path: string[]) => attribute(world, 'state', ...path)
const pin = (world: DriveWorld, ...path: string[]) => attribute(world, 'pin', ...path)

async function beyondSyncing(world: DriveWorld, ...path: string[]): Promise<void> {
  for (let i = 0; i < 1000 && (await state(world, ...path)) === 'syncing'; i++) await aWhile()
}

/** Time passes until the background has nothing to do: slowly, so that no download on a busy machine runs out of it. */
async function quiet(world: DriveWorld): Promise<void> {
  for (let turn = 0; turn < 1000 && world.keeper.isBusy; turn++) {
    await aWhile(20)
    if (turn % 25 === 0) world.clock.advance(SETTLING)
  }
  await settled(world)
}

function cached({ directory }: DriveWorld): string[] {
  const content = join(directory, 'content')
  return existsSync(content) ? readdirSync(content).flatMap(folder => readdirSync(join(content, folder))) : []
}

const settled = async (world: DriveWorld) => {
  await world.hydrator.settled()
  await world.cache.settled()
}

// "What is pinned, and everything in it, is downloaded and stays: …"
t.test('a folder that is pinned is downloaded with everything in it, also what was never listed', async t => {
  const world = pinWorld(t)
  const plans = await inoOf(world, 'Plans')
  t.equal(await pin(world, 'Plans'), 'unspecified')
  t.equal(await state(world, 'notes.txt'), 'online-only')
  world.drive.pin(plans, 'always-local')
  t.equal(await state(world, 'Plans', 'a.pdf'), 'syncing')
  t.equal(await state(world, 'Plans'), 'syncing')
  const progress: string[] = []
  const kept = await world.keeper.keep(
    plans,
    forever,
    ({ done, total }) => void progress.push(`${done}/${total}`),
  )
  t.match(kept, { files: 3, bytes: 3 * MIB, failures: [] })
  t.same([progress[0], progress.at(-1)], ['0/3', '3/3'])
  await settled(world)
  for (const path of [['a.pdf'], ['b.pdf'], ['deep', 'c.pdf']]) {
    t.equal(await state(world, 'Plans', ...path), 'always-available')
    t.equal(await pin(world, 'Plans', ...path), 'always-local')
  }
  t.equal(await state(world, 'Plans'), 'always-available')
  t.equal(await state(world, 'notes.txt'), 'online-only')
  t.equal(world.remote.downloads.filter(({ item }) => item === 'n').length, 0)
  const total = world.remote.downloads.reduce((sum, { range }) => sum + range.end - range.start, 0)
  t.equal(total, 3 * MIB)
})

// "… what is new in it or has changed is downloaded by itself"
t.test('what is new in a pinned folder, and what has changed, is downloaded by itself', async t => {
  const world = pinWorld(t)
  const plans = await inoOf(world, 'Plans')
  world.keeper.start()
  world.drive.pin(plans, 'always-local')
  await quiet(world)
  t.equal(world.remote.downloads.length, 3)

  const fresh = pattern(MIB, 7)
  world.remote.put(fileItem('a', 'a.pdf', fresh, 'plans'), fresh)
  world.remote.put(fileItem('d', 'd.pdf', fresh, 'plans'), fresh)
  const fell = pattern(MIB, 8)
  world.remote.put(fileItem('m', 'memo.txt', fell), fell)
  await world.drive.refreshFolder(plans, forever)
  t.ok(world.keeper.isBusy)
  await quiet(world)
  t.equal(await state(world, 'Plans', 'a.pdf'), 'always-available')
  t.equal(await state(world, 'Plans', 'd.pdf'), 'always-available')
  t.equal(world.remote.downloads.length, 5)
})

t.test('changes elsewhere do not make it look', async t => {
  const world = pinWorld(t)
  world.keeper.start()
  world.drive.pin(await inoOf(world, 'Plans'), 'always-local')
  await quiet(world)
  world.remote.put(fileItem('m', 'memo.txt', pattern(10)), pattern(10))
  await world.drive.refreshFolder(await inoOf(world), forever)
  t.notOk(world.keeper.isBusy)
})

// "What cannot be downloaded needs *attention*, and is tried again …"
t.test('a file that cannot be had needs attention, does not keep the others, and is tried again', async t => {
  const world = pinWorld(t)
  world.remote.answersAtOnce = false
  world.keeper.start()
  world.drive.pin(await inoOf(world, 'Plans'), 'always-local')
  await aWhile(10)
  world.clock.advance(SETTLING)
  await until(() => world.remote.downloads.length === 3)
  // Before the next look finds the file missing again.
  for (const download of world.remote.downloads) {
    if (download.item === 'b') download.fail(new Fault('access-denied', 'Not for you'))
    else await download.complete()
  }
  // The keeper gives files back a little after their last byte; only then they are verified, and in the store.
  await beyondSyncing(world, 'Plans', 'a.pdf')
  t.equal(await state(world, 'Plans', 'a.pdf'), 'always-available')
  await beyondSyncing(world, 'Plans', 'b.pdf')
  t.equal(await state(world, 'Plans', 'b.pdf'), 'attention')
  t.equal(await state(world, 'Plans'), 'attention')
  t.equal(await state(world), 'attention')
  await beyondSyncing(world, 'Plans', 'deep')
  t.equal(await state(world, 'Plans', 'deep'), 'always-available')
  world.remote.answersAtOnce = true
  await aWhile()
  world.clock.advance(RETRY)
  await aWhile()
  await quiet(world)
  world.clock.advance(SETTLING)
  await until(() => world.remote.downloads.length === 4)
  await quiet(world)
  t.equal(await state(world, 'Plans', 'b.pdf'), 'always-available')
  t.equal(await state(world, 'Plans'), 'always-available')
})

// "A folder is what is in it: …"
t.test('a folder is what is in it and in its folders, as far as that is known', async t => {
  const world = pinWorld(t)
  t.equal(await state(world, 'Plans'), 'online-only')
  for (const path of [['deep', 'c.pdf'], ['a.pdf'], ['b.pdf']]) {
    t.not(await state(world, 'Plans'), 'locally-available')
    const file = await world.open('Plans', ...path)
    await world.read(file, { start: 0, end: MIB })
    world.drive.release(file.handle)
    await settled(world)
    t.equal(await state(world, 'Plans', 'deep'), 'locally-available')
    t.equal(await state(world), 'partly-local')
  }
  t.equal(await state(world, 'Plans'), 'locally-available')
  // Kept: but for what is said of something in it.
  world.drive.pin(await inoOf(world, 'Plans'), 'always-local')
  t.equal(await state(world, 'Plans'), 'always-available')
  await world.drive.freeUp(await inoOf(world, 'notes.txt'), forever)
  world.drive.pin(await inoOf(world), 'always-local')
  world.drive.pin(await inoOf(world, 'notes.txt'), 'unspecified')
  t.equal(await state(world), 'always-available')
})

t.test('of a folder of very many nothing is promised that was not looked at', async t => {
  const world = pinWorld(t)
  for (let i = 0; i < 1_100; i++) {
    const content = pattern(i < 1_050 ? 0 : 10)
    world.remote.put(fileItem(`m${i}`, `${10_000 + i}.txt`, content, 'deep'), content)
  }
  await world.drive.refreshFolder(await inoOf(world, 'Plans', 'deep'), forever)
  t.equal(await state(world, 'Plans', 'deep'), 'online-only')
})

t.test('without a network a few files are tried, not all of them', async t => {
  const world = pinWorld(t)
  const plans = await inoOf(world, 'Plans')
  for (let i = 0; i < 50; i++)
    world.remote.put(fileItem(`x${i}`, `x${i}.bin`, pattern(10), 'plans'), pattern(10))
  await world.names(await world.node('Plans'))
  world.drive.pin(plans, 'always-local')
  world.remote.failure = new Fault('offline', 'There is no network')
  const { files, failures } = await world.keeper.keep(plans, forever, () => {})
  t.equal(files, 0)
  t.ok(failures.length > 0 && failures.length <= 6, `${failures.length} failures`)
})

t.test('at most four files are downloaded at once for it, by one request each', async t => {
  const world = pinWorld(t)
  for (let i = 0; i < 8; i++) {
    const bytes = pattern(20 * MIB, i + 20)
    world.remote.put(fileItem(`x${i}`, `x${i}.bin`, bytes, 'plans'), bytes)
  }
  world.remote.answersAtOnce = false
  const plans = await inoOf(world, 'Plans')
  world.drive.pin(plans, 'always-local')
  const stop = new AbortController()
  const keeping = world.keeper.keep(plans, stop.signal, () => {})
  keeping.catch(() => {})
  await until(() => world.remote.downloads.length === 4)
  await aWhile()
  t.equal(world.remote.downloads.length, 4)
  stop.abort(new Fault('cancelled', 'Ctrl-C'))
  await t.rejects(keeping, { code: 'cancelled' })
  t.ok(
    world.remote.downloads.every(({ signal }) => signal.aborted),
    'and cancelling stops them',
  )
})

// "`unpin` ends that and deletes nothing."
t.test('unpinning keeps the bytes', async t => {
  const world = pinWorld(t)
  const plans = await inoOf(world, 'Plans')
  world.drive.pin(plans, 'always-local')
  await world.keeper.keep(plans, forever, () => {})
  await settled(world)
  world.drive.pin(plans, 'unspecified')
  t.equal(await state(world, 'Plans', 'a.pdf'), 'locally-available')
  t.equal(await pin(world, 'Plans', 'a.pdf'), 'unspecified')
  t.equal(cached(world).length, 3)
})

// "What is said of a folder holds for everything in it, whatever was said of that before; what is said later of
// something in it holds for that."
t.test('what is said of something in a folder holds until something is said of the folder', async t => {
  const world = pinWorld(t)
  const [plans, deep, c] = [
    await inoOf(world, 'Plans'),
    await inoOf(world, 'Plans', 'deep'),
    await inoOf(world, 'Plans', 'deep', 'c.pdf'),
  ]
  world.drive.pin(plans, 'always-local')
  world.drive.pin(deep, 'unspecified')
  t.same(
    [await pin(world, 'Plans', 'a.pdf'), await pin(world, 'Plans', 'deep', 'c.pdf')],
    ['always-local', 'unspecified'],
  )
  t.match(await world.keeper.keep(plans, forever, () => {}), { files: 2 })
  world.drive.pin(c, 'always-local')
  t.equal(await pin(world, 'Plans', 'deep', 'c.pdf'), 'always-local')
  world.drive.pin(plans, 'unspecified')
  t.equal(await pin(world, 'Plans', 'deep', 'c.pdf'), 'unspecified')
  t.same([...world.store.pins.all], [], 'and nothing is left to remember')
})

// "`free-up` makes online-only what is neither open nor pinned."
t.test('freeing up leaves what is open and what is pinned', async t => {
  const world = pinWorld(t)
  const [root, a] = [await inoOf(world), await inoOf(world, 'Plans', 'a.pdf')]
  for (const path of [['Plans', 'b.pdf'], ['Plans', 'deep', 'c.pdf'], ['notes.txt']]) {
    const file = await world.open(...path)
    await world.read(file, { start: 0, end: MIB })
    if (path[0] === 'Plans') world.drive.release(file.handle)
  }
  world.drive.pin(a, 'always-local')
  await world.keeper.keep(a, forever, () => {})
  await settled(world)
  // Open, so that nothing waits for its record.
  await until(() => world.store.content.totalBytes() === 4 * MIB)
  world.told.length = 0
  t.same(await world.drive.freeUp(root, forever), { files: 2, bytes: 2 * MIB, kept: 2 })
  await settled(world)
  t.equal(await state(world, 'Plans', 'b.pdf'), 'online-only')
  t.equal(await state(world, 'Plans', 'a.pdf'), 'always-available')
  t.equal(await state(world, 'notes.txt'), 'locally-available')
  t.equal(cached(world).length, 2)
  t.equal(world.told.length, 2, 'the kernel is told that fewer blocks are local')
  t.same(world.drive.getattr(await world.node('Plans', 'b.pdf')).blocks, 1)

  const again = await world.open('Plans', 'b.pdf')
  t.ok(Buffer.compare(pattern(MIB, 'b'.charCodeAt(0)), await world.read(again, { start: 0, end: MIB })) === 0)
})

t.test('a file that is freed and opened again at once is not lost with the old one', async t => {
  const world = pinWorld(t)
  const file = await world.open('notes.txt')
  await world.read(file, { start: 0, end: MIB })
  world.drive.release(file.handle)
  await settled(world)
  const freeing = world.drive.freeUp(await inoOf(world, 'notes.txt'), forever)
  const again = await world.open('notes.txt')
  await world.read(again, { start: 0, end: MIB })
  await freeing
  world.drive.release(again.handle)
  await settled(world)
  t.equal(cached(world).length, 1)
  t.equal(await state(world, 'notes.txt'), 'locally-available')
})

// "`user.b2bmount.pin` can be read, and set to …"
t.test('the pin can be set by the attribute, in our words and in those of openVFS', async t => {
  const world = pinWorld(t)
  const plans = await world.node('Plans')
  const set = (value: string) => world.drive.setxattr(plans, 'user.b2bmount.pin', value)
  for (const [said, heard] of [
    ['always-local', 'always-local'],
    ['unspecified', 'unspecified'],
    ['alwayslocal', 'always-local'],
    ['inherited', 'unspecified'],
    ['online-only', 'online-only'],
    ['onlineonly', 'online-only'],
  ] as const) {
    set(said)
    t.equal(await pin(world, 'Plans', 'a.pdf'), heard, said)
  }
  world.drive.removexattr(plans, 'user.b2bmount.pin')
  t.equal(await pin(world, 'Plans'), 'unspecified')
  t.throws(() => set('always'), { code: 'invalid-value' })
  t.throws(() => world.drive.setxattr(plans, 'user.b2bmount.state', 'online-only'), { code: 'read-only' })
  t.throws(() => world.drive.removexattr(plans, 'user.b2bmount.web-url'), { code: 'read-only' })
  t.equal(toErrno(new Fault('invalid-value', '')), 22)
})

// "*online-only* … is freed now, and again an hour after it was last used."
t.test('what is set to be online-only is freed at once, and an hour after it was used again', async t => {
  const world = pinWorld(t)
  const use = async () => {
    const file = await world.open('notes.txt')
    await world.read(file, { start: 0, end: MIB })
    world.drive.release(file.handle)
    await settled(world)
  }
  await use()
  world.drive.pin(await inoOf(world, 'notes.txt'), 'online-only')
  await until(() => world.store.content.totalBytes() === 0)
  t.equal(await state(world, 'notes.txt'), 'online-only')
  await use()
  await world.limits.enforce()
  t.equal(await state(world, 'notes.txt'), 'locally-available')
  world.clock.advance(60 * 60_000)
  await world.limits.enforce()
  t.equal(await state(world, 'notes.txt'), 'online-only')
})

t.test('pins survive a restart and moving, and end with their item', async t => {
  const directory = t.testdir()
  const remote = new FakeRemote()
  const first = pinWorld(t, { directory, remote })
  const plans = await inoOf(first, 'Plans')
  first.drive.pin(plans, 'always-local')
  await first.stop()
  const second = startWorld(t, { directory, remote })
  t.equal(await pin(second, 'Plans', 'a.pdf'), 'always-local')
  remote.put(folderItem('archive', 'Archive'))
  await second.drive.refreshFolder(await inoOf(second), forever)
  const archive = await inoOf(second, 'Archive')
  const moved = folderItem('plans', 'Old plans', 'archive')
  const { id } = second.library()
  second.drive.changed(
    second.store.change(0, edit => void edit.put(id, archive, moved, { kind: 'unlisted' })),
  )
  t.equal(await pin(second, 'Archive', 'Old plans', 'a.pdf'), 'always-local')
  remote.items.delete('plans' as never)
  second.drive.changed(second.store.change(0, edit => void edit.removeSubtree(plans, Infinity)))
  await second.stop()
  t.same([...startWorld(t, { directory, remote }).store.pins.all], [])
})

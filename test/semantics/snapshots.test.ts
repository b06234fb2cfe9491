import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Fault } from '../../src/model/fault.js'
import { QUIET } from '../../src/model/save-pace.js'
import { aWhile, until } from './drive-world.js'
import { shown } from './fake-service.js'
import { restart, startUploads, startWith, type UploadsWorld } from './uploads-world.js'

const SECOND = 1_000
const LARGE = 5 * 1024 * 1024

function largeOf(letter: string): Buffer {
  return Buffer.alloc(LARGE, letter)
}

/** Time passes, and what is done meanwhile is done. */
async function pass(world: UploadsWorld, duration: number): Promise<void> {
  for (let left = duration; left > 0; left -= 500) {
    world.clock.advance(Math.min(500, left))
    await aWhile(20)
    await until(() => world.uploader.isIdle || world.link.isDead)
  }
}

function versions(world: UploadsWorld, name: string): number {
  return world.service.log.filter(line => line === `version ${name}` || line === `new ${name}`).length
}

async function sends(world: UploadsWorld, name: string, count: number): Promise<void> {
  for (let tries = 0; versions(world, name) < count && tries < 60; tries++) await pass(world, SECOND)
  await until(() => versions(world, name) >= count && world.uploader.isIdle)
}

function snapshotsOf(world: UploadsWorld): string[] {
  return readdirSync(join(world.directory, 'unsent')).filter(name => name.endsWith('.snapshot'))
}

async function isQuiet(t: Test, world: UploadsWorld, tree: Record<string, string>): Promise<void> {
  t.same(await world.drain(), [], 'nothing is owed')
  await world.pull()
  t.same(world.service.tree(), tree)
  t.same(world.tree(), tree)
  t.same(world.dirty.inos(), [], 'no unsent file is left')
  t.same(snapshotsOf(world), [])
  t.same(
    world.troubles.filter(event => event.startsWith('uploader-bug')),
    [],
  )
}

// SEMANTICS: "What a program has saved is sent, also while it keeps the file open."
t.test('what was synced is sent while the file is open, once, and nothing when it is closed', async t => {
  const world = await startWith(t, { 'a.txt': 'old' })
  const { generation } = world.item('a.txt')
  const ino = world.hold('a.txt', 'empty')
  world.writeOpen('a.txt', 0, 'saved')
  await world.fsync('a.txt')
  await sends(world, 'a.txt', 1)
  t.same(world.service.tree(), { 'a.txt': 'saved' })
  t.match(world.item('a.txt'), { ino, generation }, 'whoever has it open has the same node')
  t.ok(world.uploader.isSent(ino))
  t.same(await world.send(), [], 'nothing is owed')
  await pass(world, 10 * 60 * SECOND)
  await world.fsync('a.txt')
  await pass(world, 10 * 60 * SECOND)
  t.equal(world.store.owed.of(ino)?.content, true, 'a process after this one looks again')
  world.letGo('a.txt')
  await pass(world, 3 * SECOND)
  t.equal(world.store.owed.of(ino), undefined)
  t.match(world.item('a.txt'), { ino, generation: generation + 1 })
  t.same(world.service.log, ['version a.txt'], 'one version of one save')
  await isQuiet(t, world, { 'a.txt': 'saved' })
})

// "… and, where a program never says so, what it has left alone for a minute."
t.test('what was never synced is sent when it was left alone for a minute', async t => {
  const world = await startWith(t, { 'a.txt': 'old' })
  const ino = world.hold('a.txt')
  world.writeOpen('a.txt', 0, 'new')
  await pass(world, 40 * SECOND)
  world.writeOpen('a.txt', 0, 'NEW')
  await pass(world, QUIET - SECOND)
  t.same(world.service.log, [])
  t.match(world.uploader.status(), [{ ino, waiting: 'open', openedBy: { program: 'editor', pid: 4711 } }])
  await sends(world, 'a.txt', 1)
  t.same(world.service.tree(), { 'a.txt': 'NEW' })
  // Nobody says that it goes on.
  world.writeOpen('a.txt', 0, 'end')
  await pass(world, 3 * QUIET)
  t.same(world.service.tree(), { 'a.txt': 'end' })
  world.letGo('a.txt')
  await isQuiet(t, world, { 'a.txt': 'end' })
  t.equal(versions(world, 'a.txt'), 2)
})

t.test('a file that was only made, and is not written to yet, is not sent', async t => {
  const world = startUploads(t)
  world.hold('new.bin')
  await pass(world, QUIET / 2)
  t.same(world.service.log, [])
  world.writeOpen('new.bin', 0, 'bytes')
  world.letGo('new.bin')
  await isQuiet(t, world, { 'new.bin': 'bytes' })
  t.same(world.service.log, ['new new.bin'])
})

// "What is sent is a copy: a state of the file between two writes."
for (const [size, before, after] of [
  ['a small file', 'a'.repeat(100), 'b'.repeat(100)],
  ['a large file', largeOf('a').toString(), largeOf('b').toString()],
] as const) {
  t.test(
    `${size} that is written to while it is sent arrives as it was saved, and then as it is`,
    async t => {
      const world = await startWith(t, { f: 'old' })
      world.hold('f', 'empty')
      world.writeOpen('f', 0, before)
      await world.fsync('f')
      const isDone = world.link.atNext('upload', 'request', () => {
        world.writeOpen('f', 10, after.slice(0, 50))
      })
      await sends(world, 'f', 1)
      t.ok(isDone())
      t.same(world.service.tree(), { f: shown(Buffer.from(before)) })
      t.same(snapshotsOf(world), [])
      t.equal(world.uploader.isSent(world.item('f').ino), false)
      const last = before.slice(0, 10) + after.slice(0, 50) + before.slice(60)
      await world.fsync('f')
      await sends(world, 'f', 2)
      t.same(world.service.tree(), { f: shown(Buffer.from(last)) })
      world.letGo('f')
      await isQuiet(t, world, { f: shown(Buffer.from(last)) })
      t.equal(versions(world, 'f'), 2, 'a version of each save')
      t.same(world.conflicts, [])
    },
  )
}

t.test('a write while the copy is being made abandons it', async t => {
  const world = await startWith(t, { f: 'old' })
  world.hold('f', 'empty')
  world.writeOpen('f', 0, largeOf('a'))
  await world.fsync('f')
  const { dirty } = world
  const snapshot = dirty.snapshot.bind(dirty)
  let copies = 0
  dirty.snapshot = async (opened, check) => {
    if (++copies === 1) world.writeOpen('f', LARGE - 1, 'b')
    return await snapshot(opened, check)
  }
  for (let tries = 0; copies === 0 && tries < 30; tries++) await pass(world, SECOND)
  await pass(world, 10 * SECOND)
  t.equal(copies, 1)
  t.same(world.service.log, [], 'what was half copied is not sent')
  t.same(snapshotsOf(world), [])
  t.same(world.troubles, [])
  await world.fsync('f')
  await sends(world, 'f', 1)
  t.same(world.service.tree(), { f: shown(Buffer.concat([largeOf('a').subarray(1), Buffer.from('b')])) })
  world.letGo('f')
})

t.test('a new file that takes its name while it is open is sent, as a version of what was there', async t => {
  const world = await startWith(t, { doc: 'old' })
  const { remoteId } = world.item('doc')
  world.hold('doc.tmp')
  world.writeOpen('doc.tmp', 0, 'new')
  world.rename('doc.tmp', 'doc')
  await sends(world, 'doc', 1)
  t.same(world.service.tree(), { doc: 'new' })
  t.equal(world.service.find('doc')?.id, remoteId)
  world.letGo('doc')
  await isQuiet(t, world, { doc: 'new' })
  t.same(world.service.log, ['version doc'])
})

t.test('a name is sent although the file is open, where no byte of it waits', async t => {
  const world = await startWith(t, { a: '1' })
  world.hold('a')
  world.writeOpen('a', 0, '2')
  await world.fsync('a')
  await sends(world, 'a', 1)
  world.rename('a', 'b')
  await pass(world, 5 * SECOND)
  t.same(world.service.tree(), { b: '2' })
  world.letGo('b')
  await isQuiet(t, world, { b: '2' })
  t.equal(world.service.log.filter(line => line.startsWith('version')).length, 1)
})

// "The first version goes soon, further ones of the same file ever more rarely; at once when the file is left alone, or closed."
t.test('a program that syncs every second makes few versions, and the last when it closes', async t => {
  const world = await startWith(t, { log: '' })
  world.hold('log')
  let first: number | undefined
  for (let second = 1; second <= 600; second++) {
    world.writeOpen('log', 0, `second ${second}`)
    await world.fsync('log')
    await pass(world, SECOND)
    if (versions(world, 'log') > 0) first ??= second
  }
  t.ok((first ?? Infinity) <= 15, `the first after ${first} s`)
  const made = versions(world, 'log')
  t.ok(made >= 4 && made <= 8, `${made} versions in ten minutes`)
  world.letGo('log')
  await pass(world, 3 * SECOND)
  t.same(world.service.tree(), { log: 'second 600' })
  await isQuiet(t, world, { log: 'second 600' })
})

t.test(
  'a file that is saved and closed every four seconds makes few versions, also after a restart',
  async t => {
    const world = await startWith(t, { a: '' })
    for (let round = 1; round <= 15; round++) {
      world.write('a.tmp', `round ${round}`)
      world.rename('a.tmp', 'a')
      await pass(world, 4 * SECOND)
    }
    const made = versions(world, 'a')
    t.ok(made >= 2 && made <= 5, `${made} versions of 15 saves`)
    const next = restart(t, world)
    next.write('a', 'after the restart')
    await pass(next, 3 * SECOND)
    t.equal(versions(next, 'a'), made, 'what was sent lately is known')
    await isQuiet(t, next, { a: 'after the restart' })
  },
)

// "one without the other would be another database"
t.test('a database that is open is sent without its log, and not within a transaction', async t => {
  const world = startUploads(t)
  for (const name of ['a.db', 'a.db-wal', 'b.db', 'b.db-journal', 'my-journal']) {
    world.hold(name)
    world.writeOpen(name, 0, name)
    await world.fsync(name)
  }
  await pass(world, 10 * QUIET)
  t.same(world.service.tree(), { 'a.db': 'a.db', 'my-journal': 'my-journal' })
  t.same(
    world.uploader
      .status()
      .map(({ path, waiting }) => [path.at(-1), waiting])
      .filter(([, why]) => why !== 'sent'),
    [
      ['a.db-wal', 'open'],
      ['b.db', 'open'],
      ['b.db-journal', 'open'],
    ],
  )
  world.letGo('b.db-journal')
  world.remove('b.db-journal')
  await pass(world, QUIET + SECOND)
  t.same(world.service.tree(), { 'a.db': 'a.db', 'b.db': 'b.db', 'my-journal': 'my-journal' })
  world.letGo('a.db-wal')
  world.remove('a.db-wal')
  for (const name of ['a.db', 'b.db', 'my-journal']) world.letGo(name)
  await isQuiet(t, world, { 'a.db': 'a.db', 'b.db': 'b.db', 'my-journal': 'my-journal' })
})

t.test('without room for a copy it waits, says why, and goes when it is closed', async t => {
  const world = await startWith(t, { f: 'old' })
  const ino = world.hold('f', 'empty')
  world.writeOpen('f', 0, largeOf('a'))
  await world.fsync('f')
  world.dirty.snapshot = () => Promise.reject(new Fault('disk-full', 'no room for the copy'))
  for (let tries = 0; world.troubles.length === 0 && tries < 30; tries++) await pass(world, SECOND)
  t.match(world.uploader.status(), [
    { ino, hindrance: { code: 'disk-full' }, needsAttention: true, openedBy: { program: 'editor' } },
  ])
  world.writeOpen('f', 0, 'b')
  world.letGo('f')
  await sends(world, 'f', 1)
  await isQuiet(t, world, { f: shown(Buffer.concat([Buffer.from('b'), largeOf('a').subarray(1)])) })
})

t.test('what SharePoint makes of each save asks nobody anything', async t => {
  const world = await startWith(t, { 'a.docx': 'old' })
  world.service.rewrites = 'later'
  world.hold('a.docx', 'empty')
  for (let save = 1; save <= 3; save++) {
    world.writeOpen('a.docx', 0, `save ${save}`)
    await world.fsync('a.docx')
    await sends(world, 'a.docx', save)
    await world.pull()
  }
  world.letGo('a.docx')
  t.same(await world.drain(), [])
  await world.pull()
  t.same(world.conflicts, [])
  t.equal(versions(world, 'a.docx'), 3)
  t.equal(
    world.read('a.docx'),
    shown(Buffer.from(world.service.tree()['a.docx'] ?? '')),
    'theirs is shown now',
  )
})

t.test(
  'what the other side makes of it meanwhile is shown when it is closed, and a conflict when it was written to',
  async t => {
    for (const goesOn of [false, true]) {
      const world = await startWith(t, { a: 'old' }, { directory: t.testdir({ [String(goesOn)]: {} }) })
      world.hold('a', 'empty')
      world.writeOpen('a', 0, 'mine')
      await world.fsync('a')
      await sends(world, 'a', 1)
      world.service.put('a', 'theirs')
      await world.pull()
      t.equal(world.read('a'), 'mine', 'as long as it is open')
      if (goesOn) world.writeOpen('a', 0, 'MINE')
      world.letGo('a')
      await isQuiet(t, world, goesOn ? { a: 'theirs', 'a-laptop': 'MINE' } : { a: 'theirs' })
      t.equal(world.conflicts.length, goesOn ? 1 : 0)
      await world.stop()
    }
  },
)

t.test('a time that is set after it was sent is sent when it is closed, and no byte', async t => {
  const world = await startWith(t, { a: 'old' })
  world.hold('a', 'empty')
  world.writeOpen('a', 0, 'new')
  await world.fsync('a')
  await sends(world, 'a', 1)
  const modified = Date.UTC(2020, 0, 1)
  world.writer.setAttributes(world.item('a'), { modified })
  world.letGo('a')
  await isQuiet(t, world, { a: 'new' })
  t.same(world.service.log, ['version a', 'time a'])
  t.equal(world.service.find('a')?.modified, modified)
})

t.test('what is deleted while it is open, after it was sent, is deleted over there', async t => {
  const world = await startWith(t, { a: 'old', b: '1' })
  const ino = world.hold('a', 'empty')
  world.writeOpen('a', 0, 'new')
  await world.fsync('a')
  await sends(world, 'a', 1)
  world.remove('a')
  t.notOk(world.uploader.isSent(ino))
  const held = world.opened.get(ino)
  world.opened.delete(ino)
  if (held) world.dirty.release(held.dirty)
  await isQuiet(t, world, { b: '1' })
})

t.test('killed at any step of a file that is open, what was saved arrives, and no copy is left', async t => {
  const save = async (world: UploadsWorld) => {
    world.hold('f', 'empty')
    world.writeOpen('f', 0, largeOf('a'))
    await world.fsync('f')
    await pass(world, 20 * SECOND)
    world.writeOpen('f', 0, 'b')
    await world.fsync('f')
    await pass(world, 20 * SECOND)
  }
  const last = { f: shown(Buffer.concat([Buffer.from('b'), largeOf('a').subarray(1)])) }
  const dry = await startWith(t, { f: 'old' })
  let steps = 0
  dry.link.onStep = () => {
    steps++
  }
  await save(dry)
  await sends(dry, 'f', 2)
  t.ok(steps >= 4, `${steps} steps`)
  for (let at = 1; at <= steps; at++) {
    const world = await startWith(t, { f: 'old' }, { directory: join(dry.directory, `killed-${at}`) })
    let step = 0
    world.link.onStep = async () => {
      if (++step < at) return
      world.link.isDead = true
      await new Promise<never>(() => undefined)
    }
    await save(world)
    await until(() => world.link.isDead)
    // A copy that had not lost its name yet.
    writeFileSync(join(world.directory, 'unsent', '1-1.snapshot'), 'half')
    const next = restart(t, world)
    t.same(snapshotsOf(next), [], 'the next process takes it away')
    await isQuiet(t, next, last)
    await next.stop()
  }
})

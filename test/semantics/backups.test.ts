import t, { type Test } from 'tap'
import { Fault, type FaultCode } from '../../src/model/fault.js'
import { SETTLING } from '../../src/model/save-pace.js'
import { aWhile, CALLER, fileItem, forever, pattern, startWorld, until } from './drive-world.js'
import type { Step } from './fake-service.js'
import { converges, restart, startWith, type UploadsWorld } from './uploads-world.js'
import { close, itemOf, LONG, opened, worldWith, writeTo } from './writing-world.js'

// SEMANTICS, "Names": "The same holds where the old file is kept under its other name …: the name keeps what the service has, and the
// backup is the new file over there", and what follows. The files are called `a` and `a~`, as Emacs calls its backup.

/** Moves the old file away, and writes a new one; the old one is kept. */
function save(world: UploadsWorld, text: string, backup = 'a~'): void {
  world.rename('a', backup)
  world.write('a', text)
}

function idOf(world: UploadsWorld, path: string): string | undefined {
  return world.service.find(path)?.id
}

async function startWithOne(t: Test, more: Readonly<Record<string, string>> = {}) {
  const world = await startWith(t, { a: 'old', ...more })
  return { world, id: idOf(world, 'a') }
}

const kept = { a: 'new', 'a~': 'old' }

t.test('the name keeps what the service has, and the backup is the new file', async t => {
  const { world, id } = await startWithOne(t)
  const { ino } = world.item('a')
  save(world, 'new')
  t.equal(world.item('a~').ino, ino, '"`st_ino`, open handles and times go with the old file"')
  await converges(t, world, kept)
  t.equal(idOf(world, 'a'), id)
  t.equal(world.item('a~').ino, ino)
  t.same(world.service.log.toSorted(), ['new a~', 'version a'])
})

t.test('the backup keeps its time', async t => {
  const { world } = await startWithOne(t)
  const { modified } = world.item('a')
  save(world, 'new')
  await converges(t, world, kept)
  t.equal(world.service.find('a~')?.modified, modified)
})

t.test('sed -i.bak: the new file was there before, and is renamed into its place', async t => {
  const { world, id } = await startWithOne(t)
  world.write('sedAB12cd', 'new')
  world.rename('a', 'a~')
  world.rename('sedAB12cd', 'a')
  await converges(t, world, kept)
  t.equal(idOf(world, 'a'), id)
})

t.test('the old file is moved to another folder, also to a new one', async t => {
  const { world, id } = await startWithOne(t)
  world.mkdir('backup')
  save(world, 'new', 'backup/a')
  await converges(t, world, { a: 'new', 'backup/': '', 'backup/a': 'old' })
  t.equal(idOf(world, 'a'), id)
})

t.test('the old file is moved to a folder that stays on this machine', async t => {
  const { world, id } = await startWithOne(t)
  world.mkdir('.#backup')
  save(world, 'new', '.#backup/a')
  await world.drain()
  t.same(world.service.tree(), { a: 'new' })
  t.equal(idOf(world, 'a'), id)
  t.equal(world.read('.#backup/a'), 'old')
})

t.test('each further save makes a version of the file, and one of the backup', async t => {
  const { world, id } = await startWithOne(t)
  save(world, '1')
  await converges(t, world, { a: '1', 'a~': 'old' })
  const backup = idOf(world, 'a~')
  save(world, '2')
  await converges(t, world, { a: '2', 'a~': '1' })
  save(world, '3')
  await converges(t, world, { a: '3', 'a~': '2' })
  t.equal(idOf(world, 'a'), id)
  t.equal(idOf(world, 'a~'), backup, '"a new version of an earlier backup that it replaces"')
  t.notOk(
    world.service.log.some(line => /^(delete|move)/.test(line)),
    'nothing goes to the recycle bin',
  )
})

t.test('each save removes the backup of the one before', async t => {
  const { world, id } = await startWithOne(t)
  save(world, '1')
  await converges(t, world, { a: '1', 'a~': 'old' })
  const backup = idOf(world, 'a~')
  world.remove('a~')
  world.clock.advance(10)
  save(world, '2')
  await converges(t, world, { a: '2', 'a~': '1' })
  t.equal(idOf(world, 'a'), id)
  t.equal(idOf(world, 'a~'), backup, 'vim with `backup` and `backupcopy=auto`')
})

t.test('saved again and again before anything is sent', async t => {
  const { world, id } = await startWithOne(t)
  for (const text of ['1', '2', '3']) save(world, text)
  await converges(t, world, { a: '3', 'a~': '2' })
  t.equal(idOf(world, 'a'), id)
  t.same(world.service.log.toSorted(), ['new a~', 'version a'])
})

t.test('numbered backups are new files, each of them', async t => {
  const { world, id } = await startWithOne(t)
  save(world, '1', 'a.~1~')
  save(world, '2', 'a.~2~')
  await converges(t, world, { a: '2', 'a.~1~': 'old', 'a.~2~': '1' })
  t.equal(idOf(world, 'a'), id)
})

t.test('the backup is deleted later', async t => {
  const { world, id } = await startWithOne(t)
  save(world, 'new')
  await converges(t, world, kept)
  world.remove('a~')
  await converges(t, world, { a: 'new' })
  t.equal(idOf(world, 'a'), id)
})

for (const isSent of [false, true]) {
  t.test(`the backup is renamed again, ${isSent ? 'after' : 'before'} it was sent`, async t => {
    const { world, id } = await startWithOne(t)
    save(world, 'new')
    if (isSent) await converges(t, world, kept)
    world.rename('a~', 'other')
    await converges(t, world, { a: 'new', other: 'old' })
    t.equal(idOf(world, 'a'), id)
  })

  t.test(`the backup comes back, ${isSent ? 'after' : 'before'} it was sent`, async t => {
    const { world, id } = await startWithOne(t)
    save(world, 'new')
    if (isSent) await converges(t, world, kept)
    const expected = isSent ? idOf(world, 'a~') : id
    world.rename('a~', 'a')
    await converges(t, world, { a: 'old' })
    t.equal(idOf(world, 'a'), expected, 'a file that the service has goes where it is moved')
  })
}

t.test('the new file is deleted before anything is sent: the old one was moved', async t => {
  const { world, id } = await startWithOne(t)
  save(world, 'new')
  world.remove('a')
  await converges(t, world, { 'a~': 'old' })
  t.equal(idOf(world, 'a~'), id)
  t.same(world.service.log, ['move a a~'])
})

t.test('a file that was changed, and not sent, before it became the backup', async t => {
  const { world, id } = await startWithOne(t, { a: 'old bytes' })
  world.patch('a', 4, 'BY')
  save(world, 'new')
  await converges(t, world, { a: 'new', 'a~': 'old BYtes' })
  t.equal(idOf(world, 'a'), id)
})

t.test('offline, and restarted meanwhile', async t => {
  const { world, id } = await startWithOne(t)
  const away = () => {
    throw new Fault('offline', 'no network')
  }
  world.link.onStep = away
  save(world, '1')
  await world.send()
  const next = restart(t, world)
  next.link.onStep = away
  save(next, '2')
  await next.send()
  next.link.onStep = () => undefined
  await converges(t, next, { a: '2', 'a~': '1' })
  t.equal(idOf(next, 'a'), id)
})

t.test('the renaming has been sent when the new file is made: it was one', async t => {
  const { world, id } = await startWithOne(t)
  world.rename('a', 'a~')
  world.clock.advance(SETTLING)
  await until(() => world.store.owed.isEmpty)
  world.write('a', 'new')
  await converges(t, world, kept)
  t.equal(idOf(world, 'a~'), id, '"as long as that has not been sent"')
})

t.test('the new file is being written when the renaming could be sent', async t => {
  const { world, id } = await startWithOne(t)
  save(world, 'half')
  world.hold('a')
  world.clock.advance(SETTLING)
  await aWhile()
  world.write('a', 'new')
  world.letGo('a')
  await converges(t, world, kept)
  t.equal(idOf(world, 'a'), id)
})

t.test('what moves without a new file in its place is only renamed', async t => {
  const { world, id } = await startWithOne(t, { b: 'b', 'x/f': 'f' })
  world.rename('a', 'a~')
  world.rename('b', 'a')
  world.rename('x', 'y')
  world.mkdir('x')
  await converges(t, world, { a: 'b', 'a~': 'old', 'x/': '', 'y/': '', 'y/f': 'f' })
  t.equal(idOf(world, 'a~'), id)
  t.notOk(world.service.log.some(line => /^(new|version|delete)/.test(line)))
})

t.test('names that are passed on in a row: only the new file keeps what was there', async t => {
  const { world, id } = await startWithOne(t, { 'a.1': 'older', 'a.2': 'oldest' })
  const first = idOf(world, 'a.1')
  world.rename('a.2', 'a.3')
  world.rename('a.1', 'a.2')
  save(world, 'new', 'a.1')
  await converges(t, world, { a: 'new', 'a.1': 'old', 'a.2': 'older', 'a.3': 'oldest' })
  t.equal(idOf(world, 'a'), id)
  t.equal(idOf(world, 'a.2'), first)
  t.same(world.service.log.filter(line => !line.startsWith('move')).toSorted(), ['new a.1', 'version a'])
})

t.test('what is not local of the backup is fetched, once', async t => {
  const { world } = await startWithOne(t)
  save(world, 'new')
  await converges(t, world, kept)
  t.same(world.fetched, [{ start: 0, end: 3 }])
  save(world, 'newer')
  await converges(t, world, { a: 'newer', 'a~': 'new' })
  t.equal(world.fetched.length, 1, 'the second time everything was here')
})

for (const code of ['offline', 'throttled', 'timed-out', 'sign-in-required'] as const satisfies FaultCode[]) {
  t.test(`while the bytes of the backup cannot be had (${code}), nothing is sent`, async t => {
    const { world, id } = await startWithOne(t)
    world.failsToFetch = () => {
      throw new Fault(code, 'told to fail')
    }
    save(world, 'new')
    const left = await world.send()
    t.equal(left.length, 2)
    t.match(left[0], { path: ['Contoso', 'Team - Projects', 'a~'], hindrance: { code } })
    t.same(world.service.tree(), { a: 'old' })
    world.failsToFetch = undefined
    world.uploader.retry()
    await converges(t, world, kept)
    t.equal(idOf(world, 'a'), id)
  })
}

for (const code of ['download-blocked', 'malware-detected', 'disk-full'] as const satisfies FaultCode[]) {
  t.test(`where they never can (${code}), the renaming stays one`, async t => {
    const { world, id } = await startWithOne(t)
    world.failsToFetch = () => {
      throw new Fault(code, 'told to fail')
    }
    save(world, 'new')
    await converges(t, world, kept)
    t.equal(idOf(world, 'a~'), id)
    t.same(world.service.log, ['move a a~', 'new a'])
  })
}

t.test('where they could not be had so often that it needs attention, too', async t => {
  const { world } = await startWithOne(t)
  let fetches = 0
  world.failsToFetch = () => {
    fetches++
    throw new Fault('server-error', 'told to fail')
  }
  save(world, 'new')
  for (let i = 0; i < 50 && world.service.tree()['a~'] === undefined; i++) {
    await world.send()
    world.clock.advance(60 * 60_000)
  }
  await converges(t, world, kept)
  t.ok(fetches > 2 && fetches < 20, `${fetches} times`)
})

t.test('nor where the other side has replaced them: both versions survive', async t => {
  const { world } = await startWithOne(t)
  world.service.put('a', 'theirs')
  world.failsToFetch = () => {
    throw new Fault('stale-content', 'another version by now')
  }
  save(world, 'new')
  await converges(t, world, { a: 'new', 'a~': 'theirs' })
})

t.test('the other side changes the file while the backup waits: theirs keeps the name', async t => {
  const { world, id } = await startWithOne(t)
  world.read('a')
  save(world, 'new')
  world.service.put('a', 'theirs', world.clock.now() + 10_000)
  await world.pull()
  await world.drain()
  await world.pull()
  t.equal(idOf(world, 'a'), id)
  t.equal(world.service.tree()['a'], 'theirs')
  t.equal(world.service.tree()['a-laptop'], 'new')
  t.same(world.conflicts.length, 1)
  t.same(world.tree(), world.service.tree())
})

t.test('the same where the backup is deleted: what nobody here has seen is replaced by nobody', async t => {
  const { world, id } = await startWithOne(t)
  save(world, 'new')
  world.service.put('a', 'theirs', world.clock.now() + 10_000)
  await world.pull()
  world.remove('a~')
  await converges(t, world, { a: 'theirs', 'a-laptop': 'new' })
  t.equal(idOf(world, 'a'), id)
})

t.test('the other side moves the file meanwhile: the new version is of it, where it is', async t => {
  const { world, id } = await startWithOne(t, { 'd/': '' })
  save(world, 'new')
  world.service.move('a', 'd/a')
  await world.pull()
  await converges(t, world, { 'd/': '', 'd/a': 'new', 'a~': 'old' })
  t.equal(idOf(world, 'd/a'), id)
})

t.test('the other side deletes the file meanwhile: who changes it wins', async t => {
  const { world } = await startWithOne(t)
  world.read('a')
  save(world, 'new')
  world.failsToFetch = undefined
  const ended = world.link.atNext('upload', 'request', () => {
    if (world.service.find('a') !== undefined) world.service.remove('a')
  })
  await converges(t, world, kept)
  t.ok(ended())
})

t.test('a pin goes with the name', async t => {
  const { world } = await startWithOne(t)
  world.store.setPin(world.item('a').ino, 'always-local')
  save(world, 'new')
  await converges(t, world, kept)
  t.equal(world.store.pins.saidOf(world.item('a').ino), 'always-local')
  t.equal(world.store.pins.saidOf(world.item('a~').ino), undefined)
})

t.test('an answer from before it was sent undoes nothing', async t => {
  const { world, id } = await startWithOne(t)
  save(world, 'new')
  await world.pullBefore(() => world.drain(), false)
  await converges(t, world, kept)
  t.equal(idOf(world, 'a'), id)
})

const isStep = ({ operation, phase }: Step) => `${operation} ${phase}`

t.test('killed at any step, the name has kept what it was, and nothing is lost', async t => {
  const { world: dry } = await startWithOne(t, { 'a~': 'older' })
  const steps: string[] = []
  dry.link.onStep = step => void steps.push(isStep(step))
  save(dry, 'new')
  await dry.drain()
  t.ok(steps.length > 3)
  for (let last = 0; last <= steps.length; last++) {
    const { world, id } = await startWithOne(t, { 'a~': 'older' })
    const backup = idOf(world, 'a~')
    save(world, 'new')
    let count = 0
    world.link.onStep = async () => {
      if (count++ < last) return
      world.link.isDead = true
      await new Promise<never>(() => undefined)
    }
    let isOver = false
    world.send().then(
      () => (isOver = true),
      () => (isOver = true),
    )
    await until(() => world.link.isDead || isOver)
    const next = restart(t, world)
    await converges(t, next, kept)
    t.equal(idOf(next, 'a'), id, `killed at step ${last}`)
    t.equal(idOf(next, 'a~'), backup, `killed at step ${last}`)
  }
})

// --- the bytes of a backup ---

const bytes = pattern(700_000)

t.test(
  'all of a content is made ours, whatever of it was local, and whoever has it open reads and writes on',
  async t => {
    const world = await worldWith(t, { a: bytes })
    const { ino, modified } = await itemOf(world, 'a')
    const reader = await world.open('a')
    const writer = await opened(world, 'a')
    await world.read(reader, { start: 300_000, end: 300_010 })
    await world.drive.ownContent(ino, forever)
    t.equal(
      world.remote.downloads.reduce((sum, { range }) => sum + range.end - range.start, 0),
      bytes.length,
      'each byte once',
    )
    t.equal(Buffer.compare(await world.read(reader, LONG), bytes), 0)
    t.match(world.store.owed.of(ino), { content: true, isNew: false, base: { eTag: '"a,1"' } })
    t.equal(world.store.content.get(ino, 0), undefined, 'there is one copy of it')
    t.equal(world.drive.getattr(await world.node('a')).modified, modified)
    await writeTo(world, writer, 'NEW', 5)
    t.equal(Buffer.from(await world.read(reader, { start: 5, end: 8 })).toString(), 'NEW')
    close(world, reader)
    close(world, writer)
    await world.hydrator.settled()
    t.ok(world.dirty.has(ino))
    t.same(world.troubles, [])
  },
)

t.test('what was made ours is there after a restart, with its time', async t => {
  const world = await worldWith(t, { a: bytes, empty: new Uint8Array(0) })
  const items = [await itemOf(world, 'a'), await itemOf(world, 'empty')]
  for (const { ino } of items) await world.drive.ownContent(ino, forever)
  await world.stop()
  const { directory, remote } = world
  const next = startWorld(t, { writable: true, directory, remote })
  next.recover()
  const file = await next.drive.open(await next.node('a'), 0, CALLER, forever)
  t.equal(Buffer.compare(await next.read(file, LONG), bytes), 0)
  for (const { name, size, modified } of items) t.match(await itemOf(next, name), { size, modified })
  t.same(next.troubles, [])
})

t.test('what was changed here, or is replaced while it comes, is not made ours', async t => {
  const world = await worldWith(t, { a: bytes, b: bytes })
  const [a, b] = [await itemOf(world, 'a'), await itemOf(world, 'b')]
  const file = await opened(world, 'a')
  await writeTo(world, file, 'NEW')
  close(world, file)
  await world.drive.ownContent(a.ino, forever)
  t.same(world.remote.downloads, [])
  world.remote.put({ ...fileItem('b', 'b', pattern(10, 2)), eTag: '"b,2"' }, pattern(10, 2))
  await t.rejects(world.drive.ownContent(b.ino, forever), { code: 'stale-content' })
  t.equal(world.store.owed.of(b.ino), undefined)
})

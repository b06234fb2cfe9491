import t, { type Test } from 'tap'
import { Fault } from '../../src/model/fault.js'
import { aWhile } from './drive-world.js'
import { startWith, type UploadsWorld } from './uploads-world.js'

const YEAR_1966 = Date.UTC(1966, 9, 3)
const YEAR_9999 = Date.UTC(9999, 5, 1)

// docs/SEMANTICS.md, "What goes back, and when": what the service has accepted is never sent again unless something changed.

/** More writes than this, and the service has enough: nothing may spin for ever in a test. */
function count(world: UploadsWorld): () => number {
  let writes = 0
  world.link.onStep = ({ operation, phase }) => {
    if (phase === 'answer' || !['upload', 'update', 'createFolder', 'delete'].includes(operation)) return
    if (++writes > 50) throw new Fault('access-denied', 'enough')
  }
  return () => writes
}

/** As programs set it: `touch -d`, `cp -p`. */
function touch(world: UploadsWorld, path: string, modified: number): void {
  world.writer.setAttributes(world.item(path), { modified })
}

async function settles(t: Test, world: UploadsWorld): Promise<void> {
  t.same(await world.send(), [], 'nothing is owed')
  for (let minute = 0; minute < 10; minute++) {
    world.clock.advance(60_000)
    await aWhile()
    await world.pull()
  }
  t.same(await world.send(), [], 'and `sync --wait` sends nothing')
}

for (const [what, time, kept] of [
  ['before 1970', YEAR_1966, 0],
  ['of the last millisecond before 1970', -1, 0],
  ['of a negative part of a second', -500, 0],
  ['after 9998', YEAR_9999, Date.UTC(9999, 0)],
  ['that no calendar can write', 9e15, Date.UTC(9999, 0)],
] as const) {
  t.test(`a time ${what} is sent once, and what the service makes of it counts`, async t => {
    const world = await startWith(t, { a: '1' })
    // As SharePoint does it: owncloud #1380, rclone #2296.
    world.service.keepsTime = sent =>
      Math.min(Math.max(0, Math.floor(sent / 1_000) * 1_000), Date.UTC(9999, 0))
    const writes = count(world)
    touch(world, 'a', time)
    await settles(t, world)
    t.equal(writes(), 1)
    t.equal(world.item('a').modified, kept)
  })

  t.test(`so with a new file whose time is ${what}`, async t => {
    const world = await startWith(t, {})
    world.service.keepsTime = sent =>
      Math.min(Math.max(0, Math.floor(sent / 1_000) * 1_000), Date.UTC(9999, 0))
    const writes = count(world)
    world.write('new', 'text')
    touch(world, 'new', time)
    await settles(t, world)
    t.equal(writes(), 1)
    t.equal(world.item('new').modified, kept)
  })

  t.test(`so where a name goes with a time ${what}`, async t => {
    const world = await startWith(t, { a: '1' })
    world.service.keepsTime = sent =>
      Math.min(Math.max(0, Math.floor(sent / 1_000) * 1_000), Date.UTC(9999, 0))
    const writes = count(world)
    world.rename('a', 'b')
    touch(world, 'b', time)
    await settles(t, world)
    t.equal(writes(), 1)
    t.equal(world.item('b').modified, kept)
  })
}

t.test('whatever else a service makes of a time', async t => {
  for (const keepsTime of [() => 0, () => Date.now(), (sent: number) => sent - (sent % 60_000)]) {
    const world = await startWith(t, { a: '1' })
    world.service.keepsTime = keepsTime
    const writes = count(world)
    touch(world, 'a', world.clock.now() - 12_345)
    await settles(t, world)
    t.equal(writes(), 1)
  }
})

t.test('a time that is set again while the first is under way is sent, too', async t => {
  const world = await startWith(t, { a: '1' })
  const [first, second] = [world.clock.now() - 86_400_000, world.clock.now() - 172_800_000]
  touch(world, 'a', first)
  world.link.atNext('update', 'answer', () => touch(world, 'a', second))
  await settles(t, world)
  t.same(world.service.log, ['time a', 'time a'])
  t.equal(world.item('a').modified, second)
})

t.test('the times of folders are not sent, also not with their names', async t => {
  const world = await startWith(t, { 'd/a': '1' })
  const writes = count(world)
  touch(world, 'd', YEAR_1966)
  await settles(t, world)
  t.equal(writes(), 0)
  touch(world, 'd', YEAR_9999)
  world.rename('d', 'e')
  await settles(t, world)
  t.equal(writes(), 1)
})

t.test('a name that the service keeps otherwise is that from then on', async t => {
  for (const change of ['new file', 'new folder', 'rename'] as const) {
    const world = await startWith(t, { a: '1' })
    world.service.keepsName = name => name.replace('  ', ' ')
    const writes = count(world)
    if (change === 'new file') world.write('two  spaces', 'x')
    else if (change === 'new folder') world.mkdir('two  spaces')
    else world.rename('a', 'two  spaces')
    await settles(t, world)
    t.equal(writes(), 1, change)
    t.ok(world.find('two spaces'), 'it is shown as it is there')
    t.notOk(world.find('two  spaces'))
  }
})

t.test('a deletion that the service accepts and does not carry out is not sent again and again', async t => {
  const world = await startWith(t, { a: '1' })
  world.service.delete = () => undefined
  const writes = count(world)
  world.remove('a')
  await settles(t, world)
  t.equal(writes(), 1)
})

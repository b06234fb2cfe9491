import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Fault } from '../../src/model/fault.js'
import type { Ino, TenantId } from '../../src/model/ids.js'
import { SETTLING } from '../../src/model/save-pace.js'
import { patienceWith } from '../../src/model/upload-patience.js'
import { overlaid, swapped } from '../../scripts/collisions.js'
import { aWhile, pattern, until } from './drive-world.js'
import { hashOf, shown, type Step } from './fake-service.js'
import { converges, forever, restart, startUploads, startWith, type UploadsWorld } from './uploads-world.js'

const large = Buffer.alloc(5 * 1024 * 1024, 'y')
const shownLarge = shown(large)

t.test('a new file arrives, and is local and verified here', async t => {
  const world = startUploads(t)
  const ino = world.write('report.txt', 'I am new')
  t.same(await world.send(), [])
  t.same(world.service.tree(), { 'report.txt': 'I am new' })
  t.equal(world.item('report.txt').ino, ino)
  t.match(world.store.content.get(ino, 1), { verified: true })
  t.same(world.dirty.inos(), [])
  t.match(world.changes, [{ kind: 'content', ino, generation: 0 }])
  await converges(t, world, { 'report.txt': 'I am new' })
  t.equal(world.item('report.txt').generation, 1, 'the echo of it changes nothing')
})

t.test('an empty file arrives', async t => {
  const world = startUploads(t)
  world.write('empty', '')
  await converges(t, world, { empty: '' })
})

t.test('the time of a file stays as exact as it was here', async t => {
  const world = startUploads(t)
  world.clock.advance(123)
  world.write('a', 'a')
  const { modified } = world.item('a')
  t.equal(modified % 1_000, 123)
  await world.send()
  await world.pull()
  t.equal(world.item('a').modified, modified)
})

t.test('what was changed becomes a new version of the same item', async t => {
  const world = await startWith(t, { 'a.txt': 'old' })
  const { remoteId } = world.item('a.txt')
  world.write('a.txt', 'new')
  await converges(t, world, { 'a.txt': 'new' })
  t.equal(world.service.find('a.txt')?.id, remoteId)
  t.same(world.service.log, ['version a.txt'])
})

t.test('a change in the middle is sent with the rest of the file, of which only that is fetched', async t => {
  const world = await startWith(t, { 'a.txt': '0123456789' })
  world.patch('a.txt', 4, 'NEW')
  t.equal(world.read('a.txt'), '0123NEW789')
  await converges(t, world, { 'a.txt': '0123NEW789' })
  t.same(world.fetched, [
    { start: 0, end: 4 },
    { start: 7, end: 10 },
  ])
})

t.test('a file that is saved without a change is not sent', async t => {
  const world = await startWith(t, { 'a.txt': 'same' })
  world.write('a.txt', 'same')
  await converges(t, world, { 'a.txt': 'same' })
  t.same(world.service.log, ['time a.txt'], 'but for its time')
})

t.test('nothing goes before it has been left alone for two seconds', async t => {
  const world = startUploads(t)
  world.write('a', '1')
  world.clock.advance(1_500)
  world.write('a', '2')
  world.clock.advance(1_500)
  await aWhile()
  t.same(world.service.log, [])
  world.clock.advance(500)
  await until(() => world.service.log.length > 0)
  t.same(world.service.tree(), { a: '2' })
})

t.test('nothing goes that a program is writing to', async t => {
  const world = startUploads(t)
  const ino = world.hold('a')
  world.writeOpen('a', 0, 'half')
  t.match(await world.send(), [{ ino, waiting: 'open', openedBy: { program: 'editor', pid: 4711 } }])
  t.same(world.service.log, [])
  world.letGo('a')
  await converges(t, world, { a: 'half' })
})

t.test('lock files and half-written ones stay here', async t => {
  const world = startUploads(t)
  world.write('~$letter.docx', 'me')
  world.write('.goutputstream-ABC123', 'half')
  t.same(await world.send(), [])
  t.same(world.service.tree(), {})
  world.rename('.goutputstream-ABC123', 'letter.txt')
  t.same(await world.send(), [])
  t.same(world.service.tree(), { 'letter.txt': 'half' })
})

t.test('a tree of new folders and files arrives, parents first', async t => {
  const world = startUploads(t)
  world.mkdir('a')
  world.mkdir('a/b')
  world.write('a/b/c.txt', 'c')
  world.write('a/d.txt', 'd')
  await converges(t, world, { 'a/': '', 'a/b/': '', 'a/b/c.txt': 'c', 'a/d.txt': 'd' })
  t.equal(world.service.log[0], 'folder a')
})

t.test('a file is renamed, moved, and moved into a folder that is new', async t => {
  const world = await startWith(t, { a: '1', b: '2', c: '3', 'd/': '' })
  world.rename('a', 'A')
  world.rename('b', 'd/b')
  world.mkdir('new')
  world.rename('c', 'new/other')
  await converges(t, world, { A: '1', 'd/': '', 'd/b': '2', 'new/': '', 'new/other': '3' })
  t.notOk(
    world.service.log.some(line => /^(version|new|delete)/.test(line)),
    'no content was sent',
  )
})

t.test('two files, and two folders, that changed names with each other', async t => {
  const world = await startWith(t, { a: '1', b: '2', 'x/1': '1', 'y/2': '2' })
  for (const [one, other] of [
    ['a', 'b'],
    ['x', 'y'],
  ] as const) {
    world.rename(one, 'between')
    world.rename(other, one)
    world.rename('between', other)
  }
  await converges(t, world, { a: '2', b: '1', 'x/': '', 'x/2': '2', 'y/': '', 'y/1': '1' })
})

t.test('a folder that is turned inside out', async t => {
  const world = await startWith(t, { 'a/b/f': '1' })
  world.rename('a/b', 'b')
  world.rename('a', 'b/a')
  world.rename('b', 'c')
  world.rename('c/a', 'c/b')
  world.rename('c', 'a')
  await converges(t, world, { 'a/': '', 'a/b/': '', 'a/f': '1' })
})

t.test('a name and a content are both sent', async t => {
  const world = await startWith(t, { a: 'old' })
  world.write('a', 'new')
  world.rename('a', 'b')
  await converges(t, world, { b: 'new' })
  t.same(world.service.log, ['move a b', 'version b'])
})

t.test('a new folder that is renamed while files go into it', async t => {
  const world = startUploads(t)
  world.mkdir('d')
  world.write('d/1', large)
  world.write('d/2', '2')
  const steps: (() => void)[] = []
  world.link.onStep = ({ operation }) => {
    return operation === 'upload' ? new Promise(resolve => steps.push(resolve)) : undefined
  }
  const sent = world.send()
  await until(() => steps.length === 2)
  world.rename('d', 'e')
  world.rename('e/2', 'e/3')
  world.link.onStep = () => undefined
  for (const go of steps) go()
  await sent
  await converges(t, world, { 'e/': '', 'e/1': shownLarge, 'e/3': '2' })
})

t.test('a folder that is renamed here while it is made there', async t => {
  const world = startUploads(t)
  world.mkdir('d')
  world.link.onStep = ({ operation, phase }) => {
    if (operation === 'createFolder' && phase === 'answer') world.rename('d', 'e')
  }
  await converges(t, world, { 'e/': '' })
})

t.test('a file that is deleted here while it arrives there', async t => {
  const world = startUploads(t)
  world.write('a', '1')
  world.link.onStep = ({ operation, phase }) => {
    if (operation === 'upload' && phase === 'answer') world.remove('a')
  }
  await converges(t, world, {})
  t.same(world.service.log, ['new a', 'delete a'])
})

t.test('a file that is changed here while it arrives there is sent again', async t => {
  const world = await startWith(t, { old: '1' })
  world.write('old', '2')
  world.write('new', '1')
  const changed = new Set<string>()
  world.link.onStep = ({ operation, phase, name }) => {
    if (operation !== 'upload' || phase !== 'answer' || changed.has(name)) return
    changed.add(name)
    world.write(name, 'changed')
  }
  await converges(t, world, { old: 'changed', new: 'changed' })
  t.same(world.conflicts, [])
})

t.test('a large file that is being changed is not sent on', async t => {
  const world = startUploads(t)
  const ino = world.write('large', large)
  let read = 0
  world.link.onStep = ({ operation, phase }) => {
    if (operation !== 'upload' || phase !== 'request' || read++ > 0) return
    world.patch('large', 0, 'changed')
  }
  const expected = shown(Buffer.concat([Buffer.from('changed'), large.subarray(7)]))
  await converges(t, world, { large: expected })
  t.equal(world.item('large').ino, ino)
  t.same(world.service.log, ['new large'], 'only whole versions arrive')
})

t.test('an upload that broke off goes on where it was, also after a restart', async t => {
  const world = startUploads(t)
  world.write('large', large)
  const { service } = world
  let fragments = 0
  const check = service.upload.bind(service)
  service.upload = (target, source, progress, step) =>
    check(target, source, progress, async () => {
      if (++fragments === 3) world.link.isDead = true
      await step()
    })
  void world.send().catch(() => undefined)
  await until(() => world.link.isDead)
  const next = restart(t, world)
  await converges(t, next, { large: shownLarge })
  t.same(service.log, ['resume at 2097152', 'new large'])
})

t.test('deleted files and folders go, what is in a folder first', async t => {
  const world = await startWith(t, { 'a/b/c': '1', 'a/d': '2', e: '3' })
  world.remove('a/b/c')
  world.remove('a/b')
  world.remove('a/d')
  world.remove('a')
  world.remove('e')
  await converges(t, world, {})
  const place = (path: string) => world.service.log.indexOf(`delete ${path}`)
  t.ok(place('a/b/c') < place('a/b') && place('a/b') < place('a') && place('a/d') < place('a'))
})

t.test('a folder in which somebody else has put something is not deleted', async t => {
  const world = await startWith(t, { 'a/mine': '1' })
  world.remove('a/mine')
  world.remove('a')
  world.service.put('a/theirs', 'new')
  await converges(t, world, { 'a/': '', 'a/theirs': 'new' })
})

// "What the drive does not understand counts as being there"
t.test('a folder in which there is something that is not understood comes back', async t => {
  const world = await startWith(t, { 'a/mine': '1' })
  const folder = world.item('a').remoteId
  world.remove('a/mine')
  world.remove('a')
  world.service.notUnderstood = [{ id: undefined, parent: folder }]
  await converges(t, world, { 'a/': '' })
  t.notOk(world.service.log.includes('delete a'))
  t.ok(world.troubles.includes('not-deleted'))
})

t.test('a folder that counts more than its list shows is asked a few times, and comes back', async t => {
  const world = await startWith(t, { 'a/mine': '1', 'b/mine': '2' })
  const [late, hidden] = [world.item('a').remoteId, world.item('b').remoteId]
  for (const path of ['a/mine', 'a', 'b/mine', 'b']) world.remove(path)
  world.service.counted.set(late, 1)
  world.service.counted.set(hidden, 1)
  await world.send()
  t.notOk(world.service.log.includes('delete a'), 'not yet')
  world.service.counted.delete(late)
  await converges(t, world, { 'b/': '' })
  t.ok(world.service.log.includes('delete a'), 'the count was late')
  t.notOk(world.service.log.includes('delete b'))
})

t.test('a file that was changed over there is not deleted, and comes back', async t => {
  const world = await startWith(t, { a: '1', b: '1' })
  world.remove('a')
  world.remove('b')
  world.service.put('a', 'changed meanwhile')
  world.service.move('b', 'c')
  await converges(t, world, { a: 'changed meanwhile' })
})

t.test('a name that a deleted item had is free for another one', async t => {
  const world = await startWith(t, { 'Readme/x': '1', 'OTHER.txt': '2' })
  world.remove('Readme/x')
  world.remove('Readme')
  world.write('readme', 'a file now')
  world.remove('OTHER.txt')
  world.write('other.txt', 'new')
  await converges(t, world, { readme: 'a file now', 'other.txt': 'new' })
})

t.test('many deletions at once wait for somebody who agrees, everything else goes on', async t => {
  const files = Object.fromEntries(['1', '2', '3', '4'].map(name => [name, name]))
  const world = await startWith(t, files, { massDeletion: 3 })
  for (const name of Object.keys(files)) world.remove(name)
  world.write('other', 'x')
  const left = await world.send()
  t.same(
    left.map(({ what, waiting }) => [what, waiting]),
    Array(4).fill(['deletion', 'held']),
  )
  t.same(world.service.tree(), { ...files, other: 'x' })
  t.equal(world.uploader.heldDeletions(world.library), 4)
  const next = restart(t, world)
  t.equal(next.uploader.heldDeletions(next.library), 4)
  next.uploader.consentToDeletions(next.library)
  t.equal(next.uploader.heldDeletions(next.library), 0)
  await converges(t, next, { other: 'x' })
})

t.test('deletions that nobody wants are undone', async t => {
  const files = Object.fromEntries(['1', '2', '3', '4'].map(name => [name, name]))
  const world = await startWith(t, files, { massDeletion: 3 })
  for (const name of Object.keys(files)) world.remove(name)
  t.same(world.uploader.undoDeletions(world.library), [world.item('').ino])
  t.same(await world.send(), [])
  t.same(world.service.tree(), files)
})

// --- both sides ---

t.test('where both have changed a file both versions survive, theirs under the name', async t => {
  const world = await startWith(t, { 'a.txt': 'old' })
  const ino = world.write('a.txt', 'ours')
  world.service.put('a.txt', 'theirs')
  await converges(t, world, { 'a.txt': 'theirs', 'a-laptop.txt': 'ours' })
  t.match(world.conflicts, [{ ino, name: 'a.txt', copy: 'a-laptop.txt' }])
  t.equal(world.item('a-laptop.txt').ino, ino, 'who has it open goes on with ours')
})

t.test('where the name of the copy is taken the next one is', async t => {
  const world = await startWith(t, { 'a.txt': 'old', 'a-laptop.txt': 'there' })
  world.service.put('a-laptop-2.txt', 'not known here yet')
  world.write('a.txt', 'ours')
  world.service.put('a.txt', 'theirs')
  await world.drain()
  await world.pull()
  const texts = Object.values(world.service.tree()).sort()
  t.same(texts, ['not known here yet', 'ours', 'theirs', 'there'])
  t.same(world.tree(), world.service.tree())
})

t.test('a name that another one has with other capitals is taken, too', async t => {
  const world = await startWith(t, { 'a.txt': 'old', 'A-Laptop.TXT': 'there' })
  world.write('a.txt', 'ours')
  world.service.put('a.txt', 'theirs')
  await converges(t, world, { 'a.txt': 'theirs', 'A-Laptop.TXT': 'there', 'a-laptop-2.txt': 'ours' })
  t.match(world.conflicts, [{ name: 'a.txt', copy: 'a-laptop-2.txt' }])
})

t.test('theirs gets its plain name when ours has its old one again', async t => {
  const world = await startWith(t, { 'b.txt': 'b' })
  world.rename('b.txt', 'a.txt')
  world.service.put('a.txt', 'theirs')
  await world.pull()
  world.rename('a.txt', 'b.txt')
  world.clock.advance(2_000)
  await until(() => 'a.txt' in world.tree())
  await converges(t, world, { 'a.txt': 'theirs', 'b.txt': 'b' })
})

const LEAVING = {
  renamed: { leave: world => world.rename('a.txt', 'c.txt'), after: { 'b.txt': 'b', 'c.txt': 'ours' } },
  'saved over another file': {
    leave: world => world.rename('a.txt', 'b.txt'),
    after: { 'b.txt': 'ours' },
  },
  deleted: { leave: world => world.remove('a.txt'), after: { 'b.txt': 'b' } },
} satisfies Record<string, { leave: (world: UploadsWorld) => void; after: Record<string, string> }>

for (const [what, { leave, after }] of Object.entries(LEAVING)) {
  t.test(`theirs gets its plain name when ours, never sent, is ${what}`, async t => {
    const world = await startWith(t, { 'b.txt': 'b' })
    world.service.put('a.txt', 'theirs')
    world.write('a.txt', 'ours')
    await world.pull()
    t.equal(world.read('a.txt'), 'ours')
    leave(world)
    t.notOk('a.txt' in world.tree(), 'but not while a program may be about to make it anew')
    world.clock.advance(2_000)
    await until(() => 'a.txt' in world.tree())
    await world.drain()
    t.same(world.tree(), { 'a.txt': 'theirs', ...after })
  })
}

const TAKEN: Readonly<Record<string, (world: UploadsWorld) => void>> = {
  'a new file': world => world.write('b', 'ours'),
  'a new folder': world => world.mkdir('b'),
  'another name': world => world.rename('k', 'b'),
}

for (const [what, take] of Object.entries(TAKEN)) {
  t.test(`a name (${what}) that is taken is no conflict where ours has left it meanwhile`, async t => {
    const world = await startWith(t, { k: 'ours', 'd/b-laptop': 'old' })
    world.service.put('b', 'theirs')
    take(world)
    const left = world.link.atNext('child', 'answer', () => world.rename('b', 'd/b'))
    await world.send()
    t.ok(left())
    await converges(t, world, {
      b: 'theirs',
      'd/': '',
      'd/b-laptop': 'old',
      ...(what === 'a new folder' ? { 'd/b/': '', k: 'ours' } : { 'd/b': 'ours' }),
      ...(what === 'a new file' && { k: 'ours' }),
    })
    t.same(world.conflicts, [])
  })
}

t.test('what was changed on both sides keeps both where ours is now', async t => {
  const world = await startWith(t, { k: '1', 'd/k-laptop': 'old' })
  world.write('k', 'ours')
  world.service.put('k', 'theirs')
  const moved = world.link.atNext('item', 'answer', () => world.rename('k', 'd/k'))
  await world.send()
  t.ok(moved())
  t.same(await world.drain(), [])
  await world.pull()
  t.same(world.tree(), world.service.tree())
  t.same(Object.values(world.tree()).sort(), ['', 'old', 'ours', 'theirs'])
  t.same(
    world.troubles.filter(event => event.startsWith('uploader-bug')),
    [],
  )
})

t.test('an item that gets its old name back while its new one is being sent has the old one', async t => {
  const world = await startWith(t, { 'a.txt': 'a' })
  world.rename('a.txt', 'b.txt')
  const back = world.link.atNext('update', 'answer', () => world.rename('b.txt', 'a.txt'))
  await world.send()
  t.ok(back())
  await converges(t, world, { 'a.txt': 'a' })
})

t.test('what is told of a file while it is changed is shown when nothing was changed after all', async t => {
  const world = await startWith(t, { 'a.txt': 'old' })
  t.equal(world.read('a.txt'), 'old', 'only of bytes that are here anything can be told')
  world.write('a.txt', 'old')
  world.service.put('a.txt', 'theirs')
  await world.pull()
  await converges(t, world, { 'a.txt': 'theirs' })
})

t.test('what is told of a file while its upload is answered is shown', async t => {
  const world = await startWith(t, { 'a.txt': 'old' })
  world.write('a.txt', 'ours')
  world.link.atNext('upload', 'answer', async () => {
    world.service.put('a.txt', 'theirs', world.clock.now() + 60_000)
    await world.pull()
  })
  await world.send()
  await converges(t, world, { 'a.txt': 'theirs' })
})

t.test('where it was moved to while it was moved there and back here is where it is', async t => {
  const world = await startWith(t, { 'a.txt': 'a' })
  world.rename('a.txt', 'b.txt')
  world.service.move('a.txt', 'c.txt')
  await world.pull()
  world.rename('b.txt', 'a.txt')
  await converges(t, world, { 'c.txt': 'a' })
})

t.test('what was changed there unseen outlives a deletion here, also after a new name was sent', async t => {
  const world = await startWith(t, { 'a.txt': 'old' })
  world.rename('a.txt', 'b.txt')
  world.service.put('a.txt', 'theirs', world.clock.now() + 60_000)
  await world.send()
  world.remove('b.txt')
  await converges(t, world, { 'b.txt': 'theirs' })
})

t.test('a folder can be moved into a new one that has its name', async t => {
  const world = await startWith(t, { 'x/a.txt': 'a' })
  world.rename('x', 'y')
  world.mkdir('x')
  world.rename('y', 'x/z')
  await converges(t, world, { 'x/': '', 'x/z/': '', 'x/z/a.txt': 'a' })
})

t.test(
  'a new file that is saved over one of other capitals while it is sent is not deleted as its own remains',
  async t => {
    const world = await startWith(t, { b: 'b' })
    world.write('A', 'ours')
    world.link.failNext('upload', 'timed-out')
    await world.send()
    world.service.put('a', 'theirs', world.clock.now() + 60_000)
    await world.pull()
    world.rename('A', 'a')
    await converges(t, world, { a: 'ours', b: 'b' })
  },
)

for (const kind of ['file', 'folder']) {
  t.test(`a folder takes the place of one that was emptied into it, of a ${kind}`, async t => {
    const inside = kind === 'file' ? 'a' : 'a/b'
    const world = await startWith(t, { [`y/${inside}`]: '1', 'x/z/c': '2' })
    world.rename('y/a', 'x/z/a')
    world.remove('y')
    world.rename('x/z', 'y')
    await converges(t, world, {
      'x/': '',
      'y/': '',
      ...(kind === 'folder' && { 'y/a/': '' }),
      [`y/${inside}`]: '1',
      'y/c': '2',
    })
  })
}

t.test(
  'what was moved here and renamed there is where it was moved to, by the name that it has here',
  async t => {
    const world = await startWith(t, { 'x/a': '1', b: '2' })
    world.rename('x/a', 'a')
    world.service.move('x/a', 'x/b')
    await world.pull()
    await converges(t, world, { 'x/': '', a: '1', b: '2' })
  },
)

t.test('what cannot be made whole is not sent as another file either', async t => {
  const world = await startWith(t, { 'a.txt': 'old old old', 'b.txt': 'b' })
  world.patch('a.txt', 4, 'NEW')
  world.service.remove('a.txt')
  await world.pull()
  world.rename('a.txt', 'b.txt')
  const [left] = await world.drain()
  t.match(left, { hindrance: { code: 'not-supported' }, needsAttention: true })
  t.notOk(world.service.log.some(line => line.startsWith('version')))
})

t.test('theirs gets its plain name also after a restart', async t => {
  const first = await startWith(t, { 'b.txt': 'b' })
  first.service.put('a.txt', 'theirs')
  first.write('a.txt', 'ours')
  await first.pull()
  first.remove('a.txt')
  const world = first.restart()
  t.teardown(() => world.stop())
  world.clock.advance(2_000)
  await until(() => 'a.txt' in world.tree())
  t.same(world.tree(), { 'a.txt': 'theirs', 'b.txt': 'b' })
})

t.test('the copy of a file that is called like a copy already has another name than that', async t => {
  // As long as a name may be: what is cut off for the host is the host.
  const name = `${'x'.repeat(244)}-laptop.txt`
  const world = await startWith(t, { [name]: 'base' })
  world.write(name, 'ours')
  world.service.put(name, 'theirs')
  t.same(await world.drain(), [])
  await world.pull()
  const tree = world.service.tree()
  t.equal(tree[name], 'theirs')
  t.same(Object.values(tree).sort(), ['ours', 'theirs'])
  t.same(world.tree(), tree)
})

t.test('equal bytes are no conflict', async t => {
  const world = await startWith(t, { old: '1' })
  world.write('old', 'same')
  world.service.put('old', 'same')
  world.write('new', 'same')
  world.service.put('new', 'same')
  await converges(t, world, { old: 'same', new: 'same' })
  t.same(world.conflicts, [])
})

t.test('a cache file that was taken over is sent if it has other bytes, and goes back if not', async t => {
  const world = await startWith(t, { a: '0123456789' })
  world.patch('a', 4, 'NEW')
  await converges(t, world, { a: '0123NEW789' })
  const { length } = world.service.log
  const fetched = world.fetched.length
  world.takeOver('a', () => undefined)
  await converges(t, world, { a: '0123NEW789' })
  t.equal(world.service.log.length, length, 'nothing to send')
  world.takeOver('a', file => file.write(0, Buffer.from('X')))
  await converges(t, world, { a: 'X123NEW789' })
  t.equal(world.fetched.length, fetched, 'all of it was here')
})

t.test('a part of a version that is nowhere any more is mixed with no other version', async t => {
  const world = await startWith(t, { a: '0123456789' })
  const ino = world.patch('a', 4, 'NEW')
  world.service.put('a', 'theirs')
  t.match(await world.send(), [
    { ino, needsAttention: true, hindrance: { code: 'not-supported', nextStep: /export/ } },
  ])
  t.same(world.service.tree(), { a: 'theirs' })
  t.match(world.conflicts, [{ ino, name: 'a', copy: 'a-laptop' }], 'both are there, and somebody is told')
  t.not(world.item('a').ino, ino, 'theirs can be read')
  t.equal(world.item('a-laptop').ino, ino, 'what was written here is still there, and can be exported')
})

t.test('nor is it sent in part when the other side has deleted the file', async t => {
  const world = await startWith(t, { a: '0123456789' })
  const ino = world.patch('a', 4, 'NEW')
  world.service.remove('a')
  t.match(await world.drain(), [{ ino, needsAttention: true, hindrance: { code: 'not-supported' } }])
  t.same(world.service.tree(), {})
  t.equal(world.item('a').ino, ino, 'what was written here is still there, and can be exported')
})

for (const isFull of [false, true]) {
  const what = isFull ? 'enumeration' : 'report of changes'
  t.test(`an answer (${what}) from before something was sent undoes nothing of it`, async t => {
    const world = await startWith(t, { 'd/gone': '1', moved: '2', changed: '3' })
    world.listedAgain.length = 0
    world.write('early', 'not told yet when it is composed')
    const seen: Record<string, string>[] = []
    const meanwhile = async () => {
      world.remove('d/gone')
      world.rename('moved', 'd/there')
      world.write('changed', 'mine')
      t.same(await world.drain(), [])
      seen.push(world.tree())
    }
    await world.pullBefore(meanwhile, isFull)
    const expected = { 'd/': '', 'd/there': '2', changed: 'mine', early: 'not told yet when it is composed' }
    t.same(seen, [expected])
    t.same(world.tree(), expected)
    t.ok(world.listedAgain.includes('d'), 'what came too early is asked for again')
    await converges(t, world, expected)
  })
}

t.test('two new files of one name', async t => {
  const world = startUploads(t)
  world.write('A.txt', 'ours')
  world.service.put('a.txt', 'theirs')
  await converges(t, world, { 'a.txt': 'theirs', 'A-laptop.txt': 'ours' })
})

t.test('two new folders of one name are one', async t => {
  const world = startUploads(t)
  world.mkdir('d')
  world.write('d/ours', '1')
  world.write('d/both', 'ours')
  world.service.mkdir('d')
  world.service.put('d/theirs', '2')
  world.service.put('d/both', 'theirs')
  await converges(t, world, {
    'd/': '',
    'd/ours': '1',
    'd/theirs': '2',
    'd/both': 'theirs',
    'd/both-laptop': 'ours',
  })
})

t.test('two new folders of one name are one, also if theirs is known already', async t => {
  const world = startUploads(t)
  world.mkdir('d')
  world.write('d/ours', '1')
  world.service.mkdir('d')
  world.service.put('d/theirs', '2')
  await world.pull()
  await converges(t, world, { 'd/': '', 'd/ours': '1', 'd/theirs': '2' })
})

t.test('a new folder where somebody has a file of that name', async t => {
  const world = startUploads(t)
  world.mkdir('d')
  world.write('d/in it', '1')
  world.service.put('d', 'a file')
  await converges(t, world, { d: 'a file', 'd-laptop/': '', 'd-laptop/in it': '1' })
})

t.test('a name that somebody else has taken meanwhile', async t => {
  const world = await startWith(t, { a: '1' })
  world.rename('a', 'b')
  world.service.put('b', 'theirs')
  await converges(t, world, { b: 'theirs', 'b-laptop': '1' })
})

t.test('a new name there and another here: ours counts; there a name, here a content: both', async t => {
  const world = await startWith(t, { a: '1', b: '1' })
  world.rename('a', 'ours')
  world.service.move('a', 'theirs')
  world.write('b', '2')
  world.service.move('b', 'c')
  await converges(t, world, { ours: '1', c: '2' })
  t.same(world.conflicts, [])
})

t.test('a name here and a content there are both kept', async t => {
  const world = await startWith(t, { a: '1' })
  world.rename('a', 'b')
  world.service.put('a', 'theirs')
  await converges(t, world, { b: 'theirs' })
})

t.test('name and content here, content there', async t => {
  const world = await startWith(t, { a: '1' })
  world.write('a', 'ours')
  world.rename('a', 'b')
  world.service.put('a', 'theirs')
  await converges(t, world, { b: 'theirs', 'b-laptop': 'ours' })
})

t.test('who changes a file wins over who deletes it', async t => {
  const world = await startWith(t, { a: '1', 'd/b': '2' })
  world.write('a', 'changed')
  world.write('d/b', 'changed')
  world.service.remove('a')
  world.service.remove('d')
  await converges(t, world, { a: 'changed', 'd/': '', 'd/b': 'changed' })
})

t.test('a new file in a folder that is gone over there brings the folder back', async t => {
  const world = await startWith(t, { 'd/e/old': '1' })
  world.write('d/e/new', '2')
  world.service.remove('d')
  t.same(
    (await world.send()).map(({ hindrance }) => hindrance?.code),
    ['item-not-found'],
    'one "not found" is not believed',
  )
  t.ok(world.find('d/e/old'), 'and nothing goes away because of it')
  await converges(t, world, { 'd/': '', 'd/e/': '', 'd/e/new': '2' })
})

t.test('a folder that is gone over there does not come back for what has left it meanwhile', async t => {
  const world = await startWith(t, { 'd/old': '1' })
  world.write('d/new', '2')
  world.service.remove('d')
  await world.send()
  const left = world.link.atNext('item', 'request', () => world.rename('d/new', 'new'))
  world.clock.advance(2 * 60_000)
  await world.send()
  t.ok(left())
  await converges(t, world, { new: '2' })
})

// --- contents that have one hash and one size ---

const zeros = Buffer.alloc(64 * 160)
const pages = Buffer.from(pattern(64 * 160))
/** What was, and what is written over it: the hash cannot tell one from the other. */
const COLLISIONS = {
  'one byte repeated over zeros': [zeros, overlaid(zeros, 0x78, 0, 32)],
  'two pages that changed places': [pages, swapped(pages, 0, 28 * 160, 4096)],
  'all of it written anew': [zeros, Buffer.alloc(zeros.length, 0xff)],
} as const
const sameAs = (bytes: Uint8Array) => ({ 'a.bin': shown(bytes) })

for (const [what, [before, after]] of Object.entries(COLLISIONS)) {
  for (const isLocal of [true, false]) {
    t.test(`what has the hash of what was there is sent: ${what}, ${isLocal ? '' : 'not '}local`, async t => {
      t.equal(hashOf(before), hashOf(after), 'QuickXorHash sees no difference')
      const world = startUploads(t)
      world.service.put('a.bin', before, world.clock.now() - 86_400_000)
      await world.pull()
      if (isLocal) world.read('a.bin')
      world.write('a.bin', after)
      await converges(t, world, sameAs(after))
      t.same(world.service.log, ['new a.bin', 'version a.bin'], 'in one version')
      world.freeUp('a.bin')
      t.equal(world.read('a.bin'), shown(after))
    })
  }

  t.test(`another file of the same hash that is renamed over it is sent: ${what}`, async t => {
    const world = startUploads(t)
    world.write('a.bin', before)
    await world.send()
    world.write('other.bin', after)
    world.rename('other.bin', 'a.bin')
    await converges(t, world, sameAs(after))
    world.freeUp('a.bin')
    t.equal(world.read('a.bin'), shown(after))
  })

  t.test(`theirs of the same hash is another version: ${what}`, async t => {
    const world = startUploads(t)
    world.service.put('a.bin', before)
    await world.pull()
    t.equal(world.read('a.bin'), shown(before))
    world.service.put('a.bin', after)
    await world.pull()
    t.equal(world.read('a.bin'), shown(after), 'stale bytes are not served')
  })

  t.test(`both survive where both have written something of the same hash: ${what}`, async t => {
    const world = startUploads(t)
    world.service.put('a.bin', 'something else', 0)
    await world.pull()
    world.write('a.bin', after)
    world.clock.advance(60_000)
    world.service.put('a.bin', before)
    await converges(t, world, { 'a.bin': shown(before), 'a-laptop.bin': shown(after) })
  })

  t.test(`a new file of the name and the hash of theirs is not theirs: ${what}`, async t => {
    const world = startUploads(t)
    world.service.put('a.bin', before, 0)
    world.write('a.bin', after)
    await converges(t, world, { 'a.bin': shown(before), 'a-laptop.bin': shown(after) })
  })

  t.test(`what was deleted here is not deleted there once it has another content: ${what}`, async t => {
    const world = startUploads(t)
    world.service.put('a.bin', before, 0)
    await world.pull()
    world.remove('a.bin')
    world.service.put('a.bin', after)
    await converges(t, world, sameAs(after))
  })

  t.test(`an upload that broke off is not gone on with other bytes of the same hash: ${what}`, async t => {
    const large = (bytes: Uint8Array) => Buffer.concat([Buffer.alloc(4 * 1024 * 1024), bytes])
    const world = startUploads(t)
    world.write('a.bin', large(before))
    world.link.failNext('upload', 'offline', 'answer')
    await world.send()
    world.write('a.bin', large(after))
    const next = restart(t, world)
    await converges(t, next, { 'a.bin': shown(large(after)) })
    t.notMatch(next.service.log.join('\n'), /resume/)
  })
}

t.test('a file that is written anew with what it had is not sent, if that is local', async t => {
  const world = await startWith(t, { 'a.txt': 'as it is' })
  world.read('a.txt')
  world.write('a.txt', 'as it is')
  await converges(t, world, { 'a.txt': 'as it is' })
  t.same(
    world.service.log.filter(line => line.startsWith('version')),
    [],
  )
  t.equal(world.link.carried('holds'), 0, 'and not downloaded')
})

t.test(
  'a file that is written anew with what it had is compared with what the service has, if it is not local',
  async t => {
    const world = await startWith(t, { 'a.txt': 'as it is' })
    world.write('a.txt', 'as it is')
    await converges(t, world, { 'a.txt': 'as it is' })
    t.same(
      world.service.log.filter(line => line.startsWith('version')),
      [],
    )
    t.equal(world.link.carried('holds'), 1)
  },
)

t.test('what goes back to the old content after another one has arrived, unheard of, is sent', async t => {
  const world = await startWith(t, { 'a.txt': 'first' })
  world.read('a.txt')
  world.write('a.txt', 'second')
  world.link.failNext('upload', 'offline', 'answer')
  await world.send()
  world.write('a.txt', 'first')
  await converges(t, world, { 'a.txt': 'first' })
})

t.test('an upload whose answer was lost makes no second version', async t => {
  const world = await startWith(t, { 'a.txt': 'first' })
  world.write('a.txt', 'second')
  world.link.failNext('upload', 'offline', 'answer')
  await converges(t, world, { 'a.txt': 'second' })
  t.same(world.service.log, ['version a.txt'])
})

t.test('a rename by the other side of what is local costs a question, not its bytes', async t => {
  const world = await startWith(t, { 'a.txt': 'a', 'b.txt': 'b' })
  world.read('a.txt')
  const { ino, generation } = world.item('a.txt')
  world.service.move('a.txt', 'c.txt')
  world.service.move('b.txt', 'd.txt')
  await world.pull()
  t.match(world.item('c.txt'), { ino, generation })
  t.match(world.store.content.get(ino, generation), { verified: true })
  t.equal(world.link.carried('current'), 1, 'of what nobody has read nothing is asked')
})

t.test(
  'a round in which the question is not answered is asked for again, and shows nothing of it before',
  async t => {
    const world = startUploads(t)
    world.service.put('a.bin', zeros)
    await world.pull()
    world.read('a.bin')
    world.service.put('a.bin', Buffer.alloc(zeros.length, 0xff))
    world.link.failNext('current', 'offline')
    await t.rejects(world.pull(), { code: 'offline' })
    t.equal(world.read('a.bin'), shown(zeros), 'the version that is known')
    await world.pull()
    t.equal(world.read('a.bin'), shown(Buffer.alloc(zeros.length, 0xff)))
  },
)

// --- SharePoint's own changes ---

t.test('what SharePoint makes of a file is its new version, and not sent again', async t => {
  const world = startUploads(t)
  world.service.rewrites = 'in the answer'
  const ino = world.write('a.docx', 'text')
  await world.send()
  t.equal(world.store.content.get(ino, 1), undefined, 'nobody has read it yet')
  await converges(t, world, { 'a.docx': 'text (with properties)' })
  t.same(world.service.log, ['new a.docx', 'version a.docx'])
  t.same(world.dirty.inos(), [])
})

t.test('what SharePoint has made of our last upload does not conflict with the next', async t => {
  const world = startUploads(t)
  world.service.rewrites = 'later'
  world.write('a.docx', '1')
  await world.send()
  world.service.promote()
  world.clock.advance(10_000)
  world.write('a.docx', '2')
  await converges(t, world, { 'a.docx': '2' })
  world.service.promote()
  await world.pull()
  t.same(world.tree(), { 'a.docx': '2 (with properties)' })
  t.same(world.conflicts, [])
  world.clock.advance(10_000)
  world.remove('a.docx')
  await converges(t, world, {})
})

t.test('a person who has changed what SharePoint rewrites is a conflict all the same', async t => {
  const world = startUploads(t)
  world.write('a.docx', '1')
  await world.send()
  world.clock.advance(10_000)
  world.service.put('a.docx', 'theirs')
  world.write('a.docx', '2')
  await converges(t, world, { 'a.docx': 'theirs', 'a-laptop.docx': '2' })
})

t.test('other bytes of a file that SharePoint leaves alone are sent again', async t => {
  const world = startUploads(t)
  const { service } = world
  const upload = service.upload.bind(service)
  let answers = 0
  service.upload = async (...args) => {
    const answer = await upload(...args)
    if (answers++ > 0) return answer
    service.put('a.bin', 'broken')
    const broken = service.find('a.bin')
    return broken ? service.itemOf(broken) : answer
  }
  world.write('a.bin', 'right')
  t.match(await world.send(), [{ hindrance: { code: 'corrupt-content' } }])
  t.equal(world.read('a.bin'), 'right')
  await converges(t, world, { 'a.bin': 'right' })
})

// --- what is refused ---

for (const [code, attention] of [
  ['offline', false],
  ['throttled', false],
  ['server-error', false],
  ['locked', false],
  ['sign-in-required', true],
  ['access-denied', true],
  ['name-refused', true],
  ['file-too-large', true],
  ['blocked-by-policy', true],
] as const) {
  t.test(`${code} keeps the change safe, says why, and it is tried again`, async t => {
    const world = await startWith(t, { a: '1' })
    const ino = world.write('a', '2')
    world.link.failNext('upload', code)
    const left = await world.send()
    t.match(left, [
      { ino, what: 'content', waiting: 'later', hindrance: { code }, needsAttention: attention },
    ])
    t.ok((left[0]?.nextAttempt ?? 0) > world.clock.now())
    t.equal(world.read('a'), '2')
    const isOfItem = patienceWith(code).reach === 'item'
    t.match(world.store.owed.of(ino), { attempts: isOfItem ? 1 : 0 }, 'its own failures are counted')
    const next = restart(t, world)
    t.match(next.uploader.status(), [{ hindrance: { code } }], 'also after a restart')
    await converges(t, next, { a: '2' })
  })
}

t.test(
  'what waits for an organization that could not be reached goes as soon as it answers anybody',
  async t => {
    const world = await startWith(t, { a: '1', gone: '1' })
    const before = world.link.onStep
    world.link.onStep = () => Promise.reject(new Fault('offline', 'no network'))
    world.write('a', '2')
    world.remove('gone')
    await world.send()
    world.link.onStep = before
    // Programs save in several steps.
    world.clock.advance(SETTLING)
    const tenant = world.store.libraries.byId(world.library)?.root.tenant ?? ('none' as TenantId)
    world.uploader.reached('another' as TenantId)
    t.ok(world.uploader.status().every(({ nextAttempt }) => (nextAttempt ?? 0) > world.clock.now()))
    world.uploader.reached(tenant)
    await until(() => world.uploader.status().length === 0)
    t.same(world.service.tree(), { a: '2' })
    world.uploader.reached(tenant)
  },
)

t.test('an organization that is offline is not asked for each file, others are not kept waiting', async t => {
  const world = startUploads(t)
  for (let file = 0; file < 100; file++) world.write(`file ${file}`, 'x')
  let asked = 0
  world.link.onStep = async ({ operation, phase }) => {
    if (operation !== 'upload' || phase !== 'request') return
    asked++
    const { Fault } = await import('../../src/model/fault.js')
    throw new Fault('offline', 'no network')
  }
  t.equal((await world.send()).length, 100)
  t.ok(asked <= 48, `${asked} requests`)
  world.link.onStep = () => undefined
  world.clock.advance(60_000)
  await until(() => world.store.owed.isEmpty)
  t.equal(Object.keys(world.service.tree()).length, 100)
})

t.test('a full library takes no files, but names and deletions', async t => {
  const world = await startWith(t, { a: '1', b: '2' })
  world.service.quota = 2
  world.write('new', 'does not fit')
  world.write('new 2', 'neither does this')
  t.same(
    (await world.send()).map(({ hindrance, needsAttention }) => [hindrance?.code, needsAttention]),
    Array(2).fill(['quota-full', true]),
  )
  world.rename('a', 'c')
  world.remove('b')
  world.clock.advance(3_000)
  await until(() => world.service.log.length === 2)
  t.same(world.service.log.toSorted(), ['delete b', 'move a c'])
  t.same(
    world.uploader.status().map(({ what }) => what),
    ['new', 'new'],
  )
})

t.test('what may only be read by now keeps what was written before, and says so', async t => {
  const world = startUploads(t)
  world.write('a', '1')
  world.store.libraries.setAccess(world.library, 'read')
  t.match(await world.send(), [{ waiting: 'later', needsAttention: true, hindrance: { code: 'read-only' } }])
  t.same(world.service.log, [])
  world.store.libraries.setAccess(world.library, 'write')
  await converges(t, world, { a: '1' })
})

t.test('a write that is refused keeps nothing else waiting, and makes us ask what we may do', async t => {
  const world = await startWith(t, { a: '1', b: '1' })
  const refused = new Fault('access-denied', 'told to')
  const isRefused = ['a', 'b']
  world.link.onStep = ({ name }) => (isRefused.includes(name) ? Promise.reject(refused) : Promise.resolve())
  world.write('a', '2')
  t.match(await world.send(), [
    { waiting: 'later', needsAttention: true, hindrance: { code: 'access-denied' } },
  ])
  t.same(world.denied, [world.library])
  world.write('c', '3')
  await world.send()
  t.same(world.service.tree(), { a: '1', b: '1', c: '3' }, 'elsewhere in the library it may be allowed')
  world.denied.length = 0
  world.remove('b')
  await world.send()
  t.ok(world.denied.includes(world.library), 'deletions too')
  isRefused.length = world.denied.length = 0
  world.clock.advance(2 * 60 * 60_000)
  await converges(t, world, { a: '2', c: '3' })
  t.same(world.denied, [])
})

// --- what breaks ---

t.test('an answer that is lost is found out about', async t => {
  const world = await startWith(t, { a: '1', b: '1', c: '1', 'd/': '' })
  world.write('new', 'x')
  world.write('a', '2')
  world.rename('b', 'B2')
  world.remove('c')
  world.mkdir('e')
  for (const operation of ['upload', 'upload', 'update', 'delete', 'createFolder'] as const) {
    world.link.failNext(operation, 'timed-out', 'answer')
  }
  await converges(t, world, { new: 'x', a: '2', B2: '1', 'd/': '', 'e/': '' })
  t.same(
    world.service.log.filter(line => /^(new|version)/.test(line)).toSorted(),
    ['new new', 'version a'],
    'nothing arrives twice',
  )
})

t.test('a change after an answer that was lost replaces what had arrived', async t => {
  const world = await startWith(t, { a: '1' })
  world.write('a', '2')
  world.write('new', '2')
  world.link.failNext('upload', 'offline', 'answer')
  world.link.failNext('upload', 'offline', 'answer')
  await world.send()
  const next = restart(t, world)
  next.write('a', '3')
  next.write('new', '3')
  next.rename('new', 'newer')
  await converges(t, next, { a: '3', newer: '3' })
  t.same(next.conflicts, [])
})

t.test(
  'a change after an answer that was lost comes back, too, when the file is deleted over there',
  async t => {
    const world = await startWith(t, { a: '1', b: '1' })
    world.write('a', '2')
    world.write('b', '2')
    world.link.failNext('upload', 'offline', 'answer')
    world.link.failNext('upload', 'offline', 'request')
    await world.send()
    world.write('a', '3')
    world.write('b', '3')
    world.service.remove('a')
    world.service.remove('b')
    // "Not found" is believed at the second time, whether or not changes tell of it.
    for (let round = 0; round < 3; round++) {
      await world.send()
      world.clock.advance(2 * 60_000)
    }
    t.same(await world.send(), [])
    await converges(t, world, { a: '3', b: '3' })
    t.same(world.conflicts, [])
  },
)

/** What was being sent has arrived, and the program was killed before it heard of that. */
async function killedAtAnswer(t: Test, world: UploadsWorld, of: string): Promise<UploadsWorld> {
  world.link.onStep = async ({ operation, phase, name }) => {
    if (!(operation === 'upload' || operation === 'createFolder') || phase !== 'answer' || name !== of) return
    world.link.isDead = true
    await new Promise<never>(() => undefined)
  }
  void world.send().catch(() => undefined)
  await until(() => world.link.isDead)
  return restart(t, world)
}

t.test('what has arrived unheard is shown once, wherever it is by now', async t => {
  const base = t.testdir()
  for (const kind of ['file', 'folder'] as const) {
    for (const isToldFirst of [true, false]) {
      const world = await startWith(t, { 'd/': '' }, { directory: `${base}/${kind}-${isToldFirst}` })
      if (kind === 'file') world.write('a', 'sent')
      else world.mkdir('a')
      const next = await killedAtAnswer(t, world, 'a')
      next.rename('a', 'd/b')
      const expected = kind === 'file' ? { 'd/': '', 'd/b': 'sent' } : { 'd/': '', 'd/b/': '' }
      if (isToldFirst) {
        const before = next.item('d/b').ino
        await next.pull()
        t.same(next.tree(), expected, `${kind}: nothing is there again`)
        t.equal(next.item('d/b').ino, before)
      }
      await converges(t, next, expected)
      t.equal(next.service.log.filter(line => line.startsWith('new')).length, kind === 'file' ? 1 : 0)
      await next.stop()
    }
  }
})

t.test('what has arrived unheard, and was deleted here, goes', async t => {
  const base = t.testdir()
  const deeds = {
    deleted: (world: UploadsWorld) => world.remove('a'),
    'saved over another': (world: UploadsWorld) => world.rename('a', 'other'),
    'deleted, and made anew': (world: UploadsWorld) => {
      world.remove('a')
      world.write('a', 'anew')
    },
  }
  const after: Record<keyof typeof deeds, Record<string, string>> = {
    deleted: { other: '1' },
    'saved over another': { other: 'sent' },
    'deleted, and made anew': { other: '1', a: 'anew' },
  }
  for (const [what, deed] of Object.entries(deeds) as [keyof typeof deeds, (world: UploadsWorld) => void][]) {
    for (const told of ['at once', 'with its hash later', 'at the end'] as const) {
      const directory = `${base}/${what}-${told}`
      const world = await startWith(t, { other: '1' }, { directory, massDeletion: 0 })
      world.write('a', 'sent')
      const next = await killedAtAnswer(t, world, 'a')
      deed(next)
      next.service.hashes = told !== 'with its hash later'
      if (told !== 'at the end') await next.pull()
      if (told === 'at once') t.same(next.tree(), after[what], `${what}: it is not there again`)
      next.service.hashes = true
      await converges(t, next, after[what])
      await next.stop()
    }
  }
})

t.test(
  'a version that has arrived unheard is ours when the file was deleted or replaced meanwhile',
  async t => {
    const base = t.testdir()
    const deeds: Record<string, (world: UploadsWorld) => Record<string, string>> = {
      deleted(world) {
        world.remove('a')
        return { other: '1' }
      },
      replaced(world) {
        world.write('new', 'n')
        world.rename('new', 'a')
        return { other: '1', a: 'n' }
      },
      'made anew'(world) {
        world.remove('a')
        world.write('a', 'anew')
        return { other: '1', a: 'anew' }
      },
      'moved over another'(world) {
        world.rename('a', 'other')
        return { other: 'sent' }
      },
    }
    for (const [what, deed] of Object.entries(deeds)) {
      for (const isToldFirst of [true, false]) {
        const world = await startWith(
          t,
          { a: 'before', other: '1' },
          { directory: `${base}/${what}-${isToldFirst}` },
        )
        world.write('a', 'sent')
        const next = await killedAtAnswer(t, world, 'a')
        const expected = deed(next)
        if (isToldFirst) await next.pull()
        t.same(next.tree(), expected, `${what}: nothing is there again`)
        await converges(t, next, expected)
        t.same(next.conflicts, [], what)
        await next.stop()
      }
    }
  },
)

t.test(
  'what was known before a file that was deleted while it was sent is not what has arrived of it',
  async t => {
    const world = await startWith(t, { k: 'k', 'd/': '' })
    // As if SharePoint had rewritten it: both have the time of this second.
    world.write('d/theirs', 'wanted')
    await world.send()
    world.write('a.docx', 'ours')
    world.link.failNext('upload', 'offline', 'request')
    await world.send()
    world.service.move('d/theirs', 'a.docx')
    await world.pull()
    t.match(Object.keys(world.tree()).sort(), ['a.docx', /^a~/, 'd/', 'k'])
    world.rename('a.docx', 'k')
    await converges(t, world, { 'a.docx': 'wanted', 'd/': '', k: 'ours' })
  },
)

t.test('a folder that has arrived unheard, and was deleted here, goes', async t => {
  const base = t.testdir()
  for (const isToldFirst of [true, false]) {
    const world = startUploads(t, { directory: `${base}/folder-${isToldFirst}` })
    world.mkdir('a')
    const next = await killedAtAnswer(t, world, 'a')
    next.remove('a')
    if (isToldFirst) await next.pull()
    t.same(next.tree(), {})
    await converges(t, next, {})
    await next.stop()
  }
})

t.test('what others have put where ours may have arrived is not ours', async t => {
  const world = await startWith(t, {})
  world.write('a', 'ours')
  world.link.onStep = async ({ operation, phase }) => {
    if (operation !== 'upload' || phase !== 'request') return
    world.link.isDead = true
    await new Promise<never>(() => undefined)
  }
  void world.send().catch(() => undefined)
  await until(() => world.link.isDead)
  const next = restart(t, world)
  next.remove('a')
  next.service.put('a', 'theirs')
  await next.pull()
  await converges(t, next, { a: 'theirs' })
})

t.test('an upload that may still arrive is ended before it is found out about', async t => {
  const world = startUploads(t)
  world.write('a', large)
  const { owed } = world.store
  const setSession = owed.setSession.bind(owed)
  owed.setSession = (ino, session) => {
    setSession(ino, session)
    world.link.isDead ||= session !== undefined
  }
  void world.send().catch(() => undefined)
  await until(() => world.link.isDead)
  const next = restart(t, world)
  t.equal(next.service.sessions.size, 1)
  next.remove('a')
  await converges(t, next, {})
  t.equal(next.service.sessions.size, 0)
})

/** Everything that there is to send at once. */
function doEverything(world: UploadsWorld): Record<string, string> {
  world.mkdir('new')
  world.mkdir('new/deeper')
  world.write('new/deeper/file', 'n')
  world.write('new/large', large)
  world.rename('moved', 'new/moved')
  world.rename('a', 'between')
  world.rename('b', 'a')
  world.rename('between', 'b')
  world.write('version', 'v2')
  world.patch('patched', 2, 'XX')
  world.write('both', 'ours')
  world.remove('gone/x')
  world.remove('gone')
  world.write('a', 'changed')
  return {
    'new/': '',
    'new/deeper/': '',
    'new/deeper/file': 'n',
    'new/large': shownLarge,
    'new/moved': 'm',
    a: 'changed',
    b: '1',
    version: 'v2',
    patched: 'ppXXpp',
    both: 'theirs',
    'both-laptop': 'ours',
  }
}

const BEFORE = { a: '1', b: '2', moved: 'm', version: 'v1', patched: 'pppppp', both: 'b', 'gone/x': 'g' }

t.test('killed at any step, everything arrives once', async t => {
  let steps = 0
  const dry = await startWith(t, BEFORE)
  const expected = doEverything(dry)
  dry.service.put('both', 'theirs')
  dry.link.onStep = () => {
    steps++
  }
  await converges(t, dry, expected)
  const whole = dry.service.log.filter(line => /^(new|version)/.test(line)).length
  t.ok(steps > 20, `${steps} steps`)
  for (let at = 1; at <= steps; at++) {
    const directory = `${dry.directory}/killed-${at}`
    const world = await startWith(t, BEFORE, { directory })
    doEverything(world)
    world.service.put('both', 'theirs')
    let step = 0
    world.link.onStep = async () => {
      if (++step < at) return
      world.link.isDead = true
      await new Promise<never>(() => undefined)
    }
    void world.send().catch(() => undefined)
    await until(() => world.link.isDead)
    const next = restart(t, world)
    if (at % 2 === 0) await next.pull()
    const left = await next.drain()
    await next.pull()
    const sent = next.service.log.filter(line => /^(new|version)/.test(line)).length
    const isRight =
      left.length === 0 &&
      JSON.stringify(sorted(next.service.tree())) === JSON.stringify(sorted(expected)) &&
      JSON.stringify(sorted(next.tree())) === JSON.stringify(sorted(expected)) &&
      sent === whole
    if (!isRight) {
      t.same(left, [])
      t.same(shortened(next.service.tree()), shortened(expected), `killed at step ${at}`)
      t.same(shortened(next.tree()), shortened(expected), `killed at step ${at}`)
      t.equal(sent, whole, next.service.log.join('\n'))
    }
    await next.stop()
  }
})

function sorted(tree: Record<string, string>): [string, string][] {
  return Object.entries(tree).sort(([one], [other]) => (one < other ? -1 : 1))
}

function shortened(tree: Record<string, string>): Record<string, string> {
  return Object.fromEntries(sorted(tree).map(([path, text]) => [path, text.slice(0, 50)]))
}

t.test('killed between the store and the cache, what was sent is local all the same', async t => {
  const world = startUploads(t)
  const ino = world.write('a', 'sent')
  world.dirty.moveTo = () => {
    throw new Error('killed here')
  }
  await world.send()
  t.same(world.dirty.inos(), [ino])
  const next = restart(t, world)
  t.notOk(next.troubles.includes('unsent-set-aside'))
  t.same(next.dirty.inos(), [])
  t.equal(next.read('a'), 'sent')
})

t.test('what the store does not know is set aside, not deleted', async t => {
  const world = startUploads(t)
  world.dirty.release(world.dirty.create(4711 as Ino, undefined))
  const next = restart(t, world)
  t.ok(next.troubles.includes('unsent-set-aside'))
  t.ok(existsSync(`${next.directory}/set-aside/4711`))
})

t.test('a journal that the power cut has taken back finds its bytes at the service', async t => {
  const world = await startWith(t, { a: '1' })
  const ino = world.write('a', '2')
  const owed = world.store.owed.of(ino)
  await world.send()
  if (owed) world.store.owed.owe(owed, world.clock.now())
  await converges(t, world, { a: '2' })
  t.ok(world.troubles.includes('unsent-bytes-missing'))
})

t.test('closing ends what is under way', async t => {
  const world = startUploads(t)
  world.write('a', '1')
  const steps: Step[] = []
  world.link.onStep = async step => {
    steps.push(step)
    await new Promise((_, reject) => setImmediate(() => reject(new Error('cut'))))
  }
  void world.send().catch(() => undefined)
  await until(() => steps.length > 0)
  await world.stop()
  t.same(world.troubles, [])
})

t.test('waiting for everything to be sent can be given up, and tells how far it is', async t => {
  const world = startUploads(t)
  for (let file = 0; file < 5; file++) world.write(`${file}`, 'x')
  const left: number[] = []
  await world.uploader.settled(forever, report => void left.push(report.left))
  t.equal(left[0], 5)
  t.equal(left.at(-1), 0)
  t.same(
    left,
    left.toSorted((a, b) => b - a),
  )
  world.write('more', 'x')
  world.link.onStep = () => new Promise<never>(() => undefined)
  const given = new AbortController()
  const waits = world.uploader.settled(given.signal)
  given.abort(new Error('given up'))
  await t.rejects(waits, { message: 'given up' })
  world.link.onStep = () => undefined
})

// --- getting them out ---

t.test('everything that was not sent can be exported, whatever happened to the account', async t => {
  const world = await startWith(t, { 'd/patched': '0123456789', sent: '1' })
  world.patch('d/patched', 4, 'NEW')
  world.write('d/new', 'n')
  world.write('sent', '2')
  world.link.onStep = ({ operation, name }) => {
    if (operation === 'upload' && name !== 'sent') return new Promise<never>(() => undefined)
    return undefined
  }
  world.clock.advance(3_000)
  await until(() => world.store.owed.inos().size === 2)
  world.store.libraries.setAccessRemoved(world.library, world.clock.now())
  const out = join(world.directory, 'out')
  const folder = join(out, 'Contoso', 'Team - Projects', 'd')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'new'), 'I am not to be replaced')
  const exported = await world.uploader.exportUnsent(out, forever)
  t.same(exported, { files: 2, bytes: 11, incomplete: [], failed: [] })
  const text = (name: string) => readFileSync(join(folder, name)).toString()
  t.same(readdirSync(folder).sort(), ['new', 'new.2', 'patched'])
  t.equal(text('new'), 'I am not to be replaced')
  t.equal(text('new.2'), 'n')
  t.equal(text('patched'), '0123NEW789')
  t.equal(Math.floor(statSync(join(folder, 'patched')).mtimeMs), world.item('d/patched').modified)
  t.notOk(existsSync(join(out, 'Contoso', 'Team - Projects', 'sent')))
})

t.test('what of a file is nowhere to be had is named beside it', async t => {
  const world = await startWith(t, { patched: '0123456789' })
  world.patch('patched', 4, 'NEW')
  world.service.remove('patched')
  const out = join(world.directory, 'out')
  const path = join(out, 'Contoso', 'Team - Projects', 'patched')
  t.match(await world.uploader.exportUnsent(out, forever), { files: 1, incomplete: [path], failed: [] })
  t.equal(readFileSync(path).toString(), '\0\0\0\0NEW\0\0\0')
  const note = readFileSync(`${path}.incomplete`).toString()
  t.match(note, 'bytes 0 to 3')
  t.match(note, 'bytes 7 to 9')
  t.equal(world.store.owed.inos().size, 1, 'and it is still owed')
})

t.test('a directory that cannot be written to is said', async t => {
  const world = startUploads(t)
  world.write('a', '1')
  const file = join(world.directory, 'a file')
  writeFileSync(file, '')
  await t.rejects(world.uploader.exportUnsent(join(file, 'out'), forever), { code: 'local-io' })
})

t.test('a drive that closes does not wait for a huge file to be hashed', async t => {
  const world = startUploads(t)
  const ino = world.write('huge', 'a file with a hole of many gigabytes')
  const opened = world.dirty.open(ino, 0)
  opened.file.truncate(2 ** 37)
  world.dirty.release(opened)
  const sending = world.send().catch((failure: unknown) => failure)
  await aWhile()
  const began = performance.now()
  await world.stop()
  t.match(await sending, { code: 'cancelled' })
  t.ok(performance.now() - began < 2_000, `${performance.now() - began} ms`)
  t.same(world.troubles, [])
})

const MINUTE = 60_000
const LEFT = 'https://upload.test/left'

// "A session that is not wanted any more […] is ended at the service, if need be after the next start."
const unwanted: Readonly<Record<string, (world: UploadsWorld) => void>> = {
  'is changed': world => void world.write('a', 'changed'),
  'is renamed': world => world.rename('a', 'b'),
  'is deleted': world => world.remove('a'),
  'is replaced by another one': world => {
    world.write('temporary', 'another')
    world.rename('temporary', 'a')
  },
}
for (const [what, change] of Object.entries(unwanted)) {
  t.test(`an upload session of a file that ${what} while the service makes it is ended`, async t => {
    const world = startUploads(t)
    world.write('a', large)
    const { service, link } = world
    const upload = link.upload.bind(link)
    link.upload = (_, __, progress, signal) => {
      link.upload = upload
      change(world)
      service.sessions.set(LEFT, { received: 0, size: large.length })
      progress.setSession({ url: LEFT, expires: world.clock.now() + 15 * MINUTE })
      return Promise.reject(signal.reason as Error)
    }
    await world.drain()
    await until(() => world.store.owed.leftSessions().length === 0)
    t.equal(service.sessions.size, 0)
    await converges(t, world, world.tree())
  })

  t.test(`an upload session of a file that ${what} is ended after the next start`, async t => {
    const world = startUploads(t)
    const ino = world.write('a', large)
    world.service.sessions.set(LEFT, { received: 0, size: large.length })
    world.store.owed.setSession(ino, { url: LEFT, expires: world.clock.now() + 15 * MINUTE })
    change(world)
    const next = restart(t, world)
    t.equal(next.service.sessions.size, 1)
    await next.drain()
    await until(() => next.store.owed.leftSessions().length === 0)
    t.equal(next.service.sessions.size, 0)
    await converges(t, next, next.tree())
  })
}

t.test(
  'a session that cannot be ended is tried again, ever more rarely, and forgotten when it has expired',
  async t => {
    const world = startUploads(t)
    const ino = world.write('a', 'text')
    await world.send()
    let tried = 0
    world.link.endUpload = () => {
      tried++
      return Promise.reject(new Fault('server-error', 'no'))
    }
    const { owed } = world.store
    owed.leaveSession({
      url: LEFT,
      library: world.library,
      ino,
      expires: world.clock.now() + 15 * MINUTE,
    })
    world.uploader.wake()
    for (let minute = 0; minute < 15; minute++) {
      world.clock.advance(MINUTE)
      await aWhile()
    }
    t.ok(tried >= 3 && tried <= 9, `tried ${tried} times`)
    world.clock.advance(2 * MINUTE)
    await aWhile()
    world.clock.advance(5 * MINUTE)
    await aWhile()
    t.same(owed.leftSessions(), [])
    const before = tried
    world.clock.advance(60 * MINUTE)
    await aWhile()
    t.equal(tried, before)
  },
)

import { setImmediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { DriveChange } from '../../src/model/drive-item.js'
import { Fault, type FaultCode } from '../../src/model/fault.js'
import type { DriveId, ItemId, TenantId } from '../../src/model/ids.js'
import type { RemoteDelta, RemoteRights } from '../../src/model/remote.js'
import { HintListener } from '../../src/sync/hint-listener.js'
import { aWhile, fileItem, folderItem, forever, LIBRARY_ROOT, pattern, until } from './drive-world.js'
import { FakeRemote } from './fake-remote.js'
import { startSyncedWorld } from './sync-world.js'
import { TestClock } from './test-clock.js'

// Graph's delta to the letter, and what is never a deletion.

const rootItem = { ...folderItem(LIBRARY_ROOT, 'root'), parentId: undefined }
const removed = (id: string) => ({ id: id as ItemId, removed: true as const })
const file = (i: number, parent = 'f1') => fileItem(`i${i}`, `file-${i}.txt`, pattern(10, i), parent)

/** A library with one folder and as many files in it; more than `massDeletion` do not go at once. */
async function folderOf(t: Test, files: number, massDeletion = 5, rights?: RemoteRights) {
  const remote = new FakeRemote()
  const items = [folderItem('f1', 'Reports'), ...Array.from({ length: files }, (_, i) => file(i))]
  items.forEach((item, i) => remote.put(item, i === 0 ? new Uint8Array(0) : pattern(10, i - 1)))
  remote.round([rootItem, ...items, fileItem('note', 'note.txt', pattern(10))], 'cursor 1')
  const synced = await startSyncedWorld(t, { remote, massDeletion }, rights && { rights })
  const { world, library, pull, sync } = synced
  const names = async (...folder: string[]) => world.names(await world.node(...folder))
  const round = async (changes: readonly DriveChange[], cursor = 'next') => {
    remote.round(changes, cursor)
    await pull()
  }
  return { ...synced, remote, names, round, held: () => world.guard.waiting(library.id).items, sync }
}

t.test('the last occurrence of an item is the one that counts, whatever came before it', async t => {
  const { names, round } = await folderOf(t, 2)
  await round([
    { ...file(0), name: 'first.txt' },
    removed('i0'),
    { ...file(0), name: 'last.txt' },
    file(1),
    removed('i1'),
  ])
  t.same(await names('Reports'), ['last.txt'])
})

t.test('an orphan that comes twice is placed where it was last', async t => {
  const { names, round } = await folderOf(t, 0)
  await round([file(7, 'later'), file(7, 'f1'), folderItem('later', 'Later')])
  t.same(await names('Reports'), ['file-7.txt'])
  await round([
    file(8, 'last'),
    { ...file(8, 'last'), name: 'renamed.txt' },
    removed('i7'),
    folderItem('last', 'Last'),
  ])
  t.same(await names('Last'), ['renamed.txt'])
  t.same(await names('Reports'), [])
})

t.test('an orphan that is deleted before its folder comes is not shown', async t => {
  const { names, round } = await folderOf(t, 0)
  await round([file(7, 'later'), removed('i7'), folderItem('later', 'Later')])
  t.same(await names('Later'), [])
})

t.test('a page with nothing in it is not the end', async t => {
  const { remote, pull, names } = await folderOf(t, 1)
  remote.rounds.push([
    { changes: [], cursor: undefined },
    { changes: [removed('i0')], cursor: undefined },
    { changes: [], cursor: 'cursor 2' },
  ])
  await pull()
  t.same(await names('Reports'), [])
  remote.round([], 'cursor 3')
  await pull()
  t.equal(remote.cursors.at(-1), 'cursor 2')
})

t.test('the next page is asked for before this one is written', async t => {
  const asked: boolean[] = []
  const isWritten = () => world.store.items.byRemoteId(library.id, 'i0' as ItemId) !== undefined
  const delta: RemoteDelta = {
    async *pages(_root, _isDriveRoot, cursor) {
      if (cursor === undefined) {
        yield { changes: [rootItem], cursor: 'cursor 1' }
        return
      }
      yield { changes: [file(0, LIBRARY_ROOT)], cursor: undefined }
      // As a request that needs a token first.
      await setImmediate()
      asked.push(isWritten())
      yield { changes: [], cursor: 'cursor 2' }
    },
  }
  const { world, library, pull } = await startSyncedWorld(t, {}, { delta })
  await pull()
  t.same(asked, [false])
  t.ok(isWritten())
})

t.test('a folder that is moved comes alone, and everything in it goes with it', async t => {
  const { names, round, world } = await folderOf(t, 3)
  const node = await world.node('Reports', 'file-1.txt')
  await round([folderItem('f2', 'Archive'), folderItem('f1', 'Old reports', 'f2')])
  t.same(await names('Archive', 'Old reports'), ['file-0.txt', 'file-1.txt', 'file-2.txt'])
  t.equal(await world.node('Archive', 'Old reports', 'file-1.txt'), node)
})

t.test('the cursor is kept only when everything before it is in the store', async t => {
  const { remote, pull, world, library, names } = await folderOf(t, 2)
  remote.rounds.push([
    { changes: [removed('i0')], cursor: undefined },
    new Fault('server-error', 'half a page'),
  ])
  await pull()
  remote.rounds.push([{ changes: [removed('i0')], cursor: undefined }])
  await pull()
  t.match(world.store.cursors.get(library.id), { cursor: 'cursor 1' }, 'an answer without an end has none')
  t.same(await names('Reports'), ['file-0.txt', 'file-1.txt'])
  remote.round([removed('i0')], 'cursor 2')
  await pull()
  t.match(world.store.cursors.get(library.id), { cursor: 'cursor 2' })
  t.same(await names('Reports'), ['file-1.txt'])
})

for (const code of [
  'access-denied',
  'item-not-found',
  'sign-in-required',
  'server-error',
  'protocol-error',
  'throttled',
] as const) {
  t.test(`${code} removes nothing`, async t => {
    const { remote, pull, names } = await folderOf(t, 2)
    remote.failure = new Fault(code, 'no')
    await pull()
    t.same(await names('Reports'), ['file-0.txt', 'file-1.txt'])
    t.same(await names(), ['Reports', 'note.txt'])
  })
}

t.test('an enumeration that is not of the library removes nothing', async t => {
  const { remote, pull, names, world } = await folderOf(t, 2)
  const again = (page: FakeRemote['rounds'][number]) => {
    remote.rounds.push([new Fault('resync-required', 'too old')], page)
    return pull()
  }
  await again([{ changes: [], cursor: 'cursor 9' }])
  t.ok(world.troubles.includes('enumeration-not-complete'))
  await again([
    { changes: [rootItem], cursor: 'cursor 9', notUnderstood: [{ id: undefined, parent: undefined }] },
  ])
  t.same(await names('Reports'), ['file-0.txt', 'file-1.txt'])
  await again([
    {
      changes: [rootItem, folderItem('f1', 'Reports')],
      cursor: 'cursor 9',
      notUnderstood: [{ id: 'i0' as ItemId, parent: undefined }],
    },
  ])
  t.same(await names('Reports'), ['file-0.txt'], 'what makes no sense is there all the same')
})

// "What the drive does not understand counts as being there"
t.test('what makes no sense in the changes keeps its folder, until it makes sense or is gone', async t => {
  const { remote, pull, world, library, round } = await folderOf(t, 0)
  const strange = { id: 'x' as ItemId, parent: 'f1' as ItemId }
  const count = () => world.store.notUnderstood.countIn(library.id, strange.parent)
  const tell = async () => {
    remote.rounds.push([{ changes: [], cursor: 'next', notUnderstood: [strange] }])
    await pull()
  }
  await tell()
  t.equal(count(), 1)
  await tell()
  t.equal(count(), 1, 'not twice')
  await round([fileItem('x', 'x.txt', pattern(10), 'f1')])
  t.equal(count(), 0, 'understood')
  await tell()
  await round([removed('x')])
  t.equal(count(), 0, 'gone')
  await tell()
  world.clock.advance(1_000)
  remote.rounds.push([new Fault('resync-required', 'too old')])
  remote.round([rootItem, folderItem('f1', 'Reports'), fileItem('note', 'note.txt', pattern(10))], 'cursor 9')
  await pull()
  t.equal(count(), 0, 'not in a new enumeration of everything')
})

// "Where two items have the very same name, the folder is listed again"
t.test('what was deleted and made anew during an enumeration leaves no dead twin', async t => {
  const { remote, names, round } = await folderOf(t, 1)
  remote.items.delete('i0' as ItemId)
  const anew = fileItem('j0', 'file-0.txt', pattern(10, 0), 'f1')
  remote.put(anew, pattern(10, 0))
  remote.listings.length = 0
  await round([anew])
  t.same(await names('Reports'), ['file-0.txt'])
  t.same(remote.listings, ['f1'], 'one question')
})

// "More than 200 items do not go at once before somebody was asked."
t.test('a mass deletion is held, and goes when it is accepted', async t => {
  const { remote, round, names, held, world, sync, library, pull } = await folderOf(t, 8)
  await round([removed('i0'), removed('i1')])
  t.same((await names('Reports')).length, 6, 'a few go as they always do')
  await round([...Array.from({ length: 8 }, (_, i) => removed(`i${i}`)), removed('f1')], 'cursor 5')
  t.equal(held(), 7)
  t.equal((await names('Reports')).length, 6)
  t.match(world.store.cursors.get(library.id), { cursor: 'cursor 5' }, 'nothing is asked for twice')

  await round([file(3), { ...file(9), name: 'new.txt' }], 'cursor 6')
  t.equal(held(), 8, 'the folder with what is in it, which the other side has again in part')
  for (const i of [0, 1, 2, 4, 5, 6, 7]) remote.items.delete(`i${i}` as ItemId)
  remote.put({ ...file(9), name: 'new.txt' })
  sync.consent(library.id)
  await pull()
  t.same(await names('Reports'), ['file-3.txt', 'new.txt'].sort())
  t.same(remote.listings, ['f1'], 'what became of the rest of the folder is asked for')
  t.equal(held(), 0)
})

t.test('a folder that is deleted alone counts with everything in it', async t => {
  const { round, names, held } = await folderOf(t, 8)
  await round([removed('f1')])
  t.equal(held(), 9)
  t.same(await names(), ['Reports', 'note.txt'])
})

t.test(
  'a folder of which not all is sure is shown as far as it is known, where nobody can be asked',
  async t => {
    const { remote, names, world, round } = await folderOf(t, 2)
    remote.children = () => ({
      [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Fault('offline', 'no network')) }),
    })
    await round([removed('f1')])
    t.match(world.store.items.byIno(world.drive.getattr(await world.node('Reports')).ino), {
      listing: { kind: 'doubted' },
    })
    t.same(await names('Reports'), ['file-0.txt', 'file-1.txt'])
  },
)

t.test('a mass deletion that is rejected stays, also over the next enumeration', async t => {
  const { round, remote, names, held, world, library } = await folderOf(t, 8)
  await round(Array.from({ length: 8 }, (_, i) => removed(`i${i}`)))
  world.store.held.keep(library.id)
  t.equal(held(), 0)
  remote.rounds.push([new Fault('resync-required', 'too old')])
  await round([rootItem, folderItem('f1', 'Reports')])
  t.equal((await names('Reports')).length, 8)
  t.equal(held(), 0, 'nobody is asked again')
})

t.test('an enumeration and a listing that lack much are held like a deletion', async t => {
  const full = await folderOf(t, 8)
  full.remote.rounds.push([new Fault('resync-required', 'too old')])
  await full.round([rootItem, folderItem('f1', 'Reports'), file(0), file(1)])
  t.equal(full.held(), 7)
  t.equal((await full.names('Reports')).length, 8)

  const remote = new FakeRemote()
  remote.rounds.push([new Fault('not-supported', 'no delta')])
  remote.put(folderItem('f1', 'Reports'))
  for (let i = 0; i < 8; i++) remote.put(file(i), pattern(10))
  const { world, pull, library } = await startSyncedWorld(t, { remote, massDeletion: 5 })
  await world.names(await world.node('Reports'))
  for (let i = 0; i < 8; i++) remote.items.delete(`i${i}` as ItemId)
  world.clock.advance(120_000)
  await pull()
  t.equal((await world.names(await world.node('Reports'))).length, 8)
  t.equal(world.guard.waiting(library.id).items, 8)
})

// "When all of a library would go, the service is asked first whether we may still see it."
t.test('everything deleted, and the root refused, is access removed', async t => {
  const { round, remote, names, sync, library } = await folderOf(t, 2, 200)
  remote.children = () => ({
    [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Fault('access-denied', 'no')) }),
  })
  await round([removed('i0'), removed('i1'), removed('f1'), removed('note')])
  t.match(sync.statusOf(library.id).problem, { code: 'access-removed' })
  t.same(await names('Reports'), ['file-0.txt', 'file-1.txt'])
})

for (const code of ['access-denied', 'item-not-found', 'not-a-guest'] as const satisfies FaultCode[]) {
  t.test(`access that ends with ${code} leaves what is local, and comes back by itself`, async t => {
    const told: (number | undefined)[] = []
    const { world, remote, pull, library } = await folderOf(t, 2)
    const open = await world.open('Reports', 'file-0.txt')
    await world.read(open, { start: 0, end: 10 })
    remote.failure = new Fault(code, 'no')
    await pull()
    told.push(world.store.libraries.byId(library.id)?.accessRemoved)
    t.type(told[0], 'number')
    const attribute = async (name: string) =>
      Buffer.from(world.drive.getxattr(await world.node('Reports'), `user.b2bmount.${name}`)).toString()
    t.equal(await attribute('access'), 'removed')
    const again = await world.open('Reports', 'file-0.txt')
    t.equal((await world.read(again, { start: 0, end: 10 })).length, 10, 'local')
    const downloads = remote.downloads.length
    const other = await world.open('Reports', 'file-1.txt')
    await t.rejects(world.read(other, { start: 0, end: 10 }), { code: 'access-removed' })
    t.equal(remote.downloads.length, downloads, 'nobody is asked')

    remote.failure = undefined
    await pull()
    t.equal(world.store.libraries.byId(library.id)?.accessRemoved, undefined)
    t.equal(await attribute('access'), 'read')
    t.equal((await world.read(other, { start: 0, end: 10 })).length, 10)
  })
}

t.test('a folder that was never listed fails at once when access is removed', async t => {
  const { world, remote, pull, round } = await folderOf(t, 1)
  await round([folderItem('f2', 'Unseen')])
  remote.failure = new Fault('access-denied', 'no')
  await pull()
  const before = remote.listings.length
  await t.rejects(world.drive.opendir(await world.node('Unseen'), forever), { code: 'access-removed' })
  t.equal(remote.listings.length, before)
})

t.test('a permission that changes is seen without mounting again', async t => {
  let access: 'read' | 'write' | 'unknown' = 'read'
  const { world, library, pull } = await folderOf(t, 1, 5, { accessTo: () => Promise.resolve(access) })
  const rights = () => world.store.libraries.byId(library.id)?.access
  t.equal(rights(), 'read')
  access = 'write'
  await pull()
  t.equal(rights(), 'write')
  t.ok(world.told.includes('everything'), 'mode bits are asked for again')
  access = 'unknown'
  await pull()
  t.equal(rights(), 'write', 'what we were told last')
})

t.test('without delta and with nothing going on, two folders are asked for at a time', async t => {
  const remote = new FakeRemote()
  remote.rounds.push([new Fault('not-supported', 'no delta')])
  for (let i = 0; i < 6; i++) remote.put(folderItem(`f${i}`, `folder-${i}`))
  remote.put({ ...folderItem('tagged', 'tagged'), cTag: '"c:1,1"' })
  const { world, pull } = await startSyncedWorld(t, { remote })
  for (const name of await world.names(await world.node())) await world.names(await world.node(name))
  await pull()
  world.clock.advance(120_000)
  await pull()
  remote.listings.length = 0
  world.clock.advance(120_000)
  await pull()
  t.equal(remote.listings.length, 2)
})

t.test('hints are listened to again when the promise is over, and given up where there are none', async t => {
  const clock = new TestClock()
  const calls: (() => void)[] = []
  const refusals: Fault[] = []
  let hinted = 0
  const stop = new AbortController()
  const listener = new HintListener({
    clock,
    onHint: () => {
      hinted++
    },
    onTrouble: () => {},
    hints: {
      listen: (_root, onListening) => {
        onListening()
        return new Promise((resolve, reject) =>
          calls.push(() => (refusals[0] ? reject(refusals[0]) : resolve())),
        )
      },
    },
  })
  const running = listener.run({} as never, stop.signal)
  t.ok(listener.isListening)
  t.equal(hinted, 1, 'what was missed before is asked for')
  clock.advance(3_500_000)
  calls[0]?.()
  await until(() => calls.length === 2)
  hinted = 0
  refusals.push(new Fault('not-supported', 'not for guests'))
  calls[1]?.()
  await aWhile()
  t.notOk(listener.isListening)
  t.equal(hinted, 1, 'who relied on it asks at once, not when it would have without')
  clock.advance(3_600_000)
  await aWhile()
  t.equal(calls.length, 2, 'not soon')
  clock.advance(6 * 3_600_000)
  await until(() => calls.length === 3)
  stop.abort()
  calls[2]?.()
  await running
})

// "A library that the service does not know any more, and says so twice, counts as not shared any more."
for (const isKnown of [true, false]) {
  t.test(`a deleted library is gone when that was said twice, ${isKnown ? 'later' : 'at first'}`, async t => {
    const { sync, remote, pull, library, world } = await folderOf(t, 2)
    const why = new Fault('not-supported', 'The service does not list this folder')
    remote.failure = why
    if (isKnown) remote.rounds.push([new Fault('resync-required', 'no such cursor')])
    await pull()
    t.match(sync.statusOf(library.id).problem, { code: 'not-supported' }, 'once says nothing')
    t.equal(world.store.libraries.byId(library.id)?.accessRemoved, undefined)
    remote.failure = undefined
    await pull()
    remote.failure = why
    await pull()
    t.match(
      sync.statusOf(library.id).problem,
      { code: 'not-supported' },
      'nor do two times with an answer between',
    )
    world.clock.advance(6_000)
    await until(() => sync.statusOf(library.id).problem?.code === 'access-removed')
  })
}

// "A refusal that may mean so makes the drive ask at once."
t.test('whoever is refused makes us find out at once whether a library is still shared', async t => {
  const { sync, remote, library, world } = await folderOf(t, 2)
  const { tenant, drive } = library.root
  const rights = world.told.length
  const asked = () => remote.cursors.length
  const before = asked()
  sync.refused(tenant, 'b!another' as DriveId)
  sync.refused('another' as TenantId)
  await aWhile()
  t.equal(asked(), before, 'not by what happens elsewhere')
  remote.failure = new Fault('access-denied', 'no')
  sync.refused(tenant, drive)
  await until(() => world.store.libraries.byId(library.id)?.accessRemoved !== undefined)
  const value = world.drive.getxattr(await world.node('Reports'), 'user.b2bmount.access')
  t.equal(Buffer.from(value).toString(), 'removed')
  t.ok(world.told.length > rights, 'what the kernel has of it is not what it may be')
  const removed = asked()
  sync.refused(tenant, drive)
  await aWhile()
  t.equal(asked(), removed, 'once is enough')
})

t.test('refusals of single items do not make us ask all the time', async t => {
  const { sync, remote, library, world } = await folderOf(t, 2)
  const before = remote.cursors.length
  for (let second = 0; second < 600; second++) {
    sync.refused(library.root.tenant, library.root.drive)
    world.clock.advance(1_000)
    await aWhile(10)
  }
  const asked = remote.cursors.length - before
  t.ok(asked >= 10 && asked <= 60, `${asked} times in ten minutes`)
})

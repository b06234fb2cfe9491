import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Fault } from '../../src/model/fault.js'
import { inoOf, type ItemId } from '../../src/model/ids.js'
import {
  aWhile,
  fileItem,
  folderItem,
  forever,
  LIBRARY_ROOT,
  pattern,
  ROOT,
  until,
  type DriveWorld,
} from './drive-world.js'
import { FakeRemote } from './fake-remote.js'
import { startSyncedWorld } from './sync-world.js'

const MIB = 1024 * 1024
const rootItem = { ...folderItem(LIBRARY_ROOT, 'root'), parentId: undefined }
const removed = (id: string) => ({ id: id as ItemId, removed: true as const })

function cacheFiles(world: DriveWorld): string[] {
  const content = join(world.directory, 'content')
  return existsSync(content) ? readdirSync(content).flatMap(folder => readdirSync(join(content, folder))) : []
}

/** A library with a folder and two files, enumerated. */
async function enumerated(t: Parameters<typeof startSyncedWorld>[0]) {
  const remote = new FakeRemote()
  const first = pattern(10 * MIB, 1)
  const folder = remote.put(folderItem('f1', 'Reports'))
  const film = remote.put(fileItem('film', 'film.mp4', first, 'f1'), first)
  const note = remote.put(fileItem('note', 'note.txt', pattern(10)), pattern(10))
  remote.round([rootItem, folder, film, note], 'cursor 1')
  return { ...(await startSyncedWorld(t, { remote })), remote, first, film, note, folder }
}

// "After a library was added, everything in it is enumerated in the background by delta".
t.test('after the enumeration no folder is asked for', async t => {
  const { world, sync, library, remote } = await enumerated(t)
  t.same(await world.names(await world.node()), ['Reports', 'note.txt'])
  t.same(await world.names(await world.node('Reports')), ['film.mp4'])
  t.same(remote.listings, [])
  t.match(sync.statusOf(library.id), { phase: 'following', checked: world.clock.now(), problem: undefined })
  t.notOk(sync.isBusy())
})

// "then changes are asked for: every 10 seconds while there are some".
t.test('changes are asked for from where the last round ended', async t => {
  const { world, remote, note } = await enumerated(t)
  remote.round([{ ...note, name: 'renamed.txt', eTag: 'e2' }], 'cursor 2')
  const before = await world.node('note.txt')
  await aWhile() // it has gone to sleep
  world.clock.advance(10_000)
  await until(() => world.told.some(line => line.endsWith('renamed.txt')))
  t.same(remote.cursors, [undefined, 'cursor 1'])
  t.same(await world.names(await world.node()), ['Reports', 'renamed.txt'])
  t.equal(await world.node('renamed.txt'), before, 'a rename leaves node and content')
  const root = await world.node()
  t.ok(world.told.includes(`entry ${root} note.txt`))
  t.ok(world.told.includes(`entry ${root} renamed.txt`))
})

// "If the content is replaced or deleted while a file is open, its local bytes stay readable through that open; the
// others fail with `stale-content`. The next `open` gets the new content."
t.test('a file that is replaced while it is open never mixes two versions', async t => {
  const { world, remote, first, film, pull } = await enumerated(t)
  const second = pattern(10 * MIB, 2)
  const old = await world.open('Reports', 'film.mp4')
  const node = await world.node('Reports', 'film.mp4')
  await world.read(old, { start: 5 * MIB, end: 5 * MIB + 1000 })

  const newer = { ...fileItem('film', 'film.mp4', second, 'f1'), eTag: 'e2' }
  remote.put(newer, second)
  remote.round([newer], 'cursor 2')
  await pull()

  const local = await world.read(old, { start: 5 * MIB, end: 5 * MIB + 1000 })
  t.ok(Buffer.compare(local, first.subarray(5 * MIB, 5 * MIB + 1000)) === 0)
  await t.rejects(world.read(old, { start: 0, end: 1000 }), { code: 'stale-content' })
  const newNode = await world.node('Reports', 'film.mp4')
  t.not(newNode, node)
  t.equal(inoOf(newNode), inoOf(node), 'st_ino stays')
  t.ok(world.told.includes(`content ${node}`))
  t.ok(world.told.includes(`entry ${await world.node('Reports')} film.mp4`))
  t.equal(world.drive.getattr(node).size, film.size, 'fstat of the open file')

  const fresh = await world.open('Reports', 'film.mp4')
  const bytes = await world.read(fresh, { start: 5 * MIB, end: 5 * MIB + 1000 })
  t.ok(Buffer.compare(bytes, second.subarray(5 * MIB, 5 * MIB + 1000)) === 0)
  t.equal(cacheFiles(world).length, 2)
  world.drive.release(old.handle)
  await until(() => cacheFiles(world).length === 1)
  t.same(cacheFiles(world), [`${inoOf(node)}-1`], 'the old content goes with its last open')
  t.throws(() => world.drive.getattr(node), { code: 'stale-node' })
})

t.test('a reader who waits when the file is replaced is told so', async t => {
  const { world, remote, pull } = await enumerated(t)
  remote.answersAtOnce = false
  const file = await world.open('Reports', 'film.mp4')
  const read = t.rejects(world.read(file, { start: 0, end: 1000 }), { code: 'stale-content' })
  await until(() => remote.downloads.length > 0)
  const newer = fileItem('film', 'film.mp4', pattern(100, 2), 'f1')
  remote.round([newer], 'cursor 2')
  await pull()
  await read
  t.ok(remote.downloads[0]?.signal.aborted)
})

t.test('a service that is ahead of us says so at the first read, and its folder is listed again', async t => {
  const { world, remote } = await enumerated(t)
  const file = await world.open('Reports', 'film.mp4')
  const newer = pattern(500, 2)
  remote.put(fileItem('film', 'film.mp4', newer, 'f1'), newer)
  await t.rejects(world.read(file, { start: 0, end: 1000 }), { code: 'stale-content' })
  await until(() => world.store.items.byRemoteId(world.library().id, 'film' as ItemId)?.size === 500)
  const again = await world.open('Reports', 'film.mp4')
  t.ok(Buffer.compare(await world.read(again, { start: 0, end: 500 }), newer) === 0)
})

// "An item disappears only when the service has said that it is deleted, by the end of the same answer".
t.test('what is deleted and comes again in one round stays what it was', async t => {
  const { world, remote, film, pull } = await enumerated(t)
  const node = await world.node('Reports', 'film.mp4')
  remote.rounds.push([
    { changes: [removed('film'), removed('note')], cursor: undefined },
    { changes: [{ ...film, eTag: 'e2' }], cursor: 'cursor 2' },
  ])
  await pull()
  t.equal(await world.node('Reports', 'film.mp4'), node)
  t.same(await world.names(await world.node()), ['Reports'])
})

t.test('a round that breaks off removes nothing, and is asked for again', async t => {
  const { world, remote, pull } = await enumerated(t)
  remote.rounds.push([
    { changes: [removed('film'), removed('note'), removed('f1')], cursor: undefined },
    new Fault('offline', 'no network'),
  ])
  await pull()
  t.same(await world.names(await world.node()), ['Reports', 'note.txt'])
  remote.round([removed('note')], 'cursor 2')
  await pull()
  t.same(await world.names(await world.node()), ['Reports'])
  t.same(remote.cursors, [undefined, 'cursor 1', 'cursor 1'])
})

// "A deleted folder disappears when nothing is left in it. If the service does not say what became of its content, the
// folder is listed again, and goes with all of it when the service says that there is no such folder."
t.test('a deleted folder goes with what is in it, once that is certain', async t => {
  const { world, remote, pull, folder } = await enumerated(t)
  remote.round([removed('f1')], 'cursor 2')
  await pull()
  t.same(remote.listings, ['f1'], 'the service still shows it')
  t.same(await world.names(await world.node()), ['Reports', 'note.txt'])

  remote.round([removed('f1')], 'cursor 3')
  remote.children = () => ({
    [Symbol.asyncIterator]: () => ({
      next: () => Promise.reject(new Fault('item-not-found', 'no such folder')),
    }),
  })
  await pull()
  t.same(await world.names(await world.node()), ['note.txt'])

  remote.round([folder, fileItem('x', 'x.txt', pattern(5), 'f1')], 'cursor 4')
  await pull()
  remote.round([removed('f1'), removed('x')], 'cursor 5')
  await pull()
  t.same(await world.names(await world.node()), ['note.txt'])
})

// "Once a week, and when the service has forgotten where we were, everything is enumerated and compared again."
t.test('after a resync what did not come is gone, and the rest is untouched', async t => {
  const { world, sync, library, remote, pull, folder, film } = await enumerated(t)
  const node = await world.node('Reports', 'film.mp4')
  const file = await world.open('Reports', 'film.mp4')
  await world.read(file, { start: 0, end: 1000 })
  remote.rounds.push([new Fault('resync-required', 'too old')])
  remote.rounds.push([
    { changes: [rootItem], cursor: undefined },
    { changes: [film, folder], cursor: 'cursor 9' },
  ])
  await pull()
  t.same(remote.cursors, [undefined, 'cursor 1', undefined])
  t.same(await world.names(await world.node()), ['Reports'])
  t.equal(await world.node('Reports', 'film.mp4'), node)
  t.equal(remote.downloads.length, 1)
  await world.read(file, { start: 0, end: 1000 })
  t.equal(remote.downloads.length, 1, 'what was local still is')
  t.equal(sync.statusOf(library.id).phase, 'following')
})

t.test('a resync that breaks off removes nothing', async t => {
  const { world, remote, pull } = await enumerated(t)
  remote.rounds.push([new Fault('resync-required', 'too old')])
  remote.rounds.push([{ changes: [rootItem], cursor: undefined }, new Fault('offline', 'no network')])
  await pull()
  t.same(await world.names(await world.node()), ['Reports', 'note.txt'])
})

t.test('everything is enumerated again after a week', async t => {
  const { world, remote, pull } = await enumerated(t)
  world.clock.advance(8 * 24 * 3600_000)
  await aWhile()
  const before = remote.cursors.length
  remote.round([rootItem], 'cursor 2')
  await pull()
  t.ok(remote.cursors.slice(1, before + 1).includes(undefined))
})

// "Errors, "access denied" and "not found" remove nothing." "What was local stays readable when access was removed."
t.test('access that was removed takes nothing away that is local', async t => {
  const { world, sync, library, remote, pull, first } = await enumerated(t)
  const file = await world.open('Reports', 'film.mp4')
  await world.read(file, { start: 0, end: 1000 })
  remote.round([removed(LIBRARY_ROOT), removed('f1'), removed('film'), removed('note')], 'cursor 2')
  await pull()
  t.match(sync.statusOf(library.id).problem, { code: 'access-removed' })
  remote.failure = new Fault('access-denied', 'no')
  await pull()
  t.match(sync.statusOf(library.id).problem, { code: 'access-removed', cause: { code: 'access-denied' } })
  t.same(await world.names(await world.node()), ['Reports', 'note.txt'])
  const local = await world.read(file, { start: 0, end: 1000 })
  t.ok(Buffer.compare(local, first.subarray(0, 1000)) === 0)
})

// "Where the organization refuses delta, the folders that were listed are listed again, the longest ago first".
t.test('without delta, listed folders are listed again', async t => {
  const remote = new FakeRemote()
  remote.put(folderItem('f1', 'Reports'))
  remote.put(fileItem('i1', 'a.txt', pattern(10), 'f1'))
  remote.rounds.push([new Fault('not-supported', 'delta is for the root only')])
  const { world, sync, library, pull } = await startSyncedWorld(t, { remote })
  t.equal(sync.statusOf(library.id).phase, 'by-folder')
  const reports = await world.node('Reports')
  t.same(await world.names(reports), ['a.txt'])
  remote.items.delete('i1' as ItemId)
  remote.put(fileItem('i2', 'b.txt', pattern(10), 'f1'))
  world.clock.advance(120_000)
  await pull()
  t.same(await world.names(reports), ['b.txt'])
  t.ok(world.told.includes(`entry ${reports} a.txt`))
  t.equal(remote.cursors.length, 1, 'delta is not asked for again soon')
})

t.test('a folder that is gone without delta goes with its parent’s listing', async t => {
  const remote = new FakeRemote()
  remote.put(folderItem('f1', 'Reports'))
  remote.put(fileItem('i1', 'a.txt', pattern(10), 'f1'))
  remote.rounds.push([new Fault('access-denied', 'no delta for you')])
  const { world, pull } = await startSyncedWorld(t, { remote })
  await world.names(await world.node('Reports'))
  remote.items.delete('f1' as ItemId)
  remote.items.delete('i1' as ItemId)
  world.clock.advance(120_000)
  await pull()
  t.same(await world.names(await world.node()), [])
  t.equal(world.store.items.count(), 3)
})

t.test('parents may come after their children, and not at all', async t => {
  const remote = new FakeRemote()
  remote.rounds.push([
    {
      changes: [fileItem('i1', 'deep.txt', pattern(5), 'f2'), folderItem('f2', 'inner', 'f1')],
      cursor: undefined,
    },
    { changes: [fileItem('i2', 'lost.txt', pattern(5), 'nobody'), rootItem], cursor: undefined },
    { changes: [folderItem('f1', 'outer')], cursor: 'cursor 1' },
  ])
  const { world } = await startSyncedWorld(t, { remote })
  t.same(await world.names(await world.node()), ['outer'])
  t.same(await world.names(await world.node('outer', 'inner')), ['deep.txt'])
  t.ok(world.troubles.includes('items-without-folder'))
})

t.test('what is moved out of sight vanishes, what is moved stays the same item', async t => {
  const { world, remote, pull, film, note } = await enumerated(t)
  const node = await world.node('Reports', 'film.mp4')
  remote.round(
    [
      { ...film, parentId: LIBRARY_ROOT },
      { ...note, parentId: 'outside' as ItemId },
    ],
    'cursor 2',
  )
  await pull()
  t.same(await world.names(await world.node()), ['Reports', 'film.mp4'])
  t.equal(await world.node('film.mp4'), node)
  t.ok(world.told.includes(`entry ${await world.node('Reports')} film.mp4`))
})

t.test('folders that change places are no cycle, folders that contain each other are', async t => {
  const { world, remote, pull } = await enumerated(t)
  remote.round(
    [folderItem('a', 'a'), folderItem('b', 'b', 'a'), fileItem('i', 'i.txt', pattern(5), 'b')],
    'cursor 2',
  )
  await pull()
  remote.round([folderItem('a', 'a', 'b'), folderItem('b', 'b')], 'cursor 3')
  await pull()
  t.same(await world.names(await world.node('b')), ['a', 'i.txt'].sort())
  t.notOk(world.troubles.includes('item-contains-itself'))
  remote.round([folderItem('b', 'b', 'a')], 'cursor 4')
  await pull()
  t.ok(world.troubles.includes('item-contains-itself'))
  t.same(await world.names(await world.node('b')), ['a', 'i.txt'].sort())
})

t.test('a folder that appears later is asked for its content when it is opened', async t => {
  const { world, remote, pull } = await enumerated(t)
  remote.put(folderItem('moved-here', 'New'))
  remote.put(fileItem('inside', 'inside.txt', pattern(5), 'moved-here'))
  remote.round([folderItem('moved-here', 'New')], 'cursor 2')
  await pull()
  t.same(await world.names(await world.node('New')), ['inside.txt'])
  t.same(remote.listings, ['moved-here'])
})

t.test('a listing that is older than delta does not undo it', async t => {
  const { world, remote, pull, film } = await enumerated(t)
  const reports = await world.node('Reports')
  // The listing is read before the move, and arrives after it.
  remote.children = async function* () {
    await pull()
    yield { items: [film], notUnderstood: [] }
  }
  remote.round([{ ...film, parentId: LIBRARY_ROOT, eTag: 'e2' }], 'cursor 2')
  await world.drive.refreshFolder(inoOf(reports), forever)
  t.same(await world.names(reports), [])
  t.equal(await world.drive.lookup(reports, 'film.mp4', forever), undefined)
  t.ok(await world.node('film.mp4'))
})

t.test('errors of one library do not disturb another', async t => {
  const { world, sync, library, remote } = await enumerated(t)
  const other = world.drive.addLibrary({
    ...library,
    name: 'Other',
    root: { ...library.root, item: 'other root' as ItemId },
  })
  const pages = remote.pages.bind(remote)
  remote.pages = (root, isDriveRoot, cursor) => {
    if (root.item === other.root.item) throw new TypeError('a bug')
    return pages(root, isDriveRoot, cursor)
  }
  sync.add(other.id)
  await until(() => sync.statusOf(other.id).problem !== undefined)
  t.match(sync.statusOf(other.id).problem, { code: 'local-io' })
  remote.round([removed('note')], 'cursor 2')
  sync.wake(library.id)
  await until(() => world.told.some(line => line.endsWith('note.txt')))
  t.same(await world.names(await world.node()), ['Reports'])
  await sync.remove(other.id)
  t.match(sync.statusOf(other.id), { problem: undefined })
})

t.test('a flood of changes is told as one', async t => {
  const { world } = await enumerated(t)
  world.told.length = 0
  world.drive.changed(
    Array.from({ length: 10_001 }, (_, i) => ({
      kind: 'entry' as const,
      parent: inoOf(ROOT),
      name: `${i}`,
      appeared: false,
      isFolder: false,
    })),
  )
  t.same(world.told, ['everything'])
})

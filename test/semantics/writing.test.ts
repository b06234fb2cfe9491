import { constants, fstatSync, readSync, writeSync } from 'node:fs'
import { constants as os } from 'node:os'
import t from 'tap'
import { toErrno } from '../../src/fs/errno.js'
import { nodeId, type ItemId } from '../../src/model/ids.js'
import { PlainDirtyFile } from '../../src/dirty/plain-dirty-file.js'
import { LocalContents } from '../../src/hydration/local-bytes.js'
import { Fault } from '../../src/model/fault.js'
import { subjectOf } from '../../src/thumbnails/subject.js'
import {
  aWhile,
  CALLER,
  fileItem,
  folderItem,
  forever,
  OWNER,
  pattern,
  program,
  projects,
  startWorld,
  until,
} from './drive-world.js'
import {
  close,
  contentOf,
  created,
  itemOf,
  LONG,
  opened,
  readByKernel,
  save,
  stateOf,
  worldWith,
  writeTo,
} from './writing-world.js'

const { O_RDWR, O_RDONLY, O_WRONLY, O_TRUNC } = constants
const bytesOf = (text: string) => Buffer.from(text)
const RENAME_NOREPLACE = 1
const RENAME_EXCHANGE = 2

/** The errno that a program would see. */
async function errnoOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'none'
  } catch (failure) {
    const number = toErrno(failure)
    return Object.entries(os.errno).find(([, value]) => value === number)?.[0] ?? String(number)
  }
}

t.test('a file that is made, written and closed is there with its bytes, and owed', async t => {
  const world = await worldWith(t)
  const file = await created(world, 'new.txt')
  t.equal(file.dirty?.size, 0)
  await writeTo(world, file, 'hello')
  close(world, file)
  t.equal(await contentOf(world, 'new.txt'), 'hello')
  t.match(world.drive.getattr(await world.node('new.txt')), { size: 5, permissions: 0o644 })
  t.match(world.store.owed.all(), [{ isNew: true, content: true }])
  t.same(world.told, [], 'its own kernel knows')
})

t.test('a write into the middle of an online-only file downloads nothing, and reads through', async t => {
  const base = pattern(300_000)
  const world = await worldWith(t, { 'big.bin': base })
  const reader = await opened(world, 'big.bin', O_RDONLY)
  const file = await opened(world, 'big.bin')
  await writeTo(world, file, 'NEW', 100_000)
  t.equal(world.remote.downloads.length, 0)
  const expected = Buffer.from(base)
  expected.write('NEW', 100_000)
  t.same(Buffer.from(await world.read(reader, LONG)), expected, 'also by who had it open before')
  t.same(world.told, [`dirty ${await world.node('big.bin')}`])
  t.match(world.store.owed.all(), [{ isNew: false, content: true, base: { size: 300_000 } }])
})

// "What a small file (1 MiB) was before is fetched when the first byte is written over it"
t.test('what a small file was before is fetched with the first write, and a large one is not', async t => {
  const [small, large] = [pattern(1_000), pattern(1_001)]
  const world = await worldWith(t, { small, large, offline: small }, { smallBase: 1_000 })
  world.remote.answersAtOnce = true
  for (const name of ['small', 'large']) {
    const file = await opened(world, name)
    t.equal(world.remote.downloads.length, name === 'small' ? 0 : 1, 'opening fetches nothing')
    await writeTo(world, file, 'NEW', 10)
    close(world, file)
  }
  await until(() => world.remote.downloads.length > 0)
  await world.hydrator.settled()
  t.same(
    world.remote.downloads.map(({ item, range }) => [item, range]),
    [['small', { start: 0, end: 1_000 }]],
  )
  const expected = Buffer.from(small)
  expected.write('NEW', 10)
  world.remote.failure = new Fault('offline', 'no network')
  const reader = await opened(world, 'small', O_RDONLY)
  t.same(Buffer.from(await world.read(reader, LONG)), expected, 'and it is all here')
  close(world, reader)

  const file = await opened(world, 'offline')
  await writeTo(world, file, 'NEW', 10)
  close(world, file)
  t.match(world.store.owed.all().at(-1), { content: true }, 'nobody is hindered where it cannot be fetched')
})

t.test('closing without a write owes nothing', async t => {
  const world = await worldWith(t, { 'a.txt': bytesOf('old') })
  close(world, await opened(world, 'a.txt'))
  t.ok(world.store.owed.isEmpty)
  t.same(world.dirty.inos(), [])
})

t.test('opening with O_TRUNC empties a file without downloading it', async t => {
  const world = await worldWith(t, { 'a.txt': bytesOf('old bytes') })
  const file = await opened(world, 'a.txt', O_RDWR | O_TRUNC)
  t.equal(world.drive.getattr(await world.node('a.txt')).size, 0)
  await writeTo(world, file, 'new')
  close(world, file)
  t.equal(await contentOf(world, 'a.txt'), 'new')
  t.equal(world.remote.downloads.length, 0)
})

t.test('a file that is deleted while it is open keeps its bytes until it is closed', async t => {
  const world = await worldWith(t)
  const file = await created(world, 'temporary')
  await writeTo(world, file, 'kept')
  await world.drive.unlink(await world.node(), 'temporary', CALLER, forever)
  t.equal(await world.drive.lookup(await world.node(), 'temporary', forever), undefined)
  t.equal(Buffer.from(await world.read(file, LONG)).toString(), 'kept')
  await writeTo(world, file, '!', 4)
  t.equal(Buffer.from(await world.read(file, LONG)).toString(), 'kept!')
  close(world, file)
  await world.writer.settled()
  t.same(world.dirty.buriedInos(), [])
  t.ok(world.store.owed.isEmpty)
})

t.test('a new file that is renamed over an old one is a new version of the same item', async t => {
  const world = await worldWith(t, { 'a.txt': bytesOf('old') })
  const file = await created(world, 'a.txt.tmp')
  await writeTo(world, file, 'new')
  close(world, file)
  const root = await world.node()
  await world.drive.rename(root, 'a.txt.tmp', root, 'a.txt', 0, CALLER, forever)
  t.same((await world.names(root)).sort(), ['a.txt', 'docs'])
  t.equal(await contentOf(world, 'a.txt'), 'new')
  t.equal((await itemOf(world, 'a.txt')).remoteId, 'a.txt')
  t.match(world.store.owed.all(), [{ isNew: false, content: true, base: { eTag: '"a.txt,1"' } }])
})

// --- names ---

t.test('names that SharePoint cannot hold are refused when they are made', async t => {
  const world = await worldWith(t, { 'a.txt': bytesOf('old') })
  const root = await world.node()
  const names = [
    ...['a"b', 'a*b', 'a:b', 'a<b', 'a>b', 'a?b', 'a\\b', 'a|b', 'tab\tbed', 'dele\u007fted'],
    ...[' front', 'behind ', 'stop.'],
    ...['CON', 'nul', 'com1', 'LPT9', 'desktop.ini', '.lock', 'a_vti_b'],
    ...['.Trash', '.Trash-1000'],
  ]
  for (const name of names) {
    t.equal(await errnoOf(created(world, name)), 'EINVAL', `create ${name}`)
    t.equal(await errnoOf(world.drive.mkdir(root, name, 0o755, CALLER, forever)), 'EINVAL', `mkdir ${name}`)
    t.equal(
      await errnoOf(world.drive.rename(root, 'a.txt', root, name, 0, CALLER, forever)),
      'EINVAL',
      `rename to ${name}`,
    )
  }
  t.equal(await errnoOf(created(world, 'é'.repeat(256))), 'ENAMETOOLONG')
  t.same((await world.names(root)).sort(), ['a.txt', 'docs'])
  t.ok(world.store.owed.isEmpty)
  t.same(world.dirty.inos(), [])
})

t.test('names that differ in capital letters or normalization only cannot both be made', async t => {
  const world = await worldWith(t, { 'Report.txt': bytesOf('old'), 'caf\u00e9': bytesOf('old') })
  const root = await world.node()
  t.equal(await errnoOf(created(world, 'report.TXT')), 'EEXIST')
  t.equal(await errnoOf(created(world, 'cafe\u0301')), 'EEXIST')
  t.equal(await errnoOf(world.drive.mkdir(root, 'DOCS', 0o755, CALLER, forever)), 'EEXIST')
  await save(world, 'new.txt', 'new')
  t.equal(await errnoOf(created(world, 'New.txt')), 'EEXIST', 'also of what was made just now')
  t.equal(
    await errnoOf(world.drive.rename(root, 'new.txt', root, 'REPORT.txt', 0, CALLER, forever)),
    'EEXIST',
  )
  await world.drive.unlink(root, 'new.txt', CALLER, forever)
  await save(world, 'NEW.txt', 'another: the old one is gone')
})

t.test('a rename may change capital letters or normalization only', async t => {
  const world = await worldWith(t, { 'Report.txt': bytesOf('old') })
  const root = await world.node()
  const before = await itemOf(world, 'Report.txt')
  await world.drive.rename(root, 'Report.txt', root, 'REPORT.TXT', 0, CALLER, forever)
  const after = await itemOf(world, 'REPORT.TXT')
  t.equal(after.ino, before.ino)
  t.match(world.store.owed.of(after.ino), { place: true, content: false, base: { name: 'Report.txt' } })
})

t.test(
  'of two names that the other side has, differing in capital letters, one can become the other',
  async t => {
    const world = await worldWith(t, { 'a.txt': bytesOf('lower'), 'A.txt': bytesOf('upper') })
    const root = await world.node()
    await world.drive.rename(root, 'a.txt', root, 'A.txt', 0, CALLER, forever)
    t.same((await world.names(root)).sort(), ['A.txt', 'docs'])
    t.equal(await contentOf(world, 'A.txt'), 'lower')
  },
)

t.test('lock files and half-written ones of programs stay on this machine', async t => {
  const world = await worldWith(t)
  const names = ['~$plan.docx', '.~lock.plan.odt#', '.goutputstream-X1', '.plan.txt.swp', '4913', '.#plan']
  for (const name of names) await save(world, name, 'only here')
  t.ok(world.store.owed.all().every(({ staysHere }) => staysHere))
  t.equal(await stateOf(world, '.#plan'), 'locally-available')
  t.equal(await contentOf(world, '4913'), 'only here')
  t.equal(world.store.owed.all().length, names.length)
})

t.test('what the other side has cannot get a name that stays here: it would go there', async t => {
  const world = await worldWith(t, { 'a.txt': bytesOf('old') })
  const root = await world.node()
  t.equal(await errnoOf(world.drive.rename(root, 'a.txt', root, '.a.txt.swp', 0, CALLER, forever)), 'EINVAL')
})

// --- what is refused ---

t.test('a library that is shared for reading, and everything above libraries, is read-only', async t => {
  const world = await worldWith(t, { 'a.txt': bytesOf('old') })
  world.store.libraries.setAccess(world.library().id, 'read')
  const root = await world.node()
  const node = await world.node('a.txt')
  const refused: Readonly<Record<string, () => Promise<unknown>>> = {
    create: () => created(world, 'new'),
    mkdir: () => world.drive.mkdir(root, 'new', 0o755, CALLER, forever),
    open: () => opened(world, 'a.txt', O_WRONLY),
    'open with O_TRUNC': () => opened(world, 'a.txt', O_RDONLY | O_TRUNC),
    truncate: () => world.drive.setattr(node, { size: 0 }, undefined, CALLER, forever),
    'truncate to its size': () => world.drive.setattr(node, { size: 3 }, undefined, CALLER, forever),
    utimens: () => world.drive.setattr(node, { modified: 1 }, undefined, CALLER, forever),
    chmod: () => world.drive.setattr(node, { permissions: 0o600 }, undefined, CALLER, forever),
    unlink: () => world.drive.unlink(root, 'a.txt', CALLER, forever),
    rmdir: () => world.drive.rmdir(root, 'docs', CALLER, forever),
    rename: () => world.drive.rename(root, 'a.txt', root, 'b.txt', 0, CALLER, forever),
  }
  for (const [what, work] of Object.entries(refused)) t.equal(await errnoOf(work()), 'EROFS', what)
  t.equal(world.drive.getattr(node).permissions, 0o444)
  const organization = world.drive.parentOf(root)
  t.equal(await errnoOf(created(world, 'new', organization)), 'EROFS')
  t.equal(await errnoOf(world.drive.mkdir(nodeId(1 as never, 0), 'new', 0o755, CALLER, forever)), 'EROFS')
})

t.test('when access was removed nothing can be changed', async t => {
  const world = await worldWith(t, { 'a.txt': bytesOf('old') })
  world.store.libraries.setAccessRemoved(world.library().id, 1)
  t.equal(await errnoOf(created(world, 'new')), 'EACCES')
  t.equal(await errnoOf(opened(world, 'a.txt')), 'EACCES')
})

t.test('libraries, organizations and notebooks are not moved or deleted', async t => {
  const world = startWorld(t, { writable: true })
  world.library()
  world.remote.put({ ...folderItem('book', 'notes'), kind: 'package' })
  const root = await world.node()
  await world.names(root)
  const organization = world.drive.parentOf(root)
  t.equal(await errnoOf(world.drive.rmdir(organization, projects.name, CALLER, forever)), 'EPERM')
  t.equal(await errnoOf(world.drive.rename(root, 'notes', root, 'other', 0, CALLER, forever)), 'EPERM')
  t.equal(await errnoOf(world.drive.rmdir(root, 'notes', CALLER, forever)), 'EPERM')
})

t.test('other owners are refused, the own one is not', async t => {
  const world = await worldWith(t, { 'a.txt': bytesOf('old') })
  const node = await world.node('a.txt')
  t.equal(await errnoOf(world.drive.setattr(node, { uid: OWNER + 1 }, undefined, CALLER, forever)), 'EPERM')
  t.equal(await errnoOf(world.drive.setattr(node, { gid: 0 }, undefined, CALLER, forever)), 'EPERM')
  await world.drive.setattr(node, { uid: OWNER, gid: OWNER }, undefined, CALLER, forever)
  t.ok(world.store.owed.isEmpty)
})

t.test('what a handle was not opened for it cannot do', async t => {
  const world = await worldWith(t, { 'a.txt': bytesOf('old') })
  const reader = await opened(world, 'a.txt', O_RDONLY)
  t.equal(await errnoOf(writeTo(world, reader, 'no')), 'EBADF')
  t.equal(await errnoOf(world.drive.beginWrite(reader.handle, forever)), 'EBADF')
  const node = await world.node('a.txt')
  t.equal(await errnoOf(world.drive.setattr(node, { size: 1 }, reader.handle, CALLER, forever)), 'EBADF')
  t.ok(world.store.owed.isEmpty)
})

t.test(
  'a program that may not download cannot open for writing what is not local, and can replace it',
  async t => {
    const world = await worldWith(t, { 'a.txt': bytesOf('old') })
    world.programs.set(7, [program('tumblerd')])
    const node = await world.node('a.txt')
    const as = { pid: 7, uid: OWNER }
    t.equal(await errnoOf(world.drive.open(node, O_RDWR, as, forever)), 'EACCES')
    const file = await world.drive.open(node, O_WRONLY | O_TRUNC, as, forever)
    await writeTo(world, file, 'new')
    close(world, file)
    t.equal(await contentOf(world, 'a.txt'), 'new')
    t.equal(world.remote.downloads.length, 0)
  },
)

// --- names and folders ---

t.test('a folder is made, filled, and removed when it is empty', async t => {
  const world = await worldWith(t)
  const root = await world.node()
  const made = await world.drive.mkdir(root, 'new', 0o755, CALLER, forever)
  t.match(made, { kind: 'directory', permissions: 0o755 })
  await save(world, 'inner.txt', 'inner', made.node)
  t.equal(await errnoOf(world.drive.rmdir(root, 'new', CALLER, forever)), 'ENOTEMPTY')
  t.equal(await errnoOf(world.drive.unlink(root, 'new', CALLER, forever)), 'EISDIR')
  t.equal(await errnoOf(world.drive.rmdir(made.node, 'inner.txt', CALLER, forever)), 'ENOTDIR')
  t.equal(await errnoOf(world.drive.unlink(made.node, 'no such', CALLER, forever)), 'ENOENT')
  await world.drive.unlink(made.node, 'inner.txt', CALLER, forever)
  await world.drive.rmdir(root, 'new', CALLER, forever)
  await world.writer.settled()
  t.ok(world.store.owed.isEmpty, 'nobody over there has heard of it')
  t.same(world.store.owed.deletions(), [])
  t.same([...world.dirty.inos(), ...world.dirty.buriedInos()], [])
})

t.test('a folder that was never listed is listed before it is called empty', async t => {
  const world = startWorld(t, { writable: true })
  world.library()
  world.remote.put(folderItem('full', 'full'))
  world.remote.put(fileItem('inner', 'inner.txt', bytesOf('x'), 'full'), bytesOf('x'))
  world.remote.put(folderItem('empty', 'empty'))
  const root = await world.node()
  t.equal(await errnoOf(world.drive.rmdir(root, 'full', CALLER, forever)), 'ENOTEMPTY')
  t.equal(await errnoOf(world.drive.rename(root, 'empty', root, 'full', 0, CALLER, forever)), 'ENOTEMPTY')
  await world.drive.rmdir(root, 'empty', CALLER, forever)
  t.match(world.store.owed.deletions(), [{ remoteId: 'empty', isFolder: true }])
})

// "What the drive does not understand counts as being there"
t.test('a folder with something that is not understood is neither removed nor replaced', async t => {
  const world = startWorld(t, { writable: true })
  const library = world.library()
  world.remote.put(folderItem('full', 'full'))
  world.remote.put(folderItem('other', 'other'))
  const strange = { id: 'x' as ItemId, parent: 'full' as ItemId }
  world.remote.notUnderstood = [strange]
  const root = await world.node()
  const rmdir = () => world.drive.rmdir(root, 'full', CALLER, forever)
  const replace = () => world.drive.rename(root, 'other', root, 'full', 0, CALLER, forever)
  t.equal(await errnoOf(rmdir()), 'ENOTEMPTY')
  t.equal(await errnoOf(replace()), 'ENOTEMPTY')
  t.ok(world.troubles.includes('folder-not-deleted'), 'and the log says why')
  t.same(world.store.owed.deletions(), [])

  world.remote.failure = new Fault('offline', 'no network')
  t.equal(await errnoOf(rmdir()), 'ENOTEMPTY', 'also where nobody can be asked')
  world.remote.failure = undefined
  world.remote.notUnderstood = []
  // For some seconds nobody is asked again.
  world.clock.advance(5_000)
  await rmdir()
  t.match(world.store.owed.deletions(), [{ remoteId: 'full' }], 'gone meanwhile')
  t.equal(world.store.notUnderstood.countIn(library.id, strange.parent), 0)
})

// "… and is listed again when somebody looks into it two minutes later"
t.test('what was not understood appears when it is understood by then and somebody looks', async t => {
  const world = startWorld(t, { writable: true })
  const library = world.library()
  const bytes = pattern(10)
  world.remote.put(folderItem('full', 'full'))
  world.remote.notUnderstood = [{ id: 'x' as ItemId, parent: 'full' as ItemId }]
  const full = await world.node('full')
  const names = () => world.drive.readdir(full).map(({ name }) => name)
  await world.drive.opendir(full, forever)
  world.store.libraries.setEnumerated(library.id, world.clock.now())
  t.same(names(), [])
  world.remote.notUnderstood = []
  world.remote.put(fileItem('x', 'x.bin', bytes, 'full'), bytes)
  world.drive.listingRead(full)
  await aWhile()
  t.same(names(), [], 'nobody is asked at every look')
  world.clock.advance(2 * 60_000)
  world.drive.listingRead(full)
  await until(() => names().length > 0)
  t.same(names(), ['x.bin'])
})

t.test('the holes of a large new file take no blocks', async t => {
  const world = startWorld(t, { writable: true })
  world.library()
  const created = await world.drive.create(await world.node(), 'sparse', 0o644, O_RDWR, CALLER, forever)
  await world.drive.setattr(created.attributes.node, { size: 100 * 1024 * 1024 }, undefined, CALLER, forever)
  const blocks = () => world.drive.getattr(created.attributes.node).blocks
  t.ok(blocks() < 100, `${blocks()} while it is open`)
  world.drive.release(created.handle)
  t.ok(blocks() < 100, `${blocks()} blocks`)
})

t.test('a name in a folder that was never listed is not given twice', async t => {
  const world = startWorld(t, { writable: true })
  world.library()
  world.remote.put(fileItem('a', 'a.txt', bytesOf('old')), bytesOf('old'))
  const root = await world.node()
  t.equal(await errnoOf(created(world, 'a.txt')), 'EEXIST')
  t.equal(await errnoOf(created(world, 'A.TXT')), 'EEXIST')
  world.remote.failure = new Fault('offline', 'no network')
  t.same(await world.names(root), ['a.txt'])
})

t.test(
  'folders are moved with everything in them, not into themselves, and not over what is not empty',
  async t => {
    const world = await worldWith(t, { 'a.txt': bytesOf('old') })
    const root = await world.node()
    const outer = await world.drive.mkdir(root, 'outer', 0o755, CALLER, forever)
    const inner = await world.drive.mkdir(outer.node, 'inner', 0o755, CALLER, forever)
    await save(world, 'deep.txt', 'deep', inner.node)
    const docs = await world.node('docs')
    t.equal(await errnoOf(world.drive.rename(root, 'outer', inner.node, 'x', 0, CALLER, forever)), 'EINVAL')
    t.equal(await errnoOf(world.drive.rename(root, 'docs', root, 'outer', 0, CALLER, forever)), 'ENOTEMPTY')
    t.equal(await errnoOf(world.drive.rename(root, 'a.txt', root, 'outer', 0, CALLER, forever)), 'EISDIR')
    t.equal(await errnoOf(world.drive.rename(root, 'outer', root, 'a.txt', 0, CALLER, forever)), 'ENOTDIR')
    await world.drive.rename(root, 'outer', docs, 'moved', 0, CALLER, forever)
    t.equal(await contentOf(world, 'docs', 'moved', 'inner', 'deep.txt'), 'deep')
    t.equal((await world.drive.lookup(docs, 'moved', forever))?.node, outer.node)
  },
)

t.test('renameat2: NOREPLACE replaces nothing, and nothing is exchanged', async t => {
  const world = await worldWith(t, { 'a.txt': bytesOf('a'), 'b.txt': bytesOf('b') })
  const root = await world.node()
  const rename = (flags: number, to = 'b.txt') =>
    world.drive.rename(root, 'a.txt', root, to, flags, CALLER, forever)
  t.equal(await errnoOf(rename(RENAME_NOREPLACE)), 'EEXIST')
  t.equal(await errnoOf(rename(RENAME_EXCHANGE)), 'EINVAL')
  t.ok(world.store.owed.isEmpty)
  await rename(RENAME_NOREPLACE, 'c.txt')
  t.equal(await contentOf(world, 'c.txt'), 'a')
})

t.test('another library is another file system', async t => {
  const world = await worldWith(t, { 'a.txt': bytesOf('a') })
  const other = {
    ...projects,
    root: { ...projects.root, item: 'other' as never },
    name: 'Other',
    access: 'write' as const,
  }
  world.drive.addLibrary(other)
  const root = await world.node()
  const target = await world.drive.lookup(world.drive.parentOf(root), 'Other', forever)
  if (target === undefined) throw new Error('the library is not there')
  t.equal(await errnoOf(world.drive.rename(root, 'a.txt', target.node, 'a.txt', 0, CALLER, forever)), 'EXDEV')
})

t.test('create without O_EXCL opens what is there', async t => {
  const world = await worldWith(t, { 'a.txt': bytesOf('old') })
  const root = await world.node()
  const file = await world.drive.create(root, 'a.txt', 0o600, O_RDWR, CALLER, forever)
  t.equal(file.attributes.size, 3)
  t.equal(Buffer.from(await world.read(file, LONG)).toString(), 'old')
  t.equal(await errnoOf(world.drive.create(root, 'docs', 0o600, O_RDWR, CALLER, forever)), 'EISDIR')
  t.ok(world.store.owed.isEmpty)
  const emptied = await world.drive.create(root, 'a.txt', 0o600, O_RDWR | O_TRUNC, CALLER, forever)
  t.equal(emptied.attributes.size, 0)
})

// --- editors ---

const SAVES: Readonly<Record<string, (world: Awaited<ReturnType<typeof worldWith>>) => Promise<void>>> = {
  'writes into the file': async world => {
    const file = await opened(world, 'plan.txt', O_WRONLY | O_TRUNC)
    await writeTo(world, file, 'NEW')
    close(world, file)
  },
  'gedit: writes a file beside it and renames it over': async world => {
    const root = await world.node()
    await save(world, '.goutputstream-AB12C3', 'NEW')
    await world.drive.rename(root, '.goutputstream-AB12C3', root, 'plan.txt', 0, CALLER, forever)
  },
  'vim: moves the old one away, writes anew, deletes the old one': async world => {
    const root = await world.node()
    await save(world, '4913', '')
    await world.drive.unlink(root, '4913', CALLER, forever)
    await world.drive.rename(root, 'plan.txt', root, 'plan.txt~', 0, CALLER, forever)
    await save(world, 'plan.txt', 'NEW')
    await world.drive.unlink(root, 'plan.txt~', CALLER, forever)
  },
  'Office: writes a new one, moves the old one away, the new one into its place, deletes the old one':
    async world => {
      const root = await world.node()
      await save(world, '~$plan.txt', 'lock')
      await save(world, '5A3F1C20.tmp', 'NEW')
      await world.drive.rename(root, 'plan.txt', root, '77AB0001.tmp', 0, CALLER, forever)
      await world.drive.rename(root, '5A3F1C20.tmp', root, 'plan.txt', 0, CALLER, forever)
      await world.drive.unlink(root, '77AB0001.tmp', CALLER, forever)
      await world.drive.unlink(root, '~$plan.txt', CALLER, forever)
    },
  'deletes the old one and makes a new one': async world => {
    await world.drive.unlink(await world.node(), 'plan.txt', CALLER, forever)
    await save(world, 'plan.txt', 'NEW')
  },
}

for (const [how, work] of Object.entries(SAVES)) {
  t.test(`a new version of the same item is owed when a program saves so: ${how}`, async t => {
    const world = await worldWith(t, { 'plan.txt': bytesOf('old') })
    await work(world)
    await world.writer.settled()
    t.same((await world.names(await world.node())).sort(), ['docs', 'plan.txt'])
    t.equal(await contentOf(world, 'plan.txt'), 'NEW')
    t.equal((await itemOf(world, 'plan.txt')).remoteId, 'plan.txt')
    t.match(world.store.owed.all(), [
      { isNew: false, content: true, place: false, staysHere: false, base: { eTag: '"plan.txt,1"' } },
    ])
    t.same(world.store.owed.deletions(), [])
    t.equal(world.dirty.inos().length, 1)
    t.equal(world.remote.downloads.length, 0)
  })
}

t.test('a pinned file stays pinned when a program saves it by renaming', async t => {
  const world = await worldWith(t, { 'plan.txt': bytesOf('old') })
  const root = await world.node()
  world.drive.setxattr(await world.node('plan.txt'), 'user.b2bmount.pin', 'always-local')
  await save(world, 'plan.tmp', 'NEW')
  await world.drive.rename(root, 'plan.tmp', root, 'plan.txt', 0, CALLER, forever)
  const pin = world.drive.getxattr(await world.node('plan.txt'), 'user.b2bmount.pin')
  t.equal(Buffer.from(pin).toString(), 'always-local')
})

// --- bytes ---

t.test('an open file that is renamed over keeps its bytes', async t => {
  const world = await worldWith(t)
  const root = await world.node()
  const old = await created(world, 'a.txt')
  await writeTo(world, old, 'old')
  await save(world, 'b.txt', 'new')
  await world.drive.rename(root, 'b.txt', root, 'a.txt', 0, CALLER, forever)
  t.equal(Buffer.from(await world.read(old, LONG)).toString(), 'old')
  t.match(world.drive.getattr(old.attributes.node), { size: 3, links: 0 })
  close(world, old)
  t.equal(await contentOf(world, 'a.txt'), 'new')
})

t.test('truncating keeps the beginning, and what grows again is zeros', async t => {
  const world = await worldWith(t, { 'a.txt': bytesOf('0123456789') })
  const node = await world.node('a.txt')
  const shorter = await world.drive.setattr(node, { size: 4 }, undefined, CALLER, forever)
  t.equal(shorter.size, 4)
  await world.drive.setattr(node, { size: 8 }, undefined, CALLER, forever)
  t.equal(await contentOf(world, 'a.txt'), '0123\0\0\0\0')
  const file = await opened(world, 'a.txt')
  await world.drive.setattr(node, { size: 2 }, file.handle, CALLER, forever)
  t.equal(Buffer.from(await world.read(file, LONG)).toString(), '01')
  t.equal(
    await errnoOf(world.drive.setattr(await world.node('docs'), { size: 0 }, undefined, CALLER, forever)),
    'EISDIR',
  )
})

t.test('truncating to the size that it has changes nothing', async t => {
  const world = await worldWith(t, { 'a.txt': bytesOf('old'), empty: bytesOf('') })
  await world.drive.setattr(await world.node('a.txt'), { size: 3 }, undefined, CALLER, forever)
  close(world, await opened(world, 'empty', O_WRONLY | O_TRUNC))
  t.ok(world.store.owed.isEmpty)
})

t.test('whoever has a file open sees what is truncated by its name', async t => {
  const world = await worldWith(t, { 'a.txt': bytesOf('0123456789') })
  const reader = await opened(world, 'a.txt', O_RDONLY)
  await world.drive.setattr(await world.node('a.txt'), { size: 3 }, undefined, CALLER, forever)
  t.equal(Buffer.from(await world.read(reader, LONG)).toString(), '012')
  t.match(world.told, [/^dirty/])
})

t.test('times and permissions are kept; times are owed, permissions are not', async t => {
  const world = await worldWith(t, { 'a.txt': bytesOf('old'), 'b.txt': bytesOf('old') })
  const { node } = world.drive.getattr(await world.node('a.txt'))
  const modified = Date.UTC(2020, 1, 2) + 345
  const shown = await world.drive.setattr(node, { modified, permissions: 0o600 }, undefined, CALLER, forever)
  t.match(shown, { modified, permissions: 0o600 })
  t.match(world.store.owed.all(), [{ times: true, content: false }])
  await world.drive.setattr(await world.node('b.txt'), { permissions: 0o755 }, undefined, CALLER, forever)
  t.equal(world.store.owed.all().length, 1)
})

t.test('a time that is set after the last write stays, also over a restart', async t => {
  const world = await worldWith(t)
  const file = await created(world, 'new.txt')
  await writeTo(world, file, 'new')
  const modified = Date.UTC(2020, 1, 2) + 345
  await world.drive.setattr(file.attributes.node, { modified }, file.handle, CALLER, forever)
  close(world, file)
  t.equal(world.drive.getattr(await world.node('new.txt')).modified, modified)
  await world.stop()
  const again = startWorld(t, { writable: true, directory: world.directory, remote: world.remote })
  again.recover()
  t.equal(again.drive.getattr(await again.node('new.txt')).modified, modified)
  const reader = await opened(again, 'new.txt', O_RDONLY)
  t.equal(again.drive.getattr(await again.node('new.txt')).modified, modified, 'also while it is open')
  again.drive.release(reader.handle)
  t.match(again.troubles, [])
})

t.test('a full disk refuses the write, and harms nothing that was written before', async t => {
  let isFull = false
  const world = await worldWith(
    t,
    {},
    {
      makeDirty: state => {
        const file = new PlainDirtyFile(state, { now: () => 0, sleep: () => Promise.resolve() })
        const write = file.write.bind(file)
        file.write = (offset, bytes) => {
          if (isFull) throw new Fault('disk-full', 'no space')
          write(offset, bytes)
        }
        return file
      },
    },
  )
  const file = await created(world, 'new.txt')
  await writeTo(world, file, 'before')
  isFull = true
  t.equal(await errnoOf(writeTo(world, file, 'lost', 6)), 'ENOSPC')
  isFull = false
  await writeTo(world, file, '!', 6)
  close(world, file)
  t.equal(await contentOf(world, 'new.txt'), 'before!')
})

t.test('a write that finds the disk full goes on when what was not used for long could be freed', async t => {
  let isFull = false
  const world = await worldWith(
    t,
    { 'cached.bin': pattern(100_000) },
    {
      makeDirty: state => {
        const file = new PlainDirtyFile(state, { now: () => 0, sleep: () => Promise.resolve() })
        const write = file.write.bind(file)
        file.write = (offset, bytes) => {
          const space = world.store.content.totalBytes() === 0
          if (isFull && !space) throw new Fault('disk-full', 'no space')
          write(offset, bytes)
        }
        return file
      },
    },
  )
  const cached = await opened(world, 'cached.bin', O_RDONLY)
  await world.read(cached, LONG)
  world.drive.release(cached.handle)
  await world.hydrator.settled()
  const file = await created(world, 'new.txt')
  isFull = true
  await writeTo(world, file, 'fits')
  t.equal(world.store.content.totalBytes(), 0)
  t.equal(Buffer.from(await world.read(file, LONG)).toString(), 'fits')
})

t.test('what the other side replaces while it is open for writing cannot be written to any more', async t => {
  const world = await worldWith(t, { 'a.txt': bytesOf('old') })
  const file = await opened(world, 'a.txt')
  world.remote.put({ ...fileItem('a.txt', 'a.txt', bytesOf('theirs')), eTag: '"a.txt,2"' }, bytesOf('theirs'))
  await world.drive.refreshFolder((await itemOf(world)).ino, forever)
  t.equal(await errnoOf(writeTo(world, file, 'ours')), 'ESTALE')
  t.ok(world.store.owed.isEmpty)
})

t.test('what was changed here stays when the other side replaces it', async t => {
  const world = await worldWith(t, { 'a.txt': bytesOf('old') })
  const file = await opened(world, 'a.txt')
  await writeTo(world, file, 'OUR')
  world.remote.put({ ...fileItem('a.txt', 'a.txt', bytesOf('theirs')), eTag: '"a.txt,2"' }, bytesOf('theirs'))
  await world.drive.refreshFolder((await itemOf(world)).ino, forever)
  await writeTo(world, file, '!', 3)
  close(world, file)
  t.equal(await contentOf(world, 'a.txt'), 'OUR!')
  t.match(world.store.owed.all(), [{ base: { eTag: '"a.txt,1"', size: 3 } }])
})

// --- what is owed, and who knows ---

t.test('the uploader is stopped before a change, and woken behind it', async t => {
  const world = await worldWith(t, { 'a.txt': bytesOf('old') })
  const events: string[] = []
  world.writer.tells({
    stop: ino => void events.push(`stop ${ino} ${world.store.owed.of(ino)?.revision ?? 0}`),
    wake: () => void events.push('wake'),
    closed: () => void events.push('closed'),
    isSent: () => false,
  })
  const { ino } = await itemOf(world, 'a.txt')
  const file = await opened(world, 'a.txt')
  t.match(world.drive.openForWriting(ino), { pid: CALLER.pid })
  await writeTo(world, file, 'new')
  t.same(events, [`stop ${ino} 0`, 'wake'])
  close(world, file)
  t.equal(world.drive.openForWriting(ino), undefined)
  t.equal(events.at(-1), 'closed')
  events.length = 0
  world.store.owed.setSession(ino, { url: 'https://contoso.sharepoint.com/session', expires: 1 })
  const again = await opened(world, 'a.txt')
  t.same(events, [`stop ${ino} 2`], 'who has it open may write without telling')
  t.equal(world.store.owed.of(ino)?.session, undefined, 'what was sent of it may not be what it will be')
  world.drive.release(again.handle)
})

t.test('what is owed shows as syncing, and as attention where somebody must do something', async t => {
  const world = await worldWith(t, { 'a.txt': bytesOf('old') })
  t.equal(await stateOf(world, 'docs'), 'locally-available')
  await save(world, 'new.txt', 'new', await world.node('docs'))
  t.equal(await stateOf(world, 'docs', 'new.txt'), 'syncing')
  t.equal(await stateOf(world, 'docs'), 'syncing')
  t.equal(await stateOf(world), 'syncing')
  t.equal(await stateOf(world, 'a.txt'), 'online-only')
  const { ino } = await itemOf(world, 'docs', 'new.txt')
  const hindered = (code: 'offline' | 'protocol-error' | 'quota-full') =>
    world.store.owed.setAttempts(ino, { attempts: 1, notBefore: 0, hindrance: { code, message: '' } })
  hindered('offline')
  t.equal(await stateOf(world, 'docs'), 'syncing')
  // As `b2bmount status` says it: nobody can do anything about it.
  hindered('protocol-error')
  t.equal(await stateOf(world, 'docs'), 'syncing')
  hindered('quota-full')
  t.equal(await stateOf(world, 'docs', 'new.txt'), 'attention')
  t.equal(await stateOf(world, 'docs'), 'attention')
})

t.test('blocks of what was changed here are what it takes up', async t => {
  const world = await worldWith(t, { 'big.bin': pattern(1_000_000) })
  const file = await opened(world, 'big.bin')
  await writeTo(world, file, 'x', 500_000)
  const { blocks, size } = world.drive.getattr(await world.node('big.bin'))
  t.equal(size, 1_000_000)
  t.ok(blocks >= 1 && blocks * 512 < 200_000, `${blocks} blocks`)
  close(world, file)
  const listed = world.drive.readdir(await world.node()).find(({ name }) => name === 'big.bin')
  t.equal(listed?.attributes.blocks, blocks, 'also when it is closed')
})

t.test('freeing, and limits of the cache, leave what was changed and its base alone', async t => {
  const world = await worldWith(
    t,
    { 'a.bin': pattern(100_000), 'b.bin': pattern(100_000) },
    { limits: { cacheBytes: 1 } },
  )
  for (const name of ['a.bin', 'b.bin']) {
    const file = await opened(world, name)
    await world.read(file, LONG)
    if (name === 'a.bin') await writeTo(world, file, 'NEW', 50_000)
    close(world, file)
  }
  await world.hydrator.settled()
  await world.drive.freeUp((await itemOf(world)).ino, forever)
  await world.limits.enforce()
  world.remote.failure = new Fault('offline', 'no network')
  const expected = Buffer.from(pattern(100_000))
  expected.write('NEW', 50_000)
  const file = await opened(world, 'a.bin', O_RDONLY)
  t.same(Buffer.from(await world.read(file, LONG)), expected)
  t.equal(await stateOf(world, 'b.bin'), 'online-only')
})

t.test('a second mount is told of what is done by way of the first', async t => {
  const world = await worldWith(t, { 'a.txt': bytesOf('old') })
  const told: string[] = []
  const detach = world.drive.attach({
    entryChanged: (parent, name) => void told.push(`entry ${parent} ${name}`),
    attributesChanged: node => void told.push(`attributes ${node}`),
    contentReplaced: node => void told.push(`content ${node}`),
    everythingChanged: () => void told.push('everything'),
    contentDirty: node => void told.push(`dirty ${node}`),
    pagesChanged: node => void told.push(`pages ${node}`),
  })
  const root = await world.node()
  const node = await world.node('a.txt')
  await save(world, 'new.txt', 'new')
  const file = await opened(world, 'a.txt')
  await writeTo(world, file, 'more')
  close(world, file)
  t.ok(told.includes(`entry ${root} new.txt`))
  for (const what of ['dirty', 'attributes', 'pages']) t.ok(told.includes(`${what} ${node}`), what)
  detach()
  told.length = 0
  await save(world, 'other.txt', 'other')
  t.same(told, [])
})

t.test('what the kernel reads by itself is written to in its place', async t => {
  const world = await worldWith(t, { 'a.txt': bytesOf('0123456789') })
  const reader = await opened(world, 'a.txt', O_RDONLY)
  await world.read(reader, LONG)
  await until(() => reader.content.verified)
  const { ino, generation, modified } = await itemOf(world, 'a.txt')
  await until(() => world.store.content.get(ino, generation)?.verified === true)
  const detach = readByKernel(world)
  const file = await opened(world, 'a.txt')
  await world.drive.beginWrite(file.handle, forever)
  t.equal(world.drive.getattr(await world.node('a.txt')).modified, modified, 'as long as nothing is written')
  t.equal(world.store.content.get(ino, generation), undefined, 'the cache has nothing of it any more')
  await writeTo(world, file, 'MID', 4)
  const seen = Buffer.alloc(10)
  readSync(reader.content.fd, seen, 0, 10, 0)
  t.equal(seen.toString(), '0123MID789', 'in the very file that was open')
  await world.drive.setattr(await world.node('a.txt'), { size: 6 }, undefined, CALLER, forever)
  t.equal(fstatSync(reader.content.fd).size, 6)
  t.equal(Buffer.from(await world.read(reader, LONG)).toString(), '0123MI')
  world.drive.release(reader.handle)
  close(world, file)
  detach()
  t.equal(await contentOf(world, 'a.txt'), '0123MI')
  t.equal(world.remote.downloads.length, 1)
  await world.hydrator.settled()
  t.same(world.troubles, [])
})

t.test('what a mapping has written is noted when the file is closed', async t => {
  const world = await worldWith(t, { 'a.txt': bytesOf('0123456789') })
  await contentOf(world, 'a.txt')
  await world.hydrator.settled()
  const detach = readByKernel(world)
  const file = await opened(world, 'a.txt')
  await world.drive.beginWrite(file.handle, forever)
  const { ino, modified } = await itemOf(world, 'a.txt')
  // The kernel writes there, and the file's own time is all that tells.
  writeSync(file.content.fd, 'X', 0)
  close(world, file)
  detach()
  t.ok((await itemOf(world, 'a.txt')).modified > modified)
  t.ok(world.store.owed.of(ino)?.content)
  t.equal(await contentOf(world, 'a.txt'), 'X123456789')
})

t.test('a cache file whose change cannot be journaled stays what it was', async t => {
  const world = await worldWith(t, { 'a.txt': bytesOf('0123456789') })
  await contentOf(world, 'a.txt')
  await world.hydrator.settled()
  const detach = readByKernel(world)
  const changeHere = world.store.changeHere.bind(world.store)
  world.store.changeHere = () => {
    throw new Fault('disk-full', 'no space')
  }
  const file = await opened(world, 'a.txt')
  t.equal(await errnoOf(world.drive.beginWrite(file.handle, forever)), 'ENOSPC')
  world.store.changeHere = changeHere
  close(world, file)
  detach()
  t.equal(await contentOf(world, 'a.txt'), '0123456789')
  t.equal(world.remote.downloads.length, 1)
  t.ok(world.store.owed.isEmpty)
})

t.test('a library with unsent changes is removed only by who insists', async t => {
  const world = await worldWith(t, { 'a.txt': bytesOf('old') })
  const { id } = world.library()
  await save(world, '.#lock', 'stays here anyway')
  await save(world, 'new.txt', 'new')
  t.throws(() => world.drive.removeLibrary(id), {
    code: 'unsent-changes',
    nextStep: /sync --wait.*export DIR/,
  })
  t.equal(await contentOf(world, 'new.txt'), 'new')
  world.drive.removeLibrary(id, true)
  await world.drive.deleteRemoved()
  t.same(world.dirty.inos(), [])
  t.ok(world.store.owed.isEmpty)
  t.equal(world.store.items.countOfLibrary(id), 0)
})

t.test(
  'nothing of what was made here is asked of the service, and nothing says where it is from',
  async t => {
    const world = await worldWith(t)
    const made = await world.drive.mkdir(await world.node(), 'new', 0o755, CALLER, forever)
    world.remote.listings.length = 0
    t.same(await world.names(made.node), [])
    t.same(world.remote.listings, [])
    await save(world, 'new.txt', 'new', made.node)
    const node = await world.node('new', 'new.txt')
    for (const name of ['item-id', 'web-url', 'content-version']) {
      t.throws(() => world.drive.getxattr(node, `user.b2bmount.${name}`), { code: 'no-attribute' }, name)
    }
    t.throws(() => world.drive.getxattr(node, 'user.xdg.origin.url'), { code: 'no-attribute' })
  },
)

t.test('what is written while the base arrives is not covered by it', async t => {
  const world = await worldWith(t, { 'a.txt': bytesOf('0123456789') })
  world.remote.answersAtOnce = false
  const file = await opened(world, 'a.txt')
  await writeTo(world, file, 'A')
  const reading = world.read(file, LONG)
  await until(() => world.remote.downloads.length > 0)
  await writeTo(world, file, 'LATE', 4)
  await world.drive.setattr(await world.node('a.txt'), { size: 9 }, undefined, CALLER, forever)
  await world.remote.downloads[0]?.complete()
  t.equal(Buffer.from(await reading).toString(), 'A123LATE8')
})

t.test('a file that becomes dirty while another program opens it is that for both', async t => {
  const world = await worldWith(t, { 'a.txt': bytesOf('old') })
  const node = await world.node('a.txt')
  const writer = await opened(world, 'a.txt')
  const opening = world.drive.open(node, O_RDONLY, CALLER, forever)
  await writeTo(world, writer, 'NEW')
  const reader = await opening
  t.equal(Buffer.from(await world.read(reader, LONG)).toString(), 'NEW')
  await writeTo(world, writer, '!', 3)
  t.equal(Buffer.from(await world.read(reader, LONG)).toString(), 'NEW!')
})

t.test('a file without a base has one content for all who have it open', async t => {
  const world = await worldWith(t)
  const first = await created(world, 'new.txt')
  const second = await opened(world, 'new.txt')
  t.equal(second.content, first.content)
  t.match(second.content, { size: 0, verified: true })
  t.equal(second.dirty, first.dirty)
})

t.test(
  'what was sent while somebody reads it stays readable, and a later change is another file',
  async t => {
    const world = await worldWith(t)
    await save(world, 'new.txt', 'sent')
    const { ino } = await itemOf(world, 'new.txt')
    const reader = await opened(world, 'new.txt', O_RDONLY)
    // As the uploader settles it.
    world.dirty.moveTo(ino, `${world.directory}/sent`)
    world.store.owed.settle(ino)
    const item = await itemOf(world, 'new.txt')
    const dirty = world.writer.beginContent(item, 'empty')
    dirty.file.write(0, bytesOf('later'))
    t.equal(Buffer.from(await world.read(reader, LONG)).toString(), 'sent')
    close(world, reader)
    t.equal(
      Buffer.from(dirty.file.read(LONG)).toString(),
      'later',
      'closing the old one has not closed the new one',
    )
    t.equal(world.dirty.opened(ino), dirty)
    world.dirty.release(dirty)
  },
)

t.test('what was sent is owed no more when somebody closes it who wrote it before', async t => {
  const world = await worldWith(t)
  const file = await created(world, 'new.txt')
  await writeTo(world, file, 'sent')
  const { ino } = await itemOf(world, 'new.txt')
  world.dirty.moveTo(ino, `${world.directory}/sent`)
  world.store.owed.settle(ino)
  close(world, file)
  t.ok(world.store.owed.isEmpty)
})

t.test('a program that may open nothing empties nothing', async t => {
  const rules = [{ programs: ['evil'], verdict: 'deny' }] as const
  const world = await worldWith(t, { 'a.txt': bytesOf('old') }, { rules })
  world.programs.set(7, [program('evil')])
  const node = await world.node('a.txt')
  const as = { pid: 7, uid: OWNER }
  t.equal(await errnoOf(world.drive.open(node, O_WRONLY | O_TRUNC, as, forever)), 'EACCES')
  t.ok(world.store.owed.isEmpty)
})

t.test(
  'a program that may not download cannot open what was changed over bytes that are not local',
  async t => {
    const world = await worldWith(t, { 'a.txt': bytesOf('0123456789') })
    world.programs.set(7, [program('tumblerd')])
    const node = await world.node('a.txt')
    const open = () => world.drive.open(node, O_RDONLY, { pid: 7, uid: OWNER }, forever)
    const file = await opened(world, 'a.txt')
    await writeTo(world, file, 'NEW')
    t.equal(await errnoOf(open()), 'EACCES')
    await writeTo(world, file, '3456789', 3)
    const { handle } = await open()
    t.equal(Buffer.from(await world.drive.read(handle, LONG, forever)).toString(), 'NEW3456789')
  },
)

t.test('of what was changed here there is no thumbnail, and its old content is not taken for it', async t => {
  const world = await worldWith(t, { 'a.jpg': pattern(1_000) })
  const reader = await opened(world, 'a.jpg', O_RDONLY)
  await world.read(reader, LONG)
  close(world, reader)
  await world.hydrator.settled()
  const contents = new LocalContents(world.store, world.cache)
  const { ino, generation } = await itemOf(world, 'a.jpg')
  t.ok(subjectOf(world.store, ino))
  t.ok(contents.isLocal(ino, generation))
  const file = await opened(world, 'a.jpg')
  await writeTo(world, file, 'NEW')
  close(world, file)
  t.equal(subjectOf(world.store, ino), undefined)
  t.equal(await contents.read(ino, generation, 10_000), undefined)
  await save(world, 'new.jpg', 'new')
  t.equal(subjectOf(world.store, (await itemOf(world, 'new.jpg')).ino), undefined)
})

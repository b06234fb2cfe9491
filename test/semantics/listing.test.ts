import t from 'tap'
import { Fault } from '../../src/model/fault.js'
import { nodeId, ROOT_INO, type ItemId } from '../../src/model/ids.js'
import {
  aWhile,
  fileItem,
  folderItem,
  forever,
  LIBRARY_ROOT,
  pattern,
  projects,
  ROOT,
  startWorld,
  until,
  type DriveWorld,
} from './drive-world.js'

const bytes = pattern(10)

/** Listings whose pages come when the test says so. */
function heldPages(world: DriveWorld): { release: () => void } {
  const gate = { release: () => {} }
  world.remote.beforePage = () =>
    new Promise(resolve => {
      gate.release = resolve
    })
  return gate
}

// "The first two levels come from this machine and are there without a network."
t.test('organizations and libraries are listed without a network', async t => {
  const world = startWorld(t)
  world.library()
  world.remote.failure = new Fault('offline', 'no network')
  t.same(await world.names(ROOT), ['Contoso'])
  const contoso = (await world.drive.lookup(ROOT, 'Contoso', forever))?.node ?? ROOT
  t.same(await world.names(contoso), ['Team - Projects'])
  t.equal(world.drive.parentOf(contoso), ROOT)
  t.equal(world.drive.parentOf(ROOT), ROOT)
  t.equal(world.remote.listings.length, 0)
})

// "However many programs open a folder at once, it is asked for once."
t.test('many programs open a folder, one request is made', async t => {
  const world = startWorld(t)
  world.library()
  for (let i = 0; i < 10; i++) world.remote.put(fileItem(`i${i}`, `${i}.txt`, bytes))
  const node = await world.node()
  await Promise.all(Array.from({ length: 20 }, () => world.drive.opendir(node, forever)))
  await world.drive.lookup(node, 'not there', forever)
  t.equal(world.drive.readdir(node).length, 10)
  t.equal(world.remote.listings.length, 1)
})

// "A folder's listing appears when it is complete. While it is being fetched for the first time, names that have
// arrived can be looked up."
t.test('a listing appears when it is complete', async t => {
  const world = startWorld(t)
  world.library()
  for (let i = 0; i < 6; i++) world.remote.put(fileItem(`i${i}`, `${i}.txt`, bytes))
  const node = await world.node()
  const gate = heldPages(world)
  let isOpen = false
  const opening = world.drive.opendir(node, forever).then(() => (isOpen = true))
  await aWhile()
  gate.release()
  await until(() => world.store.items.count() > 3)
  t.equal((await world.drive.lookup(node, '0.txt', forever))?.kind, 'file')
  t.notOk(isOpen)
  await aWhile()
  gate.release()
  await opening
  t.equal(world.drive.readdir(node).length, 6)
})

// "When the last of them is interrupted, the listing stops."
t.test('interrupting the only reader of a folder stops the listing', async t => {
  const world = startWorld(t)
  world.library()
  world.remote.put(fileItem('i1', 'a.txt', bytes))
  const node = await world.node()
  const gate = heldPages(world)
  const abort = new AbortController()
  const opening = world.drive.opendir(node, abort.signal)
  await aWhile()
  abort.abort(new Fault('cancelled', 'killed'))
  await t.rejects(opening, { code: 'cancelled' })
  gate.release()
  await aWhile()
  t.equal(world.store.items.byName(ROOT_INO, 'a.txt'), undefined)
  t.equal(world.store.items.count(), 3)
})

// "A listing that brings no page for 30 seconds fails with `timed-out`."
t.test('a silent service does not hang a folder', async t => {
  const world = startWorld(t)
  world.library()
  const node = await world.node()
  heldPages(world)
  const failed = t.rejects(world.drive.opendir(node, forever), { code: 'timed-out' })
  await aWhile()
  world.clock.advance(30_000)
  await failed
})

// "A program waits no longer than 60 seconds for a folder; a listing that needs longer goes on in the background, and
// whoever comes later finds it."
t.test('a very large folder goes on being listed for the next who asks', async t => {
  const world = startWorld(t)
  world.library()
  for (let i = 0; i < 12; i++) world.remote.put(fileItem(`i${i}`, `${i}.txt`, bytes))
  const node = await world.node()
  const gate = heldPages(world)
  const failed = t.rejects(world.drive.opendir(node, forever), { code: 'timed-out' })
  for (let page = 0; page < 4; page++) {
    await aWhile()
    world.clock.advance(20_000)
    gate.release()
  }
  await failed
  await until(() => world.store.items.countOfLibrary(world.library().id) === 13)
  await aWhile()
  world.remote.failure = new Fault('offline', 'no network')
  t.equal((await world.names(node)).length, 12)
})

// "A folder that was listed once is listed at once ever after, also offline. A folder that was never listed fails
// offline with `offline`."
t.test('offline, what was listed is listed, and the rest says why not', async t => {
  const world = startWorld(t)
  world.library()
  world.remote.put(folderItem('f1', 'seen'))
  world.remote.put(folderItem('f2', 'unseen'))
  world.remote.put(fileItem('i1', 'a.txt', bytes, 'f1'))
  t.same(await world.names(await world.node('seen')), ['a.txt'])
  world.remote.failure = new Fault('offline', 'no network')
  t.same(await world.names(await world.node('seen')), ['a.txt'])
  const unseen = await world.node('unseen')
  await t.rejects(world.drive.opendir(unseen, forever), { code: 'offline' })
  await t.rejects(world.drive.lookup(unseen, 'a.txt', forever), { code: 'offline' })
  t.equal(await world.drive.lookup(await world.node('seen'), 'b.txt', forever), undefined)
})

// "A listing that fails changes nothing: what was known stays."
t.test('an error removes nothing', async t => {
  const world = startWorld(t)
  world.library()
  world.remote.put(fileItem('i1', 'a.txt', bytes))
  const node = await world.node()
  t.same(await world.names(node), ['a.txt'])
  for (const code of ['access-denied', 'item-not-found', 'server-error'] as const) {
    world.remote.failure = new Fault(code, 'no')
    await t.rejects(world.drive.refreshFolder(world.drive.getattr(node).ino, forever), { code })
    t.same(await world.names(node), ['a.txt'])
  }
})

// "Where the organization refuses delta, the folders that were listed are listed again […] when they are opened after
// more than 2 minutes."
t.test('an old listing is refreshed behind the back of who opens it', async t => {
  const world = startWorld(t)
  world.library()
  world.remote.put(fileItem('i1', 'a.txt', bytes))
  const node = await world.node()
  t.same(await world.names(node), ['a.txt'])
  world.remote.items.delete('i1' as ItemId)
  world.remote.put(fileItem('i2', 'b.txt', bytes))
  world.clock.advance(120_000)
  t.same(await world.names(node), ['a.txt'])
  await until(() => world.told.includes(`entry ${node} b.txt`))
  await until(() => world.told.includes(`entry ${node} a.txt`))
  t.same(await world.names(node), ['b.txt'])
})

// "Items that would contain themselves, or whose folder nobody knows, are left out."
t.test('impossible structures are left out, and nothing loops', async t => {
  const world = startWorld(t)
  world.library()
  world.remote.put(folderItem('f1', 'outer'))
  world.remote.put(folderItem('f2', 'inner', 'f1'))
  const inner = await world.node('outer', 'inner')
  // Now `inner` claims to hold its own parent, the library itself, and itself.
  world.remote.put(folderItem('f1', 'outer', 'f2'))
  world.remote.put({ ...folderItem(LIBRARY_ROOT, 'the library'), parentId: 'f2' as ItemId })
  world.remote.put(folderItem('f2', 'inner', 'f2'))
  t.same(await world.names(inner), [])
  t.equal(await world.node('outer', 'inner'), inner)
  t.same(world.troubles, ['item-contains-itself', 'item-contains-itself', 'item-contains-itself'])
})

t.test('one item in two folders is in the one that was listed last', async t => {
  const world = startWorld(t)
  world.library()
  world.remote.put(folderItem('f1', 'one'))
  world.remote.put(folderItem('f2', 'two'))
  world.remote.put(fileItem('i1', 'a.txt', bytes, 'f1'))
  const one = await world.node('one')
  t.same(await world.names(one), ['a.txt'])
  world.remote.put(fileItem('i1', 'a.txt', bytes, 'f2'))
  t.same(await world.names(await world.node('two')), ['a.txt'])
  t.same(await world.names(one), [])
  t.ok(world.told.includes(`entry ${one} a.txt`))
})

// "Names that differ in case only, or in Unicode normalization only, are different names on Linux: both are shown, each
// as it is, and looking one up finds that one."
t.test('twins and hostile names are all shown, and lead to what they name', async t => {
  const world = startWorld(t)
  world.library()
  const names = [
    'Plan',
    'PLAN',
    '\u00fc',
    'u\u0308',
    '..',
    '.',
    '',
    'a/../b',
    'nul\0',
    'x'.repeat(400),
    '\x1b[2J',
  ]
  for (const [i, name] of names.entries()) world.remote.put(fileItem(`i${i}`, name, pattern(10 + i)))
  const node = await world.node()
  const shown = await world.names(node)
  t.equal(new Set(shown).size, names.length)
  for (const name of shown) {
    t.notOk(name === '.' || name === '..' || name === '' || name.includes('/') || name.includes('\0'))
    t.ok(Buffer.byteLength(name) <= 255)
    const found = await world.drive.lookup(node, name, forever)
    const id = world.drive.getxattr(found?.node ?? ROOT, 'user.b2bmount.item-id')
    t.equal(found?.size, 10 + Number(Buffer.from(id).toString().slice(1)))
  }
})

t.test('a name that no file can have is refused, not looked for', async t => {
  const world = startWorld(t)
  world.library()
  const node = await world.node()
  await t.rejects(world.drive.lookup(node, 'ü'.repeat(128), forever), { code: 'name-too-long' })
})

t.test('a file is no folder', async t => {
  const world = startWorld(t)
  world.library()
  world.remote.put(fileItem('i1', 'a.txt', bytes))
  const node = await world.node('a.txt')
  await t.rejects(world.drive.opendir(node, forever), { code: 'not-a-directory' })
  await t.rejects(world.drive.lookup(node, 'x', forever), { code: 'not-a-directory' })
  t.throws(() => world.drive.readdir(node), { code: 'not-a-directory' })
})

// "A OneNote notebook (a "package") is shown as an empty folder."
t.test('a notebook is an empty folder', async t => {
  const world = startWorld(t)
  world.library()
  world.remote.put({ ...fileItem('n1', 'Notebook', bytes), kind: 'package' })
  const node = await world.node('Notebook')
  t.equal(world.drive.getattr(node).kind, 'directory')
  t.same(await world.names(node), [])
})

// "Files have mode 0444, folders 0555." "An online-only file has its true size and its true time of modification;
// hydrating changes neither." "at least 1 for a file that is not empty"
t.test('attributes are the true ones, before and after hydration', async t => {
  const world = startWorld(t)
  world.library()
  const film = pattern(100_000)
  world.remote.put(fileItem('i1', 'film.mp4', film), film)
  world.remote.put(fileItem('i2', 'empty', new Uint8Array(0)))
  const node = await world.node('film.mp4')
  const modified = Date.UTC(2026, 0, 2, 3, 4, 5)
  const expected = { kind: 'file', size: 100_000, modified, permissions: 0o444, links: 1 }
  t.match(world.drive.getattr(node), { ...expected, blocks: 1 })
  t.match(world.drive.getattr(await world.node('empty')), { size: 0, blocks: 0 })
  t.match(world.drive.getattr(ROOT), { kind: 'directory', permissions: 0o555, ino: ROOT_INO, links: 1 })
  const file = await world.open('film.mp4')
  await world.read(file, { start: 0, end: 100_000 })
  t.match(world.drive.getattr(node), { ...expected, blocks: Math.ceil(100_000 / 512) })
  world.drive.release(file.handle)
  t.ok(world.told.includes(`attributes ${node}`))
  await world.hydrator.settled()
  t.match(world.drive.getattr(node), { ...expected, blocks: Math.ceil(100_000 / 512) })
})

t.test('every file says from where it is, whatever address the other organization gives for it', async t => {
  const world = startWorld(t)
  world.library()
  const bytes = pattern(10)
  const put = (id: string, name: string, webUrl?: string) =>
    world.remote.put({ ...fileItem(id, name, bytes), webUrl }, bytes)
  put('i1', 'bill 1.exe')
  put('i2', 'page.docx', 'https://contoso.sharepoint.com/sites/team/_layouts/15/Doc.aspx?sourcedoc=%7B2%7D')
  put('i3', 'lie.docx', 'https://evil.example/sites/team/another.docx')
  put('i4', 'program.docx', 'javascript:alert(1)')
  const origin = async (name: string) =>
    Buffer.from(world.drive.getxattr(await world.node(name), 'user.xdg.origin.url')).toString()
  t.equal(await origin('bill 1.exe'), `${projects.webUrl}/bill%201.exe`)
  t.equal(
    await origin('page.docx'),
    'https://contoso.sharepoint.com/sites/team/_layouts/15/Doc.aspx?sourcedoc=%7B2%7D',
  )
  t.equal(await origin('lie.docx'), projects.webUrl)
  t.equal(await origin('program.docx'), projects.webUrl)
  t.throws(() => world.drive.getxattr(ROOT, 'user.xdg.origin.url'), { code: 'no-attribute' })
})

t.test('extended attributes are there for who asks, and not listed', async t => {
  const world = startWorld(t)
  world.library()
  const film = pattern(1_000_000)
  world.remote.put(fileItem('i1', 'my film.mp4', film), film)
  const node = await world.node('my film.mp4')
  const value = (name: string, of = node) =>
    Buffer.from(world.drive.getxattr(of, `user.b2bmount.${name}`)).toString()
  t.same(world.drive.listxattr(node), [])
  t.equal(value('state'), 'online-only')
  t.equal(value('organization'), 'Contoso')
  t.equal(value('library'), 'Team - Projects')
  t.equal(value('web-url'), `${projects.webUrl}/my%20film.mp4`)
  t.equal(value('item-id'), 'i1')
  t.match(value('content-version'), /^ctag:.* hash:/)
  t.equal(value('organization', (await world.drive.lookup(ROOT, 'Contoso', forever))?.node), 'Contoso')
  for (const name of [
    'user.b2bmount.nothing',
    'user.other',
    'security.selinux',
    'user.b2bmount.constructor',
  ]) {
    t.throws(() => world.drive.getxattr(node, name), { code: 'no-attribute' })
  }
  t.equal(value('state', ROOT), 'online-only', 'of all that is in it')
  const file = await world.open('my film.mp4')
  await world.read(file, { start: 0, end: 10 })
  t.equal(value('state'), 'partly-local')
  await world.read(file, { start: 0, end: 1_000_000 })
  t.equal(value('state'), 'locally-available')
})

t.test('a node that is no more is stale', async t => {
  const world = startWorld(t)
  world.library()
  const never = nodeId(999_999 as typeof ROOT_INO, 0)
  t.throws(() => world.drive.getattr(never), { code: 'stale-node' })
  t.throws(() => world.drive.readdir(never), { code: 'stale-node' })
  await t.rejects(world.drive.lookup(never, 'x', forever), { code: 'stale-node' })
  await t.rejects(world.drive.read(77, { start: 0, end: 1 }, forever), { code: 'bad-handle' })
})

t.test('statistics are those of the local disk', t => {
  const world = startWorld(t)
  world.library()
  world.remote.failure = new Fault('offline', 'no network')
  const { totalBytes, freeBytes, availableBytes } = world.drive.statistics()
  t.ok(totalBytes > freeBytes && freeBytes >= availableBytes && availableBytes > 0)
  t.end()
})

t.test('a removed library is gone at once, its content soon after', async t => {
  const world = startWorld(t)
  const library = world.library()
  const film = pattern(1000)
  world.remote.put(fileItem('i1', 'film.mp4', film), film)
  const file = await world.open('film.mp4')
  await world.read(file, { start: 0, end: 1000 })
  world.drive.removeLibrary(library.id)
  t.same(await world.names(ROOT), [])
  t.ok(world.told.includes(`entry ${ROOT} Contoso`))
  await world.drive.deleteRemoved()
  t.equal(world.store.items.count(), 1)
  t.equal(world.store.content.totalBytes(), 0)
  t.equal(
    (await world.read(file, { start: 0, end: 1000 })).length,
    1000,
    'who has it open keeps what is local',
  )
})

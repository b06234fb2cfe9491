import { constants } from 'node:fs'
import t, { type Test } from 'tap'
import type { Attributes, OpenFile } from '../../src/fs/file-system.js'
import type { DriveId, ItemId, LibraryId, NodeId, TenantId } from '../../src/model/ids.js'
import type { LibraryAccess, NewLibrary } from '../../src/model/library.js'
import { CALLER, forever, pattern, projects, ROOT, type DriveWorld } from './drive-world.js'
import { close, save, worldWith, writeTo } from './writing-world.js'

// "Attributes of an item are the same by whichever way a program meets it."

/** Of everything that is listed, by path: the same by all four ways to it, or the test fails. */
async function byEveryWay(t: Test, world: DriveWorld, after: string): Promise<Map<string, Attributes>> {
  const found = new Map<string, Attributes>()
  const { drive } = world
  const visit = async (node: NodeId, path: string): Promise<void> => {
    await drive.opendir(node, forever)
    const ahead = new Map(drive.listingKnown(node)?.map(({ name, attributes }) => [name, attributes]))
    for (const { name, attributes } of drive.readdir(node)) {
      const at = `${path}/${name}`
      t.same(await drive.lookup(node, name, forever), attributes, `${at} looked up, ${after}`)
      t.same(drive.getattr(attributes.node), attributes, `${at} by its node, ${after}`)
      t.same(ahead.get(name), attributes, `${at} listed ahead, ${after}`)
      found.set(at, attributes)
      if (attributes.kind === 'directory') await visit(attributes.node, at)
    }
  }
  await visit(ROOT, '')
  return found
}

/** The same organization's, and another's. */
function another(name: string, tenant: string, access: LibraryAccess): NewLibrary {
  const root = {
    tenant: tenant as TenantId,
    drive: `b!${name}` as DriveId,
    item: `root-of-${name}` as ItemId,
  }
  return {
    ...projects,
    root,
    name,
    access,
    organization: tenant === 'tenant-contoso' ? 'Contoso' : 'Fabrikam',
  }
}

/** Numbers below `below` that are the same in each run. */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return (state >>> 8) % below
  }
}

t.test('an organization lists each library with the rights of that library', async t => {
  const world = await worldWith(t)
  world.drive.addLibrary(another('Read', 'tenant-contoso', 'read'))
  world.drive.addLibrary(another('Unknown', 'tenant-contoso', 'unknown'))
  const organization = await world.drive.lookup(ROOT, 'Contoso', forever)
  const listed = world.drive.readdir(organization?.node ?? ROOT)
  t.same(
    listed.map(({ name, attributes }) => `${name} ${attributes.permissions.toString(8)}`),
    ['Team - Projects 755', 'Read 555', 'Unknown 755'],
  )
})

t.test('attributes are the same by every way, whatever happens', async t => {
  for (const seed of [1, 2, 3]) {
    const world = await worldWith(t, {
      'a.bin': pattern(300_000),
      'b.bin': pattern(5),
      'empty.bin': pattern(0),
    })
    const { drive } = world
    const below = numbers(seed)
    const library = world.library().id
    const open: OpenFile[] = []
    const files = ['a.bin', 'b.bin', 'empty.bin']
    const file = () => files[below(files.length)] ?? 'a.bin'
    const access = (id: LibraryId, to: LibraryAccess) => {
      world.store.libraries.setAccess(id, to)
      drive.rightsChanged()
    }
    let made = 0
    const steps: Readonly<Record<string, () => unknown>> = {
      'adds a library': () => {
        const tenant = below(2) === 0 ? 'tenant-contoso' : 'tenant-fabrikam'
        drive.addLibrary(
          another(`library ${++made}`, tenant, (['read', 'write', 'unknown'] as const)[below(3)] ?? 'read'),
        )
      },
      'reads a part': async () => {
        const name = file()
        const opened = await drive.open(await world.node(name), constants.O_RDONLY, CALLER, forever)
        open.push(opened)
        await drive.read(opened.handle, { start: 0, end: 1 + below(100_000) }, forever)
      },
      'writes and keeps the file open': async () => {
        const opened = await drive.open(await world.node(file()), constants.O_RDWR, CALLER, forever)
        open.push(opened)
        await writeTo(world, opened, 'some bytes', below(400_000))
      },
      truncates: async () => {
        await drive.setattr(await world.node(file()), { size: below(500_000) }, undefined, CALLER, forever)
      },
      closes: () => {
        const opened = open.shift()
        if (opened) close(world, opened)
      },
      'makes a file': async () => {
        const name = `made ${++made}`
        await save(world, name, 'text'.repeat(below(5)))
        files.push(name)
      },
      'makes a folder': async () => {
        await drive.mkdir(await world.node(), `folder ${++made}`, below(0o1000), CALLER, forever)
      },
      'changes permissions': async () => {
        const node = await world.node(below(4) === 0 ? 'docs' : file())
        await drive.setattr(node, { permissions: below(0o1000) }, undefined, CALLER, forever)
      },
      'changes a time': async () => {
        await drive.setattr(
          await world.node(file()),
          { modified: below(1_000_000) },
          undefined,
          CALLER,
          forever,
        )
      },
      'learns of other rights, and back': async () => {
        access(library, 'read')
        await byEveryWay(t, world, `seed ${seed}, shared for reading`)
        access(library, 'write')
      },
      'loses access, and gets it back': async () => {
        world.store.libraries.setAccessRemoved(library, world.clock.now())
        await byEveryWay(t, world, `seed ${seed}, not shared any more`)
        world.store.libraries.setAccessRemoved(library, undefined)
      },
      'frees what is local': () => drive.freeUp(drive.getattr(ROOT).ino, forever),
    }
    const names = Object.keys(steps)
    for (let count = 0; count < 60; count++) {
      const name = names[below(names.length)] ?? ''
      await steps[name]?.()
      await byEveryWay(t, world, `seed ${seed}, step ${count}: somebody ${name}`)
    }
    for (const opened of open) close(world, opened)
    await byEveryWay(t, world, `seed ${seed}, at the end`)
  }
})

// "`chmod` stays on this machine, with all bits of folders; the set-user-ID and set-group-ID bits of files are refused
// (`not-permitted`), when they are set and when a file is made."
t.test('mode bits are kept or refused, never dropped', async t => {
  const world = await worldWith(t, { 'a.txt': pattern(5) })
  const { drive } = world
  const [root, file, docs] = [await world.node(), await world.node('a.txt'), await world.node('docs')]
  const chmod = async (node: NodeId, permissions: number) =>
    (await drive.setattr(node, { permissions }, undefined, CALLER, forever)).permissions
  for (const mode of [0o4755, 0o2755, 0o6000]) {
    await t.rejects(chmod(file, mode), { code: 'not-permitted' })
    const flags = constants.O_CREAT | constants.O_RDWR
    await t.rejects(drive.create(root, 'new', mode, flags, CALLER, forever), { code: 'not-permitted' })
  }
  t.equal(drive.getattr(file).permissions, 0o644)
  t.equal(await drive.lookup(root, 'new', forever), undefined)
  t.equal(world.store.owed.isEmpty, true)
  t.equal(await chmod(file, 0o1600), 0o1600)
  for (const mode of [0o1777, 0o2755, 0o4700, 0o7777]) t.equal(await chmod(docs, mode), mode)
  t.equal((await drive.mkdir(root, 'sticky', 0o1755, CALLER, forever)).permissions, 0o1755)
  // "A folder that is made in one with the set-group-ID bit has it, too."
  t.equal((await drive.mkdir(docs, 'inside', 0o755, CALLER, forever)).permissions, 0o2755)
})

// "The time of reading is not kept: it is shown as that of the last change, and setting it changes `st_ctime` only"
t.test('whatever is set of an item shows in the time of its change', async t => {
  const world = await worldWith(t, { 'a.txt': pattern(5) })
  const { drive } = world
  const [file, docs] = [await world.node('a.txt'), await world.node('docs')]
  for (const changes of [
    { touched: true },
    { uid: CALLER.uid, touched: true },
    { permissions: 0o600 },
    { modified: 5 },
  ]) {
    for (const node of [file, docs]) {
      const before = drive.getattr(node)
      world.clock.advance(1_000)
      const after = await drive.setattr(node, changes, undefined, CALLER, forever)
      t.equal(after.changed, world.clock.now(), JSON.stringify(changes))
      t.equal(after.modified, 'modified' in changes ? 5 : before.modified)
    }
  }
  const sent = world.store.owed.of(drive.getattr(file).ino)
  t.match(sent, { content: false, times: true }, 'and only the time that was set is sent')
})

// "The time of birth (`statx`) is when the item was made over there, or here where it is not there yet"
t.test('the time of birth is that of the service', async t => {
  const world = await worldWith(t, { 'a.txt': pattern(5) })
  t.equal(world.drive.getattr(await world.node('a.txt')).created, Date.UTC(2025, 0, 1))
  await save(world, 'new.txt', 'text')
  t.equal(world.drive.getattr(await world.node('new.txt')).created, world.clock.now())
})

// "A folder that was removed here shows no links to whoever has it open"
t.test('a removed folder is seen by whoever has it open', async t => {
  const world = await worldWith(t)
  const { drive } = world
  const root = await world.node()
  const [gone, over] = [
    await drive.mkdir(root, 'gone', 0o755, CALLER, forever),
    await drive.mkdir(root, 'over', 0o700, CALLER, forever),
  ]
  await drive.rmdir(root, 'gone', CALLER, forever)
  await drive.rename(root, 'docs', root, 'over', 0, CALLER, forever)
  t.same(drive.getattr(gone.node), { ...gone, links: 0 })
  t.same(drive.getattr(over.node), { ...over, links: 0 }, 'also one that another took the place of')
  const changed = await drive.setattr(gone.node, { permissions: 0o500 }, undefined, CALLER, forever)
  t.equal(changed.permissions, 0o500)
  t.throws(() => drive.readdir(gone.node), { code: 'stale-node' })
  t.equal(await drive.lookup(root, 'gone', forever), undefined)
})

// "A file that was removed or replaced can be opened again by way of `/proc/self/fd` for as long as somebody has it open"
t.test('a removed file is opened again by whoever has it open', async t => {
  const bytes = pattern(300_000)
  const world = await worldWith(t, { 'clean.bin': bytes, 'changed.bin': bytes, 'replaced.bin': bytes })
  const { drive } = world
  const root = await world.node()
  await save(world, 'made.txt', 'made here')
  const opened = async (name: string, node: NodeId) => {
    const file = await drive.open(node, constants.O_RDWR, CALLER, forever)
    if (name === 'changed.bin') await writeTo(world, file, 'changed')
    await drive.read(file.handle, { start: 0, end: bytes.length }, forever)
    return file
  }
  await save(world, 'other.txt', 'the other')
  for (const name of ['clean.bin', 'changed.bin', 'replaced.bin', 'made.txt']) {
    const node = await world.node(name)
    const first = await opened(name, node)
    if (name === 'replaced.bin') await drive.rename(root, 'other.txt', root, name, 0, CALLER, forever)
    else await drive.unlink(root, name, CALLER, forever)
    const again = await drive.open(node, constants.O_RDONLY, CALLER, forever)
    const read = async ({ handle }: OpenFile) =>
      Buffer.from(await drive.read(handle, { start: 0, end: bytes.length }, forever))
    const expected = await read(first)
    t.ok((await read(again)).equals(expected), name)
    if (name === 'made.txt') await writeTo(world, first, 'seen by both')
    t.ok((await read(again)).equals(await read(first)), name)
    close(world, first)
    t.ok((await read(again)).length > 0, `${name}, when the first has closed it`)
    close(world, again)
    await t.rejects(drive.open(node, constants.O_RDONLY, CALLER, forever), { code: 'stale-node' }, name)
  }
})

import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { detachMount, detachMountNow } from '../../src/daemon/mount-probe.js'
import { isDriveMounted } from '../../src/daemon/mount-table.js'
import { runProgram } from '../../src/daemon/run-program.js'
import type { DriveItem } from '../../src/model/drive-item.js'
import type { Ino, ItemId } from '../../src/model/ids.js'
import { loadFuseNative } from '../../src/transport/fuse-native-package.js'
import { FuseNativeTransport } from '../../src/transport/fuse-native-transport.js'
import type { Mount } from '../../src/transport/transport.js'
import { cannotMountByFuseNative as skip } from '../helpers/can-mount.js'
import { temporaryDirectory } from '../helpers/mounted-directory.js'
import {
  fileItem,
  folderItem,
  forever,
  pattern,
  startWorld,
  until,
  type DriveWorld,
} from '../semantics/drive-world.js'
import { ReaderProcess } from './reader-process.js'

const KIB = 1024
const MIB = 1024 * KIB
const GIB = 1024 * MIB
const mounts = { isMounted: isDriveMounted, detach: detachMount, detachNow: detachMountNow }

interface Mounted {
  readonly world: DriveWorld
  readonly mount: Mount
  /** The library on the drive. */
  readonly library: string
  readonly reader: ReaderProcess
  readonly others: readonly ReaderProcess[]
  readonly bugs: unknown[]
}

/** A drive over a fake other side, mounted by this very process: only other processes may touch the mount. */
async function mountWorld(t: Test, fill: (world: DriveWorld) => void, readers = 1): Promise<Mounted> {
  const directory = join(await temporaryDirectory(t), 'B2B')
  await mkdir(directory)
  const world = startWorld(t, { directory: join(directory, '..', 'daemon') })
  world.library()
  fill(world)
  const reader = new ReaderProcess(t)
  const others = Array.from({ length: readers - 1 }, () => new ReaderProcess(t))
  const bugs: unknown[] = []
  const onBug = (operation: string, failure: unknown) => void bugs.push(operation, failure)
  const transport = new FuseNativeTransport({ binding: loadFuseNative(), mounts, onBug })
  const mount = transport.mount(world.drive, {
    directory,
    readOnly: true,
    allowOther: false,
    passthrough: true,
  })
  world.drive.attach(mount.view)
  t.teardown(async () => {
    if (await isDriveMounted(directory)) await mount.unmount()
    // Assertions are too late here.
    if (bugs.length > 0) throw new Error('a bug was met', { cause: bugs })
  })
  return {
    world,
    mount,
    library: join(directory, 'Contoso', 'Team - Projects'),
    reader,
    others,
    bugs,
  }
}

/** What delta does when an item has changed. */
async function change(world: DriveWorld, item: DriveItem, bytes: Uint8Array): Promise<void> {
  world.remote.put(item, bytes)
  await refresh(world)
}

async function refresh(world: DriveWorld): Promise<void> {
  const folder = world.store.items.byName(await organization(world), 'Team - Projects')
  await world.drive.refreshFolder(folder?.ino ?? (0 as Ino), forever)
}

async function organization(world: DriveWorld): Promise<Ino> {
  const found = await world.drive.lookup(world.drive.parentOf(await world.node()), 'Team - Projects', forever)
  return world.store.parentOf(world.store.items.byIno(found?.ino ?? (0 as Ino)) ?? failed())
}

function failed(): never {
  throw new Error('there is no such item')
}

/** Asks again and again, as the kernel believes a name for a second. */
async function untilMissing(reader: ReaderProcess, path: string): Promise<void> {
  for (;;) {
    try {
      await reader.stat(path)
    } catch (failure) {
      if ((failure as NodeJS.ErrnoException).code === 'ENOENT') return
      throw failure
    }
  }
}

const film = (bytes: Uint8Array) => fileItem('film', 'film.mp4', bytes)

// "The other transport": "Contents are kept apart all the same: …"
t.test('a file is replaced by one of the same size and time while it is open', { skip }, async t => {
  const [older, newer] = [pattern(2 * MIB), pattern(2 * MIB, 2)]
  const { world, library, reader, others } = await mountWorld(
    t,
    world => world.remote.put(film(older), older),
    2,
  )
  const [other = reader] = others
  const path = join(library, 'film.mp4')
  const file = await reader.open(path)
  t.ok((await reader.read(file, 0, 64 * KIB)).equals(older.subarray(0, 64 * KIB)))
  await change(world, film(newer), newer)

  t.ok((await reader.read(file, 0, 64 * KIB)).equals(older.subarray(0, 64 * KIB)), 'what was local')
  await t.rejects(reader.read(file, MIB, 64 * KIB), { code: 'ESTALE' }, 'what was not')
  await t.rejects(other.open(path), { code: 'ESTALE' }, 'the older content is still open')
  await reader.close(file)
  t.ok((await other.readWhole(path)).equals(newer), 'every byte is of the newer content')
})

for (const [what, size] of [
  ['longer', 3 * MIB + 5],
  ['shorter', 5_000],
] as const) {
  t.test(`a file is replaced by a ${what} one`, { skip }, async t => {
    const [older, newer] = [pattern(MIB), pattern(size, 2)]
    const { world, library, reader, others } = await mountWorld(
      t,
      world => world.remote.put(film(older), older),
      2,
    )
    const [other = reader] = others
    const path = join(library, 'film.mp4')
    await reader.readWhole(path)

    await t.test('while nobody has it open: the next reader gets all of it, and nothing else', async t => {
      await change(world, film(newer), newer)
      const file = await reader.open(path)
      t.ok((await reader.read(file, 0, 4 * MIB)).equals(newer))
      await reader.close(file)
      t.equal((await reader.stat(path)).size, size)
    })

    await t.test('while it is open: it keeps its size until it is closed', async t => {
      const file = await reader.open(path)
      await reader.read(file, 0, 10)
      await change(world, film(older), older)
      t.equal((await other.stat(path)).size, size)
      t.equal((await reader.fstat(file)).size, size)
      t.ok((await reader.read(file, 0, 4 * MIB)).equals(newer), 'it was local')
      await reader.close(file)
      t.ok((await other.readWhole(path)).equals(older))
    })
  })
}

t.test('a file that is deleted while it is open stays readable where it is local', { skip }, async t => {
  const bytes = pattern(100_000)
  const { world, library, reader } = await mountWorld(t, world => world.remote.put(film(bytes), bytes))
  const path = join(library, 'film.mp4')
  const file = await reader.open(path)
  await reader.read(file, 0, 100_000)
  world.remote.items.delete('film' as ItemId)
  await refresh(world)
  t.same(await reader.list(library), [])
  t.ok((await reader.read(file, 0, 100_000)).equals(bytes))
  t.equal((await reader.fstat(file)).size, 100_000)
  await reader.close(file)
  await untilMissing(reader, path)
})

// "The other transport": "Changes appear within one second of the store's knowing them."
t.test('names that come, go and lead elsewhere are seen a second later', { skip }, async t => {
  const bytes = pattern(10)
  const { world, library, reader } = await mountWorld(t, world => {
    world.remote.put(folderItem('old', 'Old'))
    world.remote.put(fileItem('inner', 'inner.txt', bytes, 'old'), bytes)
  })
  await reader.stat(join(library, 'Old', 'inner.txt'))
  await t.rejects(reader.stat(join(library, 'New', 'inner.txt')), { code: 'ENOENT' })
  world.remote.put(folderItem('old', 'New'))
  world.remote.put(folderItem('other', 'Old'))
  const began = performance.now()
  await refresh(world)
  await reader.stat(join(library, 'New', 'inner.txt'))
  await untilMissing(reader, join(library, 'Old', 'inner.txt'))
  t.ok(performance.now() - began < 10_000)
  t.same((await reader.list(library)).sort(), ['New', 'Old'])
})

t.test('a file of ten gigabytes has its size, and its bytes wherever they lie', { skip }, async t => {
  const size = 10 * GIB + 12_345
  const byteAt = (offset: number) => Math.floor(offset / 4096) % 251
  const { library, reader } = await mountWorld(t, world => {
    const item = { ...film(new Uint8Array(0)), size, quickXorHash: undefined, modified: Date.UTC(2107, 5, 7) }
    world.remote.put(item, ({ start, end }) => {
      const bytes = new Uint8Array(end - start)
      for (let i = 0; i < bytes.length; i++) bytes[i] = byteAt(start + i)
      return bytes
    })
  })
  const path = join(library, 'film.mp4')
  t.match(await reader.stat(path), { size, modified: Date.UTC(2107, 5, 7) })
  const file = await reader.open(path)
  for (const start of [0, 4 * GIB - 5, 4 * GIB + 4096 * 7, 9 * GIB + 1, size - 10]) {
    const read = await reader.read(file, start, 10)
    t.same(
      [...read],
      Array.from({ length: 10 }, (_, i) => byteAt(start + i)),
      `at ${start}`,
    )
  }
  t.equal((await reader.read(file, size, 10)).length, 0)
  await reader.close(file)
})

t.test('times before 1970 are shown as 1970', { skip }, async t => {
  const { library, reader } = await mountWorld(t, world =>
    world.remote.put({ ...film(new Uint8Array(0)), modified: Date.UTC(1601, 0, 1) }),
  )
  t.equal((await reader.stat(join(library, 'film.mp4'))).modified, 0)
})

t.test('the disk that is shown is that of the cache', { skip }, async t => {
  const { library, reader, world } = await mountWorld(t, () => {})
  const { bsize, blocks } = await reader.space(library)
  t.equal(bsize * blocks, world.drive.statistics().totalBytes)
})

t.test('ls -lR lists a large folder', { skip }, async t => {
  const { library, reader } = await mountWorld(t, world => {
    world.remote.pageSize = 200
    for (let i = 0; i < 1_000; i++) {
      const bytes = new Uint8Array(i % 7)
      world.remote.put(fileItem(`i${i}`, `file ${i}.txt`, bytes), bytes)
    }
  })
  const stdout = await reader.run('ls', '-lR', library)
  const shown = stdout.split('\n').flatMap(line => {
    const [, size, number] = /^-r--r--r-- 1 \S+ +\S+ +(\d+) .* file (\d+)\.txt$/.exec(line) ?? []
    return size === undefined ? [] : [{ size: Number(size), number: Number(number) }]
  })
  t.equal(shown.length, 1_000)
  t.ok(shown.every(({ size, number }) => size === number % 7))
})

t.test('a reader that is killed while it waits ends at once, and takes nobody with it', { skip }, async t => {
  const bytes = pattern(MIB)
  const { world, library, reader, others } = await mountWorld(
    t,
    world => world.remote.put(film(bytes), bytes),
    2,
  )
  const [other = reader] = others
  world.remote.answersAtOnce = false
  const path = join(library, 'film.mp4')
  const killed = t.rejects(reader.readWhole(path), { message: 'the reader has ended' })
  const ended = once(reader.child, 'exit')
  await until(() => world.remote.downloads.length > 0)
  const whole = other.readWhole(path)
  reader.child.kill('SIGKILL')
  await ended
  await killed
  world.remote.answersAtOnce = true
  for (const download of world.remote.downloads) if (!download.isOver) void download.complete()
  t.ok((await whole).equals(bytes))
})

t.test('unmounting fails what waits, and the directory can be mounted again', { skip }, async t => {
  const bytes = pattern(MIB)
  const { world, mount, library, reader, others } = await mountWorld(
    t,
    world => world.remote.put(film(bytes), bytes),
    2,
  )
  world.remote.answersAtOnce = false
  const file = await reader.open(join(library, 'film.mp4'))
  const waiting = t.rejects(reader.read(file, 0, 10), { code: 'ENOTCONN' })
  await until(() => world.remote.downloads.length > 0)
  await mount.unmount()
  await mount.gone
  await waiting
  t.notOk(await isDriveMounted(mount.directory))
  await t.rejects(reader.read(file, 0, 10), { code: 'ENOTCONN' }, 'also whoever holds on to it')
  await t.rejects(reader.fstat(file), { code: 'ENOTCONN' })
  await mount.unmount().catch(() => {})

  const transport = new FuseNativeTransport({ binding: loadFuseNative(), mounts, onBug: () => {} })
  const again = transport.mount(world.drive, {
    directory: mount.directory,
    readOnly: true,
    allowOther: false,
    passthrough: false,
  })
  t.same(await others[0]?.list(library), ['film.mp4'])
  await again.unmount()
})

t.test('somebody else unmounts: the mount knows', { skip }, async t => {
  const { mount, library, reader } = await mountWorld(t, () => {})
  t.same(await reader.list(library), [])
  await detachMount(mount.directory)
  await mount.gone
  await mount.unmount()
})

t.test('programs that the daemon runs do not inherit the mount', { skip }, async t => {
  await mountWorld(t, () => {})
  const look = 'for fd in /proc/$$/fd/*; do [ "$(readlink "$fd")" != /dev/fuse ] || exit 9; done'
  t.equal(await runProgram('sh', ['-c', look], 10_000), 0)
})

t.test('many readers at once, and again', { skip }, async t => {
  const bytes = pattern(300_000)
  const { library, reader, others } = await mountWorld(t, world => world.remote.put(film(bytes), bytes), 6)
  const readers = [reader, ...others]
  for (let round = 0; round < 5; round++) {
    const read = await Promise.all(readers.map(reader => reader.readWhole(join(library, 'film.mp4'))))
    t.ok(read.every(each => each.equals(bytes)))
  }
})

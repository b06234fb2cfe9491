import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Fault } from '../../src/model/fault.js'
import { QuickXorHash } from '../../src/model/quick-xor-hash.js'
import { aWhile, fileItem, forever, pattern, startWorld, type DriveWorld, until } from './drive-world.js'

const KIB = 1024
const MIB = 1024 * KIB

/** Cache files, as `<ino>-<generation>`. */
function cached(world: DriveWorld): string[] {
  const content = join(world.directory, 'content')
  return existsSync(content) ? readdirSync(content).flatMap(folder => readdirSync(join(content, folder))) : []
}

function same(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0
}

/** A world with one file, whose downloads end when the test says so. */
async function worldWith(t: Parameters<typeof startWorld>[0], bytes: Uint8Array) {
  const world = startWorld(t)
  world.library()
  world.remote.put(fileItem('film', 'film.mp4', bytes), bytes)
  world.remote.answersAtOnce = false
  const file = await world.open('film.mp4')
  return { world, file, downloads: world.remote.downloads }
}

// "`open` downloads nothing."
t.test('open downloads nothing, and a file that was only opened leaves nothing behind', async t => {
  const { world, file, downloads } = await worldWith(t, pattern(MIB))
  t.equal(downloads.length, 0)
  world.drive.release(file.handle)
  await world.hydrator.settled()
  t.same(cached(world), [])
})

// "Opening for writing, or with `O_TRUNC`, fails with `read-only`."
t.test('files cannot be opened for writing, folders not at all', async t => {
  const { world } = await worldWith(t, pattern(10))
  const node = await world.node('film.mp4')
  for (const flags of [1, 2, 0o1000]) {
    await t.rejects(world.drive.open(node, flags, { pid: 1, uid: 0 }, forever), { code: 'read-only' })
  }
  await t.rejects(world.drive.open(await world.node(), 0, { pid: 1, uid: 0 }, forever), {
    code: 'is-a-directory',
  })
})

// "Ranges, not files, are downloaded; every byte once, however many read it."
t.test('two readers of the same bytes share one download', async t => {
  const bytes = pattern(10 * MIB)
  const { world, file, downloads } = await worldWith(t, bytes)
  const other = await world.open('film.mp4')
  t.equal(other.content, file.content)
  const range = { start: 5 * MIB, end: 5 * MIB + 4096 }
  const reads = [world.read(file, range), world.read(other, range)]
  await until(() => downloads.length > 0)
  t.equal(downloads.length, 1)
  await downloads[0]?.complete()
  for (const read of await Promise.all(reads)) t.ok(same(read, bytes.subarray(range.start, range.end)))
  t.equal(downloads.length, 1)
})

// "A program that is killed or interrupted while it waits gets `cancelled`; what nobody else waits for is not
// downloaded any more."
t.test('the download of an interrupted reader stops, unless another one waits', async t => {
  const bytes = pattern(100 * MIB)
  const { world, file, downloads } = await worldWith(t, bytes)
  const [first, second] = [new AbortController(), new AbortController()]
  const range = { start: 50 * MIB, end: 51 * MIB }
  const [one, other] = [
    world.drive.read(file.handle, range, first.signal),
    world.drive.read(file.handle, range, second.signal),
  ]
  await until(() => downloads.length > 0)
  first.abort(new Fault('cancelled', 'killed'))
  await t.rejects(one, { code: 'cancelled' })
  t.notOk(downloads[0]?.signal.aborted)
  second.abort(new Fault('cancelled', 'killed'))
  await t.rejects(other, { code: 'cancelled' })
  t.ok(downloads[0]?.signal.aborted)
})

// "What was fetched ahead stops when the program closes the file, is interrupted, or goes elsewhere."
t.test('read-ahead stops when the file is closed', async t => {
  const bytes = pattern(64 * MIB)
  const { world, file, downloads } = await worldWith(t, bytes)
  world.remote.answersAtOnce = true
  for (let at = 0; at < 2 * MIB; at += 256 * KIB) await world.read(file, { start: at, end: at + 256 * KIB })
  world.remote.answersAtOnce = false
  const reading = world.read(file, { start: 30 * MIB, end: 31 * MIB }).catch(() => {})
  await until(() => downloads.some(({ signal, range }) => !signal.aborted && range.start >= 30 * MIB))
  const running = downloads.filter(({ range }) => range.start >= 30 * MIB)
  world.drive.release(file.handle)
  t.ok(running.length > 0 && running.every(({ signal }) => signal.aborted))
  void reading
  await world.hydrator.settled()
})

t.test('a reader that goes elsewhere does not drag its old read-ahead along', async t => {
  const bytes = pattern(200 * MIB)
  const { world, file, downloads } = await worldWith(t, bytes)
  world.remote.answersAtOnce = true
  for (let at = 0; at < 8 * MIB; at += 256 * KIB) await world.read(file, { start: at, end: at + 256 * KIB })
  await aWhile()
  const before = downloads.length
  world.remote.answersAtOnce = false
  const far = world.read(file, { start: 190 * MIB, end: 190 * MIB + 4096 })
  await until(() => downloads.length > before)
  t.equal(downloads.length, before + 1)
  await downloads[before]?.complete()
  t.ok(same(await far, bytes.subarray(190 * MIB, 190 * MIB + 4096)))
})

// "the first read at the start of a file brings its first 256 KiB. A file of up to 256 KiB comes in one request."
t.test('the head comes as a whole, and so does a small file', async t => {
  const { world, file, downloads } = await worldWith(t, pattern(10 * MIB))
  world.read(file, { start: 0, end: 16 * KIB }).catch(() => {})
  await until(() => downloads.length > 0)
  t.same(downloads[0]?.range, { start: 0, end: 256 * KIB })

  const small = pattern(200_000, 2)
  world.remote.put(fileItem('small', 'small.txt', small), small)
  await world.drive.refreshFolder(world.drive.getattr(await world.node()).ino, forever)
  const other = await world.open('small.txt')
  world.read(other, { start: 100_000, end: 100_010 }).catch(() => {})
  await until(() => downloads.length > 1)
  t.same(downloads[1]?.range, { start: 0, end: 200_000 })
})

t.test('a waiting reader is answered before the rest of its segment has come', async t => {
  const bytes = pattern(10 * MIB)
  const { world, file, downloads } = await worldWith(t, bytes)
  const read = world.read(file, { start: 0, end: 4096 })
  await until(() => downloads.length > 0)
  await downloads[0]?.send(16_384)
  t.ok(same(await read, bytes.subarray(0, 4096)))
})

t.test('a reader waits for a running segment that is near, and starts another when it is far', async t => {
  const bytes = pattern(64 * MIB)
  const { world, file, downloads } = await worldWith(t, bytes)
  world.read(file, { start: 0, end: 32 * MIB }).catch(() => {})
  await until(() => downloads.length > 0)
  const near = world.read(file, { start: 1 * MIB, end: 1 * MIB + 4096 })
  await aWhile()
  t.equal(downloads.length, 1)
  const far = world.read(file, { start: 20 * MIB, end: 20 * MIB + 4096 })
  await until(() => downloads.length > 1)
  t.equal(downloads[1]?.range.start, 20 * MIB)
  await downloads[1]?.complete()
  t.ok(same(await far, bytes.subarray(20 * MIB, 20 * MIB + 4096)))
  await downloads[0]?.send(20 * MIB).catch(() => {})
  t.ok(same(await near, bytes.subarray(MIB, MIB + 4096)))
  t.ok(downloads[0]?.signal.aborted, 'the first one ends where the second began')
})

// "A download that brings no byte for 30 seconds fails with `timed-out`. Bytes that were delivered before stay."
t.test('a silent download fails after 30 seconds', async t => {
  const { world, file, downloads } = await worldWith(t, pattern(10 * MIB))
  const read = world.read(file, { start: 5 * MIB, end: 6 * MIB })
  await until(() => downloads.length > 0)
  await downloads[0]?.send(64 * KIB)
  world.clock.advance(29_000)
  await aWhile()
  t.notOk(downloads[0]?.signal.aborted)
  await downloads[0]?.send(64 * KIB)
  world.clock.advance(29_000)
  await aWhile()
  t.notOk(downloads[0]?.signal.aborted)
  world.clock.advance(1_000)
  await until(() => downloads.length > 1)
  t.same(downloads[1]?.range.start, 5 * MIB + 128 * KIB, 'it goes on once, because it had brought something')
  const late = t.rejects(read, { code: 'timed-out' })
  world.clock.advance(30_000)
  await late
  t.ok(file.content.present.covers({ start: 5 * MIB, end: 5 * MIB + 128 * KIB }))
})

t.test('a connection that breaks is replaced from where it broke', async t => {
  const bytes = pattern(2 * MIB)
  const { world, file, downloads } = await worldWith(t, bytes)
  const read = world.read(file, { start: 0, end: 2 * MIB })
  await until(() => downloads.length > 0)
  await downloads[0]?.send(300_000)
  downloads[0]?.fail(new Fault('server-error', 'connection reset'))
  await until(() => downloads.length > 1)
  t.same(downloads[1]?.range, { start: 300_000, end: 2 * MIB })
  await downloads[1]?.complete()
  t.ok(same(await read, bytes))
})

t.test('a failure reaches the readers of these bytes, not the others', async t => {
  const bytes = pattern(64 * MIB)
  const { world, file, downloads } = await worldWith(t, bytes)
  const bad = world.read(file, { start: 10 * MIB, end: 10 * MIB + 10 })
  const good = world.read(file, { start: 40 * MIB, end: 40 * MIB + 10 })
  await until(() => downloads.length > 1)
  const failed = t.rejects(bad, { code: 'access-denied' })
  downloads[0]?.fail(new Fault('access-denied', 'no'))
  await failed
  await downloads[1]?.complete()
  t.equal((await good).length, 10)
})

// "What is not local fails with `offline`, at once: after a failed attempt a tenant is not asked again for 3 seconds".
t.test('offline, a thousand reads cost one attempt', async t => {
  const { world, file, downloads } = await worldWith(t, pattern(64 * MIB))
  world.remote.failure = new Fault('offline', 'no network')
  for (let i = 0; i < 100; i++) {
    await t.rejects(world.read(file, { start: i * 100_000, end: i * 100_000 + 10 }), { code: 'offline' })
  }
  t.equal(downloads.length, 1)
  world.clock.advance(3_000)
  world.remote.failure = undefined
  world.remote.answersAtOnce = true
  t.equal((await world.read(file, { start: 0, end: 10 })).length, 10)
})

// "Once the last byte has arrived the whole file is compared with the service's QuickXorHash, and only then are the
// last bytes handed out".
t.test('the last bytes of a file wait for its hash', async t => {
  const bytes = pattern(512 * KIB)
  const { world, file, downloads } = await worldWith(t, bytes)
  const first = world.read(file, { start: 0, end: 256 * KIB })
  await until(() => downloads.length > 0)
  await downloads[0]?.complete()
  await first
  t.same(world.hashed, [])
  t.notOk(file.content.verified)
  const last = world.read(file, { start: 256 * KIB, end: 512 * KIB })
  await until(() => downloads.length > 1)
  await downloads[1]?.complete()
  await last
  t.equal(world.hashed.length, 1)
  t.ok(file.content.verified)
})

// "if not, `corrupt-content`. Either way what was downloaded is discarded, and the next `open` starts anew."
t.test('wrong bytes are an error, and are kept for nobody', async t => {
  const bytes = pattern(100_000)
  const { world, file, downloads } = await worldWith(t, bytes)
  const node = await world.node('film.mp4')
  world.remote.put(fileItem('film', 'film.mp4', bytes), pattern(100_000, 99))
  const read = world.read(file, { start: 0, end: 100_000 })
  await until(() => downloads.length > 0)
  const failed = t.rejects(read, { code: 'corrupt-content' })
  await downloads[0]?.complete()
  await failed
  t.notOk(file.content.present.covers({ start: 99_999, end: 100_000 }))
  t.ok(world.told.includes(`content ${node}`), 'pages of the wrong bytes are dropped')
  world.drive.release(file.handle)
  await until(() => cached(world).length === 0)
  t.same(cached(world), [])

  world.remote.put(fileItem('film', 'film.mp4', bytes), bytes)
  world.remote.answersAtOnce = true
  const again = await world.open('film.mp4')
  t.not(await world.node('film.mp4'), node)
  t.ok(same(await world.read(again, { start: 0, end: 100_000 }), bytes))
})

// "If the hash is wrong, the service is asked whether the file has changed meanwhile. If so, readers get
// `stale-content`".
t.test('a hash that is wrong because the file was replaced is not called corrupt', async t => {
  const bytes = pattern(100_000)
  const newer = pattern(100_000, 2)
  const { world, file, downloads } = await worldWith(t, bytes)
  const read = world.read(file, { start: 0, end: 100_000 })
  await until(() => downloads.length > 0)
  const download = downloads[0]
  const failed = t.rejects(read, { code: 'stale-content' })
  world.remote.put(fileItem('film', 'film.mp4', newer), newer)
  // The new version's bytes as those of the old one.
  await download?.sendBytes(newer)
  download?.finish()
  await failed
})

t.test('with a hash that can be summed up, no byte is read again', async t => {
  const bytes = pattern(3_000_001)
  const hashBytes = (piece: Uint8Array) => new QuickXorHash().update(piece).digest()
  const world = startWorld(t, { hashBytes })
  world.library()
  world.remote.put({ ...fileItem('film', 'film.mp4', bytes), quickXorHash: hashBytes(bytes) }, bytes)
  world.remote.put({ ...fileItem('bad', 'bad.mp4', bytes), quickXorHash: hashBytes(pattern(10)) }, bytes)
  const file = await world.open('film.mp4')
  await world.read(file, { start: 2_000_000, end: 2_100_000 })
  await world.read(file, { start: 0, end: 3_000_001 })
  t.ok(file.content.verified)
  t.same(world.hashed, [])
  const bad = await world.open('bad.mp4')
  await t.rejects(world.read(bad, { start: 0, end: 3_000_001 }), { code: 'corrupt-content' })
})

t.test('a file without a hash is compared by its size only', async t => {
  const bytes = pattern(100_000)
  const world = startWorld(t)
  world.library()
  world.remote.put({ ...fileItem('film', 'film.mp4', bytes), quickXorHash: undefined }, bytes)
  const file = await world.open('film.mp4')
  await world.read(file, { start: 0, end: 100_000 })
  t.ok(file.content.verified)
  t.same(world.hashed, [])
})

t.test('an empty file is read without a network', async t => {
  const world = startWorld(t)
  world.library()
  world.remote.put(fileItem('empty', 'empty.txt', new Uint8Array(0)))
  const file = await world.open('empty.txt')
  t.equal((await world.read(file, { start: 0, end: 4096 })).length, 0)
  t.ok(file.content.verified)
  t.equal(world.remote.downloads.length, 0)
})

t.test('a read beyond the end gives what there is', async t => {
  const bytes = pattern(1000)
  const world = startWorld(t)
  world.library()
  world.remote.put(fileItem('film', 'film.mp4', bytes), bytes)
  const file = await world.open('film.mp4')
  t.ok(same(await world.read(file, { start: 900, end: 5000 }), bytes.subarray(900)))
  t.equal((await world.read(file, { start: 1000, end: 5000 })).length, 0)
  t.equal((await world.read(file, { start: 2000, end: 5000 })).length, 0)
})

t.test('cache files are private, sparse, and where they belong', async t => {
  const bytes = pattern(64 * MIB)
  const world = startWorld(t)
  world.library()
  world.remote.put(fileItem('film', 'film.mp4', bytes), bytes)
  const file = await world.open('film.mp4')
  await world.read(file, { start: 5 * MIB, end: 5 * MIB + 10 })
  const { ino } = world.drive.getattr(await world.node('film.mp4'))
  const folder = join(world.directory, 'content', (ino % 256).toString(16).padStart(2, '0'))
  const found = statSync(join(folder, `${ino}-0`))
  t.equal(found.mode & 0o777, 0o600)
  t.equal(statSync(folder).mode & 0o777, 0o700)
  t.equal(found.size, 64 * MIB)
  t.ok(found.blocks * 512 < MIB)
})

t.test('random readers, aborts and failures: every byte that is read is right', async t => {
  const bytes = pattern(24 * MIB)
  const world = startWorld(t)
  world.library()
  world.remote.put(fileItem('film', 'film.mp4', bytes), bytes)
  world.remote.answersAtOnce = false
  let state = Number(process.env['SEED'] ?? 1)
  const random = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  const files = [await world.open('film.mp4'), await world.open('film.mp4'), await world.open('film.mp4')]
  const wrong: string[] = []
  const reads: Promise<void>[] = []
  const position = [0, 0, 0]
  for (let step = 0; step < 600; step++) {
    const which = random(3)
    const file = files[which]
    if (file === undefined) continue
    const start = random(4) === 0 ? random(bytes.length) : (position[which] ?? 0)
    const range = { start, end: Math.min(bytes.length, start + 1 + random(300_000)) }
    position[which] = range.end % bytes.length
    const abort = new AbortController()
    reads.push(
      world.drive.read(file.handle, range, abort.signal).then(
        read => {
          if (!same(read, bytes.subarray(range.start, range.end))) wrong.push(`${range.start}-${range.end}`)
        },
        () => {},
      ),
    )
    if (random(5) === 0) abort.abort(new Fault('cancelled', 'killed'))
    const running = world.remote.downloads.filter(({ signal, isOver }) => !signal.aborted && !isOver)
    const download = running[random(Math.max(1, running.length))]
    if (random(20) === 0) download?.fail(new Fault('server-error', 'reset'))
    else if (random(3) === 0) void download?.complete()
    else void download?.send(random(400_000)).catch(() => {})
    if (random(3) === 0) await aWhile(3)
  }
  world.remote.answersAtOnce = true
  for (const download of world.remote.downloads) void download.complete()
  await Promise.all(reads)
  t.same(wrong, [], `SEED=${process.env['SEED'] ?? 1}`)
  for (const [which, file] of files.entries()) {
    t.ok(same(await world.read(file, { start: 0, end: bytes.length }), bytes), `reader ${which}`)
  }
  t.ok(files[0]?.content.verified)
})

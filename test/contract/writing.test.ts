import { randomBytes } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { inspect } from 'node:util'
import { zipSync } from 'fflate'
import t from 'tap'
import { systemClock as clock, type Clock } from '../../src/concurrency/clock.js'
import type { NewFault } from '../../src/emulator/faults/fault-book.js'
import type { FaultAction } from '../../src/emulator/faults/fault-rule.js'
import { Throttle } from '../../src/graph/throttle.js'
import { GraphWriter } from '../../src/graph/writes.js'
import { HttpClient } from '../../src/http/http-client.js'
import type { HttpRequest, HttpSender, PieceBody } from '../../src/http/message.js'
import { contentVersion, type DriveItem } from '../../src/model/drive-item.js'
import { Fault } from '../../src/model/fault.js'
import type { ItemKey } from '../../src/model/ids.js'
import { overlaid, swapped } from '../../scripts/collisions.js'
import { addressOf, buildClient, openSignedInWorld } from './open-client.js'
import { LibraryUnderChange, MODIFIED, Progress, sourceOf } from './library-under-change.js'

const world = await openSignedInWorld(t)
const { emulator, writer, signal } = world
const { counters, faults } = emulator

const MIB = 1024 * 1024
const UNIT = 320 * 1024
/** Two fragments: 10 MiB, and the rest. */
const LARGE = randomBytes(12 * MIB + 5)
const SMALL = Buffer.from('a few words')
const EMPTY = Buffer.alloc(0)

t.beforeEach(() => {
  faults.clear()
  counters.reset()
})

function upload(
  target: Parameters<GraphWriter['upload']>[0],
  bytes: Buffer,
  { progress = new Progress(), by = writer }: { progress?: Progress; by?: GraphWriter } = {},
): Promise<DriveItem> {
  return by.upload(target, sourceOf(bytes), progress, signal)
}

const asked = () => counters.report().routes
const times = (route: string) => asked()[route] ?? 0

/** The fault that an upload, or anything else, ends with. */
async function faultOf(doing: Promise<unknown>): Promise<Fault> {
  try {
    await doing
  } catch (failure) {
    if (failure instanceof Fault) return failure
    throw failure
  }
  throw new Error('it did not fail')
}

function sessionsOf({ root }: LibraryUnderChange): string[] {
  return emulator.sessions
    .list()
    .filter(({ plan }) => plan.at.drive.id === root.drive)
    .map(({ plan }) => plan.name)
}

/** A client that has the same account and nothing else of the present one: as after a restart. */
function restarted(): GraphWriter {
  const client = buildClient(world.cloud, world.stateDirectory)
  t.teardown(() => client.http.close())
  return client.writer
}

/** The same client, with something in between. */
function writerWith(http: HttpSender, time: Clock = clock): GraphWriter {
  const retry = { attempts: 4, firstDelay: 5, maxDelay: 50, deadline: 20_000 }
  const { graph, content, organizations } = world
  return new GraphWriter({
    graph,
    content,
    http,
    throttle: new Throttle(clock),
    clock: time,
    random: () => 0,
    organizations,
    retry,
  })
}

for (const [size, bytes] of Object.entries({ empty: EMPTY, small: SMALL, large: LARGE })) {
  t.test(`a new file that is ${size}, with its time, and one version`, async t => {
    const library = new LibraryUnderChange(world)
    const progress = new Progress()
    const item = await upload(library.new('Plan & 100%, Ünï.bin'), bytes, { progress })
    t.match(item, { name: 'Plan & 100%, Ünï.bin', size: bytes.length, modified: MODIFIED, kind: 'file' })
    t.equal(item.parentId, library.root.item)
    t.ok((await library.bytes(item.name)).equals(bytes))
    // The only way to give an empty file a time makes a version of it.
    t.equal(library.versions(item.name), size === 'empty' ? 2 : 1)
    t.equal(progress.kept, undefined, 'nothing is left to go on with')
    t.same(await world.writer.item(library.key(item.id), signal), item, 'described as it is')
  })

  t.test(`a new version that is ${size}, with its time, of the same file`, async t => {
    const library = new LibraryUnderChange(world)
    const { key, eTag } = await library.given('Plan.bin')
    const item = await upload({ kind: 'version', item: key, eTag }, bytes)
    t.match(item, { id: key.item, size: bytes.length, modified: MODIFIED })
    t.ok((await library.bytes('Plan.bin')).equals(bytes))
    t.equal(library.versions('Plan.bin'), size === 'empty' ? 3 : 2)
    t.same(library.names, ['Plan.bin'])
  })
}

t.test('what requests a file costs', async t => {
  const library = new LibraryUnderChange(world)
  await upload(library.new('small.bin'), SMALL)
  t.same(asked(), { 'create-upload-session': 1, 'upload-fragment': 1 })
  counters.reset()
  await upload(library.new('large.bin'), LARGE)
  t.same(asked(), { 'create-upload-session': 1, 'upload-fragment': 2 })
  counters.reset()
  await writer.upload(library.new('empty.bin'), sourceOf(EMPTY, Date.now()), new Progress(), signal)
  t.same(asked(), { 'put-content': 1 }, "the service's own time will do for what was made just now")
})

t.test(
  'fragments are multiples of 320 KiB below 60 MiB, and no request to an upload URL has a token',
  async t => {
    const library = new LibraryUnderChange(world)
    const requests: HttpRequest[] = []
    const spying = writerWith({
      send: (request, ...rest) => {
        requests.push(request)
        return world.http.send(request, ...rest)
      },
    })
    const size = 130 * MIB + 1
    const piece = Buffer.alloc(MIB)
    let largest = 0
    await spying.upload(
      library.new('huge.bin'),
      {
        size,
        modified: MODIFIED,
        read: ({ start, end }) => {
          largest = Math.max(largest, end - start)
          return Promise.resolve(piece.subarray(0, end - start))
        },
      },
      new Progress(),
      signal,
    )
    t.equal(library.at('huge.bin').size, size)
    t.ok(largest <= MIB, 'read in small pieces')
    const ranges = requests.map(({ headers = {} }) => headers['content-range'] ?? '')
    const lengths = ranges.map(
      range => /^bytes (\d+)-(\d+)\/136314881$/.exec(range)?.slice(1).map(Number) ?? [],
    )
    const ends = lengths.map(([start = 0, end = 0]) => ({ start, length: end + 1 - start }))
    t.ok(ends.length >= 4, `${ends.length} fragments`)
    t.same(
      ends.map(({ start }) => start),
      ends.map((_, i) => ends.slice(0, i).reduce((sum, { length }) => sum + length, 0)),
    )
    for (const { length } of ends.slice(0, -1)) t.equal(length % UNIT, 0)
    for (const { length } of ends) t.ok(length < 60 * MIB)
    for (const { headers = {} } of requests) t.notOk('authorization' in headers)
  },
)

t.test('fragments do not grow on a slow line', async t => {
  const library = new LibraryUnderChange(world)
  const lengths: number[] = []
  const spying: HttpSender = {
    send: (request, ...rest) => {
      lengths.push((request.body as PieceBody).length)
      return world.http.send(request, ...rest)
    },
  }
  let now = Date.now()
  const slow = { ...clock, now: () => (now += 4_000) }
  await upload(library.new('large.bin'), randomBytes(35 * MIB), { by: writerWith(spying, slow) })
  t.same(
    lengths,
    [10, 10, 10, 5].map(each => each * MIB),
  )
})

t.test('they shrink on a line that does not hold for long', async t => {
  const library = new LibraryUnderChange(world)
  faults.put({ match: { route: 'upload-fragment' }, action: { resetAfterReceivedBytes: 6 * MIB } })
  await upload(library.new('large.bin'), LARGE)
  t.ok((await library.bytes('large.bin')).equals(LARGE))
})

t.test('an upload that broke off goes on where it was, after a restart', async t => {
  const library = new LibraryUnderChange(world)
  faults.put({ match: { route: 'upload-fragment' }, from: 2, action: { status: 500 } })
  const before = new Progress()
  const failure = await faultOf(upload(library.new('large.bin'), LARGE, { progress: before }))
  t.equal(failure.code, 'server-error')
  t.same(library.names, [], 'nothing is there before everything is')
  t.ok(before.kept && before.kept.expires > Date.now())
  faults.clear()
  counters.reset()
  const progress = new Progress({ session: before.kept })
  await upload(library.new('large.bin'), LARGE, { progress, by: restarted() })
  t.ok((await library.bytes('large.bin')).equals(LARGE))
  t.same(asked(), { 'upload-status': 1, 'upload-fragment': 1 })
  t.equal(counters.report().uploads.bytes, LARGE.length - 10 * MIB)
  t.equal(progress.kept, undefined)
  t.equal(progress.reached[0], 10 * MIB, 'and says so')
})

t.test('a session that has expired is replaced', async t => {
  const library = new LibraryUnderChange(world)
  faults.put({ match: { route: 'upload-fragment' }, from: 2, action: { status: 500 } })
  const before = new Progress()
  await faultOf(upload(library.new('large.bin'), LARGE, { progress: before }))
  faults.clear()
  emulator.world.clock.advance(16 * 60_000)
  const progress = new Progress({ session: before.kept })
  await upload(library.new('large.bin'), LARGE, { progress })
  t.ok((await library.bytes('large.bin')).equals(LARGE))
  t.equal(progress.kept, undefined)
})

t.test('a session that ends in the middle is replaced, once', async t => {
  const library = new LibraryUnderChange(world)
  faults.put({ match: { route: 'upload-fragment' }, from: 2, times: 1, action: { status: 404 } })
  // Another for the same name is refused as long as the first is not really gone.
  library.drive.rules.oneUploadSessionPerName = false
  await upload(library.new('large.bin'), LARGE)
  t.ok((await library.bytes('large.bin')).equals(LARGE))
  faults.put({ match: { route: 'upload-fragment' }, from: 2, action: { status: 404 } })
  t.match(await faultOf(upload(library.new('other.bin'), LARGE)), { code: 'server-error' })
})

t.test('a session for bytes that are none any more is ended: it would hold the name', async t => {
  const library = new LibraryUnderChange(world)
  faults.put({ match: { route: 'upload-fragment' }, from: 2, action: { status: 500 } })
  const before = new Progress()
  await faultOf(upload(library.new('large.bin'), LARGE, { progress: before }))
  faults.clear()
  const changed = randomBytes(11 * MIB)
  const progress = new Progress({ outdated: before.known })
  await upload(library.new('large.bin'), changed, { progress })
  t.ok((await library.bytes('large.bin')).equals(changed))
  t.same(progress.known, [])
  t.same(sessionsOf(library), [])
})

t.test('the address of a session that is wanted no more while the service makes it is not lost', async t => {
  const library = new LibraryUnderChange(world)
  faults.put({ match: { route: 'create-upload-session' }, action: { latencyMilliseconds: 300 } })
  for (const count of [1, 3]) {
    await t.test(count === 1 ? 'alone' : 'in a batch', async t => {
      const changing = new AbortController()
      const uploads = Array.from({ length: count }, (_, i) => ({
        name: `${count}-${i}`,
        progress: new Progress(),
      }))
      const ended = uploads.map(({ name, progress }) =>
        faultOf(writer.upload(library.new(name), sourceOf(LARGE), progress, changing.signal)),
      )
      while (times('create-upload-session') === 0) await setTimeout(10)
      changing.abort(new Fault('cancelled', 'The file is being changed'))
      for (const each of ended) t.equal((await each).code, 'cancelled')
      counters.reset()
      t.equal(sessionsOf(library).length, count, 'the service has made them')
      for (const { name, progress } of uploads) {
        t.equal(progress.known.length, 1, 'and their addresses are known')
        await upload(library.new(name), SMALL, { progress: new Progress({ outdated: progress.known }) })
      }
      t.equal(times('put-content'), 0, 'so the name is free for the next')
      t.same(sessionsOf(library), [])
    })
  }
})

t.test('a session that is refused for good, and cannot be ended, is left to be ended later', async t => {
  const library = new LibraryUnderChange(world)
  faults.put({ match: { route: 'upload-fragment' }, action: { status: 413 } })
  faults.put({ id: 'cancel', match: { route: 'upload-cancel' }, action: { status: 500 } })
  const progress = new Progress()
  t.equal((await faultOf(upload(library.new('a.bin'), LARGE, { progress }))).code, 'file-too-large')
  t.equal(progress.kept, undefined, 'nobody goes on with it')
  t.equal(progress.known.length, 1)
})

t.test(
  'a session whose address was lost holds the name, and a file that is not large comes otherwise',
  async t => {
    const library = new LibraryUnderChange(world)
    faults.put({ match: { route: 'create-upload-session' }, times: 1, action: { loseAnswer: true } })
    const item = await upload(library.new('small.bin'), SMALL)
    t.match(item, { modified: MODIFIED, size: SMALL.length })
    t.equal(times('put-content'), 1)
    faults.put({ match: { route: 'create-upload-session' }, times: 1, action: { loseAnswer: true } })
    await upload(library.new('large.bin'), LARGE)
    t.equal(times('put-content'), 2, 'up to what one fragment may have')
    const huge = { ...sourceOf(LARGE), size: 41 * MIB }
    faults.put({ match: { route: 'create-upload-session' }, times: 1, action: { loseAnswer: true } })
    const held = await faultOf(writer.upload(library.new('huge.bin'), huge, new Progress(), signal))
    t.match(held, { code: 'upload-held', nextStep: /every minute/ })
    emulator.world.clock.advance(16 * 60_000)
    const end = await faultOf(writer.upload(library.new('huge.bin'), huge, new Progress(), signal))
    t.not(end.code, 'upload-held', 'until the service has ended it')
    t.same(library.names, ['large.bin', 'small.bin'])
  },
)

const BREAKS: Readonly<Record<string, FaultAction>> = {
  'a lost answer': { loseAnswer: true },
  'a reset in the middle of what is sent': { resetAfterReceivedBytes: 1 },
  'a reset in the middle of the answer': { resetAfterBytes: 20 },
  'an answer that ends early': { endAfterBytes: 20 },
  throttling: { status: 429, retryAfterSeconds: 0.05 },
  'an overloaded server': { status: 503 },
  'a server error': { status: 500 },
  'a gateway error': { status: 502 },
  'a gateway that waits no longer': { status: 504 },
}

/** Each request of each form of upload. */
const STEPS: Readonly<
  Record<string, { readonly bytes: Buffer; readonly from?: number; readonly route: string }>
> = {
  'the only fragment': { bytes: SMALL, route: 'upload-fragment' },
  'the first fragment': { bytes: LARGE, route: 'upload-fragment' },
  'the last fragment': { bytes: LARGE, route: 'upload-fragment', from: 2 },
  'the beginning of a session': { bytes: SMALL, route: 'create-upload-session' },
  'a file in one request': { bytes: EMPTY, route: 'put-content' },
  'the time of that': { bytes: EMPTY, route: 'update-item' },
}

for (const [step, { bytes, route, from = 1 }] of Object.entries(STEPS)) {
  for (const [name, action] of Object.entries(BREAKS)) {
    // An empty file has no bytes to reset after.
    if (route === 'put-content' && 'resetAfterReceivedBytes' in action) continue
    t.test(`${name} at ${step} costs time, and neither bytes nor duplicates`, async t => {
      const library = new LibraryUnderChange(world)
      const { key, eTag } = await library.given('old.bin')
      const fault: NewFault = { match: { route }, from, times: 1, action }
      faults.put(fault)
      const made = await upload(library.new('new.bin'), bytes)
      t.equal(faults.list()[0]?.fired, 1)
      t.ok((await library.bytes('new.bin')).equals(bytes))
      faults.clear()
      faults.put(fault)
      const changed = await upload({ kind: 'version', item: key, eTag }, bytes)
      t.equal(faults.list()[0]?.fired, 1)
      t.ok((await library.bytes('old.bin')).equals(bytes))
      t.same(library.names, ['new.bin', 'old.bin'])
      t.match([made, changed], [{ modified: MODIFIED }, { modified: MODIFIED }])
    })
  }
}

t.test('what the service has in place stays one version when only the answer was lost', async t => {
  const library = new LibraryUnderChange(world)
  const { key, eTag } = await library.given('old.bin')
  for (const [bytes, from] of [
    [LARGE, 2],
    [SMALL, 1],
  ] as const) {
    const versions = library.versions('old.bin')
    const present = await writer.item(key, signal)
    faults.put({ match: { route: 'upload-fragment' }, from, times: 1, action: { loseAnswer: true } })
    await upload({ kind: 'version', item: key, eTag: present.eTag ?? eTag }, bytes)
    t.equal(library.versions('old.bin'), versions + 1)
    faults.clear()
  }
})

t.test('what is in the way with the size and the hash of ours is not taken for ours', async t => {
  const library = new LibraryUnderChange(world)
  const theirs = Buffer.alloc(160 * 128)
  const ours = overlaid(theirs, 0x78, 0, 32)
  const item = await upload(library.new('disk.img'), theirs)
  t.equal(item.quickXorHash, (await upload(library.new('same hash.img'), ours)).quickXorHash)
  t.match(await faultOf(upload(library.new('disk.img'), ours)), { code: 'name-taken' })
  t.equal((await upload(library.new('disk.img'), theirs)).id, item.id, 'with the same bytes it is')
  const stale = { kind: 'version', item: library.key(item.id), eTag: '"{0},0"' } as const
  t.match(await faultOf(upload(stale, ours)), { code: 'stale-content' })
  t.equal((await upload(stale, theirs)).eTag, item.eTag)
  t.equal(library.versions('disk.img'), 1)
})

t.test('an empty file is compared without reading anything back', async t => {
  const library = new LibraryUnderChange(world)
  const item = await upload(library.new('empty.txt'), Buffer.alloc(0))
  const key = library.key(item.id)
  const holds = (content: Buffer, version = contentVersion(item)) =>
    writer.holds(key, version, sourceOf(content), signal)
  t.ok(await holds(Buffer.alloc(0)))
  const other = await upload({ kind: 'version', item: key, eTag: undefined }, Buffer.from('text'))
  t.notOk(await holds(Buffer.alloc(0)), 'it is not empty any more')
  t.notOk(await holds(Buffer.alloc(0), contentVersion(other)))
})

t.test('whether the service has certain bytes is found out by reading them back', async t => {
  const library = new LibraryUnderChange(world)
  const bytes = Buffer.from(randomBytes(3 * MIB))
  const item = await upload(library.new('a.bin'), bytes)
  const key = library.key(item.id)
  const holds = (content: Buffer, version = contentVersion(item)) =>
    writer.holds(key, version, sourceOf(content), signal)
  t.ok(await holds(bytes))
  t.notOk(await holds(swapped(bytes, 0, 160 * 8192, MIB)), 'other bytes of the same hash')
  t.notOk(await holds(bytes.subarray(1)), 'another size')
  await library.edit('rename', 'a.bin', { name: 'b.bin' })
  t.ok(await holds(bytes), 'a rename is no other version')
  await upload({ kind: 'version', item: key, eTag: undefined }, bytes)
  t.notOk(await holds(bytes), 'another version, of which nobody spoke')
  await writer.delete(key, undefined, signal)
  t.notOk(await holds(bytes))
})

t.test('many items are asked for together, each with its cTag', async t => {
  const library = new LibraryUnderChange(world)
  const keys: ItemKey[] = []
  for (let i = 0; i < 45; i++) keys.push((await library.given(`${i}.txt`)).key)
  await writer.delete(library.key(keys[7]?.item ?? ''), undefined, signal)
  const before = times('batch')
  const items = await world.items.current(keys, signal)
  t.equal(times('batch') - before, 3)
  t.same(
    items.map(item => item?.name),
    keys.map((_, i) => (i === 7 ? undefined : `${i}.txt`)),
  )
  t.ok(items.every(item => item === undefined || item.cTag !== undefined))
  t.same(await world.items.current([], signal), [])
  faults.put({ match: { route: 'batch' }, times: 8, action: { status: 429, retryAfterSeconds: 300 } })
  // With a pause of its own: the others of this file are not to wait for it.
  const client = buildClient(world.cloud, world.stateDirectory)
  t.teardown(() => client.http.close())
  t.match(await faultOf(client.items.current(keys, signal)), { code: 'throttled' })
})

t.test('a document that SharePoint rewrites at once is recognized when the answer was lost', async t => {
  const library = new LibraryUnderChange(world)
  const document = Buffer.from(zipSync({ 'word/document.xml': randomBytes(1000) }))
  const fault: NewFault = {
    match: { route: 'upload-fragment' },
    times: 1,
    action: { loseAnswer: true },
  }
  faults.put(fault)
  const item = await upload(library.new('Letter.docx'), document)
  t.equal(item.modified, MODIFIED)
  t.ok(item.size > document.length, 'the service has made something else of it')
  t.same(library.names, ['Letter.docx'])
  t.equal(library.versions('Letter.docx'), 2)
  faults.clear()
  faults.put(fault)
  const other = Buffer.from(zipSync({ 'word/document.xml': randomBytes(2000) }))
  const target = { kind: 'version', item: library.key(item.id), eTag: item.eTag } as const
  await writer.upload(target, sourceOf(other, MODIFIED + 5000), new Progress(), signal)
  t.equal(library.versions('Letter.docx'), 4)
})

t.test('also when it was put in place later', async t => {
  const library = new LibraryUnderChange(world)
  const { key, eTag } = await library.given('Letter.docx')
  const document = Buffer.from(zipSync({ 'word/document.xml': randomBytes(1000) }))
  const racing = {
    ...sourceOf(document),
    read: async () => {
      await library.edit('lock', 'Letter.docx')
      return document
    },
  }
  const target = { kind: 'version', item: key, eTag } as const
  const progress = new Progress()
  t.equal((await faultOf(writer.upload(target, racing, progress, signal))).code, 'locked')
  await library.edit('unlock', 'Letter.docx')
  faults.put({ match: { route: 'upload-commit' }, times: 1, action: { loseAnswer: true } })
  const item = await upload(target, document, { progress: new Progress({ session: progress.kept }) })
  t.match(item, { id: key.item, modified: MODIFIED })
  t.ok(item.size > document.length)
})

t.test('what has the time of an upload that was never whole is not taken for it', async t => {
  const library = new LibraryUnderChange(world)
  const first = await upload(library.new('a.bin'), SMALL)
  const target = { kind: 'version', item: library.key(first.id), eTag: first.eTag } as const
  faults.put({ match: { route: 'upload-fragment' }, from: 2, action: { status: 500 } })
  const progress = new Progress()
  await faultOf(upload(target, LARGE, { progress }))
  emulator.world.clock.advance(16 * 60_000)
  await library.edit('touch', 'a.bin')
  const later = new Progress({ session: progress.kept })
  t.equal((await faultOf(upload(target, LARGE, { progress: later }))).code, 'stale-content')
  t.equal(later.kept, undefined)
})

t.test('what a network says in the name of the service is no success, and undoes nothing', async t => {
  const library = new LibraryUnderChange(world)
  const { key, eTag } = await library.given('old.bin')
  const action = { status: 200, body: '<html>Please sign in to the WiFi</html>' }
  faults.put({ match: { route: 'upload-fragment' }, times: 1, action })
  await upload(library.new('small.bin'), SMALL)
  t.ok((await library.bytes('small.bin')).equals(SMALL), 'a session can be asked')
  for (const route of ['put-content', 'create-upload-session', 'create-child', 'update-item']) {
    faults.put({ match: { route }, action })
  }
  t.equal((await faultOf(upload(library.new('a.bin'), EMPTY))).code, 'server-error')
  t.equal((await faultOf(upload(library.new('a.bin'), SMALL))).code, 'server-error')
  t.equal((await faultOf(writer.createFolder(library.root, 'folder', signal))).code, 'server-error')
  t.equal((await faultOf(writer.update(key, { name: 'new.bin' }, eTag, signal))).code, 'server-error')
  faults.put({ match: { route: 'delete-item' }, action })
  t.equal((await faultOf(writer.delete(key, eTag, signal))).code, 'server-error')
  t.same(library.names, ['old.bin', 'small.bin'])
})

t.test('a file with our time and other bytes is not taken for ours', async t => {
  const library = new LibraryUnderChange(world)
  await upload(library.new('a.bin'), SMALL)
  t.equal((await faultOf(upload(library.new('a.bin'), Buffer.from('other words')))).code, 'name-taken')
  const before = await writer.child(library.root, 'a.bin', signal)
  await library.edit('touch', 'a.bin')
  const target = { kind: 'version', item: library.key(before?.id ?? ''), eTag: before?.eTag } as const
  t.equal((await faultOf(upload(target, Buffer.from('other words')))).code, 'stale-content')
  t.ok((await library.bytes('a.bin')).equals(SMALL))
})

t.test('a server that falls silent in the middle of a fragment is given up', async t => {
  const library = new LibraryUnderChange(world)
  const http = new HttpClient({ cloud: world.cloud, userAgent: 'test', deadlines: { firstByte: 300 } })
  t.teardown(() => http.close())
  faults.put({ match: { route: 'upload-fragment' }, times: 1, action: { stallAfterReceivedBytes: 300_000 } })
  await upload(library.new('large.bin'), LARGE, { by: writerWith(http) })
  t.ok((await library.bytes('large.bin')).equals(LARGE))
})

t.test('while a piece is read it is not the server that is silent', async t => {
  const library = new LibraryUnderChange(world)
  const http = new HttpClient({
    cloud: world.cloud,
    userAgent: 'test',
    deadlines: { firstByte: 150, connect: 100 },
  })
  t.teardown(() => http.close())
  const source = sourceOf(randomBytes(200_000))
  const slow = {
    ...source,
    read: async (range: { start: number; end: number }) => {
      if (range.end === source.size) await clock.sleep(400, signal)
      return source.read(range)
    },
  }
  await writerWith(http).upload(library.new('slow.bin'), slow, new Progress(), signal)
  t.equal(times('upload-fragment'), 1)
})

t.test('each piece waits for its turn before it is read, and is sent for what it is', async t => {
  const library = new LibraryUnderChange(world)
  const source = sourceOf(LARGE)
  let admitted = 0
  const paced = {
    ...source,
    admit: (bytes: number) => Promise.resolve(void (admitted += bytes)),
    read: (range: { start: number; end: number }) => {
      if (range.end > admitted) throw new Error('too early')
      return source.read(range)
    },
  }
  await writer.upload(library.new('large.bin'), paced, new Progress(), signal)
  t.equal(admitted, LARGE.length)
})

t.test('what cannot be read here is said as it is, and can go on later', async t => {
  const library = new LibraryUnderChange(world)
  const failure = new Fault('local-io', 'The disk does not give it')
  const progress = new Progress()
  const source = { ...sourceOf(SMALL), read: () => Promise.reject(failure) }
  await t.rejects(writer.upload(library.new('a.bin'), source, progress, signal), failure)
  await upload(library.new('a.bin'), SMALL, { progress: new Progress({ session: progress.kept }) })
  t.same(library.names, ['a.bin'])
})

t.test('an upload ends when it is aborted, and goes on later', async t => {
  const library = new LibraryUnderChange(world)
  const abort = new AbortController()
  const progress = new Progress()
  const source = sourceOf(LARGE)
  const stopping = {
    ...source,
    read: (range: { start: number; end: number }) => {
      if (range.start >= 11 * MIB) abort.abort(new Error('changed again'))
      return source.read(range)
    },
  }
  await t.rejects(writer.upload(library.new('large.bin'), stopping, progress, abort.signal), {
    message: 'changed again',
  })
  counters.reset()
  await upload(library.new('large.bin'), LARGE, { progress: new Progress({ session: progress.kept }) })
  t.equal(times('create-upload-session'), 0)
})

t.test('a name that is taken', async t => {
  const library = new LibraryUnderChange(world)
  await library.given('Plan.bin')
  await library.edit('create-folder', '', { name: 'Folder' })
  for (const bytes of [EMPTY, SMALL, LARGE]) {
    for (const name of ['plan.BIN', 'Folder']) {
      const progress = new Progress()
      t.equal((await faultOf(upload(library.new(name), bytes, { progress }))).code, 'name-taken')
      t.equal(progress.kept, undefined)
    }
  }
  t.equal((await library.bytes('Plan.bin')).toString(), 'given')
  t.equal((await faultOf(writer.createFolder(library.root, 'FOLDER', signal))).code, 'name-taken')
  t.equal((await faultOf(writer.createFolder(library.root, 'Plan.bin', signal))).code, 'name-taken')
})

t.test('a name that is taken while the bytes come', async t => {
  const library = new LibraryUnderChange(world)
  const source = sourceOf(LARGE)
  const racing = {
    ...source,
    read: async (range: { start: number; end: number }) => {
      if (range.start === 10 * MIB) await library.given('a.bin')
      return source.read(range)
    },
  }
  const progress = new Progress()
  const failure = await faultOf(writer.upload(library.new('a.bin'), racing, progress, signal))
  t.equal(failure.code, 'name-taken')
  t.equal(progress.kept, undefined)
  t.equal((await library.bytes('a.bin')).toString(), 'given')
  t.equal(times('upload-cancel'), 1, 'the name is not held')
})

t.test('a file that has changed meanwhile is not overwritten', async t => {
  const library = new LibraryUnderChange(world)
  const { key, eTag } = await library.given('Plan.bin')
  await library.edit('replace', 'Plan.bin', { text: 'theirs' })
  for (const bytes of [EMPTY, SMALL, LARGE]) {
    t.equal((await faultOf(upload({ kind: 'version', item: key, eTag }, bytes))).code, 'stale-content')
  }
  t.equal((await faultOf(writer.update(key, { name: 'x' }, eTag, signal))).code, 'stale-content')
  t.equal((await faultOf(writer.delete(key, eTag, signal))).code, 'stale-content')
  t.equal((await library.bytes('Plan.bin')).toString(), 'theirs')
  await upload({ kind: 'version', item: key, eTag: undefined }, SMALL)
  t.ok((await library.bytes('Plan.bin')).equals(SMALL), 'unless that is meant')
})

t.test('a file that others have open waits', async t => {
  const library = new LibraryUnderChange(world)
  const { key, eTag } = await library.given('Plan.bin')
  await library.edit('lock', 'Plan.bin')
  for (const bytes of [EMPTY, SMALL]) {
    t.equal((await faultOf(upload({ kind: 'version', item: key, eTag }, bytes))).code, 'locked')
  }
  t.equal((await faultOf(writer.update(key, { name: 'x' }, undefined, signal))).code, 'locked')
  t.equal((await faultOf(writer.delete(key, undefined, signal))).code, 'locked')
  await library.edit('unlock', 'Plan.bin')
  await library.edit('check-out', 'Plan.bin', { user: 'megan@contoso.example' })
  t.equal((await faultOf(upload({ kind: 'version', item: key, eTag: undefined }, SMALL))).code, 'locked')
})

t.test(
  'one that others have opened while the bytes came is put in place later, without sending them again',
  async t => {
    const library = new LibraryUnderChange(world)
    const { key, eTag } = await library.given('Plan.bin')
    const source = sourceOf(LARGE)
    const racing = {
      ...source,
      read: async (range: { start: number; end: number }) => {
        if (range.start === 10 * MIB) await library.edit('lock', 'Plan.bin')
        return source.read(range)
      },
    }
    const target = { kind: 'version', item: key, eTag } as const
    const progress = new Progress()
    t.equal((await faultOf(writer.upload(target, racing, progress, signal))).code, 'locked')
    await library.edit('unlock', 'Plan.bin')
    counters.reset()
    faults.put({ match: { route: 'upload-commit' }, times: 1, action: { loseAnswer: true } })
    const later = new Progress({ session: progress.kept })
    const item = await upload(target, LARGE, { progress: later, by: restarted() })
    t.match(item, { id: key.item, size: LARGE.length })
    t.equal(times('upload-fragment'), 0)
    t.equal(times('upload-commit'), 1)
    t.equal(library.versions('Plan.bin'), 2)
    t.equal(later.kept, undefined)
  },
)

t.test('a library that is full', async t => {
  const library = new LibraryUnderChange(world)
  library.drive.rules.quotaBytes = 5
  t.equal((await faultOf(upload(library.new('small.bin'), SMALL))).code, 'quota-full')
  await upload(library.new('empty.bin'), EMPTY)
  const progress = new Progress()
  t.equal((await faultOf(upload(library.new('large.bin'), LARGE, { progress }))).code, 'quota-full')
  t.equal(times('upload-fragment'), 2, 'one of each file: the first of a large one is refused, not its last')
  library.drive.rules.quotaBytes = undefined
  await upload(library.new('small.bin'), SMALL)
  const later = new Progress({ session: progress.kept })
  await upload(library.new('large.bin'), LARGE, { progress: later, by: restarted() })
  t.equal(times('create-upload-session'), 3, 'what waits for room goes on where it was')
})

t.test('a file that is too large', async t => {
  const library = new LibraryUnderChange(world)
  faults.put({ match: { route: 'create-upload-session' }, action: { status: 413 } })
  t.equal((await faultOf(upload(library.new('a.bin'), SMALL))).code, 'file-too-large')
  faults.clear()
  faults.put({ match: { route: 'upload-fragment' }, action: { status: 413 } })
  const progress = new Progress()
  t.equal((await faultOf(upload(library.new('a.bin'), LARGE, { progress }))).code, 'file-too-large')
  t.equal(progress.kept, undefined)
})

t.test('an item, or a folder, that is not there', async t => {
  const library = new LibraryUnderChange(world)
  const { key, eTag } = await library.given('Plan.bin')
  const folder = await writer.createFolder(library.root, 'Folder', signal)
  await library.edit('delete', 'Plan.bin')
  await library.edit('delete', 'Folder')
  const gone = library.key(folder.id)
  for (const bytes of [EMPTY, SMALL]) {
    // If-Match where nothing is comes first.
    const version = await faultOf(upload({ kind: 'version', item: key, eTag: undefined }, bytes))
    t.equal(version.code, 'item-not-found')
    t.match((await faultOf(upload({ kind: 'version', item: key, eTag }, bytes))).code, /item-not-found|stale/)
    t.equal((await faultOf(upload(library.new('new.bin', gone), bytes))).code, 'item-not-found')
  }
  t.equal((await faultOf(writer.createFolder(gone, 'x', signal))).code, 'item-not-found')
  t.equal((await faultOf(writer.update(key, { name: 'x' }, undefined, signal))).code, 'item-not-found')
  t.equal((await faultOf(writer.item(key, signal))).code, 'item-not-found')
  const { eTag: present, key: moved } = await library.given('Other.bin')
  const parent = gone.item
  t.equal((await faultOf(writer.update(moved, { parent }, present, signal))).code, 'item-not-found')
})

t.test('who may only read', async t => {
  const { library } = await world.resolver.resolve(addressOf(world, 'northwind catalogue'), signal)
  const target = { kind: 'new', parent: library.root, name: 'a.bin' } as const
  for (const bytes of [EMPTY, SMALL]) t.equal((await faultOf(upload(target, bytes))).code, 'access-denied')
  t.match(await faultOf(writer.createFolder(library.root, 'x', signal)), {
    code: 'access-denied',
    message: /does not let you change this$/,
  })
})

t.test('names that SharePoint does not take', async t => {
  const library = new LibraryUnderChange(world)
  const { key } = await library.given('Plan.bin')
  for (const name of ['a:b', 'a/b', '..', '.', '', 'x"y', 'CON', '~$x', 'ends.', ' a', '\ud800', 'a\u0001']) {
    for (const bytes of [EMPTY, SMALL]) {
      t.equal((await faultOf(upload(library.new(name), bytes))).code, 'name-refused', inspect(name))
    }
    t.equal((await faultOf(writer.createFolder(library.root, name, signal))).code, 'name-refused')
    t.equal(
      (await faultOf(writer.update(key, { name }, undefined, signal))).code,
      'name-refused',
      inspect(name),
    )
  }
  const long = 'x'.repeat(256)
  t.equal((await faultOf(upload(library.new(long), SMALL))).code, 'name-too-long')
  t.equal((await faultOf(writer.createFolder(library.root, long, signal))).code, 'name-too-long')
  t.same(library.names, ['Plan.bin'])
})

t.test('a pause that is too long is not waited for, and holds for all of the organization', async t => {
  const library = new LibraryUnderChange(world)
  const impatient = writerWith(world.http)
  faults.put({
    match: { route: 'upload-fragment' },
    times: 1,
    action: { status: 429, retryAfterSeconds: 900 },
  })
  const progress = new Progress()
  const failure = await faultOf(upload(library.new('a.bin'), SMALL, { progress, by: impatient }))
  t.match(failure, { code: 'throttled', retryAfterSeconds: 900 })
  t.ok(progress.kept)
  counters.reset()
  const next = await faultOf(
    upload(library.new('a.bin'), SMALL, {
      progress: new Progress({ session: progress.kept }),
      by: impatient,
    }),
  )
  t.equal(next.code, 'throttled')
  t.same(asked(), {}, 'nobody asks before it is over')
})

t.test('an error that stays is told, and leaves what has come', async t => {
  const library = new LibraryUnderChange(world)
  for (const status of [500, 502, 503, 504]) {
    const progress = new Progress()
    faults.put({ id: 'x', match: { route: 'upload-fragment' }, from: 2, action: { status } })
    const failure = await faultOf(upload(library.new(`${status}.bin`), LARGE, { progress }))
    t.equal(failure.code, status === 503 ? 'throttled' : 'server-error')
    t.ok(progress.kept)
  }
  faults.put({ id: 'x', match: { route: 'put-content' }, action: { status: 500 } })
  t.equal((await faultOf(upload(library.new('a.bin'), EMPTY))).code, 'server-error')
})

t.test('no failure shows the address of an upload', async t => {
  const library = new LibraryUnderChange(world)
  const actions: FaultAction[] = [
    { resetAfterReceivedBytes: 1 },
    { status: 500 },
    { status: 429 },
    { status: 403 },
    { status: 423 },
    { status: 302, headers: { Location: 'https://elsewhere.example/?tempauth=x' } },
    { status: 200, body: 'nonsense' },
  ]
  for (const action of actions) {
    faults.put({ id: 'x', match: { route: 'upload-fragment' }, action })
    const name = `${randomBytes(4).toString('hex')}.bin`
    const failure = await faultOf(upload(library.new(name), SMALL))
    t.notMatch(inspect(failure, { depth: 10 }), /tempauth|uploadSession|guid=/)
  }
})

t.test('an address that is no https address is not used', async t => {
  const library = new LibraryUnderChange(world)
  const body = JSON.stringify({
    uploadUrl: 'http://127.0.0.1:1/x',
    expirationDateTime: '2030-01-01T00:00:00Z',
  })
  faults.put({ match: { route: 'create-upload-session' }, action: { status: 200, body } })
  t.equal((await faultOf(upload(library.new('a.bin'), SMALL))).code, 'protocol-error')
})

t.test('a service that is never content with what it has got is given up', async t => {
  const library = new LibraryUnderChange(world)
  const say = (ranges: unknown) => ({ status: 202, body: JSON.stringify({ nextExpectedRanges: ranges }) })
  const answers: unknown[] = [[], ['0-'], ['999999999999-'], ['x'], 5, undefined]
  for (const [i, answer] of answers.entries()) {
    for (const route of ['upload-fragment', 'upload-status', 'upload-commit']) {
      faults.put({ id: route, match: { route }, action: say(answer) })
    }
    const failure = await faultOf(upload(library.new(`${i}.bin`), SMALL))
    t.match(failure.code, /^(server|protocol)-error$/, JSON.stringify(answer))
    faults.clear()
  }
  t.same(library.names, [])
  t.ok(counters.report().requests < 100, `${counters.report().requests} requests`)
})

t.test('folders', async t => {
  const library = new LibraryUnderChange(world)
  const folder = await writer.createFolder(library.root, 'Été 2026', signal)
  t.match(folder, { kind: 'folder', name: 'Été 2026', parentId: library.root.item })
  const inner = await writer.createFolder(library.key(folder.id), 'inner', signal)
  await upload(library.new('a.bin', library.key(inner.id)), SMALL)
  t.ok((await library.bytes('Été 2026/inner/a.bin')).equals(SMALL))
})

t.test('another name, another folder, another time', async t => {
  const library = new LibraryUnderChange(world)
  const { key, eTag } = await library.given('a.bin')
  await library.given('b.bin')
  const folder = await writer.createFolder(library.root, 'folder', signal)
  const renamed = await writer.update(key, { name: 'A.bin' }, eTag, signal)
  t.match(renamed, { id: key.item, name: 'A.bin' }, 'also where only the case differs')
  const moved = await writer.update(key, { name: 'c.bin', parent: folder.id }, renamed.eTag, signal)
  t.match(moved, { name: 'c.bin', parentId: folder.id })
  t.match(await writer.update(key, { modified: MODIFIED + 999 }, moved.eTag, signal), { modified: MODIFIED })
  const other = await writer.child(library.root, 'B.BIN', signal)
  const taken = writer.update(
    library.key(other?.id ?? ''),
    { name: 'C.bin', parent: folder.id },
    undefined,
    signal,
  )
  t.equal((await faultOf(taken)).code, 'name-taken')
  t.same(library.names, ['b.bin', 'folder'])
})

t.test('an item by its id, and by its name in a folder', async t => {
  const library = new LibraryUnderChange(world)
  const made = await upload(library.new("it's #1 100%.bin"), SMALL)
  t.same(await writer.child(library.root, "IT'S #1 100%.bin", signal), made)
  t.equal(await writer.child(library.root, 'other.bin', signal), undefined)
  const root = await writer.item(library.root, signal)
  t.match(root, { id: library.root.item, kind: 'folder', parentId: undefined })
})

t.test('what is done and cannot be seen at once is found out about when it is refused', async t => {
  const library = new LibraryUnderChange(world)
  for (const route of ['create-child', 'put-content']) {
    faults.put({ match: { route }, times: 1, action: { loseAnswer: true } })
  }
  faults.put({ id: 'unseen', match: { route: 'item' }, times: 1, action: { status: 404 } })
  await writer.createFolder(library.root, 'folder', signal)
  faults.put({ id: 'unseen', match: { route: 'item' }, times: 1, action: { status: 404 } })
  await upload(library.new('empty.bin'), EMPTY)
  t.same(library.names, ['empty.bin', 'folder'])
  t.same([times('create-child'), times('put-content')], [2, 2])
})

t.test('what is deleted goes to the recycle bin, once', async t => {
  const library = new LibraryUnderChange(world)
  const { key, eTag } = await library.given('a.bin')
  await writer.delete(key, eTag, signal)
  t.same(library.names, [])
  await writer.delete(key, eTag, signal)
  t.equal(times('delete-item'), 2, 'what is gone already is well')
  const held = await library.given('b.bin')
  faults.put({ match: { route: 'delete-item' }, times: 1, action: { status: 409, code: 'invalidRequest' } })
  t.match(
    await faultOf(writer.delete(held.key, held.eTag, signal)),
    { code: 'access-denied' },
    'a retention policy',
  )
})

for (const [name, action] of Object.entries(BREAKS)) {
  t.test(`${name} when a folder is made, moved and deleted is found out about`, async t => {
    const library = new LibraryUnderChange(world)
    const { id } = await writer.createFolder(library.root, 'target', signal)
    for (const route of ['create-child', 'update-item', 'delete-item']) {
      // A deletion has no body, and its answer none either.
      if (route === 'delete-item' && /resetAfter|endAfter|body/.test(Object.keys(action).join())) continue
      faults.put({ match: { route }, times: 1, action })
    }
    const folder = await writer.createFolder(library.root, 'folder', signal)
    t.match(folder, { kind: 'folder', name: 'folder' })
    const key = library.key(folder.id)
    const moved = await writer.update(key, { name: 'moved', parent: id }, folder.eTag, signal)
    t.match(moved, { id: folder.id, name: 'moved', parentId: id })
    t.same(library.names, ['target'])
    await writer.delete(key, moved.eTag, signal)
    t.same(library.at('target').children, [])
    for (const { fired } of faults.list()) t.equal(fired, 1)
  })
}

import t, { type Test } from 'tap'
import { Disagreements } from '../../src/hydration/disagreements.js'
import { Fault, type FaultCode } from '../../src/model/fault.js'
import type { ItemId, LibraryId } from '../../src/model/ids.js'
import type { RemoteHints } from '../../src/model/remote.js'
import { HintListener } from '../../src/sync/hint-listener.js'
import {
  aWhile,
  fileItem,
  folderItem,
  pattern,
  projects,
  startWorld,
  type DriveWorld,
} from './drive-world.js'
import { startSyncedWorld } from './sync-world.js'
import type { TestClock } from './test-clock.js'
import { startWith, type UploadsWorld } from './uploads-world.js'

// docs/SEMANTICS.md, "Again and again": whatever repeats by itself, against a service that never agrees, for a day.

const MINUTE = 60_000
const MINUTES_OF_A_DAY = 24 * 60
/** Requests in a day; "well below a hundred" attempts, of which each may be two or three requests. */
const MOST_ATTEMPTS = 100

/** A loop that does not wait for a minute comes round in each of these steps. */
async function aDay(
  { clock }: { readonly clock: TestClock },
  eachMinute: () => Promise<void> | void = () => {},
) {
  for (let minute = 0; minute < MINUTES_OF_A_DAY; minute++) {
    clock.advance(MINUTE)
    await aWhile(12)
    await eachMinute()
  }
}

// --- what was changed here ---

const CHANGES: Readonly<Record<string, (world: UploadsWorld) => void>> = {
  'a new file': world => void world.write('new', 'text'),
  'a new version': world => void world.write('a', 'other'),
  'a name': world => world.rename('a', 'b'),
  'a time': world => void world.writer.setAttributes(world.item('a'), { modified: 86_400_000 }),
  'a new folder': world => world.mkdir('folder'),
  'a deletion': world => world.remove('a'),
}

const WRITES = ['upload', 'update', 'createFolder', 'delete']

const ANSWERS: readonly FaultCode[] = [
  'server-error',
  'protocol-error',
  'timed-out',
  'stale-content',
  'name-taken',
  'item-not-found',
  'locked',
  'throttled',
  'access-denied',
  'corrupt-content',
  'sign-in-required',
]

for (const [what, change] of Object.entries(CHANGES)) {
  t.test(`${what} that is never taken`, async t => {
    for (const code of ANSWERS) {
      const world = await startWith(t, { a: '1' })
      let [writes, requests] = [0, 0]
      world.link.onStep = ({ operation, phase }) => {
        if (phase !== 'request') return
        requests++
        if (!WRITES.includes(operation)) return
        writes++
        throw new Fault(code, `${code} again`)
      }
      change(world)
      await aDay(world)
      t.ok(writes > 0 && writes <= MOST_ATTEMPTS, `${code}: ${writes} writes`)
      t.ok(requests <= 3 * MOST_ATTEMPTS, `${code}: ${requests} requests in all`)
      const status = world.uploader.status()
      const isSaid = status.every(({ hindrance }) => hindrance?.message.includes(`${code} again`))
      t.ok(isSaid && status.length + world.givenBack.length + world.conflicts.length > 0, 'with its reason')
      if (code === 'server-error') t.match(status, [{ needsAttention: true }], 'a person sees it')
      await world.stop()
    }
  })
}

t.test('a file of which the service always makes other bytes', async t => {
  const world = await startWith(t, {})
  const { service } = world
  const upload = service.upload.bind(service)
  let uploads = 0
  service.upload = async (...args) => {
    uploads++
    await upload(...args)
    service.put('a.bin', `broken ${uploads}`)
    const broken = service.find('a.bin')
    if (broken === undefined) throw new Error('it was put')
    return service.itemOf(broken)
  }
  world.write('a.bin', 'right')
  await aDay(world)
  t.ok(uploads > 1 && uploads < 20, `${uploads} uploads`)
  t.match(world.uploader.status(), [{ needsAttention: true, hindrance: { code: 'corrupt-content' } }])
  t.equal(world.read('a.bin'), 'right', 'and what was written here is here')
})

// --- what is always to be here ---

async function pinned(t: Test, change: (world: DriveWorld) => void): Promise<DriveWorld> {
  const world = startWorld(t)
  world.library()
  const bytes = pattern(100_000)
  world.remote.put(folderItem('plans', 'Plans'))
  world.remote.put(fileItem('film', 'film.mp4', bytes, 'plans'), bytes)
  const plans = world.drive.getattr(await world.node('Plans')).ino
  await world.node('Plans', 'film.mp4')
  change(world)
  world.keeper.start()
  world.drive.pin(plans, 'always-local')
  return world
}

async function stateOf(world: DriveWorld, ...path: string[]): Promise<string> {
  const value = world.drive.getxattr(await world.node(...path), 'user.b2bmount.state')
  return Buffer.from(value).toString()
}

t.test('a pinned file whose bytes never agree with its hash', async t => {
  const bytes = pattern(100_000)
  const world = await pinned(t, ({ remote }) => {
    remote.put(fileItem('film', 'film.mp4', bytes, 'plans'), pattern(100_000, 99))
  })
  await aDay(world)
  t.ok(world.remote.downloads.length >= 2, 'it was downloaded twice, alike')
  t.ok(world.remote.downloads.length <= 4, `and not again: ${world.remote.downloads.length} downloads`)
  t.ok(world.remote.listings.length <= MOST_ATTEMPTS, `${world.remote.listings.length} listings`)
  t.equal(await stateOf(world, 'Plans', 'film.mp4'), 'attention')
  const { ino } = world.drive.getattr(await world.node('Plans', 'film.mp4'))
  t.match(world.keeper.failureOf(ino)?.fault, {
    code: 'corrupt-content',
    message: /each time alike: it may be protected by a label/,
    nextStep: /b2bmount open/,
  })
  const { length } = world.remote.downloads
  const file = await world.open('Plans', 'film.mp4')
  await t.rejects(world.read(file, { start: 0, end: 100 }), { code: 'corrupt-content', message: /protected/ })
  t.equal(world.remote.downloads.length, length, 'whoever reads it is told at once')
  world.drive.release(file.handle)
  const kept = await world.keeper.keep(ino, new AbortController().signal, () => {})
  t.match(kept.failures, [{ fault: { code: 'corrupt-content' } }])
  t.ok(world.remote.downloads.length > length, 'whoever says `pin` has it tried')
  // The service describes it rightly.
  world.remote.put(fileItem('film', 'film.mp4', pattern(100_000, 99), 'plans'), pattern(100_000, 99))
  await world.drive.refreshFolder(
    world.drive.getattr(await world.node('Plans')).ino,
    new AbortController().signal,
  )
  for (let i = 0; i < 10; i++) {
    world.clock.advance(MINUTE)
    await aWhile(20)
  }
  t.equal(await stateOf(world, 'Plans', 'film.mp4'), 'always-available', 'it is had as soon as it is right')
})

for (const code of [
  'server-error',
  'access-denied',
  'stale-content',
  'throttled',
  'not-signed-in',
  'timed-out',
] as const) {
  t.test(`a pinned file that is never given out: ${code}`, async t => {
    let requests = 0
    const world = await pinned(t, ({ remote }) => {
      remote.fetch = () => {
        requests++
        return Promise.reject(new Fault(code, `${code} again`))
      }
    })
    await aDay(world)
    t.ok(requests > 0 && requests <= MOST_ATTEMPTS, `${requests} requests`)
    t.equal(await stateOf(world, 'Plans', 'film.mp4'), 'attention')
  })
}

t.test('a pinned folder that is never listed', async t => {
  const world = await pinned(t, ({ remote, store, clock }) => {
    store.change(clock.now(), edit => {
      const folder = store.items.byRemoteId(
        store.libraries.all()[0]?.id ?? (0 as LibraryId),
        'plans' as ItemId,
      )
      if (folder) edit.setListing(folder.ino, { kind: 'unlisted' })
    })
    remote.failure = new Fault('server-error', 'again')
    remote.listings.length = 0
  })
  await aDay(world)
  const { length } = world.remote.listings
  t.ok(length > 0 && length <= MOST_ATTEMPTS, `${length} requests`)
})

t.test('two equal downloads are needed, and the service’s new description ends it', async t => {
  const world = await pinned(t, () => {})
  const { ino } = world.drive.getattr(await world.node('Plans', 'film.mp4'))
  const disagreements = new Disagreements(world.store, world.clock)
  disagreements.delivered(ino, 'one')
  disagreements.delivered(ino, 'other')
  t.equal(disagreements.refusalOf(ino), undefined, 'bytes that differ prove a bad line')
  disagreements.delivered(ino, 'other')
  t.match(disagreements.refusalOf(ino), { code: 'corrupt-content' })
  disagreements.agreed(ino)
  t.equal(disagreements.refusalOf(ino), undefined)
  for (let times = 0; times < 3; times++) disagreements.refused(ino)
  t.equal(disagreements.refusalOf(ino), undefined, 'a file that changes is asked for again')
  world.clock.advance(MINUTE)
  disagreements.refused(ino)
  t.match(disagreements.refusalOf(ino), { code: 'corrupt-content' })
  world.clock.advance(MINUTES_OF_A_DAY * MINUTE)
  t.equal(disagreements.refusalOf(ino), undefined, 'once a day it is tried')
})

// --- what changes there ---

for (const code of [
  'server-error',
  'protocol-error',
  'access-denied',
  'sign-in-required',
  'timed-out',
] as const) {
  t.test(`a library that never says what has changed: ${code}`, async t => {
    const { world, sync, library } = await startSyncedWorld(t)
    world.remote.failure = new Fault(code, `${code} again`)
    world.remote.cursors.length = 0
    world.remote.listings.length = 0
    // Somebody else has an answer each minute.
    await aDay(world, () => sync.reached(projects.root.tenant))
    const requests = world.remote.cursors.length + world.remote.listings.length
    t.ok(requests > 0 && requests <= 2 * MOST_ATTEMPTS, `${requests} requests`)
    t.match(sync.statusOf(library.id).problem, Fault, 'a person sees it')
  })
}

t.test('rights that are never told', async t => {
  let asked = 0
  const rights = {
    accessTo: () => {
      asked++
      return Promise.reject(new Fault('server-error', 'again'))
    },
  }
  const { world } = await startSyncedWorld(t, {}, { rights })
  await aDay(world)
  t.ok(asked > 0 && asked <= 30, `${asked} requests`)
})

for (const [what, listen] of Object.entries({
  'are over as soon as they are promised': (onListening: () => void) => {
    onListening()
    return Promise.resolve()
  },
  'break off at once': (onListening: () => void) => {
    onListening()
    return Promise.reject(new Fault('offline', 'again'))
  },
  'are refused': () => Promise.reject(new Fault('server-error', 'again')),
} satisfies Record<string, (onListening: () => void) => Promise<void>>)) {
  t.test(`hints that ${what}`, async t => {
    const world = startWorld(t)
    let [asked, hinted] = [0, 0]
    const hints: RemoteHints = {
      listen: (_, onListening) => {
        asked++
        return listen(onListening)
      },
    }
    const stop = new AbortController()
    const listener = new HintListener({
      hints,
      clock: world.clock,
      onHint: () => (hinted += 1),
      onTrouble: () => {},
    })
    const running = listener.run(projects.root, stop.signal)
    await aDay(world)
    stop.abort(new Error('enough'))
    await running
    t.ok(asked > 0 && asked <= MOST_ATTEMPTS, `${asked} requests`)
    t.ok(hinted <= 2 * MOST_ATTEMPTS, `${hinted} pulls because of them`)
  })
}

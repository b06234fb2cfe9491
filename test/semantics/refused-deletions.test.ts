import t from 'tap'
import { Fault, type FaultCode } from '../../src/model/fault.js'
import { until } from './drive-world.js'
import type { Step } from './fake-service.js'
import { startWith, type UploadsWorld } from './uploads-world.js'

// docs/SEMANTICS.md, "What goes back, and when": what the organization does not let us delete is shown again.

const LIBRARY = ['Contoso', 'Team - Projects']

/** The service refuses to delete the item at `path`, for ever. @returns how often it was asked to */
function refuse(world: UploadsWorld, path: string, code: FaultCode): () => number {
  const id = world.service.find(path)?.id
  let asked = 0
  world.link.onStep = ({ operation, phase, name }: Step) => {
    if (operation !== 'delete' || phase !== 'request' || name !== id) return
    asked++
    throw new Fault(code, `told to: ${code}`, { says: 'A policy keeps it.', requestId: '12-34' })
  }
  return () => asked
}

for (const code of ['access-denied', 'not-supported'] as const) {
  t.test(`a deletion that is refused for good brings the item back, and says why: ${code}`, async t => {
    const world = await startWith(t, { a: '1', b: '2' })
    const asked = refuse(world, 'a', code)
    world.remove('a')
    world.remove('b')
    t.same(await world.send(), [], 'nothing is tried again')
    t.equal(asked(), 1)
    t.same(world.tree(), { a: '1' })
    t.match(world.givenBack, [{ library: world.library, path: [...LIBRARY, 'a'], fault: { code } }])
    t.ok(world.troubles.includes('not-deleted'), 'it is in the log')
    t.same(world.denied, code === 'access-denied' ? [world.library] : [], 'our rights are asked for')
    world.service.put('a', 'changed there')
    await world.pull()
    t.same(world.tree(), { a: 'changed there' }, 'it is an item like any other')
  })
}

t.test('a folder of which one file may not go comes back with it, at its true path', async t => {
  const world = await startWith(t, {
    'Photos/2026/1.jpg': '1',
    'Photos/2026/2.jpg': '2',
    'Photos/3.jpg': '3',
  })
  refuse(world, 'Photos/2026/2.jpg', 'access-denied')
  for (const path of ['Photos/2026/1.jpg', 'Photos/2026/2.jpg', 'Photos/2026', 'Photos/3.jpg', 'Photos']) {
    world.remove(path)
  }
  t.same(
    world.uploader
      .status()
      .map(({ path }) => path.slice(LIBRARY.length).join('/'))
      .toSorted(),
    ['Photos', 'Photos/2026', 'Photos/2026/1.jpg', 'Photos/2026/2.jpg', 'Photos/3.jpg'],
    'status names what was deleted in deleted folders by its true path',
  )
  t.same(await world.send(), [])
  t.same(world.tree(), { 'Photos/': '', 'Photos/2026/': '', 'Photos/2026/2.jpg': '2' })
  t.same(world.service.tree(), world.tree())
  t.match(world.givenBack, [{ path: [...LIBRARY, 'Photos', '2026', '2.jpg'] }])
  await world.pull()
  t.same(world.tree(), world.service.tree())
})

t.test('what refuses and does not say what it has is listed again', async t => {
  const world = await startWith(t, { a: '1' })
  world.remove('a')
  world.link.onStep = ({ operation }) => {
    if (['delete', 'item'].includes(operation)) throw new Fault('access-denied', 'told to')
  }
  t.same(await world.send(), [])
  t.match(world.item(''), { listing: { kind: 'unlisted' } })
  world.link.onStep = () => undefined
  await world.pull()
  t.same(world.tree(), { a: '1' })
})

t.test('one refusal because something has changed is a passing answer: read again, and repeated', async t => {
  for (const times of [1, 3]) {
    const world = await startWith(t, { a: '1' })
    let refusals = 0
    world.link.onStep = ({ operation, phase }) => {
      if (operation !== 'delete' || phase !== 'request' || ++refusals > times) return
      throw new Fault('stale-content', 'resourceModified')
    }
    world.remove('a')
    await world.drain()
    t.same(world.service.tree(), {})
    t.same(world.givenBack, [])
    t.equal(refusals, times + 1)
  }
})

for (const code of ['locked', 'stale-content', 'protocol-error'] as const) {
  t.test(`refused again and again, ${code} brings it back after some whole attempts`, async t => {
    const world = await startWith(t, { a: '1' })
    const asked = refuse(world, 'a', code)
    world.remove('a')
    await world.send()
    t.match(world.uploader.status(), [{ what: 'deletion', hindrance: { code } }])
    t.same(world.tree(), {}, 'it is gone here meanwhile')
    for (let hour = 0; hour < 8 && world.givenBack.length === 0; hour++) {
      world.clock.advance(3_600_000)
      await until(() => world.uploader.isIdle)
      await world.send()
    }
    t.same(world.tree(), { a: '1' })
    t.ok(asked() <= 10, `${asked()} requests`)
    t.same(world.uploader.status(), [])
  })
}

t.test('a service that fails refuses nothing: it is still to be deleted, and needs attention', async t => {
  const world = await startWith(t, { a: '1' })
  refuse(world, 'a', 'server-error')
  world.remove('a')
  for (let attempt = 0; attempt < 6; attempt++) await world.send()
  t.match(world.uploader.status(), [
    {
      what: 'deletion',
      path: [...LIBRARY, 'a'],
      needsAttention: true,
      hindrance: { message: 'told to: server-error: “A policy keeps it.” (request 12-34)' },
    },
  ])
  t.same(world.tree(), {})
  world.link.onStep = () => undefined
  await world.send()
  t.same(world.service.tree(), {})
})

t.test('a single deletion can be taken back, with what is in it and the folders around it', async t => {
  const world = await startWith(t, { 'a/b/c': '1', 'a/b/d': '2', 'a/e': '3', f: '4' })
  world.link.onStep = ({ operation }) => {
    if (operation === 'delete') throw new Fault('server-error', 'told to')
  }
  for (const path of ['a/b/c', 'a/b/d', 'a/b', 'a/e', 'a', 'f']) world.remove(path)
  await world.send()
  t.equal(world.uploader.undoDeletionAt([...LIBRARY, 'nothing']), undefined)
  const root = world.item('').ino
  t.match(world.uploader.undoDeletionAt([...LIBRARY, 'a', 'b']), {
    library: world.library,
    items: 4,
    folders: [root],
  })
  world.link.onStep = () => undefined
  await world.pull()
  await world.send()
  t.same(world.tree(), { 'a/': '', 'a/b/': '', 'a/b/c': '1', 'a/b/d': '2' })
  t.same(world.service.tree(), world.tree(), 'everything else has gone')
})

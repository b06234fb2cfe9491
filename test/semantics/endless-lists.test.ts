import t, { type Test } from 'tap'
import type { DriveChange } from '../../src/model/drive-item.js'
import { LIST_BOUNDS, ListProgress } from '../../src/model/endless-list.js'
import type { ItemId, Milliseconds } from '../../src/model/ids.js'
import type { RemoteDelta, RemoteHints } from '../../src/model/remote.js'
import { aWhile, fileItem, folderItem, LIBRARY_ROOT, pattern, startWorld, until } from './drive-world.js'
import { FakeRemote } from './fake-remote.js'
import { startSyncedWorld } from './sync-world.js'

// "A list whose links go in a circle, or that brings nothing new in 1,000 pages or in 10 minutes, or with which a library would
// have more than 5,000,000 items, is given up with `protocol-error` [...]: what it has brought stays, nothing is removed, `status`
// says so, and changes are asked for again after 10 minutes, whatever hints come; so is the folder, whoever looks into it meanwhile."

const MINUTE: Milliseconds = 60_000
const rootItem = { ...folderItem(LIBRARY_ROOT, 'root'), parentId: undefined }
const file = (i: number) => fileItem(`i${i}`, `file-${i}.txt`, pattern(10, i), LIBRARY_ROOT)

/** A library with two files, followed; then all lists of changes go on for ever, the nth page with these changes. */
async function endless(t: Test, changesOf: (page: number) => readonly DriveChange[]) {
  const asked = { rounds: 0, pages: 0, isEndless: false }
  let hint = () => {}
  const delta: RemoteDelta = {
    async *pages() {
      asked.rounds++
      if (!asked.isEndless) yield { changes: [rootItem, file(0), file(1)], cursor: `cursor ${asked.rounds}` }
      for (let page = 0; asked.isEndless; page++) {
        if (asked.pages++ > 5_000) throw new Error('asked on and on')
        await Promise.resolve()
        yield { changes: changesOf(page), cursor: undefined }
      }
    },
  }
  const hints: RemoteHints = {
    listen: (_root, onListening, onHint, signal) => {
      hint = onHint
      onListening()
      return new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
    },
  }
  const listBounds = { fruitlessPages: 50, fruitlessTime: 10 * MINUTE, itemsOfLibrary: 400 }
  const synced = await startSyncedWorld(t, {}, { delta, hints, listBounds })
  const { world, library, sync } = synced
  const names = async () => world.names(await world.node())
  return { ...synced, asked, names, hint: () => hint(), status: () => sync.statusOf(library.id) }
}

const KINDS: Readonly<Record<string, (page: number) => readonly DriveChange[]>> = {
  'empty ones': () => [],
  'the same ones': () => [rootItem, file(0), file(1)],
  'one and the same, to and fro': page => [{ ...file(0), name: page % 2 === 0 ? 'to.txt' : 'fro.txt' }],
  'what is gone that nobody knew': page =>
    Array.from({ length: 20 }, (_, i) => ({ id: `gone ${page} ${i}` as ItemId, removed: true })),
  'what is gone and comes again': page => [page % 2 === 0 ? { id: file(0).id, removed: true } : file(0)],
}

for (const [kind, changesOf] of Object.entries(KINDS)) {
  t.test(
    `pages for ever, ${kind}: given up, nothing is removed, and it ends when the service is well`,
    async t => {
      const { asked, pull, names, status, world, library, hint } = await endless(t, changesOf)
      const before = (await names()).length
      const { cursor } = world.store.cursors.get(library.id) ?? {}
      asked.isEndless = true
      await pull()
      t.match(status().problem, { code: 'protocol-error', message: /nothing new/, nextStep: /ten minutes/ })
      t.ok(asked.pages <= 60, `after ${asked.pages} pages`)
      t.equal((await names()).length, before)
      t.equal(world.store.cursors.get(library.id)?.cursor, cursor)

      const { rounds } = asked
      for (let minute = 0; minute < 9; minute++) {
        hint()
        world.clock.advance(MINUTE)
        await aWhile()
      }
      t.equal(asked.rounds, rounds, 'it is not asked again soon, hint or not')
      asked.isEndless = false
      world.clock.advance(2 * MINUTE)
      await until(() => status().problem === undefined)
      t.same(await names(), ['file-0.txt', 'file-1.txt'])
    },
  )
}

t.test('new items for ever do not fill the disk, however often they are asked for', async t => {
  let number = 10
  const { asked, pull, status, world, library } = await endless(t, () => [file(number++), file(number++)])
  asked.isEndless = true
  for (let round = 0; round < 3; round++) await pull()
  t.match(status().problem, { code: 'protocol-error', message: /more than 400 items/ })
  t.ok(world.store.items.countOfLibrary(library.id) < 420)
})

t.test('an enumeration without an end does not show what it did not have as gone', async t => {
  const { asked, pull, names, world, library } = await endless(t, page => [rootItem, file(page % 2)])
  world.clock.advance(8 * 24 * 60 * MINUTE) // everything is compared again
  asked.isEndless = true
  world.store.cursors.set(library.id, 'cursor of a week ago', world.clock.now())
  await pull()
  t.same(await names(), ['file-0.txt', 'file-1.txt'])
})

t.test(
  'a folder whose list goes on for ever fails, is left alone for ten minutes, and keeps what it has brought',
  async t => {
    let asked = 0
    let isEndless = true
    class EndlessFolder extends FakeRemote {
      override async *children() {
        asked++
        if (!isEndless) yield { items: [file(0), file(1)], notUnderstood: [] }
        for (let page = 0; isEndless && page < 5_000; page++) {
          await Promise.resolve()
          yield { items: [file(0)], notUnderstood: [] }
        }
      }
    }
    const world = startWorld(t, { remote: new EndlessFolder() })
    world.library()
    const names = () => world.node().then(node => world.names(node))
    for (let minute = 0; minute < 10; minute++) {
      await t.rejects(names(), { code: 'protocol-error', nextStep: /ten minutes/ })
      world.clock.advance(MINUTE)
    }
    t.equal(asked, 1)
    await t.rejects(names(), { code: 'protocol-error' })
    t.equal(asked, 2, 'once more')
    isEndless = false
    world.clock.advance(10 * MINUTE)
    t.same(await names(), ['file-0.txt', 'file-1.txt'])
  },
)

t.test('a long list that brings something now and then is no endless one', async t => {
  const progress = new ListProgress(0)
  for (let page = 1; page <= 100_000; page++) progress.check(Math.ceil(page / 999), page, page * 500)
  t.throws(() => {
    for (let page = 0; page < LIST_BOUNDS.fruitlessPages; page++) progress.check(1, 1, 50_000_000)
  })
  const slow = new ListProgress(0)
  slow.check(1, 1, 9 * MINUTE)
  slow.check(1, 1, 18 * MINUTE)
  t.throws(() => slow.check(1, 1, 19 * MINUTE), { code: 'protocol-error' })
})

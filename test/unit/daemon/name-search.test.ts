import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { NameSearch } from '../../../src/daemon/name-search.js'
import type { LibraryId } from '../../../src/model/ids.js'
import { Store } from '../../../src/store/store.js'
import { fileItem, LIBRARY_ROOT, projects } from '../../semantics/drive-world.js'
import { TestClock } from '../../semantics/test-clock.js'

const forever = new AbortController().signal

function open(t: Test) {
  const clock = new TestClock()
  const store = new Store(join(t.testdir(), 'store.sqlite'), clock.now())
  const { library } = store.addLibrary(projects, clock.now())
  const search = new NameSearch({ store, clock, onTrouble: event => t.fail(event) })
  t.teardown(() => {
    search.close()
    store.close()
  })
  const put = (names: readonly string[], of: LibraryId = library.id) =>
    store.change(clock.now(), edit => {
      const root = store.items.byRemoteId(of, LIBRARY_ROOT)
      for (const name of names) {
        edit.put(of, root?.ino ?? (1 as never), fileItem(`id of ${name}`, name, new Uint8Array(3)), {
          kind: 'as-library',
        })
      }
    })
  const paths = async (text: string, limit = 10) =>
    (await search.search(text, limit, forever)).found.map(({ path }) => path.join('/'))
  return { clock, store, library, search, put, paths }
}

t.test('what has just come is found, with its path, the best first', async t => {
  const { put, paths, search } = open(t)
  put(['old budget.xlsx', 'budget.xlsx', 'budget plan.txt', 'other.txt'])
  t.same(await paths('budget'), [
    'Contoso/Team - Projects/budget.xlsx',
    'Contoso/Team - Projects/budget plan.txt',
    'Contoso/Team - Projects/old budget.xlsx',
  ])
  t.match(await search.search('budget', 2, forever), { found: { length: 2 }, more: true, complete: true })
  t.match(await search.search('budget', 3, forever), { found: { length: 3 }, more: false })
})

t.test('names are indexed by themselves in the first pause, not while more come', async t => {
  const { clock, store, put } = open(t)
  const isIndexed = () => store.names.find('alpha', 1).length > 0
  put(['alpha.txt'])
  clock.advance(400)
  put(['beta.txt'])
  clock.advance(400)
  await setImmediate()
  t.notOk(isIndexed())
  clock.advance(500)
  for (let i = 0; i < 10 && !isIndexed(); i++) await setImmediate()
  t.ok(isIndexed())
})

t.test('a removed library is not found', async t => {
  const { store, clock, library, put, paths } = open(t)
  put(['budget.xlsx'])
  t.equal((await paths('budget')).length, 1)
  store.removeLibrary(library.id, clock.now())
  t.same(await paths('budget'), [])
  t.same(await paths('contoso'), [], 'nor its organization')
})

t.test('a search that must wait for too much of the index says so', async t => {
  const { clock, put, search } = open(t)
  put(Array.from({ length: 500 }, (_, i) => `report ${i}.txt`))
  const now = clock.now.bind(clock)
  // Each look at the clock is as late as a slow disk would make it.
  let late = 0
  clock.now = () => now() + (late += 1_500)
  const early = await search.search('report', 1_000, forever)
  t.equal(early.complete, false)
  t.ok(early.found.length > 0 && early.found.length < 500)
  clock.now = now
  t.match(await search.search('report', 1_000, forever), { found: { length: 500 }, complete: true })
})

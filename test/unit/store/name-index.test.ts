import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ROOT_INO, type ItemId } from '../../../src/model/ids.js'
import { Store } from '../../../src/store/store.js'
import { item, library } from './items.js'

const NOW = 1_000_000

/** A store with the library Team of Contoso, and what a test does to it. */
function openStore(t: Test) {
  const store = new Store(join(t.testdir(), 'store.sqlite'), NOW)
  t.teardown(() => store.close())
  const added = store.addLibrary(library('contoso', 'Contoso', 'Team - Documents'), NOW).library
  const root = store.items.byRemoteId(added.id, added.root.item)?.ino ?? ROOT_INO
  const put = (id: string, name: string) =>
    store.change(NOW, edit => void edit.put(added.id, root, item(id, name), { kind: 'as-library' }))
  const remove = (id: string) => {
    const ino = store.items.byRemoteId(added.id, id as ItemId)?.ino ?? ROOT_INO
    store.change(NOW, edit => edit.removeSubtree(ino, 10))
  }
  const index = () => {
    while (store.names.step(3));
  }
  const found = (text: string, limit = 100) => store.names.find(text, limit).map(({ name }) => name)
  return { store, library: added, put, remove, index, found }
}

const NAMES = [
  'Price_list-final.csv',
  'camelCaseName.txt',
  'Q3Invoice2024.pdf',
  'Übersicht Straße.docx',
  '会議資料2024.xlsx',
  'Απολογισμός.pdf',
  'отчёт.doc',
]

t.test('names in all scripts and spellings are found by the beginnings of their words', t => {
  const { put, index, found } = openStore(t)
  NAMES.forEach((name, i) => put(`i${i}`, name))
  index()
  const expected: Readonly<Record<string, string>> = {
    'LIST price': 'Price_list-final.csv',
    final: 'Price_list-final.csv',
    casen: 'camelCaseName.txt',
    camelcasename: 'camelCaseName.txt',
    'invoice 2024 q3': 'Q3Invoice2024.pdf',
    invoice2024: 'Q3Invoice2024.pdf',
    uber: 'Übersicht Straße.docx',
    'u\u0308bersicht': 'Übersicht Straße.docx',
    straße: 'Übersicht Straße.docx',
    資料: '会議資料2024.xlsx',
    '会議 2024': '会議資料2024.xlsx',
    απολογισμος: 'Απολογισμός.pdf',
    ОТЧ: 'отчёт.doc',
  }
  for (const [text, name] of Object.entries(expected)) t.same(found(text), [name], text)
  t.same(found('ice'), [], 'not the middle of a word')
  t.same(found('price invoice'), [], 'all words must be there')
  t.same(found('team'), ['Team - Documents'], 'libraries are found, too')
  t.end()
})

t.test('what was renamed is found by its new name only, what was deleted not at all', t => {
  const { put, remove, index, found } = openStore(t)
  put('a', 'alpha.txt')
  put('b', 'beta.txt')
  index()
  put('a', 'gamma.txt')
  remove('b')
  t.same(found('beta'), [], 'at once')
  index()
  t.same([found('alpha'), found('beta'), found('gamma')], [[], [], ['gamma.txt']])
  t.end()
})

t.test('a name that changes before its turn comes is indexed once, as it is then', t => {
  const { put, remove, index, found } = openStore(t)
  put('a', 'alpha.txt')
  put('a', 'gamma.txt')
  put('b', 'beta.txt')
  remove('b')
  index()
  t.same([found('alpha'), found('gamma'), found('beta')], [[], ['gamma.txt'], []])
  t.end()
})

t.test('a removed library is not found any more, before its items are deleted and after', t => {
  const { store, library, put, index, found } = openStore(t)
  for (let i = 0; i < 10; i++) put(`i${i}`, `report ${i}.txt`)
  index()
  t.equal(found('report').length, 10)
  store.removeLibrary(library.id, NOW)
  t.same(found('report'), [])
  while (store.purge(3, NOW).length > 0);
  index()
  t.same(found('report'), [])
  t.end()
})

t.test('the index goes on where it was after a restart', t => {
  const { store, put, found } = openStore(t)
  for (let i = 0; i < 10; i++) put(`i${i}`, `report ${i}.txt`)
  t.equal(store.names.step(5), true)
  const some = found('report').length
  t.ok(some > 0 && some < 10)
  t.equal(store.names.step(100), false)
  t.equal(found('report').length, 10)
  t.equal(found('report', 4).length, 4)
  t.end()
})

import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ByteRanges } from '../../../src/model/byte-ranges.js'
import type { DriveItem } from '../../../src/model/drive-item.js'
import { ROOT_INO, type Ino, type ItemId, type LibraryId } from '../../../src/model/ids.js'
import type { ItemChange } from '../../../src/store/item-change.js'
import type { Put } from '../../../src/store/item-edit.js'
import { Store } from '../../../src/store/store.js'
import { item, library } from './items.js'

const NOW = 1_000_000
const LISTED = { kind: 'as-library' } as const

/** A store with one library, and what a test does to it. */
function openStore(t: Test, directory = t.testdir()) {
  const path = join(directory, 'store.sqlite')
  const store = new Store(path, NOW)
  t.teardown(() => store.close())
  const added = store.addLibrary(library('contoso', 'Contoso', 'Team'), NOW).library
  const root = store.items.byRemoteId(added.id, added.root.item)?.ino ?? ROOT_INO
  const put = (of: DriveItem, parent: Ino = root): ItemChange[] => [
    ...store.change(NOW, edit => {
      edit.put(added.id, parent, of, LISTED)
    }),
  ]
  const ino = (id: string) => store.items.byRemoteId(added.id, id as ItemId)?.ino ?? (0 as Ino)
  const names = (parent: Ino = root) => store.items.children(parent).map(({ name }) => name)
  return { path, store, library: added, root, put, ino, names }
}

t.test('the same library cannot be added twice', t => {
  const { store } = openStore(t)
  t.throws(() => store.addLibrary(library('contoso', 'Contoso', 'Team'), NOW), { code: 'already-added' })
  t.end()
})

t.test('two organizations and two libraries of one name are both there', t => {
  const { store, names } = openStore(t)
  store.addLibrary(library('other contoso', 'Contoso', 'Team', 'other root'), NOW)
  store.addLibrary(library('contoso', 'Contoso', 'Team', 'third root'), NOW)
  const organizations = names(ROOT_INO)
  t.match(organizations.sort(), ['Contoso', /^Contoso~[0-9a-f]{8}$/])
  const contoso = store.items.byName(ROOT_INO, 'Contoso')?.ino ?? ROOT_INO
  t.match(names(contoso).sort(), ['Team', /^Team~[0-9a-f]{8}$/])
  t.end()
})

t.test('an item that was asked for before is as it is now, also after a change that was taken back', t => {
  const { store, put, ino } = openStore(t)
  put(item('a', 'a.txt'))
  const a = ino('a')
  const name = () => store.items.byIno(a)?.name
  t.equal(name(), 'a.txt')
  const renameAndFail = () =>
    store.change(NOW, edit => {
      put(item('a', 'b.txt'))
      t.equal(name(), 'b.txt', 'within the transaction')
      edit.removeAlone(a)
      t.equal(name(), undefined, 'within the transaction')
      throw new Error('something goes wrong')
    })
  t.throws(renameAndFail)
  t.equal(name(), 'a.txt', 'nothing of it has happened')
  put(item('a', 'c.txt'))
  t.equal(name(), 'c.txt')
  store.change(NOW, edit => edit.removeAlone(a))
  t.equal(name(), undefined)
  t.end()
})

t.test('a change within a change that is taken back alone leaves no trace', t => {
  const { store, put, ino } = openStore(t)
  put(item('a', 'a.txt'))
  const a = ino('a')
  store.change(NOW, () => {
    t.throws(() =>
      store.change(NOW, () => {
        put(item('a', 'b.txt'))
        t.equal(store.items.byIno(a)?.name, 'b.txt')
        throw new Error('something goes wrong')
      }),
    )
    t.equal(store.items.byIno(a)?.name, 'a.txt')
  })
  t.equal(store.items.byIno(a)?.name, 'a.txt')
  t.end()
})

t.test(
  'a library has the times of its root from the beginning, and is not changed by hearing of them again',
  t => {
    const { store } = openStore(t)
    const times = { modified: 5_000, created: 4_000 }
    const added = store.addLibrary(
      { ...library('contoso', 'Contoso', 'Other', 'other root'), times },
      NOW,
    ).library
    const root = () => store.items.byRemoteId(added.id, added.root.item)
    const before = root()
    t.match(before, { modified: 5_000, created: 4_000 })
    const again = { ...item('other root', 'root', { kind: 'folder' }), ...times }
    store.change(NOW + 1, edit => edit.put(added.id, ROOT_INO, again, LISTED))
    t.equal(root()?.changed, before?.changed)
    t.end()
  },
)

t.test('a hostile display name of an organization stays below the root', t => {
  const { store, names } = openStore(t)
  store.addLibrary(library('evil', '../../etc', '..', 'evil root'), NOW)
  const [, evil] = store.items.children(ROOT_INO)
  t.equal(evil?.name, '..\uFF0F..\uFF0Fetc')
  t.same(names(evil?.ino), ['\uFF0E\uFF0E'])
  t.end()
})

t.test('inode numbers are never used again', t => {
  const { store, put, ino } = openStore(t)
  put(item('a', 'a.txt'))
  const first = ino('a')
  store.change(NOW, edit => edit.removeAlone(first))
  put(item('a', 'a.txt'))
  t.ok(ino('a') > first)
  t.end()
})

t.test('what did not change is not written and not told', t => {
  const { put } = openStore(t)
  t.match(put(item('a', 'a.txt')), [{ kind: 'entry', name: 'a.txt', appeared: true }])
  t.same(put(item('a', 'a.txt')), [])
  t.end()
})

t.test('the generation grows when the content changes, or may have', t => {
  const { store, put, ino } = openStore(t)
  put(item('a', 'a.txt'))
  const generation = () => store.items.byIno(ino('a'))?.generation
  put(item('a', 'renamed.txt', { eTag: 'e2' }))
  put(item('a', 'renamed.txt', { eTag: 'e3', quickXorHash: undefined, cTag: 'c1' }))
  t.equal(generation(), 0, 'nobody has a byte of what it was before')
  put(item('a', 'renamed.txt', { eTag: 'e4', cTag: 'c1', quickXorHash: 'h2' }))
  t.equal(generation(), 0, 'a hash that comes late is of the same content')
  put(item('a', 'renamed.txt', { eTag: 'e4', quickXorHash: 'h2' }))
  t.equal(generation(), 0, 'a delta without cTag that tells nothing new')
  put(item('a', 'renamed.txt', { eTag: 'e5', quickXorHash: 'h2' }))
  t.equal(generation(), 1, 'a change without cTag, which nobody asks for: hash and size prove nothing')
  put(item('a', 'renamed.txt', { eTag: 'e6', quickXorHash: 'h2', cTag: 'c1' }))
  put(item('a', 'renamed.txt', { eTag: 'e7', quickXorHash: 'h2', cTag: 'c2' }))
  t.equal(generation(), 2, 'another cTag')
  const changes = put(item('a', 'renamed.txt', { eTag: 'e8', quickXorHash: 'h3' }))
  t.equal(generation(), 3)
  t.match(changes, [{ kind: 'content', ino: ino('a'), generation: 2, name: 'renamed.txt', local: false }])
  t.end()
})

t.test('a change without cTag of what has one is to be asked for, and writes nothing before', t => {
  const { store, put, ino } = openStore(t)
  put(item('a', 'a.txt', { cTag: 'c1' }))
  const { library, parent } = store.items.byIno(ino('a')) ?? { library: 0 as LibraryId, parent: ROOT_INO }
  const outcome = (change: DriveItem) => {
    let put: Put | undefined
    store.change(NOW, edit => (put = edit.put(library, parent, change, { kind: 'unlisted' }, Infinity, true)))
    return put?.outcome
  }
  t.equal(outcome(item('a', 'b.txt', { eTag: 'e2' })), 'unsure')
  t.match(store.items.byIno(ino('a')), { name: 'a.txt', eTag: 'e of a', generation: 0 })
  t.equal(outcome(item('a', 'b.txt')), 'changed', 'the same eTag')
  t.equal(outcome(item('a', 'c.txt', { eTag: 'e3', cTag: 'c1' })), 'changed')
  t.equal(store.items.byIno(ino('a'))?.generation, 0)
  t.equal(outcome(item('a', 'c.txt', { eTag: 'e4', quickXorHash: 'h9' })), 'changed', 'it tells by itself')
  t.equal(store.items.byIno(ino('a'))?.generation, 1)
  t.end()
})

t.test('what is told of a content before its bytes come is what it is known by', t => {
  const { store, put, ino } = openStore(t)
  put(item('a', 'a.txt', { eTag: 'e1' }))
  const told = (generation: number, more: Partial<DriveItem>) =>
    store.change(NOW, edit => edit.contentTold(ino('a'), generation, item('a', 'a.txt', more)))
  told(1, { cTag: 'c9' })
  t.match(store.items.byIno(ino('a')), { cTag: undefined }, 'of another generation')
  told(0, { cTag: 'c1', eTag: 'e2' })
  t.match(store.items.byIno(ino('a')), { cTag: 'c1', eTag: 'e2', generation: 0 }, 'both of one answer')
  told(0, { cTag: 'c2', eTag: 'e3' })
  t.match(store.items.byIno(ino('a')), { cTag: 'c1', eTag: 'e2' })
  put(item('b', 'b.txt', { eTag: 'e1' }))
  store.change(NOW, edit => edit.contentTold(ino('b'), 0, item('b', 'b.txt', { eTag: 'e1' })))
  put(item('b', 'renamed.txt', { eTag: 'e2' }))
  t.equal(store.items.byIno(ino('b'))?.generation, 1, 'a service without cTags: a rename may be anything')
  t.end()
})

t.test('a new time is told as new attributes', t => {
  const { put, ino } = openStore(t)
  put(item('a', 'a.txt'))
  t.same(put(item('a', 'a.txt', { modified: 6 })), [{ kind: 'attributes', ino: ino('a'), generation: 0 }])
  t.end()
})

t.test('a replaced content loses its record, and a late one is not written', t => {
  const { store, put, ino } = openStore(t)
  put(item('a', 'a.txt'))
  const record = {
    ino: ino('a'),
    generation: 0,
    present: new ByteRanges([{ start: 0, end: 10 }]),
    verified: true,
    accessed: NOW,
  }
  t.ok(store.content.save(record))
  t.match(store.items.children(store.items.byIno(ino('a'))?.parent ?? ROOT_INO), [{ localBytes: 10 }])
  t.match(put(item('a', 'a.txt', { quickXorHash: 'h2' })), [{ kind: 'content', local: true }])
  t.equal(store.content.get(ino('a'), 0), undefined)
  t.notOk(store.content.save(record), 'a download that ends late')
  t.equal(store.content.totalBytes(), 0)
  t.end()
})

t.test('two names that look the same after mapping are both shown, whoever comes first', t => {
  const remote = [item('1', 'a/b.txt'), item('2', 'a\uFF0Fb.txt'), item('3', 'a/b.txt')]
  const orders = [
    [0, 1, 2],
    [2, 1, 0],
    [1, 0, 2],
    [1, 2, 0],
  ]
  const directory = t.testdir()
  const results = orders.map((order, i) => {
    const { put, ino, names, store } = openStore(t, join(directory, String(i)))
    for (const at of order) put(remote[at] ?? item('0', ''))
    t.equal(names().length, 3)
    return ['1', '2', '3'].map(id => store.items.byIno(ino(id))?.name)
  })
  t.equal(results[0]?.[1], 'a\uFF0Fb.txt', 'who is really called so')
  for (const result of results) t.same(result, results[0])
  t.end()
})

t.test('who had to stand back gets the name when it is free', t => {
  const { store, put, ino, names } = openStore(t)
  put(item('1', 'same.txt'))
  put(item('2', 'same.txt'))
  t.match(names(), ['same.txt', /^same~[0-9a-f]{8}\.txt$/])
  const changes = store.change(NOW, edit => edit.removeAlone(ino('1')))
  t.same(names(), ['same.txt'])
  t.equal(changes.filter(({ kind }) => kind === 'entry').length, 3)
  t.end()
})

t.test('so does he when the other one is renamed or moved away', t => {
  const { put, ino, names, root } = openStore(t)
  put(item('0', 'folder', { kind: 'folder' }))
  put(item('1', 'same.txt'))
  put(item('2', 'same.txt'))
  put(item('3', 'same.txt'))
  put(item('1', 'other.txt'))
  t.match(names(root), ['folder', 'other.txt', 'same.txt', /^same~[0-9a-f]{8}\.txt$/])
  put(item('2', 'same.txt'), ino('0'))
  t.same(names(root), ['folder', 'other.txt', 'same.txt'])
  t.same(names(ino('0')), ['same.txt'])
  t.end()
})

t.test('two files that swap their names end with the plain ones', t => {
  const { store, put, library, root, ino } = openStore(t)
  put(item('1', 'a.txt'))
  put(item('2', 'b.txt'))
  store.change(NOW, edit => {
    edit.put(library.id, root, item('1', 'b.txt'), LISTED)
    edit.put(library.id, root, item('2', 'a.txt'), LISTED)
  })
  t.equal(store.items.byIno(ino('1'))?.name, 'b.txt')
  t.equal(store.items.byIno(ino('2'))?.name, 'a.txt')
  t.end()
})

t.test('case twins, normalization twins and strange names come back as they were', t => {
  const { store, put, names, root } = openStore(t)
  const remote = ['Readme', 'README', '\u00e9', 'e\u0301', 'nul\0nul', 'x'.repeat(300), '\ud800']
  for (const [i, name] of remote.entries()) put(item(String(i), name))
  t.equal(new Set(names()).size, remote.length)
  for (const name of names()) t.equal(store.items.byName(root, name)?.name, name)
  for (const [i, name] of remote.entries()) t.same(put(item(String(i), name)), [], 'nothing changes')
  t.end()
})

t.test('a folder cannot be moved into itself', t => {
  const { store, put, library, root, ino } = openStore(t)
  put(item('1', 'outer', { kind: 'folder' }))
  put(item('2', 'inner', { kind: 'folder' }), ino('1'))
  store.change(NOW, edit => {
    t.match(edit.put(library.id, ino('2'), item('1', 'outer', { kind: 'folder' }), LISTED), {
      outcome: 'cycle',
    })
    t.match(edit.put(library.id, ino('1'), item('1', 'outer', { kind: 'folder' }), LISTED), {
      outcome: 'cycle',
    })
  })
  t.equal(store.items.byIno(ino('1'))?.parent, root)
  t.end()
})

t.test('an id that becomes another kind of thing is another item', t => {
  const { put, ino, store } = openStore(t)
  put(item('1', 'thing', { kind: 'folder' }))
  put(item('2', 'inside'), ino('1'))
  const before = ino('1')
  put(item('1', 'thing'))
  t.ok(ino('1') > before)
  t.equal(store.items.byIno(before), undefined)
  t.equal(ino('2'), 0)
  t.end()
})

t.test('a subtree is removed from below, in steps', t => {
  const { store, put, ino } = openStore(t)
  put(item('1', 'outer', { kind: 'folder' }))
  put(item('2', 'inner', { kind: 'folder' }), ino('1'))
  put(item('3', 'file'), ino('2'))
  const isGone: boolean[] = []
  for (let step = 0; step < 2; step++) {
    store.change(NOW, edit => isGone.push(edit.removeSubtree(ino('1'), 2)))
  }
  t.same(isGone, [false, true])
  t.equal(ino('1'), 0)
  t.end()
})

t.test('a removed library vanishes at once, and its items in steps', t => {
  const { store, put, library, names } = openStore(t)
  for (let i = 0; i < 10; i++) put(item(String(i), `${i}.txt`))
  t.match(store.removeLibrary(library.id, NOW), [
    { kind: 'entry', name: 'Team' },
    { kind: 'vanished' },
    { kind: 'entry', name: 'Contoso' },
    { kind: 'vanished' },
  ])
  t.same(names(ROOT_INO), [])
  t.same(store.libraries.all(), [])
  t.ok(store.purge(4, NOW).length > 0)
  const again = store.addLibrary({ ...library }, NOW).library
  t.not(again.id, library.id)
  while (store.purge(4, NOW).length > 0);
  t.equal(store.items.count(), 3, 'root, organization and the library that was added again')
  t.same(store.libraries.removed(), [])
  t.end()
})

t.test('web addresses are those of the folders, where the service gave none of its own', t => {
  const { store, put, ino, library } = openStore(t)
  put(item('1', 'Q1 & Q2', { kind: 'folder', webUrl: `${library.webUrl}/Q1%20%26%20Q2` }))
  put(
    item('2', 'plan.docx', { webUrl: 'https://contoso.sharepoint.com/_layouts/15/Doc.aspx?sourcedoc=1' }),
    ino('1'),
  )
  put(item('3', 'photo.jpg', { webUrl: `${library.webUrl}/Q1%20%26%20Q2/photo.jpg` }), ino('1'))
  const urlOf = (id: string) => {
    const found = store.items.byIno(ino(id))
    return found && store.webUrlOf(found)
  }
  t.equal(urlOf('1'), `${library.webUrl}/Q1%20%26%20Q2`)
  t.equal(urlOf('2'), 'https://contoso.sharepoint.com/_layouts/15/Doc.aspx?sourcedoc=1')
  t.equal(urlOf('3'), `${library.webUrl}/Q1%20%26%20Q2/photo.jpg`)
  put(item('1', 'Renamed', { kind: 'folder', webUrl: `${library.webUrl}/Renamed` }))
  t.equal(urlOf('3'), `${library.webUrl}/Renamed/photo.jpg`)
  t.end()
})

t.test('a store that was never closed is found as it was after the last transaction', t => {
  const { path, put, ino } = openStore(t)
  put(item('1', 'a.txt'))
  const reopened = new Store(path, NOW)
  t.equal(reopened.items.byIno(ino('1'))?.name, 'a.txt')
  reopened.close()
  t.end()
})

import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { DriveItem } from '../../../src/model/drive-item.js'
import type { Ino, ItemId } from '../../../src/model/ids.js'
import { isLocalId, type ItemRecord } from '../../../src/store/item-record.js'
import type { LocalEdit } from '../../../src/store/local-edit.js'
import { Store } from '../../../src/store/store.js'
import { item, library } from './items.js'

const NOW = 1_000_000
const LISTED = { kind: 'as-library' } as const

/** A library with one file `a.txt` and one folder `docs`, as the service has them. */
function openStore(t: Test) {
  const path = join(t.testdir(), 'store.sqlite')
  let store = new Store(path, NOW)
  t.teardown(() => store.close())
  const shared = { ...library('contoso', 'Contoso', 'Projects', 'root'), access: 'write' as const }
  const added = store.addLibrary(shared, NOW).library
  const root = () => found(store.items.byRemoteId(added.id, 'root' as ItemId))
  const remote = (...items: DriveItem[]) =>
    store.change(NOW, edit => {
      for (const each of items) edit.put(added.id, root().ino, each, LISTED)
    })
  remote(item('A', 'a.txt'), item('D', 'docs', { kind: 'folder' }))
  return {
    get store() {
      return store
    },
    library: added,
    root,
    remote,
    here: (work: (edit: LocalEdit) => void) => store.changeHere(NOW + 1, work),
    named: (name: string, folder = root()) => found(store.items.byName(folder.ino, name)),
    vanishes: (ino: Ino) => store.change(NOW, edit => void edit.removeSubtree(ino, Infinity)),
    create(name: string, folder = root()): ItemRecord {
      let ino = 0 as Ino
      store.changeHere(NOW + 1, edit => {
        ino = edit.create(folder, name, 'file', 0o644, false)
      })
      return found(store.items.byIno(ino))
    },
    restart() {
      store.close()
      store = new Store(path, NOW)
    },
  }
}

function found<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error('not there')
  return value
}

t.test('a new item is owed, also after a restart', async t => {
  const world = openStore(t)
  const { ino, remoteId } = world.create('new.txt')
  world.restart()
  t.ok(isLocalId(remoteId))
  t.match(world.store.owed.of(ino), { isNew: true, content: true, place: false, staysHere: false })
})

t.test('a file that was changed here stays as it is until it has been sent', async t => {
  const world = openStore(t)
  const before = world.named('a.txt')
  world.here(edit => {
    edit.oweContent(before)
    edit.contentIs(before, 99, NOW)
  })
  world.remote(item('A', 'renamed.txt', { size: 11, quickXorHash: 'theirs', eTag: 'their e' }))
  const after = world.named('renamed.txt')
  t.match(after, { ino: before.ino, generation: before.generation, size: 99, quickXorHash: 'h of A' })
  t.match(world.store.owed.of(before.ino), { content: true, base: { eTag: 'e of A', size: 10 } })
})

t.test('who changes a file wins over who deletes it', async t => {
  const world = openStore(t)
  const file = world.named('a.txt')
  world.here(edit => edit.oweContent(file))
  world.vanishes(file.ino)
  t.ok(isLocalId(world.named('a.txt').remoteId))
  t.match(world.store.owed.of(file.ino), { isNew: true, content: true, base: { size: 10 } })
})

t.test('a folder that is deleted over there stays while something in it is to be sent', async t => {
  const world = openStore(t)
  const folder = world.named('docs')
  world.remote(item('B', 'b.txt'))
  world.store.change(NOW, edit => void edit.put(world.library.id, folder.ino, item('B', 'b.txt'), LISTED))
  const made = world.create('new.txt', folder)
  world.vanishes(folder.ino)
  t.equal(world.store.items.byName(folder.ino, 'b.txt'), undefined)
  t.equal(world.named('new.txt', folder).ino, made.ino)
  t.match(world.store.owed.of(folder.ino), { isNew: true, content: false })
})

t.test('what is gone here does not come back before that has been told', async t => {
  const world = openStore(t)
  const file = world.named('a.txt')
  world.here(edit => edit.remove(file))
  world.remote(item('A', 'a.txt'))
  t.equal(world.store.items.byName(world.root().ino, 'a.txt'), undefined)
  t.match(world.store.owed.deletions(), [{ remoteId: 'A', eTag: 'e of A', parent: 'root', name: 'a.txt' }])
})

t.test('a new file that is deleted again was never there', async t => {
  const world = openStore(t)
  const file = world.create('new.txt')
  world.here(edit => edit.remove(file))
  t.same(world.store.owed.all(), [])
  t.same(world.store.owed.deletions(), [])
})

t.test('a file moved back to where it was owes nothing', async t => {
  const world = openStore(t)
  const file = world.named('a.txt')
  world.here(edit => edit.place(file, world.root(), 'b.txt', false))
  t.match(world.store.owed.of(file.ino), { place: true, base: { name: 'a.txt', parent: 'root' } })
  world.here(edit => edit.place(world.named('b.txt'), world.root(), 'a.txt', false))
  t.same(world.store.owed.all(), [])
})

// How programs save. Whichever way, the service is to see a new version of the same item.
const SAVES: Readonly<Record<string, (world: ReturnType<typeof openStore>) => void>> = {
  'writes a new file and renames it over the old one': world => {
    const made = world.create('.a.txt.new')
    world.here(edit => edit.place(made, world.root(), 'a.txt', false, world.named('a.txt')))
  },
  'writes a file that stays here and renames it over the old one': world => {
    let ino = 0 as Ino
    world.here(edit => {
      ino = edit.create(world.root(), '.goutputstream-AB12C3', 'file', 0o644, true)
    })
    const made = found(world.store.items.byIno(ino))
    world.here(edit => edit.place(made, world.root(), 'a.txt', false, world.named('a.txt')))
  },
  'deletes the old one first': world => {
    world.here(edit => edit.remove(world.named('a.txt')))
    world.create('a.txt')
  },
  'moves the old one away, and deletes it when the new one is there': world => {
    world.here(edit => edit.place(world.named('a.txt'), world.root(), 'a.txt~', false))
    world.create('a.txt')
    world.here(edit => edit.remove(world.named('a.txt~')))
  },
  'moves the old one away, and the new one into its place': world => {
    const made = world.create('a.tmp')
    world.here(edit => edit.place(world.named('a.txt'), world.root(), 'a.bak', false))
    world.here(edit => edit.place(made, world.root(), 'a.txt', false))
    world.here(edit => edit.remove(world.named('a.bak')))
  },
}

for (const [how, save] of Object.entries(SAVES)) {
  t.test(`a program that ${how} makes a new version of the same item`, async t => {
    const world = openStore(t)
    save(world)
    const file = world.named('a.txt')
    t.equal(file.remoteId, 'A')
    t.match(world.store.owed.all(), [
      {
        ino: file.ino,
        isNew: false,
        content: true,
        place: false,
        staysHere: false,
        base: { eTag: 'e of A', size: 0 },
      },
    ])
    t.same(world.store.owed.deletions(), [])
  })
}

t.test(
  'an attempt that failed is remembered with its reason, and forgotten with the next change',
  async t => {
    const world = openStore(t)
    const file = world.create('new.txt')
    const hindrance = { code: 'throttled', message: 'slow down' } as const
    world.store.owed.setAttempts(file.ino, { attempts: 2, notBefore: NOW + 60, hindrance })
    world.store.owed.setSession(file.ino, { url: 'https://contoso.sharepoint.com/upload', expires: NOW })
    world.restart()
    t.match(world.store.owed.of(file.ino), { attempts: 2, hindrance, session: { expires: NOW } })
    world.here(edit => edit.oweContent(file))
    t.match(world.store.owed.of(file.ino), {
      attempts: 0,
      notBefore: 0,
      hindrance: undefined,
      session: undefined,
      revision: 2,
    })
  },
)

t.test('a change that failed leaves nothing owed', async t => {
  const world = openStore(t)
  const fails = () =>
    world.here(edit => {
      edit.create(world.root(), 'new.txt', 'file', 0o644, false)
      throw new Error('in the middle')
    })
  t.throws(fails, { message: 'in the middle' })
  t.ok(world.store.owed.isEmpty)
})

t.test('permission bits stay what they were set to', async t => {
  const world = openStore(t)
  world.here(edit => edit.modeIs(world.named('a.txt'), 0o755))
  world.remote(item('A', 'a.txt', { modified: 77 }))
  world.restart()
  t.equal(world.named('a.txt').mode, 0o755)
  t.same(world.store.owed.all(), [])
})

t.test('what is written of a row is what is read of it next', async t => {
  const world = openStore(t)
  const { store } = world
  const { ino } = world.create('new.txt')
  t.match(store.owed.of(ino), { sent: undefined, session: undefined, attempts: 0 })
  store.owed.setSession(ino, { url: 'https://contoso.sharepoint.com/upload', expires: NOW })
  t.match(store.owed.of(ino), { session: { expires: NOW } })
  store.owed.setAttempts(ino, { attempts: 2, notBefore: NOW, hindrance: undefined })
  t.match(store.owed.of(ino), { attempts: 2 })
  const { size, modified } = item('N', 'new.txt')
  const sent = { hash: 'h of N', size, modified, sha256: 'digest' }
  store.owed.setSent(ino, sent, { parent: world.root().remoteId, name: 'new.txt' })
  t.match(store.owed.of(ino), { sent, base: { parent: 'root', name: 'new.txt' } })
  // So a listing that has it before the answer comes is told apart from somebody else's file.
  world.remote(item('N', 'new.txt'))
  t.match(store.items.byIno(ino), { remoteId: 'N', name: 'new.txt' })
  t.equal(store.items.children(world.root().ino).length, 3)
})

t.test('the address of an upload session is never lost, whatever takes it from its item', async t => {
  const SESSION = { url: 'https://contoso.sharepoint.com/upload', expires: NOW }
  const ways: Readonly<Record<string, (world: ReturnType<typeof openStore>, file: ItemRecord) => void>> = {
    'the file is changed': (world, file) => world.here(edit => edit.oweContent(file)),
    'the file is opened for writing': (world, { ino }) => world.store.owed.setSession(ino, undefined),
    'another session takes its place': (world, { ino }) =>
      world.store.owed.setSession(ino, { ...SESSION, url: 'https://contoso.sharepoint.com/other' }),
    'nothing is owed any more': (world, { ino }) => world.store.owed.settle(ino),
    'nothing of the library is told any more': (world, { library }) =>
      world.store.owed.settleLibrary(library),
    'the file is deleted': (world, file) => world.here(edit => edit.remove(file)),
  }
  for (const [way, take] of Object.entries(ways)) {
    await t.test(way, async t => {
      const world = openStore(t)
      const file = world.create('new.txt')
      const { ino, library } = file
      world.store.owed.setSession(ino, SESSION)
      t.same(world.store.owed.leftSessions(), [], 'it is gone on with')
      take(world, file)
      world.restart()
      t.same(world.store.owed.leftSessions(), [{ ...SESSION, library, ino }])
      t.same(world.store.owed.leftSessionsOf(ino), world.store.owed.leftSessions())
      world.store.owed.sessionEnded(ino, SESSION.url)
      t.same(world.store.owed.leftSessions(), [])
    })
  }

  await t.test('but the service has ended it', async t => {
    const world = openStore(t)
    const { ino } = world.create('new.txt')
    world.store.owed.setSession(ino, SESSION)
    world.store.owed.sessionEnded(ino, SESSION.url)
    t.equal(world.store.owed.of(ino)?.session, undefined)
    t.same(world.store.owed.leftSessions(), [])
  })
})

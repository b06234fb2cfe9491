import t from 'tap'
import type { Ino, ItemId, LibraryId } from '../../../src/model/ids.js'
import { isLocalId, type ItemRecord } from '../../../src/store/item-record.js'
import { NO_BASE, type Owed, type OwedDeletion } from '../../../src/store/owed-table.js'
import { QUIET, SETTLING } from '../../../src/model/save-pace.js'
import { planOf, type Plan, type Situation } from '../../../src/uploads/plan.js'

const NOW = 1_000_000_000
const LIBRARY = 1 as LibraryId
const ROOT = 1 as Ino
const BUSY = { program: 'editor', pid: 7, since: NOW - 20_000, writtenAt: NOW - 10_000, isSaved: false }

/** Items are given as `ino: [remote id, parent, name, kind]`. */
type Rows = Readonly<Record<number, readonly [id: string, parent: number, name: string, kind?: 'folder']>>

function world(rows: Rows, owed: readonly Owed[], more: Partial<Situation> = {}): Situation {
  const all: Rows = { 1: ['R', 0, 'Projects', 'folder'], ...rows }
  const itemOf = (ino: Ino): ItemRecord | undefined => {
    const row = all[ino]
    if (row === undefined) return undefined
    const [id, parent, name, kind = 'file'] = row
    return {
      ino,
      parent: parent as Ino,
      kind: ino === ROOT ? 'library' : kind,
      library: LIBRARY,
      remoteId: id as ItemId,
      name,
      remoteName: name,
      size: 0,
      modified: 0,
      created: 0,
      changed: 0,
      generation: 0,
      listing: { kind: 'as-library' },
      quickXorHash: undefined,
      cTag: undefined,
      eTag: undefined,
      webUrl: undefined,
      mode: undefined,
    }
  }
  return {
    owed,
    deletions: [],
    itemOf,
    hasHeir: () => false,
    now: NOW,
    settling: SETTLING,
    openForWriting: () => undefined,
    isSent: () => false,
    isInParts: () => false,
    abandoned: () => 0,
    paceOf: () => undefined,
    isSending: () => false,
    isDeleting: () => false,
    closedUntil: () => undefined,
    isHeld: () => false,
    limit: Infinity,
    ...more,
  }
}

function row(ino: number, more: Partial<Owed> = {}): Owed {
  return {
    ino: ino as Ino,
    library: LIBRARY,
    isNew: false,
    content: false,
    place: false,
    times: false,
    staysHere: false,
    base: NO_BASE,
    revision: 1,
    since: NOW - 10_000,
    changed: NOW - 10_000,
    session: undefined,
    sent: undefined,
    missed: false,
    attempts: 0,
    notBefore: 0,
    hindrance: undefined,
    ...more,
  }
}

function moved(ino: number, parent: string, name: string, more: Partial<Owed> = {}): Owed {
  return row(ino, { place: true, base: { ...NO_BASE, parent: parent as ItemId, name }, ...more })
}

function deletion(
  number: number,
  parent: string,
  name: string,
  more: Partial<OwedDeletion> = {},
): OwedDeletion {
  return {
    number,
    library: LIBRARY,
    remoteId: `D${number}` as ItemId,
    isFolder: false,
    eTag: undefined,
    parent: parent as ItemId,
    name,
    quickXorHash: undefined,
    cTag: undefined,
    size: undefined,
    modified: undefined,
    consented: false,
    sent: undefined,
    sessionUrl: undefined,
    ino: undefined,
    since: NOW - 5_000,
    attempts: 0,
    notBefore: 0,
    hindrance: undefined,
    ...more,
  }
}

function names(plan: Plan): string[] {
  return plan.tasks.map(task =>
    task.kind === 'deletion'
      ? `delete ${task.deletion.name}`
      : `${task.aside ? 'aside' : 'send'} ${task.owed.ino}`,
  )
}

t.test('what was left alone for long enough goes; what was not says when', t => {
  const fresh = row(2, { content: true, changed: NOW - 500, since: NOW - 500 })
  const plan = planOf(world({ 2: ['A', 1, 'a'], 3: ['B', 1, 'b'] }, [fresh, row(3, { content: true })]))
  t.same(names(plan), ['send 3'])
  t.equal(plan.waiting.get(2 as Ino), 'settling')
  t.equal(plan.next, NOW + 1_500)
  t.end()
})

t.test('what may be half-written by its name goes when it has had a minute to get another one', t => {
  const items: Rows = {
    2: ['local:2', 1, 'a.part'],
    3: ['local:3', 1, 'b.part'],
    4: ['D', 1, 'd.tmp'],
    5: ['E', 1, 'e.tmp'],
  }
  const owed = [
    row(2, { isNew: true, changed: NOW - 59_000 }),
    row(3, { isNew: true, changed: NOW - 60_000 }),
    row(4, { place: true, base: { ...NO_BASE, parent: 'R' as ItemId, name: 'd' }, changed: NOW - 59_000 }),
    row(5, { content: true, changed: NOW - 59_000 }),
  ]
  const plan = planOf(world(items, owed))
  t.same(names(plan), ['send 3', 'send 5'])
  t.same(
    [...plan.waiting],
    [
      [2, 'young'],
      [4, 'young'],
    ],
  )
  t.equal(plan.next, NOW + 1_000)
  t.same(
    names(planOf(world(items, owed, { settling: 0 }))),
    ['send 2', 'send 3', 'send 4', 'send 5'],
    'somebody waits',
  )
  const later = deletion(9, 'R', 'x', { since: NOW - 10_000 })
  t.same(
    names(planOf(world(items, owed.slice(0, 1), { deletions: [later] }))),
    ['delete x'],
    'what comes after it does not wait',
  )
  t.end()
})

t.test(
  'what is half-written by its name does not go while a program has it open, whatever it has synced',
  t => {
    const items: Rows = { 2: ['local:2', 1, 'a.part'], 3: ['local:3', 1, 'a.txt'] }
    const owed = [row(2, { isNew: true, content: true }), row(3, { isNew: true, content: true })].map(
      each => ({
        ...each,
        since: NOW - 3_600_000,
        changed: NOW - 3_600_000,
      }),
    )
    const use = { program: 'wget', pid: 1, since: NOW - 3_600_000, writtenAt: NOW - 3_600_000, isSaved: true }
    const plan = planOf(world(items, owed, { openForWriting: () => use }))
    t.same(names(plan), ['send 3'])
    t.same([...plan.waiting], [[2, 'open']])
    t.end()
  },
)

t.test('a clock that was set back keeps nothing waiting', t => {
  const future = row(2, { content: true, changed: NOW + 1e9, notBefore: NOW + 1e9 })
  t.same(names(planOf(world({ 2: ['A', 1, 'a'] }, [future]))), ['send 2'])
  t.end()
})

t.test('what a program writes, and what stays here, does not go; nor what is in a folder that stays', t => {
  const owed = [
    row(2, { content: true }),
    row(3, { isNew: true, staysHere: true }),
    row(4, { isNew: true, staysHere: true }),
    row(5, { isNew: true }),
  ]
  const items: Rows = {
    2: ['A', 1, 'a'],
    3: ['local:3', 1, '~$a'],
    4: ['local:4', 1, '.#dir', 'folder'],
    5: ['local:5', 4, 'in it'],
  }
  const plan = planOf(world(items, owed, { openForWriting: ino => (ino === 2 ? BUSY : undefined) }))
  t.same(names(plan), [])
  t.same(
    [...plan.waiting],
    [
      [2, 'open'],
      [3, 'stays'],
      [4, 'stays'],
      [5, 'stays'],
    ],
  )
  t.equal(plan.next, BUSY.writtenAt + QUIET, 'who writes without saying so is looked at again')
  t.end()
})

t.test('a new folder goes before what is in it', t => {
  const items: Rows = {
    2: ['local:2', 1, 'new', 'folder'],
    3: ['local:3', 2, 'deeper', 'folder'],
    4: ['local:4', 3, 'file'],
    5: ['A', 3, 'moved in'],
  }
  const owed = [row(2, { isNew: true }), row(3, { isNew: true }), row(4, { isNew: true }), moved(5, 'R', 'a')]
  const plan = planOf(world(items, owed))
  t.same(names(plan), ['send 2'])
  t.same([...plan.waiting.values()], ['folder', 'folder', 'folder'])
  t.end()
})

t.test('what takes a name waits for what leaves it, whatever its capitals', t => {
  const items: Rows = { 2: ['A', 1, 'b'], 3: ['local:3', 1, 'a'] }
  const plan = planOf(world(items, [moved(2, 'R', 'A'), row(3, { isNew: true })]))
  t.same(names(plan), ['send 2'])
  t.equal(plan.waiting.get(3 as Ino), 'name')
  t.end()
})

t.test('a chain of renames goes from its free end', t => {
  const items: Rows = { 2: ['A', 1, 'b'], 3: ['B', 1, 'c'], 4: ['C', 1, 'd'] }
  const plan = planOf(world(items, [moved(2, 'R', 'a'), moved(3, 'R', 'b'), moved(4, 'R', 'c')]))
  t.same(names(plan), ['send 4'])
  t.end()
})

t.test('where two want each other’s names, one steps aside', t => {
  const items: Rows = { 2: ['A', 1, 'b'], 3: ['B', 1, 'a'] }
  t.same(names(planOf(world(items, [moved(2, 'R', 'a'), moved(3, 'R', 'b')]))), ['aside 2'])
  t.end()
})

t.test('a ring of three needs one to step aside, not three', t => {
  const items: Rows = { 2: ['A', 1, 'b'], 3: ['B', 1, 'c'], 4: ['C', 1, 'a'] }
  const owed = [moved(2, 'R', 'a'), moved(3, 'R', 'b'), moved(4, 'R', 'c')]
  t.same(names(planOf(world(items, owed))), ['aside 2'])
  t.end()
})

t.test('a folder that is to go into a new one of its name steps aside', t => {
  const items: Rows = { 2: ['local:1', 1, 'x', 'folder'], 3: ['A', 2, 'z', 'folder'] }
  t.same(names(planOf(world(items, [row(2, { isNew: true }), moved(3, 'R', 'x')]))), ['aside 3'])
  t.end()
})

t.test('a folder turned inside out is moved from the inside', t => {
  // a/b became b/a
  const items: Rows = { 2: ['A', 3, 'a', 'folder'], 3: ['B', 1, 'b', 'folder'] }
  t.same(names(planOf(world(items, [moved(2, 'R', 'a'), moved(3, 'A', 'b')]))), ['send 3'])
  // a/b became a/b too, but the outer one is the former inner one
  const swapped: Rows = { 2: ['A', 3, 'b', 'folder'], 3: ['B', 1, 'a', 'folder'] }
  t.same(names(planOf(world(swapped, [moved(2, 'R', 'a'), moved(3, 'A', 'b')]))), ['aside 3'])
  t.end()
})

t.test('deletions go last, but before what needs their name', t => {
  const items: Rows = { 2: ['A', 1, 'other'], 3: ['local:3', 1, 'Gone'] }
  const deletions = [deletion(1, 'R', 'gone'), deletion(2, 'R', 'also gone')]
  const owed = [row(2, { content: true }), row(3, { isNew: true })]
  const plan = planOf(world(items, owed, { deletions }))
  t.same(names(plan), ['send 2', 'delete gone'])
  t.equal(plan.waiting.get(3 as Ino), 'name')
  t.equal(plan.waitingDeletions.get(2), 'order')
  t.end()
})

t.test('a deletion does not wait for what comes after it, nor for what cannot go', t => {
  const items: Rows = { 2: ['A', 1, 'a'], 3: ['B', 1, 'b'] }
  const deletions = [deletion(1, 'R', 'gone')]
  const owed = [
    row(2, { content: true, since: NOW - 3_000 }),
    row(3, { content: true, notBefore: NOW + 60_000 }),
  ]
  const plan = planOf(world(items, owed, { deletions }))
  t.same(names(plan), ['send 2', 'delete gone'])
  t.equal(plan.next, NOW + 60_000)
  t.end()
})

t.test('a folder is deleted after everything that was in it has gone elsewhere', t => {
  const folder = deletion(2, 'R', 'folder', { isFolder: true, remoteId: 'F' as ItemId })
  const inIt = deletion(1, 'F', 'in it')
  t.same(names(planOf(world({}, [], { deletions: [inIt, folder] }))), ['delete in it'])
  const items: Rows = { 2: ['A', 1, 'moved out'] }
  t.same(names(planOf(world(items, [moved(2, 'F', 'a')], { deletions: [folder] }))), ['send 2'])
  t.same(names(planOf(world(items, [], { deletions: [folder] }))), ['delete folder'])
  t.end()
})

t.test('many deletions are held, those that somebody has agreed to are not', t => {
  const deletions = [deletion(1, 'R', 'asked', { consented: true }), deletion(2, 'R', 'not asked')]
  const plan = planOf(world({}, [], { deletions, isHeld: () => true }))
  t.same(names(plan), ['delete asked'])
  t.equal(plan.waitingDeletions.get(2), 'held')
  t.end()
})

t.test('a closed library keeps its own waiting, a full one only what needs space', t => {
  const items: Rows = { 2: ['A', 1, 'b'], 3: ['B', 1, 'c'] }
  const owed = [moved(2, 'R', 'a'), row(3, { content: true })]
  const closedUntil = (_: LibraryId, needsSpace: boolean) => (needsSpace ? NOW + 5_000 : undefined)
  const plan = planOf(world(items, owed, { closedUntil }))
  t.same(names(plan), ['send 2'])
  t.equal(plan.waiting.get(3 as Ino), 'later')
  t.equal(plan.next, NOW + 5_000)
  t.end()
})

/** A service of names and folders alone. */
class Names {
  readonly at = new Map<string, { parent: string; name: string }>()
  has(parent: string, name: string): string | undefined {
    for (const [id, place] of this.at) {
      if (place.parent === parent && place.name.toLowerCase() === name.toLowerCase()) return id
    }
    return undefined
  }
  isWithin(id: string, folder: string): boolean {
    for (let at: string | undefined = id; at !== undefined; at = this.at.get(at)?.parent)
      if (at === folder) return true
    return false
  }
}

const first = Number(process.env['SEED'] ?? 1)
for (let seed = first; seed < first + 300; seed++) {
  t.test(`any rearrangement of folders and files can be carried out (SEED=${seed})`, async t => {
    let state = seed * 7919
    const random = (below: number) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
      return (state >> 8) % below
    }
    const count = 6
    const isFolder = (ino: number) => ino % 2 === 0
    const ids = Array.from({ length: count }, (_, index) => index + 2)
    const names = ['a', 'b', 'c', 'A']
    const arrange = (): Names => {
      for (;;) {
        const tree = new Names()
        for (const ino of ids) {
          const parents = [
            'R',
            ...ids.filter(other => other !== ino && isFolder(other)).map(other => `I${other}`),
          ]
          tree.at.set(`I${ino}`, {
            parent: parents[random(parents.length)] ?? 'R',
            name: names[random(4)] ?? 'a',
          })
        }
        const isTree = ids.every(ino => {
          const seen = new Set<string>()
          for (let at = `I${ino}`; at !== 'R'; at = tree.at.get(at)?.parent ?? 'R') {
            if (seen.has(at)) return false
            seen.add(at)
          }
          const { parent, name } = tree.at.get(`I${ino}`) ?? { parent: '', name: '' }
          const holder = [...tree.at].filter(
            ([, place]) => place.parent === parent && place.name.toLowerCase() === name.toLowerCase(),
          )
          return holder.length === 1
        })
        if (isTree) return tree
      }
    }
    const there = arrange()
    const here = arrange()
    const inoOf = (id: string) => (id === 'R' ? 1 : Number(id.slice(1)))
    const rows: Record<number, [string, number, string, 'folder'?]> = {}
    for (const ino of ids) {
      const place = here.at.get(`I${ino}`) ?? { parent: 'R', name: '' }
      rows[ino] = isFolder(ino)
        ? [`I${ino}`, inoOf(place.parent), place.name, 'folder']
        : [`I${ino}`, inoOf(place.parent), place.name]
    }
    for (let step = 0; step < 40; step++) {
      const owed = ids.flatMap(ino => {
        const [now, wanted] = [there.at.get(`I${ino}`), here.at.get(`I${ino}`)]
        if (now === undefined || wanted === undefined) return []
        if (now.parent === wanted.parent && now.name === wanted.name) return []
        return [moved(ino, now.parent, now.name)]
      })
      if (owed.length === 0) return
      const { tasks } = planOf(world(rows, owed))
      t.not(tasks.length, 0, 'something can go')
      if (tasks.length === 0) return
      // All at once, in any order: no task of a plan has to wait for another one.
      for (const task of [...tasks].reverse()) {
        if (task.kind !== 'item') continue
        const id = `I${task.owed.ino}`
        const wanted = here.at.get(id) ?? { parent: 'R', name: '' }
        const name = task.aside ? `${wanted.name}~${task.owed.ino}` : wanted.name
        const holder = there.has(wanted.parent, name)
        if (holder !== undefined && holder !== id) t.fail(`${wanted.parent}/${name} is taken by ${holder}`)
        if (there.isWithin(wanted.parent, id)) t.fail(`${id} would contain itself`)
        there.at.set(id, { parent: wanted.parent, name })
      }
    }
    t.fail('it does not end')
  })
}

t.test('ids of ours are never asked for', t => {
  t.ok(isLocalId('local:1' as ItemId))
  const plan = planOf(
    world({ 2: ['local:2', 1, 'f', 'folder'], 3: ['A', 2, 'a'] }, [row(3, { content: true })]),
  )
  t.same(names(plan), [])
  t.end()
})

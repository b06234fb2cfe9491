import t, { type Test } from 'tap'
import type { Entry } from '../../../src/fs/file-system.js'
import { Fault } from '../../../src/model/fault.js'
import type { NodeId } from '../../../src/model/ids.js'
import { ListingAhead } from '../../../src/transport/listing-ahead.js'

const node = (number: number) => number as NodeId
const ROOT = node(1)

/** Ten branches of three folders of some files. Branch 2 is 200, its folders are 201 to 203. */
function tree(test: Test, files = 5) {
  const parents = new Map<NodeId, NodeId>([[ROOT, ROOT]])
  const children = new Map<NodeId, NodeId[]>([[ROOT, []]])
  const add = (parent: NodeId, child: NodeId) => {
    parents.set(child, parent)
    children.set(child, [])
    children.get(parent)?.push(child)
  }
  for (let branch = 100; branch <= 1000; branch += 100) {
    add(ROOT, node(branch))
    for (let i = 1; i <= 3; i++) add(node(branch), node(branch + i))
  }
  const unlisted = new Set<NodeId>()
  const held = new Set<NodeId>()
  const offered: number[] = []
  const bugs: unknown[] = []
  const entry = (of: NodeId, kind: 'file' | 'directory'): Entry => ({
    name: String(of),
    attributes: { node: of, ino: of, kind } as unknown as Entry['attributes'],
  })
  const ahead = new ListingAhead({
    fileSystem: {
      parentOf(of) {
        const parent = parents.get(of)
        if (parent === undefined) throw new Fault('stale-node', 'gone')
        return parent
      },
      listingKnown(of) {
        if (unlisted.has(of) || !children.has(of)) return undefined
        const directories = (children.get(of) ?? []).map(child => entry(child, 'directory'))
        if (of % 100 === 0 || of === ROOT) return directories
        return Array.from({ length: files }, (_, i) => entry(node(of * 1000 + i), 'file'))
      },
    },
    holds: of => held.has(of),
    offer: of => {
      held.add(of)
      offered.push(of)
    },
    onBug: failure => bugs.push(failure),
  })
  test.teardown(() => ahead.close())
  const settled = async () => {
    for (let before = -1; before !== offered.length;) {
      before = offered.length
      for (let i = 0; i < 3; i++) await new Promise(resolve => setImmediate(resolve))
    }
    return offered
  }
  return { ahead, settled, unlisted, held, parents, children, bugs }
}

t.test('a walk is given what comes next, in its order, to the end of the tree', async t => {
  const { ahead, settled } = tree(t)
  for (const asked of [1, 100]) ahead.asked(node(asked))
  t.same(await settled(), [], 'two could be anything')
  ahead.asked(node(101))
  const offered = await settled()
  t.same(offered.slice(0, 6), [102, 103, 200, 201, 202, 203])
  t.equal(offered.length, 2 + 9 * 4)
})

t.test('folders here and there are no walk', async t => {
  const { ahead, settled } = tree(t)
  for (const asked of [101, 303, 702, 201, 903]) ahead.asked(node(asked))
  t.same(await settled(), [])
})

t.test('so much is ahead of the reader and no more, and it goes on as he reads', async t => {
  const { ahead, settled } = tree(t, 1_500)
  for (const asked of [1, 100, 101]) ahead.asked(node(asked))
  t.same(await settled(), [102, 103, 200, 201])
  ahead.used(node(102))
  t.same((await settled()).slice(4), [202])
})

t.test('what is not in the store is not asked for, what is held is not offered', async t => {
  const { ahead, settled, unlisted, held } = tree(t)
  for (const of of [200, 303]) unlisted.add(node(of))
  held.add(node(103))
  for (const asked of [1, 100, 101]) ahead.asked(node(asked))
  t.same((await settled()).slice(0, 5), [102, 300, 301, 302, 400])
})

t.test('a folder that goes away meanwhile ends it, which is no bug', async t => {
  const { ahead, settled, parents, children, bugs } = tree(t)
  for (const asked of [1, 100, 101]) ahead.asked(node(asked))
  for (const of of [100, 101]) {
    parents.delete(node(of))
    children.delete(node(of))
  }
  t.same(await settled(), [])
  t.same(bugs, [])
  ahead.asked(node(200))
  t.same(await settled(), [])
})

import t from 'tap'
import type { NodeId } from '../../../src/model/ids.js'
import { OpenPaths } from '../../../src/transport/open-paths.js'

const [older, newer] = [7 as NodeId, 8 as NodeId]

t.test('a path stands for what was opened until the last of its files is closed', t => {
  const open = new OpenPaths()
  let closed = 0
  const stop = open.onClose(() => closed++)
  const [first, second] = [1, 2].map(file => open.add({ path: '/a', node: older, file }))
  t.equal(open.nodeOf('/a'), older)
  t.equal(open.nodeOf('/b'), undefined)
  t.throws(() => open.add({ path: '/a', node: newer, file: 3 }), /another node/)
  t.equal(open.remove(first ?? 0).file, 1)
  t.equal(open.nodeOf('/a'), older)
  t.equal(closed, 0)
  open.remove(second ?? 0)
  t.equal(open.nodeOf('/a'), undefined)
  t.equal(closed, 1)
  stop()
  open.remove(open.add({ path: '/a', node: newer, file: 3 }))
  t.equal(closed, 1)
  t.end()
})

t.test("handles are the kernel's own, above 0, and good once", t => {
  const open = new OpenPaths()
  const handle = open.add({ path: '/a', node: older, file: 2 ** 40 })
  t.ok(handle > 0 && handle < 2 ** 31)
  t.equal(open.get(handle).file, 2 ** 40)
  t.same(open.handles(), [handle])
  open.remove(handle)
  t.throws(() => open.get(handle), { code: 'bad-handle' })
  t.throws(() => open.remove(handle), { code: 'bad-handle' })
  t.end()
})

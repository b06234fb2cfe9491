import { join } from 'node:path'
import t from 'tap'
import { Checkpointer } from '../../../src/store/checkpointer.js'

t.test('closing does not wait for a thread that could not begin', t => {
  const checkpointer = new Checkpointer(join(t.testdir(), 'gone', 'store.sqlite'), () => undefined)
  const start = performance.now()
  checkpointer.close()
  t.ok(performance.now() - start < 4_000)
  t.end()
})

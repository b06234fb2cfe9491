import t from 'tap'
import type { Ino } from '../../../src/model/ids.js'
import { InoSet } from '../../../src/sync/ino-set.js'

t.test('it has what was added, and nothing else, however large the numbers', t => {
  const set = new InoSet()
  const added = [1, 31, 32, 63, 64, 32_767, 32_768, 5_000_000]
  for (const ino of added) set.add(ino as Ino)
  set.add(31 as Ino)
  t.equal(set.size, added.length)
  for (const ino of added) t.ok(set.has(ino as Ino))
  for (const ino of [0, 2, 30, 33, 62, 65, 32_766, 4_999_999, 9_000_000]) t.notOk(set.has(ino as Ino))
  t.end()
})

import { join } from 'node:path'
import t from 'tap'
import type { Ino } from '../../../src/model/ids.js'
import { Store } from '../../../src/store/store.js'

function hydration(i: number, bytes = 1) {
  return { program: 'cp', ino: i as Ino, name: `file ${i}`, verdict: 'full', bytes, at: i }
}

t.test('downloads of one program and file are one row, and the latest thousand are kept', t => {
  const store = new Store(join(t.testdir(), 'store.sqlite'), 0)
  t.teardown(() => store.close())
  store.recordHydrations([hydration(5, 10), { ...hydration(5, 20), at: 6 }], [])
  t.match(store.hydrations.all(), [{ bytes: 30, at: 6 }])
  store.recordHydrations(
    Array.from({ length: 1_500 }, (_, i) => hydration(10 + i)),
    [],
  )
  const kept = store.hydrations.all()
  t.equal(kept.length, 1_000)
  t.equal(kept[0]?.ino, 1_509)
  t.equal(kept.at(-1)?.ino, 510)
  t.end()
})

t.test('refusals are counted by program, and the latest two hundred are kept', t => {
  const store = new Store(join(t.testdir(), 'store.sqlite'), 0)
  t.teardown(() => store.close())
  const refusal = (program: string, count: number, at: number) =>
    ({ program, verdict: 'deny', count, ino: 7 as Ino, name: 'x', at }) as const
  store.recordHydrations([], [refusal('a', 2, 1), refusal('a', 3, 2)])
  t.match(store.hydrations.refusals(), [{ program: 'a', count: 5, at: 2 }])
  const many = Array.from({ length: 300 }, (_, i) => refusal(`p${i}`, 1, 10 + i))
  store.recordHydrations([], many)
  t.equal(store.hydrations.refusals().length, 200)
  t.equal(store.hydrations.refusals()[0]?.program, 'p299')
  t.end()
})

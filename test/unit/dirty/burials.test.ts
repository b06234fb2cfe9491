import t from 'tap'
import { Burials } from '../../../src/dirty/burials.js'
import type { Ino } from '../../../src/model/ids.js'

/** A disk that says when it is done. */
function world() {
  const events: string[] = []
  const flushes: (() => void)[] = []
  const burials = new Burials({
    dirty: {
      bury: ino => void events.push(`bury ${ino}`),
      exhume: ino => void events.push(`exhume ${ino}`),
      deleteBuried: ino => void events.push(`delete ${ino}`),
    },
    flushed: () => {
      events.push('flush')
      return new Promise(resolve => flushes.push(resolve))
    },
    onTrouble: event => void events.push(event),
  })
  const gone = (ino: number) =>
    burials.during(ino as Ino, bury => {
      events.push(`change ${ino}`)
      bury()
    })
  return { burials, events, flushes, gone }
}

t.test('bytes go only when their deletion is on the disk, and what has gathered goes together', async t => {
  const { burials, events, flushes, gone } = world()
  gone(1)
  gone(2)
  t.same(events, ['change 1', 'bury 1', 'flush', 'change 2', 'bury 2'])
  gone(3)
  flushes[0]?.()
  await new Promise(resolve => setImmediate(resolve))
  t.same(
    events.slice(5),
    ['change 3', 'bury 3', 'delete 1', 'flush'],
    'the second was not on the disk for sure',
  )
  flushes[1]?.()
  await burials.settled()
  t.same(events.slice(9), ['delete 2', 'delete 3'])
})

t.test('a change that fails buries nothing', async t => {
  const { burials, events } = world()
  const fails = () =>
    burials.during(1 as Ino, bury => {
      bury()
      throw new Error('not committed')
    })
  t.throws(fails, { message: 'not committed' })
  t.same(events, ['bury 1', 'exhume 1'])
  await burials.settled()
})

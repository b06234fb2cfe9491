import t from 'tap'
import { Pace } from '../../../src/concurrency/pace.js'
import { aWhile } from '../../semantics/drive-world.js'
import { TestClock } from '../../semantics/test-clock.js'

const { signal } = new AbortController()

/** Lets `seconds` pass in tenths, and tells how many bytes were admitted. */
async function flowing(pace: Pace, clock: TestClock, connections: number, seconds: number): Promise<number> {
  let bytes = 0
  const stop = new AbortController()
  const flows = Array.from({ length: connections }, async () => {
    while (!stop.signal.aborted) {
      await pace.admit(10_000, stop.signal)
      bytes += 10_000
    }
  })
  for (let tenth = 0; tenth < seconds * 10; tenth++) {
    await aWhile(20)
    clock.advance(100)
  }
  stop.abort()
  await Promise.allSettled(flows)
  return bytes
}

t.test('many together get the rate, and what a burst is worth', async t => {
  const clock = new TestClock()
  const bytes = await flowing(new Pace(clock, () => 100_000), clock, 8, 10)
  t.ok(bytes >= 950_000 && bytes <= 1_150_000, `${bytes} bytes in 10 s`)
})

t.test('a beginning comes at once, and is paid for later', async t => {
  const clock = new TestClock()
  const pace = new Pace(clock, () => 50_000)
  const flow = flowing(pace, clock, 8, 4)
  await aWhile(50)
  t.ok(pace.admitFirst(64_000), 'although others wait')
  t.ok(pace.admitFirst(64_000))
  t.notOk(pace.admitFirst(64_000), 'but not without end')
  t.ok((await flow) <= 150_000, 'the others got less meanwhile')
})

t.test('a limit that changes counts at once', async t => {
  const clock = new TestClock()
  let rate: number | undefined = 1_000
  const pace = new Pace(clock, () => rate)
  await pace.admit(1_000, signal)
  await pace.admit(1_500, signal)
  const waiting = pace.admit(10, signal)
  rate = undefined
  t.notOk(pace.isLimited)
  clock.advance(2_000)
  await waiting
  await pace.admit(1e9, signal)
})

t.test('who gives up does not hold up those behind', async t => {
  const clock = new TestClock()
  const pace = new Pace(clock, () => 1_000)
  await pace.admit(3_000, signal)
  const impatient = new AbortController()
  const first = pace.admit(100_000, impatient.signal)
  const second = pace.admit(10, signal)
  impatient.abort(new Error('enough'))
  await t.rejects(first, { message: 'enough' })
  clock.advance(2_000)
  await second
})

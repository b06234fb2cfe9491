import t from 'tap'
import type { Priority } from '../../../src/concurrency/limiter.js'
import { Throttle } from '../../../src/graph/throttle.js'
import type { TenantId } from '../../../src/model/ids.js'
import { CONTOSO, FakeClock, patient } from './fake-graph.js'

const MINUTE = 60_000
const NORTHWIND = '33333333-3333-4333-8333-333333333333' as TenantId

const told = (limit: string, remaining: string, reset: string) => ({
  'ratelimit-limit': limit,
  'ratelimit-remaining': remaining,
  'ratelimit-reset': reset,
})

/** How long a request had to wait; `undefined`: longer than it would. */
async function waits(throttle: Throttle, clock: FakeClock, priority: Priority, tenant = CONTOSO) {
  const begun = clock.time
  try {
    await throttle.run(tenant, priority, MINUTE, patient, () => Promise.resolve())
  } catch {
    return undefined
  }
  return clock.time - begun
}

t.test('the background stops first, then listings, last what somebody reads', async t => {
  for (const [remaining, waiting] of [
    ['101', []],
    ['100', ['background']],
    ['51', ['background']],
    ['50', ['background', 'listing']],
    ['1', ['background', 'listing']],
    ['0', ['background', 'listing', 'foreground']],
  ] as const) {
    for (const priority of ['foreground', 'listing', 'background'] as const) {
      const clock = new FakeClock()
      const throttle = new Throttle(clock)
      throttle.heed(CONTOSO, told('1000', remaining, '30'))
      const expected = (waiting as readonly string[]).includes(priority) ? 30_000 : 0
      t.equal(await waits(throttle, clock, priority), expected, `${priority} with ${remaining} left`)
    }
  }
})

t.test('one tenant never slows another', async t => {
  const clock = new FakeClock()
  const throttle = new Throttle(clock)
  throttle.heed(CONTOSO, told('1000', '0', '30'))
  throttle.pause(CONTOSO, 20)
  t.equal(await waits(throttle, clock, 'background', NORTHWIND), 0)
  t.equal(await waits(throttle, clock, 'foreground'), 30_000)
})

t.test('a renewed budget is whole', async t => {
  const clock = new FakeClock()
  const throttle = new Throttle(clock)
  throttle.heed(CONTOSO, told('1000', '0', '30'))
  clock.time += 30_000
  t.equal(await waits(throttle, clock, 'background'), 0)
})

t.test(
  'what makes no sense is not heeded, and no window is believed to be longer than five minutes',
  async t => {
    for (const headers of [
      {},
      told('0', '0', '30'),
      told('1000', '-1', '30'),
      told('1000', '0', 'soon'),
      told('', '0', '30'),
    ]) {
      const clock = new FakeClock()
      const throttle = new Throttle(clock)
      throttle.heed(CONTOSO, headers)
      t.equal(await waits(throttle, clock, 'background'), 0, JSON.stringify(headers))
    }
    const clock = new FakeClock()
    const throttle = new Throttle(clock)
    throttle.heed(CONTOSO, told('1000', '0', '999999999'))
    await t.rejects(
      throttle.run(CONTOSO, 'foreground', MINUTE, patient, () => Promise.resolve()),
      { code: 'throttled', retryAfterSeconds: 300 },
    )
  },
)

t.test('what waits for its turn is not sent either when a pause begins', async t => {
  const clock = new FakeClock()
  const throttle = new Throttle(clock)
  const ends: (() => void)[] = []
  const busy = Array.from({ length: 8 }, () =>
    throttle.run(CONTOSO, 'foreground', MINUTE, patient, () => new Promise<void>(end => ends.push(end))),
  )
  let sentAt: number | undefined
  const waiting = throttle.run(CONTOSO, 'foreground', MINUTE, patient, () => {
    sentAt = clock.time
    return Promise.resolve()
  })
  await new Promise(resolve => setImmediate(resolve))
  t.equal(ends.length, 8)
  const paused = clock.time
  throttle.pause(CONTOSO, 10)
  for (const end of ends) end()
  await Promise.all([...busy, waiting])
  t.equal(sentAt, paused + 10_000)
})

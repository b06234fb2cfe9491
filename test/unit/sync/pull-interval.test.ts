import t from 'tap'
import { Fault } from '../../../src/model/fault.js'
import { PullInterval } from '../../../src/sync/pull-interval.js'

t.test('a quiet library is asked ever more rarely, a busy one every ten seconds', t => {
  const interval = new PullInterval()
  const quiet = Array.from({ length: 10 }, () => interval.afterNothing())
  t.same(quiet.slice(0, 3), [10_000, 15_000, 22_500])
  t.equal(quiet.at(-1), 120_000)
  t.equal(interval.afterChanges(), 10_000)
  t.equal(interval.afterNothing(), 10_000)
  t.end()
})

t.test('failures back off, a missing network less', t => {
  const interval = new PullInterval()
  const failures = Array.from({ length: 10 }, () => interval.afterFailure(new Fault('server-error', 'again')))
  t.same(failures.slice(0, 3), [5_000, 10_000, 20_000])
  const later = Array.from({ length: 10 }, () => interval.afterFailure(new Fault('server-error', 'again')))
  t.equal(later.at(-1), 3_600_000)
  t.equal(interval.afterFailure(new Fault('access-removed', 'no longer shared')), 1_200_000)
  t.equal(interval.afterFailure(new Fault('offline', 'no network')), 30_000)
  interval.afterNothing()
  t.equal(interval.afterFailure(new TypeError('a bug')), 5_000)
  t.end()
})

t.test('Retry-After is the least', t => {
  const interval = new PullInterval()
  t.equal(interval.afterFailure(new Fault('throttled', 'wait', { retryAfterSeconds: 600 })), 600_000)
  t.end()
})

import t from 'tap'
import { delayAfter, patienceWith } from '../../../src/model/upload-patience.js'

t.test('each attempt waits twice as long as the one before, up to some time', t => {
  const waits = [1, 2, 3, 4, 5, 60].map(attempts =>
    delayAfter({ code: 'offline', retryAfterSeconds: undefined }, attempts, 0.5),
  )
  t.same(waits, [5_000, 10_000, 20_000, 40_000, 60_000, 60_000])
  t.end()
})

t.test('drives that lost the same service do not come back at the same moment', t => {
  const fault = { code: 'offline', retryAfterSeconds: undefined } as const
  t.equal(delayAfter(fault, 1, 0), 4_000)
  t.equal(delayAfter(fault, 1, 1), 6_000)
  t.end()
})

t.test('the service’s own wish counts as the least, and not for ever', t => {
  t.equal(delayAfter({ code: 'throttled', retryAfterSeconds: 120 }, 1, 0.5), 120_000)
  t.equal(delayAfter({ code: 'throttled', retryAfterSeconds: 1 }, 1, 0.5), 15_000)
  t.equal(delayAfter({ code: 'throttled', retryAfterSeconds: 1e9 }, 1, 0.5), 24 * 60 * 60_000)
  t.end()
})

t.test('what only a person can change needs attention', t => {
  for (const code of ['name-refused', 'quota-full', 'sign-in-required', 'access-denied'] as const) {
    t.ok(patienceWith(code).needsAttention, code)
  }
  for (const code of ['offline', 'locked', 'throttled', 'server-error'] as const) {
    t.notOk(patienceWith(code).needsAttention, code)
  }
  t.end()
})

t.test('what one file meets, its library or its organization meets only where that is so', t => {
  t.equal(patienceWith('locked').reach, 'item')
  t.equal(patienceWith('quota-full').reach, 'space')
  t.equal(patienceWith('access-removed').reach, 'library')
  t.equal(patienceWith('offline').reach, 'tenant')
  t.end()
})

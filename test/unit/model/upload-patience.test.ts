import t from 'tap'
import type { FaultCode } from '../../../src/model/fault.js'
import { TIRED_AFTER } from '../../../src/model/attempts.js'
import { delayAfter, needsAttention, patienceWith } from '../../../src/model/upload-patience.js'

const CODES = [
  ...([
    'offline',
    'timed-out',
    'server-error',
    'protocol-error',
    'throttled',
    'stale-content',
    'name-taken',
  ] as const),
  ...([
    'item-not-found',
    'not-empty',
    'locked',
    'quota-full',
    'access-denied',
    'read-only',
    'not-a-guest',
  ] as const),
  ...(['blocked-by-policy', 'certificate-untrusted', 'sign-in-required', 'consent-required'] as const),
  ...([
    'name-refused',
    'file-too-large',
    'not-supported',
    'corrupt-content',
    'disk-full',
    'local-io',
  ] as const),
] as readonly FaultCode[]

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

t.test('what only a person can change needs attention at once', t => {
  for (const code of ['name-refused', 'quota-full', 'sign-in-required', 'access-denied'] as const) {
    t.ok(needsAttention(code, 1), code)
  }
  t.end()
})

t.test('what may pass needs attention when it has not passed in some whole attempts', t => {
  for (const code of ['server-error', 'protocol-error', 'timed-out', 'stale-content'] as const) {
    t.notOk(needsAttention(code, TIRED_AFTER - 1), code)
    t.ok(needsAttention(code, TIRED_AFTER), code)
  }
  for (const code of ['offline', 'locked', 'throttled'] as const) t.notOk(needsAttention(code, 1_000), code)
  t.end()
})

t.test('nothing is tried more than some fifty times in a day, but for a network that is not there', t => {
  const DAY = 24 * 60 * 60_000
  for (const code of CODES) {
    if (code === 'offline') continue
    let [attempts, passed] = [0, 0]
    while (passed < DAY) passed += delayAfter({ code, retryAfterSeconds: undefined }, ++attempts, 0.5)
    t.ok(attempts <= 60, `${code}: ${attempts} attempts`)
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

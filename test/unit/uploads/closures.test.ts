import t from 'tap'
import { Fault, type FaultCode } from '../../../src/model/fault.js'
import type { ItemId, LibraryId, TenantId } from '../../../src/model/ids.js'
import type { LibraryRecord } from '../../../src/store/library-table.js'
import { Closures } from '../../../src/uploads/closures.js'

const MINUTE = 60_000
const tenant = '22222222-2222-4222-8222-222222222222' as TenantId
const library = {
  id: 1 as LibraryId,
  organization: 'Contoso',
  name: 'Documents',
  access: 'write',
  root: { tenant, drive: 'b!d', item: 'R' as ItemId },
} as LibraryRecord

const until = (closures: Closures, code: FaultCode, now: number) =>
  closures.note(new Fault(code, code), library, now, 0.5) ?? 0

t.test('a wait counts the failures of its own kind only', async t => {
  const closures = new Closures()
  let now = 0
  for (let attempt = 0; attempt < 20; attempt++) now = until(closures, 'offline', now)
  t.equal(
    until(closures, 'certificate-untrusted', now) - now,
    5 * MINUTE,
    'after 20 attempts without a network',
  )
  t.equal(until(closures, 'offline', now + 6 * MINUTE) - now, 7 * MINUTE, 'and the other goes on as it was')
})

for (const code of ['offline', 'certificate-untrusted'] as const) {
  t.test(`any answer of the organization ends a wait for it: ${code}`, async t => {
    const closures = new Closures()
    const end = until(closures, code, 0)
    t.ok(closures.of(library, false, end - 1))
    t.notOk(closures.reached('another' as TenantId, end - 1))
    t.ok(closures.reached(tenant, end - 1))
    t.equal(closures.of(library, false, end - 1), undefined)
    t.notOk(closures.reached(tenant, end - 1), 'nothing is left to end')
  })
}

t.test('what the organization has asked for, or refused, is not ended by an answer to somebody', async t => {
  for (const code of ['throttled', 'sign-in-required', 'not-a-guest'] as const) {
    const closures = new Closures()
    until(closures, code, 0)
    t.notOk(closures.reached(tenant, 1), code)
  }
})

t.test('answers to others that help nothing end ever fewer waits', async t => {
  const closures = new Closures()
  let attempts = 0
  // A day in which somebody is answered each second, and whatever is sent meets another certificate.
  for (let now = 0; now < 24 * 60 * MINUTE; now += 1_000) {
    if (closures.of(library, false, now) === undefined) {
      attempts++
      until(closures, 'certificate-untrusted', now)
    }
    closures.reached(tenant, now)
  }
  t.ok(attempts < 70, `${attempts} attempts`)
})

t.test('something that was sent ends all of it', async t => {
  const closures = new Closures()
  until(closures, 'certificate-untrusted', 0)
  closures.open(library, false)
  t.equal(closures.of(library, false, 1), undefined)
  t.equal(until(closures, 'certificate-untrusted', 0), 5 * MINUTE)
})

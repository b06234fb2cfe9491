import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { PolicyHolder } from '../../../src/daemon/policy-holder.js'
import { TenantPolicy } from '../../../src/daemon/tenant-policy.js'
import { Fault } from '../../../src/model/fault.js'
import type { TenantId } from '../../../src/model/ids.js'
import { OrganizationNames } from '../../../src/model/organization-names.js'
import { TestClock } from '../../semantics/test-clock.js'

const HOME = '11111111-1111-4111-8111-111111111111' as TenantId
const CONTOSO = '22222222-2222-4222-8222-222222222222' as TenantId
const TAILSPIN = '33333333-3333-4333-8333-333333333333' as TenantId
const { signal } = new AbortController()

function world(t: Test, content?: unknown) {
  const file = join(t.testdir(), 'policy.json')
  const write = (written: unknown) => writeFileSync(file, JSON.stringify(written), { mode: 0o644 })
  if (content !== undefined) write(content)
  const clock = new TestClock()
  const troubles: string[] = []
  const holder = new PolicyHolder({
    source: { file, owner: process.getuid?.() ?? 0 },
    clock,
    onTrouble: event => void troubles.push(event),
  })
  t.teardown(() => holder.close())
  const account: { home: TenantId | undefined } = { home: HOME }
  const accounts = {
    current: () =>
      account.home === undefined
        ? Promise.reject(new Fault('not-signed-in', 'nobody'))
        : Promise.resolve({ homeTenant: account.home }),
  }
  const organizations = new OrganizationNames()
  organizations.learn(CONTOSO, 'Contoso')
  const tenants = new TenantPolicy({ holder, accounts, organizations })
  const allowed = async (tenant: TenantId) => (await tenants.refusalOf(tenant, signal)) === undefined
  return { file, write, clock, holder, tenants, allowed, account, troubles }
}

t.test('without a policy everybody may be asked', async t => {
  const { allowed, holder } = world(t)
  t.ok(await allowed(CONTOSO))
  t.notOk(holder.isThere)
})

t.test('a blocked organization is refused, and the refusal says whom to ask', async t => {
  const { allowed, tenants } = world(t, { BlockTenantList: [CONTOSO] })
  t.notOk(await allowed(CONTOSO))
  t.ok(await allowed(TAILSPIN))
  t.match(await tenants.refusalOf(CONTOSO, signal), {
    code: 'blocked-by-policy',
    message: /administrator.*Contoso/,
    nextStep: 'Ask your administrator.',
  })
})

t.test('a list of those who are allowed takes priority', async t => {
  const { allowed } = world(t, { AllowTenantList: [CONTOSO], BlockTenantList: [CONTOSO] })
  t.ok(await allowed(CONTOSO))
  t.notOk(await allowed(TAILSPIN))
})

t.test('without external organizations there is the home tenant', async t => {
  const { allowed, account } = world(t, { BlockExternalSync: true, AllowTenantList: [CONTOSO, HOME] })
  t.notOk(await allowed(CONTOSO))
  t.ok(await allowed(HOME))
  account.home = undefined
  t.notOk(await allowed(HOME), 'whose it is, nobody knows before somebody is signed in')
})

t.test('a change is noticed within a minute', async t => {
  const { allowed, write, clock, holder, file } = world(t)
  let changes = 0
  const changed = () => new Promise<void>(resolve => holder.onChange(() => resolve()))
  holder.onChange(() => changes++)
  holder.start()
  write({ BlockTenantList: [CONTOSO] })
  t.ok(await allowed(CONTOSO), 'not before')
  let next = changed()
  clock.advance(60_000)
  await next
  t.notOk(await allowed(CONTOSO))
  rmSync(file)
  next = changed()
  // The watch has to be asleep again before time can wake it.
  await new Promise(resolve => setImmediate(resolve))
  clock.advance(60_000)
  await next
  t.ok(await allowed(CONTOSO))
  t.equal(changes, 2)
})

t.test('a policy that becomes unusable closes, and what it limited before stays limited', async t => {
  const { allowed, write, holder, troubles } = world(t, { MinDiskSpaceLimitInMB: 100 })
  write({ MinDiskSpaceLimitInMB: 'much' })
  holder.look()
  t.match(holder.problem?.message, /"MinDiskSpaceLimitInMB"/)
  t.notOk(await allowed(CONTOSO))
  t.ok(await allowed(HOME))
  t.equal(holder.policy.leastFree, 100_000_000)
  t.same(troubles, ['policy-unusable'])
  write({})
  holder.look()
  t.ok(await allowed(CONTOSO))
  t.equal(holder.policy.leastFree, undefined)
})

t.test('nobody is told of a file that was only touched', t => {
  const { write, holder } = world(t, { BlockTenantList: [CONTOSO] })
  holder.onChange(() => t.fail('nothing has changed'))
  write({ BlockTenantList: [CONTOSO] })
  holder.look()
  t.end()
})

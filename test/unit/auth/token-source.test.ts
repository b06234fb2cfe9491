import t from 'tap'
import { EntraRefusal } from '../../../src/auth/entra-refusal.js'
import type { IssuedToken, MsalClient, Profile } from '../../../src/auth/msal-client.js'
import { TokenSource, type TenantRule } from '../../../src/auth/token-source.js'
import { Fault } from '../../../src/model/fault.js'
import type { TenantId } from '../../../src/model/ids.js'
import { OrganizationNames } from '../../../src/model/organization-names.js'

const HOME = '11111111-1111-4111-8111-111111111111' as TenantId
const CONTOSO = '22222222-2222-4222-8222-222222222222' as TenantId
const patient = new AbortController().signal
const profile: Profile = {
  homeAccountId: `aaaa.${HOME}`,
  environment: 'login.windows.net',
  tenantId: HOME,
  username: 'ann@fabrikam.example',
  localAccountId: 'aaaa',
}

type Silent = (call: {
  tenant: string
  fresh: boolean
  claims: string | undefined
}) => Partial<IssuedToken> | Error

function world(silent: Silent, policy?: TenantRule) {
  const clock = { time: 1_000_000, now: () => clock.time, sleep: () => Promise.resolve() }
  const calls: { tenant: string; fresh: boolean; claims: string | undefined }[] = []
  const msal = {
    silent(
      _: Profile,
      tenant: string,
      _scopes: unknown,
      _signal: unknown,
      options: { fresh?: boolean; claims?: string } = {},
    ) {
      const call = { tenant, fresh: options.fresh ?? false, claims: options.claims }
      calls.push(call)
      const result = silent(call)
      if (result instanceof Error) return Promise.reject(result)
      return Promise.resolve({
        accessToken: `token${calls.length}`,
        expires: clock.time + 3_600_000,
        tenant,
        profile,
        ...result,
      })
    },
  } as unknown as MsalClient
  const organizations = new OrganizationNames()
  organizations.learn(CONTOSO, 'Contoso')
  const source = new TokenSource({
    cloud: { loginHost: 'login.microsoftonline.com', clientId: 'c' },
    msal,
    accounts: { homeProfile: () => Promise.resolve(profile) },
    clock,
    organizations,
    ...(policy === undefined ? {} : { policy }),
  })
  return { source, calls, clock }
}

t.test('a token is asked for once and then known, per tenant and scopes', async t => {
  const { source, calls } = world(() => ({}))
  t.equal(await source.tokenFor(CONTOSO, ['a'], patient), 'token1')
  t.equal(await source.tokenFor(CONTOSO, ['a'], patient), 'token1')
  t.equal(await source.tokenFor(HOME, ['a'], patient), 'token2')
  t.equal(await source.tokenFor(CONTOSO, ['b'], patient), 'token3')
  t.same(
    calls.map(({ tenant }) => tenant),
    [CONTOSO, HOME, CONTOSO],
  )
})

t.test('many who ask at once share one question', async t => {
  const { source, calls } = world(() => ({}))
  const tokens = await Promise.all(Array.from({ length: 5 }, () => source.tokenFor(CONTOSO, ['a'], patient)))
  t.equal(new Set(tokens).size, 1)
  t.equal(calls.length, 1)
})

t.test('a token is renewed before it expires', async t => {
  const { source, clock } = world(() => ({}))
  await source.tokenFor(CONTOSO, ['a'], patient)
  clock.time += 54 * 60_000
  t.equal(await source.tokenFor(CONTOSO, ['a'], patient), 'token1')
  clock.time += 2 * 60_000
  t.equal(await source.tokenFor(CONTOSO, ['a'], patient), 'token2')
})

t.test('a refused token is never returned again', async t => {
  const { source, calls } = world(({ fresh }) => ({ accessToken: fresh ? 'new' : 'old' }))
  t.equal(await source.tokenFor(CONTOSO, ['a'], patient), 'old')
  t.equal(await source.tokenFor(CONTOSO, ['a'], patient, { refused: 'old' }), 'new')
  t.equal(await source.tokenFor(CONTOSO, ['a'], patient), 'new')
  t.same(
    calls.map(({ fresh }) => fresh),
    [false, false, true],
    'another process may have stored a newer one',
  )
})

t.test('claims are passed on, and never answered from memory', async t => {
  const { source, calls } = world(() => ({}))
  await source.tokenFor(CONTOSO, ['a'], patient)
  t.equal(await source.tokenFor(CONTOSO, ['a'], patient, { refused: 'token1', claims: '{}' }), 'token2')
  t.equal(calls[1]?.claims, '{}')
})

t.test('a token of another tenant is not used', async t => {
  const { source } = world(() => ({ tenant: HOME }))
  await t.rejects(source.tokenFor(CONTOSO, ['a'], patient), { code: 'sign-in-failed', message: /Contoso/ })
})

t.test("a refusal names the organization, and one tenant's refusal leaves the others alone", async t => {
  const { source } = world(({ tenant }) =>
    tenant === CONTOSO ? new EntraRefusal({ status: 400, error: 'invalid_grant', codes: [50020] }) : {},
  )
  await source.tokenFor(HOME, ['a'], patient)
  await t.rejects(source.tokenFor(CONTOSO, ['a'], patient), { code: 'not-a-guest', message: /Contoso/ })
  t.equal(await source.tokenFor(HOME, ['a'], patient), 'token1')
})

t.test('after a sign-out nothing is known', async t => {
  const { source } = world(() => ({}))
  await source.tokenFor(CONTOSO, ['a'], patient)
  source.forget()
  t.equal(await source.tokenFor(CONTOSO, ['a'], patient), 'token2')
})

t.test('what a tenant wants proven is known to the next sign-in there, and to no other', async t => {
  const claims = '{"access_token":{"capolids":{"essential":true}}}'
  const { source, calls } = world(({ tenant }) =>
    tenant === CONTOSO
      ? new EntraRefusal({ status: 400, error: 'interaction_required', codes: [50076], claims })
      : {},
  )
  await t.rejects(source.tokenFor(CONTOSO, ['a'], patient), { code: 'sign-in-required' })
  t.equal(await source.claimsFor(CONTOSO, ['a'], patient), claims)
  t.equal(calls.length, 1, 'it was told before')
  t.equal(await source.claimsFor(HOME, ['a'], patient), undefined)
  source.forget()
  t.equal(await source.claimsFor(CONTOSO, ['a'], patient), claims, 'it is asked')
  t.equal(calls.length, 3)
})

t.test('what a service challenged with is proven at the next sign-in', async t => {
  const { source } = world(() => ({}))
  await source.tokenFor(CONTOSO, ['a'], patient, { refused: 'x', claims: '{"nbf":1}' })
  t.equal(await source.claimsFor(CONTOSO, ['a'], patient), '{"nbf":1}')
})

t.test('a tenant that refuses for another reason wants nothing proven', async t => {
  const { source } = world(() => new EntraRefusal({ status: 400, error: 'invalid_grant', codes: [65001] }))
  t.equal(await source.claimsFor(CONTOSO, ['a'], patient), undefined)
})

t.test('who needs a sign-in is not asked for again and again, and everybody else is', async t => {
  let code = 50076
  const { source, clock, calls } = world(
    () => new EntraRefusal({ status: 400, error: 'invalid_grant', codes: [code] }),
  )
  const ask = (code: string) => t.rejects(source.tokenFor(CONTOSO, ['a'], patient), { code })
  await ask('sign-in-required')
  await ask('sign-in-required')
  t.equal(calls.length, 1, 'Entra would take it for a loop')
  t.match(source.problemOf(CONTOSO, ['a']), { code: 'sign-in-required' })
  clock.time += 31_000
  await ask('sign-in-required')
  t.equal(calls.length, 2, 'it may have been lifted')
  source.forget()
  t.equal(source.problemOf(CONTOSO, ['a']), undefined)
  t.equal(source.problemOf(CONTOSO, ['b']), undefined, 'for these scopes only')
  code = 65001
  await ask('consent-required')
  await ask('consent-required')
  t.equal(calls.length, 4, 'an administrator may have consented just now')
  t.match(source.problemOf(CONTOSO, ['a']), { code: 'consent-required' })
})

t.test('a sign-in service that wants us to wait is not asked before that time', async t => {
  let refusal = { status: 400, codes: [50196] } as {
    status: number
    codes?: number[]
    retryAfterSeconds?: number
  }
  const { source, clock, calls } = world(() => new EntraRefusal({ error: 'invalid_grant', ...refusal }))
  const ask = () => t.rejects(source.tokenFor(CONTOSO, ['a'], patient), { code: 'throttled' })
  await ask()
  await ask()
  t.equal(calls.length, 1, 'who asks on is a loop')
  t.match(source.problemOf(CONTOSO, ['a']), { code: 'throttled' })
  clock.time += 60_000
  refusal = { status: 429, retryAfterSeconds: 20 }
  await ask()
  clock.time += 19_000
  await ask()
  t.equal(calls.length, 2)
  clock.time += 1_000
  refusal = { status: 429, retryAfterSeconds: 80_000 }
  await ask()
  clock.time += 60 * 60_000
  await ask()
  t.equal(calls.length, 4, 'an hour at most')
})

t.test('a tenant that gives a token has no problem', async t => {
  let refuses = true
  const { source } = world(() =>
    refuses ? new EntraRefusal({ status: 400, error: 'invalid_grant', codes: [50014] }) : {},
  )
  await t.rejects(source.tokenFor(CONTOSO, ['a'], patient))
  t.match(source.problemOf(CONTOSO, ['a']), { code: 'invitation-pending' })
  refuses = false
  await source.tokenFor(CONTOSO, ['a'], patient)
  t.equal(source.problemOf(CONTOSO, ['a']), undefined)
})

t.test('no token is given out for an organization that is not allowed, nor one that is known', async t => {
  let allowed = true
  const refusal = new Fault('blocked-by-policy', 'not Contoso')
  const { source, calls } = world(() => ({}), {
    refusalOf: tenant => Promise.resolve(tenant === CONTOSO && !allowed ? refusal : undefined),
  })
  await source.tokenFor(CONTOSO, ['a'], patient)
  allowed = false
  await t.rejects(source.tokenFor(CONTOSO, ['a'], patient), { code: 'blocked-by-policy' })
  await t.rejects(source.tokenFor(CONTOSO, ['b'], patient), { code: 'blocked-by-policy' })
  t.equal(calls.length, 1, 'nobody was asked')
  t.equal(await source.tokenFor(HOME, ['a'], patient), 'token2')
  allowed = true
  t.equal(await source.tokenFor(CONTOSO, ['a'], patient), 'token1')
})

t.test('a tenant that wants a sign-in is asked ever more rarely until somebody signs in', async t => {
  const { source, clock, calls } = world(
    () => new EntraRefusal({ status: 400, error: 'invalid_grant', codes: [50076] }),
  )
  const DAY = 24 * 60 * 60_000
  for (const end = clock.time + DAY; clock.time < end; clock.time += 10_000) {
    await t.rejects(source.tokenFor(CONTOSO, ['a'], patient), { code: 'sign-in-required' })
  }
  t.ok(calls.length > 10 && calls.length < 70, `${calls.length} requests in a day`)
  const { length } = calls
  source.forget()
  await t.rejects(source.tokenFor(CONTOSO, ['a'], patient), { code: 'sign-in-required' })
  t.equal(calls.length, length + 1, 'a sign-in ends it at once')
})

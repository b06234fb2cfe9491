import { createHash } from 'node:crypto'
import t from 'tap'
import type { Accounts } from '../../../src/auth/accounts.js'
import { EntraRefusal } from '../../../src/auth/entra-refusal.js'
import type { AuthorizeRequest, IssuedToken, MsalClient, Profile } from '../../../src/auth/msal-client.js'
import { SignIn } from '../../../src/auth/sign-in.js'
import type { Clock } from '../../../src/concurrency/clock.js'
import type { TenantId } from '../../../src/model/ids.js'
import { OrganizationNames } from '../../../src/model/organization-names.js'

const HOME = '11111111-1111-4111-8111-111111111111'
const CONTOSO = '22222222-2222-4222-8222-222222222222' as TenantId
const PERSONAL = '9188040d-6c67-4c5b-b112-36a304b66dad'
const patient = new AbortController().signal

const profile = (over: Partial<Profile> = {}): Profile => ({
  homeAccountId: `ann.${HOME}`,
  environment: 'login.windows.net',
  tenantId: HOME,
  username: 'ann@fabrikam.example',
  localAccountId: 'ann',
  name: 'Ann Example',
  ...over,
})

/** A clock whose deadlines strike only when the test says so. */
function stoppedClock() {
  let strike = () => {}
  const clock: Clock = { now: () => 1000, sleep: () => new Promise(resolve => (strike = resolve)) }
  return { clock, strike: () => strike() }
}

function world(issued: Partial<IssuedToken> | Error = {}) {
  const removed: string[] = []
  const authorized: AuthorizeRequest[] = []
  const redeemed: { code: string; codeVerifier: string }[] = []
  const issue = () =>
    issued instanceof Error
      ? Promise.reject(issued)
      : Promise.resolve({ accessToken: 'secret', expires: 0, tenant: HOME, profile: profile(), ...issued })
  const msal = {
    authorizeUrl(request: AuthorizeRequest) {
      authorized.push(request)
      return Promise.resolve(`https://login.example/?state=${request.state}`)
    },
    redeemCode(request: { code: string; codeVerifier: string }) {
      redeemed.push(request)
      return issue()
    },
    byDeviceCode(_: unknown, show: (code: { url: string; userCode: string; lifetime: number }) => void) {
      show({ url: 'https://login.example/device', userCode: 'ABC', lifetime: 900_000 })
      return issue()
    },
  } as unknown as MsalClient
  const accounts = {
    homeProfile: () => Promise.resolve(profile()),
    keepOnly: () => Promise.resolve(),
    remove: ({ username }: Profile) => (removed.push(username), Promise.resolve()),
  } as unknown as Accounts
  const { clock, strike } = stoppedClock()
  const organizations = new OrganizationNames()
  organizations.learn(CONTOSO, 'Contoso')
  const cloud = { loginHost: 'login.example', clientId: 'c' }
  const signIn = new SignIn({ cloud, msal, accounts, clock, organizations })
  const pages: string[] = []
  /** The browser comes back with these parameters, and keeps the page that it is shown. */
  const returningWith = (parameters: Record<string, string>) => () => {
    const { redirectUri, state } = authorized[0] ?? { redirectUri: '', state: '' }
    const query = new URLSearchParams({ state, ...parameters })
    void fetch(`${redirectUri.replace('localhost', '127.0.0.1')}/?${query.toString()}`)
      .then(response => response.text())
      .then(page => pages.push(page))
  }
  const shown = async () => {
    while (pages.length === 0) await new Promise(resolve => setImmediate(resolve))
    return pages[0] ?? ''
  }
  return { signIn, removed, authorized, redeemed, returningWith, shown, strike }
}

t.test('the code is redeemed with the verifier of its challenge, and the browser says so', async t => {
  const { signIn, authorized, redeemed, returningWith, shown } = world()
  const account = await signIn.inBrowser(returningWith({ code: 'the-code' }), patient)
  t.same(account, { username: 'ann@fabrikam.example', displayName: 'Ann Example', homeTenant: HOME })
  t.match(authorized[0], { authority: 'organizations', scopes: ['User.Read'] })
  const verifier = redeemed[0]?.codeVerifier ?? ''
  t.equal(createHash('sha256').update(verifier).digest('base64url'), authorized[0]?.codeChallenge)
  t.match(await shown(), /You are signed in/)
})

t.test('a personal account is refused, and its tokens are removed again', async t => {
  for (const over of [{ homeAccountId: `p.${PERSONAL}` }, { tenantId: PERSONAL }]) {
    const { signIn, removed, returningWith, shown } = world({
      profile: profile({ ...over, username: 'paula' }),
    })
    await t.rejects(signIn.inBrowser(returningWith({ code: 'x' }), patient), { code: 'personal-account' })
    t.same(removed, ['paula'])
    t.match(await shown(), /did not succeed/)
  }
})

t.test('another account than the expected one is refused, and its tokens are removed again', async t => {
  const { signIn, removed, returningWith } = world({
    profile: profile({ homeAccountId: `bob.${HOME}`, username: 'bob' }),
    tenant: CONTOSO,
  })
  const stepUp = signIn.inBrowser(returningWith({ code: 'x' }), patient, { tenant: CONTOSO })
  await t.rejects(stepUp, { code: 'sign-in-failed' })
  t.same(removed, ['bob'])
})

t.test('a step-up asks that tenant for that account, with its claims', async t => {
  const { signIn, authorized, returningWith } = world({ tenant: CONTOSO })
  await signIn.inBrowser(returningWith({ code: 'x' }), patient, { tenant: CONTOSO, claims: '{"x":1}' })
  t.match(authorized[0], { authority: CONTOSO, loginHint: 'ann@fabrikam.example', claims: '{"x":1}' })
})

t.test('a token of another tenant is no step-up', async t => {
  const { signIn, returningWith } = world({ tenant: HOME })
  const stepUp = signIn.inBrowser(returningWith({ code: 'x' }), patient, { tenant: CONTOSO })
  await t.rejects(stepUp, { code: 'sign-in-failed', message: /Contoso/ })
})

t.test('what the page refuses is explained', async t => {
  const declined = world()
  const back = declined.returningWith({ error: 'access_denied', error_description: 'AADSTS65004: declined' })
  await t.rejects(declined.signIn.inBrowser(back, patient), { code: 'sign-in-failed', message: /declined/ })
  t.match(await declined.shown(), /The sign-in was declined/)
  const blocked = world(new EntraRefusal({ status: 400, error: 'invalid_grant', codes: [53003] }))
  const asked = blocked.signIn.inBrowser(blocked.returningWith({ code: 'x' }), patient, { tenant: CONTOSO })
  await t.rejects(asked, { code: 'blocked-by-policy', message: /Contoso/ })
})

t.test('nobody waits for ever for a browser', async t => {
  const { signIn, strike } = world()
  const waiting = signIn.inBrowser(() => strike(), patient)
  await t.rejects(waiting, { code: 'timed-out' })
})

t.test('the wait can be given up', async t => {
  const abort = new AbortController()
  const waiting = world().signIn.inBrowser(() => abort.abort(new Error('Ctrl-C')), abort.signal)
  await t.rejects(waiting, { message: 'Ctrl-C' })
})

t.test('a device code is shown with the time until when it can be typed', async t => {
  const shown: unknown[] = []
  const { signIn } = world()
  await signIn.byDeviceCode(code => shown.push(code), patient)
  t.same(shown, [{ url: 'https://login.example/device', userCode: 'ABC', expires: 901_000 }])
})

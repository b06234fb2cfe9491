import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { changePeople } from '../../src/emulator/admin/people.js'
import { signInAsPerson } from '../../src/emulator/person.js'
import { Fault } from '../../src/model/fault.js'
import type { TenantId } from '../../src/model/ids.js'
import { LIBRARY_SCOPES } from '../../src/model/scopes.js'
import { SignInRequired } from '../../src/model/sign-in-required.js'
import { buildClient, openWorld } from './open-client.js'

const HOME = '11111111-1111-4111-8111-111111111111' as TenantId
const CONTOSO = '22222222-2222-4222-8222-222222222222' as TenantId
const NORTHWIND = '33333333-3333-4333-8333-333333333333' as TenantId
const STRICT = '88888888-8888-4888-8888-888888888888' as TenantId
const ANN = { username: 'ann@fabrikam.example', displayName: 'Ann Example', homeTenant: HOME }

const world = await openWorld(t)
const { signal, emulator, cloud, signIn, accounts, tokens } = world

/** A second process with the same state. */
const another = () => {
  const client = buildClient(cloud, world.stateDirectory)
  t.teardown(() => client.http.close())
  return client
}
const tenantIn = (token: string) =>
  (JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { tid: string }).tid

t.test('before the sign-in nobody is signed in', async t => {
  await t.rejects(accounts.current(signal), { code: 'not-signed-in', nextStep: 'Run: b2bmount sign-in' })
  await t.rejects(tokens.tokenFor(CONTOSO, LIBRARY_SCOPES, signal), { code: 'not-signed-in' })
})

/** A person who does not get through: the page ends without an answer, and the wait is given up. */
function failing(account: string) {
  const abort = new AbortController()
  const giveUp = () => abort.abort(new Error('the page ended'))
  const open = (url: string) => {
    signInAsPerson(url, { cloudFile: emulator.cloudFile, account, signal }).then(giveUp, giveUp)
  }
  return { open, signal: abort.signal }
}

t.test('a personal account does not get through', async t => {
  const paula = failing('paula@outlook.example')
  await t.rejects(signIn.inBrowser(paula.open, paula.signal))
  await t.rejects(accounts.current(signal), { code: 'not-signed-in' })
})

t.test('a sign-in can be given up', async t => {
  const abort = new AbortController()
  const waiting = signIn.inBrowser(() => abort.abort(new Error('Ctrl-C')), abort.signal)
  await t.rejects(waiting, { message: 'Ctrl-C' })
  const code = new AbortController()
  await t.rejects(
    signIn.byDeviceCode(() => code.abort(new Error('Ctrl-C')), code.signal),
    { message: 'Ctrl-C' },
  )
})

t.test('one sign-in in the browser is a sign-in', async t => {
  t.same(await signIn.inBrowser(world.browser(), signal), ANN)
  t.same(await accounts.current(signal), ANN)
})

t.test('each tenant gets a token of its own, from the one account', async t => {
  for (const tenant of [CONTOSO, HOME, NORTHWIND]) {
    t.equal(tenantIn(await tokens.tokenFor(tenant, LIBRARY_SCOPES, signal)), tenant)
  }
})

t.test('all tenants at once', async t => {
  const { tokens } = another()
  const tenants = [CONTOSO, NORTHWIND, HOME, CONTOSO, NORTHWIND]
  const all = await Promise.all(tenants.map(tenant => tokens.tokenFor(tenant, LIBRARY_SCOPES, signal)))
  t.same(all.map(tenantIn), tenants)
})

t.test('another process finds the account and its tokens', async t => {
  const { accounts, tokens } = another()
  t.same(await accounts.current(signal), ANN)
  t.equal(
    await tokens.tokenFor(CONTOSO, LIBRARY_SCOPES, signal),
    await another().tokens.tokenFor(CONTOSO, LIBRARY_SCOPES, signal),
  )
})

t.test('the tokens are in a file that only the owner can read', t => {
  const directory = join(world.stateDirectory, 'account')
  t.same(readdirSync(directory), ['tokens.json'])
  t.equal(statSync(join(directory, 'tokens.json')).mode & 0o777, 0o600)
  t.equal(statSync(directory).mode & 0o777, 0o700)
  t.match(JSON.parse(readFileSync(join(directory, 'tokens.json'), 'utf8')), { RefreshToken: Object })
  t.end()
})

t.test('a refused token is replaced by another one', async t => {
  const old = await tokens.tokenFor(CONTOSO, LIBRARY_SCOPES, signal)
  const renewed = await tokens.tokenFor(CONTOSO, LIBRARY_SCOPES, signal, { refused: old })
  t.not(renewed, old)
  t.equal(await tokens.tokenFor(CONTOSO, LIBRARY_SCOPES, signal), renewed)
})

t.test('bad_token in one tenant leaves every other tenant alone', async t => {
  // 50173 comes with suberror bad_token: MSAL then drops the one refresh token that serves all tenants.
  changePeople(emulator.world, { do: 'refuse', tenant: CONTOSO, user: ANN.username, code: 50173 })
  t.teardown(() => changePeople(emulator.world, { do: 'allow', tenant: CONTOSO, user: ANN.username }))
  const { tokens } = another()
  const old = await tokens.tokenFor(CONTOSO, LIBRARY_SCOPES, signal)
  await t.rejects(tokens.tokenFor(CONTOSO, LIBRARY_SCOPES, signal, { refused: old }), {
    code: 'sign-in-required',
  })
  const northwind = await tokens.tokenFor(NORTHWIND, LIBRARY_SCOPES, signal)
  t.equal(
    tenantIn(await tokens.tokenFor(NORTHWIND, LIBRARY_SCOPES, signal, { refused: northwind })),
    NORTHWIND,
  )
  t.same(await another().accounts.current(signal), ANN)
})

t.test('where a second factor is asked for, an interactive sign-in in that tenant helps', async t => {
  const failure = await tokens.tokenFor(STRICT, LIBRARY_SCOPES, signal).catch((failure: unknown) => failure)
  t.ok(failure instanceof SignInRequired)
  t.match(failure, { tenant: STRICT })
  const claims = failure instanceof SignInRequired ? failure.claims : undefined
  const options = { tenant: STRICT, ...(claims === undefined ? {} : { claims }) }
  t.same(
    await signIn.inBrowser(world.browser(), signal, options),
    ANN,
    'the account stays that of the home tenant',
  )
  // As the daemon does after each sign-in.
  tokens.forget()
  t.equal(tenantIn(await tokens.tokenFor(STRICT, LIBRARY_SCOPES, signal)), STRICT)
  t.equal(tenantIn(await another().tokens.tokenFor(NORTHWIND, LIBRARY_SCOPES, signal)), NORTHWIND)
})

t.test('somebody else cannot step in for the account', async t => {
  const bob = failing('bob@fabrikam.example')
  await t.rejects(signIn.inBrowser(bob.open, bob.signal, { tenant: HOME }))
  t.same(await another().accounts.current(signal), ANN)
})

t.test('every refusal is a Fault with a next step', async t => {
  for (const code of [50020, 50014, 500212, 53003, 65001, 700082, 50057, 90033]) {
    changePeople(emulator.world, { do: 'refuse', tenant: NORTHWIND, user: ANN.username, code })
    const failure = await another()
      .tokens.tokenFor(NORTHWIND, ['Files.Read.All'], signal)
      .catch((failure: unknown) => failure)
    t.ok(failure instanceof Fault, `AADSTS${code} is understood`)
    t.ok(failure instanceof Fault && failure.nextStep, `AADSTS${code} has a next step`)
  }
  changePeople(emulator.world, { do: 'allow', tenant: NORTHWIND, user: ANN.username })
})

t.test('signing in as another account replaces the first one and its tokens', async t => {
  t.match(await signIn.inBrowser(world.browser('bob@fabrikam.example'), signal), {
    username: 'bob@fabrikam.example',
  })
  const { accounts } = another()
  t.match(await accounts.current(signal), { username: 'bob@fabrikam.example' })
  t.notMatch(readFileSync(join(world.stateDirectory, 'account', 'tokens.json'), 'utf8'), /ann@fabrikam/)
})

t.test('a code can be typed into any browser', async t => {
  const account = await signIn.byDeviceCode(({ url, userCode, expires }) => {
    t.match(url, /^https:\/\//)
    t.ok(expires > Date.now())
    const person = { cloudFile: emulator.cloudFile, account: ANN.username, userCode, signal }
    signInAsPerson(url, person).catch((failure: unknown) => t.fail(String(failure)))
  }, signal)
  t.same(account, ANN)
})

t.test('signing out removes the account and its tokens', async t => {
  t.same(await accounts.signOut(signal), ANN)
  tokens.forget()
  t.same(readdirSync(join(world.stateDirectory, 'account')), [])
  await t.rejects(tokens.tokenFor(HOME, LIBRARY_SCOPES, signal), { code: 'not-signed-in' })
  await t.rejects(accounts.signOut(signal), { code: 'not-signed-in' })
})

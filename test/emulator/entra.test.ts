import { createHash } from 'node:crypto'
import { createLocalJWKSet, decodeJwt, jwtVerify, type JSONWebKeySet } from 'jose'
import t from 'tap'
import { signInAsPerson } from '../../src/emulator/person.js'
import { ANN, authorize, CLIENT_ID, CONTOSO, FABRIKAM, type Lab, openLab, type Reply } from './helpers.js'

const LOGIN = 'https://login.microsoftonline.com'
const SCOPE = 'Files.ReadWrite.All User.Read openid profile offline_access'

function refresh(lab: Lab, tenant: string, refreshToken: string, scope = SCOPE): Promise<Reply> {
  return lab.form(`${LOGIN}/${tenant}/oauth2/v2.0/token`, {
    grant_type: 'refresh_token',
    client_id: CLIENT_ID,
    refresh_token: refreshToken,
    scope,
    client_info: '1',
  })
}

t.test('one refresh token is redeemed in every tenant where the user is member or guest', async t => {
  const lab = await openLab(t)
  const home = await lab.signIn('organizations')
  const homeClaims = decodeJwt(home.json.id_token)
  t.equal(homeClaims['tid'], FABRIKAM)
  t.notOk('idp' in homeClaims)

  const there = await refresh(lab, CONTOSO, home.json.refresh_token)
  const claims = decodeJwt(there.json.id_token)
  t.equal(claims['tid'], CONTOSO)
  t.not(claims['oid'], homeClaims['oid'])
  t.equal(claims['idp'], `https://sts.windows.net/${FABRIKAM}/`)
  t.equal(claims['preferred_username'], ANN)
  const identity = { uid: homeClaims['oid'], utid: FABRIKAM }
  for (const reply of [home, there]) {
    const info = Buffer.from(String(reply.json['client_info']), 'base64url').toString()
    t.same(JSON.parse(info), identity, 'client_info is the home identity')
  }

  const stranger = await refresh(lab, 'adatum.example', there.json.refresh_token)
  t.equal(stranger.status, 400)
  t.same(stranger.json.error_codes, [50020])
  const nowhere = await refresh(lab, 'nosuch.example', there.json.refresh_token)
  t.same(nowhere.json.error_codes, [90002])
})

t.test('tokens are signed by the published keys', async t => {
  const lab = await openLab(t)
  const token = await lab.token(CONTOSO)
  const keys = await lab.ask(`${LOGIN}/${CONTOSO}/discovery/v2.0/keys`)
  const { payload } = await jwtVerify(token, createLocalJWKSet(keys.json as unknown as JSONWebKeySet))
  t.equal(payload.aud, 'https://graph.microsoft.com')
  t.equal(payload['scp'], 'Files.ReadWrite.All Sites.Read.All User.Read')
})

t.test('the code comes back by form_post, query or fragment, with the state', async t => {
  const lab = await openLab(t)
  const posted = await authorize(lab.emulator, 'common', {
    account: ANN,
    scope: SCOPE,
    responseMode: 'form_post',
    state: 'st&te="1"',
  })
  t.equal(posted.method, 'POST')
  t.equal(posted.fields.get('state'), 'st&te="1"')
  t.ok(posted.fields.get('client_info'))
  const queried = await authorize(lab.emulator, 'common', {
    account: ANN,
    scope: SCOPE,
    responseMode: 'query',
  })
  t.equal(queried.method, 'GET')
  t.ok(queried.fields.get('code'))
})

t.test('a code is good once, with its verifier, for ten minutes', async t => {
  const lab = await openLab(t)
  const verifier = 'v'.repeat(43)
  const challenge = createHash('sha256').update(verifier).digest('base64url')
  const grant = async () => {
    const answer = await authorize(lab.emulator, FABRIKAM, {
      account: ANN,
      scope: SCOPE,
      responseMode: 'query',
      nonce: 'n-1',
      challenge,
    })
    return (fields: Record<string, string> = {}) =>
      lab.form(`${LOGIN}/${FABRIKAM}/oauth2/v2.0/token`, {
        grant_type: 'authorization_code',
        client_id: CLIENT_ID,
        code: answer.fields.get('code') ?? '',
        redirect_uri: answer.redirectUri,
        code_verifier: verifier,
        ...fields,
      })
  }
  const first = await grant()
  t.same((await first({ code_verifier: 'w'.repeat(43) })).json.error_codes, [501481])
  t.same((await first({ redirect_uri: 'http://localhost:1' })).json.error_codes, [50011])
  const redeemed = await first()
  t.equal(redeemed.status, 200)
  t.equal(decodeJwt(redeemed.json.id_token)['nonce'], 'n-1')
  t.same((await first()).json.error_codes, [54005])

  const second = await grant()
  await lab.admin('PUT', '/clock', { advanceSeconds: 601 })
  t.same((await second()).json.error_codes, [70008])
})

t.test('a device is signed in by the code on its screen', async t => {
  const lab = await openLab(t)
  for (const grantType of ['device_code', 'urn:ietf:params:oauth:grant-type:device_code']) {
    const device = await lab.form(`${LOGIN}/organizations/oauth2/v2.0/devicecode`, {
      client_id: CLIENT_ID,
      scope: SCOPE,
    })
    const poll = () =>
      lab.form(`${LOGIN}/organizations/oauth2/v2.0/token`, {
        grant_type: grantType,
        client_id: CLIENT_ID,
        device_code: device.json.device_code,
      })
    t.equal((await poll()).json['error'], 'authorization_pending')
    await signInAsPerson('https://microsoft.com/devicelogin', {
      cloudFile: lab.emulator.cloudFile,
      account: ANN,
      userCode: device.json.user_code.toLowerCase(),
    })
    const answer = await poll()
    t.equal(answer.status, 200)
    t.equal(decodeJwt(answer.json.access_token)['tid'], FABRIKAM)
    t.equal((await poll()).json['error'], 'bad_verification_code')
  }
})

t.test('a device code runs out, is declined, or is approved over the admin address', async t => {
  const lab = await openLab(t)
  const start = async () => {
    const device = await lab.form(`${LOGIN}/organizations/oauth2/v2.0/devicecode`, {
      client_id: CLIENT_ID,
      scope: SCOPE,
    })
    const poll = () =>
      lab.form(`${LOGIN}/organizations/oauth2/v2.0/token`, {
        grant_type: 'device_code',
        client_id: CLIENT_ID,
        device_code: device.json.device_code,
      })
    return { userCode: device.json.user_code, poll }
  }
  const approved = await start()
  await lab.admin('POST', '/device', { userCode: approved.userCode, user: ANN })
  t.equal((await approved.poll()).status, 200)
  const declined = await start()
  await lab.admin('POST', '/device', { userCode: declined.userCode, decline: true })
  t.equal((await declined.poll()).json['error'], 'authorization_declined')
  const late = await start()
  await lab.admin('PUT', '/clock', { advanceSeconds: 901 })
  t.equal((await late.poll()).json['error'], 'expired_token')
})

t.test('what stands in the way of a token is settled by the person who can', async t => {
  const lab = await openLab(t)
  const { refresh_token } = (await lab.signIn('organizations')).json
  const codeAt = async (tenant: string) => (await refresh(lab, tenant, refresh_token)).json.error_codes

  await t.test('a pending invitation, on the sign-in page', async t => {
    t.same(await codeAt('litware.example'), [50014])
    await lab.signIn('litware.example')
    t.same(await codeAt('litware.example'), undefined)
  })
  await t.test('multi-factor authentication, on the sign-in page', async t => {
    t.same(await codeAt('wingtip.example'), [50076])
    await lab.signIn('wingtip.example')
    t.same(await codeAt('wingtip.example'), undefined)
  })
  await t.test('consent, by the user where the tenant allows it', async t => {
    await lab.admin('POST', '/people', { do: 'consent', tenant: 'contoso', consent: 'user' })
    t.same(await codeAt(CONTOSO), [65001])
    const refused = await authorize(lab.emulator, CONTOSO, {
      account: ANN,
      scope: SCOPE,
      responseMode: 'query',
      declines: true,
    })
    t.equal(refused.fields.get('error'), 'access_denied')
    await lab.signIn(CONTOSO)
    t.same(await codeAt(CONTOSO), undefined)
  })
  await t.test('consent, by an administrator otherwise', async t => {
    t.same(await codeAt('proseware.example'), [65001])
    const url = `${LOGIN}/proseware.example/adminconsent?client_id=${CLIENT_ID}`
    const title = await signInAsPerson(url, {
      cloudFile: lab.emulator.cloudFile,
      account: 'pia@proseware.example',
    })
    t.equal(title, 'Permissions granted')
    t.same(await codeAt('proseware.example'), undefined)
  })
  await t.test('not at all, when a policy blocks', async t => {
    await lab.admin('POST', '/people', { do: 'refuse', tenant: 'contoso', user: ANN, code: 53003 })
    t.same(await codeAt(CONTOSO), [53003])
    await t.rejects(lab.signIn(CONTOSO), /AADSTS53003/)
    await lab.admin('POST', '/people', { do: 'allow', tenant: 'contoso', user: ANN })
    t.same(await codeAt(CONTOSO), undefined)
  })
  await t.test('nor when the guest is removed', async t => {
    const token = await lab.token(CONTOSO)
    await lab.admin('POST', '/people', { do: 'remove-guest', tenant: 'contoso', user: ANN })
    t.same(await codeAt(CONTOSO), [50020])
    await t.rejects(lab.signIn(CONTOSO), /AADSTS50020/)
    t.equal((await lab.graph(token, '/me')).status, 401)
  })
})

t.test('a personal account is turned away from the organizations page', async t => {
  const lab = await openLab(t)
  await t.rejects(lab.signIn('organizations', { account: 'paula@outlook.example' }), /AADSTS500200/)
  const personal = await lab.signIn('common', { account: 'paula@outlook.example' })
  t.equal(decodeJwt(personal.json.id_token)['tid'], '9188040d-6c67-4c5b-b112-36a304b66dad')
})

t.test('tokens end: by time, by inactivity, by revocation', async t => {
  const lab = await openLab(t)
  const { access_token, refresh_token } = (await lab.signIn(CONTOSO)).json
  t.equal((await lab.graph(access_token, '/me')).status, 200)
  await lab.admin('PUT', '/clock', { advanceSeconds: 3601 })
  const expired = await lab.graph(access_token, '/me')
  t.equal(expired.status, 401)
  t.match(expired.headers['www-authenticate'], /Bearer realm=""/)
  t.equal((await refresh(lab, CONTOSO, refresh_token)).status, 200)
  await lab.admin('POST', '/people', { do: 'revoke-tokens', user: ANN })
  t.same((await refresh(lab, CONTOSO, refresh_token)).json.error_codes, [50173])
  const { refresh_token: later } = (await lab.signIn(CONTOSO)).json
  await lab.admin('PUT', '/clock', { advanceSeconds: 91 * 24 * 3600 })
  t.same((await refresh(lab, CONTOSO, later)).json.error_codes, [700082])
})

t.test('whoever signed in before a restart still is afterwards', async t => {
  const directory = t.testdir()
  const first = await openLab(t, { directory })
  const { access_token, refresh_token } = (await first.signIn(CONTOSO)).json
  await first.emulator.close()
  const second = await openLab(t, { directory })
  t.equal((await second.graph(access_token, '/me')).status, 200)
  t.equal((await refresh(second, CONTOSO, refresh_token)).status, 200)
})

t.test('an unregistered application or redirect address is refused on the page', async t => {
  const lab = await openLab(t)
  const open = (fields: Record<string, string>) => {
    const query = new URLSearchParams({
      client_id: CLIENT_ID,
      response_type: 'code',
      redirect_uri: 'http://localhost:1',
      scope: 'User.Read',
      ...fields,
    })
    return lab.ask(`${LOGIN}/common/oauth2/v2.0/authorize?${query.toString()}`)
  }
  t.match((await open({ client_id: '00000000-0000-4000-8000-000000000000' })).text, /AADSTS700016/)
  t.match((await open({ redirect_uri: 'http://127.0.0.1:1' })).text, /AADSTS50011/)
  t.match((await open({ redirect_uri: 'https://evil.example' })).text, /AADSTS50011/)
  const silent = await open({ prompt: 'none' })
  t.equal(silent.status, 302)
  t.match(silent.headers.location, /error=login_required/)
})

t.test('a token for a SharePoint host can be had in its own tenant only', async t => {
  const lab = await openLab(t)
  const own = await lab.token(CONTOSO, { scope: 'https://contoso.sharepoint.com/.default openid' })
  t.equal(decodeJwt(own)['aud'], 'https://contoso.sharepoint.com')
  t.equal((await lab.graph(own, '/me')).status, 401, 'Graph refuses it')
  const foreign = await lab.signIn(CONTOSO, { scope: 'https://northwind.sharepoint.com/.default openid' })
  t.same(foreign.json.error_codes, [500011])
})

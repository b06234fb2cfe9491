import t from 'tap'
import type { HttpRequest, HttpResponse } from '../../../src/http/message.js'
import { TenantDiscovery } from '../../../src/libraries/tenant-discovery.js'

const TENANT = '22222222-2222-4222-8222-222222222222'
const cloud = { loginHost: 'login.microsoftonline.com', sharePointSuffix: '.sharepoint.com' }
const patient = new AbortController().signal

const challenge = (realm: string): HttpResponse => ({
  status: 401,
  headers: {
    'www-authenticate': `Bearer realm="${realm}",client_id="00000003-0000-0ff1-ce00-000000000000",trusted_issuers="x"`,
  },
  body: Buffer.alloc(0),
})
const configuration = (issuer: unknown): HttpResponse => ({
  status: 200,
  headers: {},
  body: Buffer.from(JSON.stringify({ issuer })),
})
const refused: HttpResponse = { status: 400, headers: {}, body: Buffer.from('{"error":"invalid_tenant"}') }

function world(...answers: HttpResponse[]) {
  const requests: HttpRequest[] = []
  const http = {
    send(request: HttpRequest) {
      requests.push(request)
      const answer = answers.shift()
      return answer ? Promise.resolve(answer) : Promise.reject(new Error('no answer left'))
    },
  }
  return { discovery: new TenantDiscovery({ cloud, http }), requests }
}

t.test('the host itself says whose it is', async t => {
  const { discovery, requests } = world(challenge(TENANT.toUpperCase()))
  t.equal(await discovery.tenantOf('contoso.sharepoint.com', patient), TENANT)
  t.same(requests, [
    {
      method: 'GET',
      url: 'https://contoso.sharepoint.com/_vti_bin/client.svc',
      headers: { authorization: 'Bearer' },
    },
  ])
})

t.test('otherwise Entra knows the tenant by its name', async t => {
  const issuer = `https://login.microsoftonline.com/${TENANT}/v2.0`
  const { discovery, requests } = world(challenge('not-a-guid'), configuration(issuer))
  t.equal(await discovery.tenantOf('contoso-my.sharepoint.com', patient), TENANT)
  t.equal(
    requests[1]?.url,
    'https://login.microsoftonline.com/contoso.onmicrosoft.com/v2.0/.well-known/openid-configuration',
  )
})

t.test('a realm that is no GUID is never used', async t => {
  for (const realm of ['', '../../x', `${TENANT}x`, `x${TENANT}`, 'x'.repeat(100_000)]) {
    const { discovery } = world(challenge(realm), refused)
    await t.rejects(discovery.tenantOf('contoso.sharepoint.com', patient), { code: 'tenant-not-found' })
  }
})

t.test('what is not a SharePoint host is asked nothing', async t => {
  for (const host of [
    'evil.example',
    'contoso.sharepoint.com.evil.example',
    'contoso.sharepoint.com:8443',
    'a/b.sharepoint.com',
    'x@y.sharepoint.com',
  ]) {
    const { discovery, requests } = world()
    await t.rejects(discovery.tenantOf(host, patient), { code: 'address-malformed' })
    t.same(requests, [])
  }
})

t.test('a domain of the organization leads to it as well', async t => {
  const issuer = `https://login.microsoftonline.com/${TENANT}/v2.0`
  const { discovery, requests } = world(configuration(issuer))
  t.equal(await discovery.tenantOfDomain('contoso.example', patient), TENANT)
  t.equal(
    requests[0]?.url,
    'https://login.microsoftonline.com/contoso.example/v2.0/.well-known/openid-configuration',
  )
  await t.rejects(world(refused).discovery.tenantOfDomain('nobody.example', patient), {
    code: 'tenant-not-found',
    nextStep: /Check the domain/,
  })
})

t.test('what is no domain is asked nothing', async t => {
  for (const text of ['contoso', 'a/b.example', '../common.example', 'x.example?y', 'x..example', '']) {
    const { discovery, requests } = world()
    await t.rejects(discovery.tenantOfDomain(text, patient), { code: 'tenant-not-found' })
    t.same(requests, [], text)
  }
})

import t from 'tap'
import { SharePointRights } from '../../../src/libraries/sharepoint-rights.js'
import { Fault, type FaultCode } from '../../../src/model/fault.js'
import type { DriveId, ItemId, TenantId } from '../../../src/model/ids.js'
import type { Library } from '../../../src/model/library.js'
import type { SharePointPlace } from '../../../src/model/sharepoint-place.js'
import { FakeClock, FakeHttp, patient, type Answer } from '../graph/fake-graph.js'

const CONTOSO = '22222222-2222-4222-8222-222222222222' as TenantId
const HOST = 'contoso.sharepoint.com'
const LIST = '0b1f3c5e-1111-4222-8333-444455556666'
const HOUR = 60 * 60_000
const reads: Answer = { status: 200, body: { High: '176', Low: '138612833' } }
const writes: Answer = { status: 200, body: { High: '432', Low: '1011030767' } }
const place: SharePointPlace = {
  siteUrl: `https://${HOST}/sites/De%20sign/sub`,
  listId: LIST,
  listItemId: '17',
}

type Asked = Pick<Library, 'root' | 'scope' | 'host'>
const library = (name = 'root', scope: Library['scope'] = 'library'): Asked => ({
  root: { tenant: CONTOSO, drive: 'b!drive' as DriveId, item: name as ItemId },
  scope,
  host: HOST,
})

function world(
  answers: readonly Answer[],
  more: { place?: Partial<SharePointPlace>; token?: FaultCode } = {},
) {
  const clock = new FakeClock()
  const http = new FakeHttp(...answers)
  const scopes: string[] = []
  const given: { token: FaultCode | undefined; place: FaultCode | undefined } = {
    token: more.token,
    place: undefined,
  }
  let places = 0
  const rights = new SharePointRights({
    http,
    clock,
    tokens: {
      tokenFor: (tenant, asked) => {
        scopes.push(`${tenant} ${asked.join(' ')}`)
        if (given.token === undefined) return Promise.resolve('secret')
        return Promise.reject(new Fault(given.token, 'refused'))
      },
    },
    places: {
      placeOf: () => {
        places++
        if (given.place !== undefined) return Promise.reject(new Fault(given.place, 'refused'))
        return Promise.resolve({ ...place, ...more.place })
      },
    },
  })
  const access = (asked = library()) => rights.accessTo(asked, patient)
  return { access, http, clock, scopes, given, places: () => places }
}

t.test('of a library the list is asked, of a folder its item, with a token for that host', async t => {
  const { access, http, scopes } = world([reads, writes])
  t.equal(await access(library('root', 'library')), 'read')
  t.equal(await access(library('folder', 'folder')), 'write')
  const site = `https://${HOST}/sites/De%20sign/sub/_api/web`
  t.same(
    http.requests.map(({ url }) => url),
    [
      `${site}/lists('${LIST}')/EffectiveBasePermissions`,
      `${site}/lists('${LIST}')/items(17)/EffectiveBasePermissions`,
    ],
  )
  for (const request of http.requests) {
    t.match(request, {
      method: 'GET',
      headers: { authorization: 'Bearer secret', accept: 'application/json;odata=nometadata' },
    })
  }
  t.same(new Set(scopes), new Set([`${CONTOSO} https://${HOST}/.default`]))
})

t.test('the token goes nowhere but to the host of the library', async t => {
  const elsewhere: readonly Partial<SharePointPlace>[] = [
    { siteUrl: 'https://evil.sharepoint.com/sites/x' },
    { siteUrl: `https://${HOST}.evil.example/sites/x` },
    { siteUrl: `https://${HOST}@evil.example/sites/x` },
    { siteUrl: `https://user@${HOST}/sites/x` },
    { siteUrl: `https://${HOST}:8443/sites/x` },
    { siteUrl: `http://${HOST}/sites/x` },
    { siteUrl: `//${HOST}/sites/x` },
    { siteUrl: `https://${HOST}/sites/%2e%2e%2f_api` },
    { siteUrl: `https://${HOST}/sites/%ff` },
    { siteUrl: undefined },
    { siteUrl: 5 },
    { listId: undefined },
    { listId: `${LIST}')/x('` },
    { listId: `{${LIST}}` },
    { listId: [LIST] },
  ]
  for (const where of elsewhere) {
    const { access, http, scopes } = world([], { place: where })
    t.equal(await access(), 'unknown', JSON.stringify(where))
    t.same([http.requests, scopes], [[], []])
  }
  for (const listItemId of [undefined, '0', '-1', '1.5', '1)/x(', '99999999999', 17, '']) {
    const { access, http } = world([], { place: { listItemId } })
    t.equal(await access(library('folder', 'folder')), 'unknown', `item ${String(listItemId)}`)
    t.same(http.requests, [])
  }
})

t.test('a redirect is not followed', async t => {
  for (const status of [301, 302, 307, 308]) {
    const { access, http } = world([
      { status, headers: { location: 'https://evil.example/' }, body: { High: '0', Low: '5' } },
      writes,
    ])
    t.equal(await access(), 'unknown')
    t.equal(http.requests.length, 1)
  }
})

t.test('without consent for a host nobody is asked for a day, of none of its libraries', async t => {
  for (const code of ['consent-required', 'sign-in-required', 'sign-in-failed', 'account-problem'] as const) {
    const { access, http, scopes, clock, given, places } = world([writes], { token: code })
    t.equal(await access(), 'unknown', code)
    t.equal(await access(library('another')), 'unknown')
    clock.time += 23 * HOUR
    t.equal(await access(), 'unknown')
    t.same([scopes.length, places(), http.requests.length], [1, 1, 0])
    given.token = undefined
    clock.time += HOUR
    t.equal(await access(), 'write', 'a day later')
  }
})

t.test('what SharePoint refuses, or answers without sense, is not asked again for a day', async t => {
  const answers: readonly Answer[] = [
    { status: 400 },
    { status: 401 },
    { status: 403 },
    { status: 404 },
    { status: 204 },
    { status: 200, body: '<html>sign in</html>' },
    { status: 200, body: { High: '0', Low: '-5' } },
    { status: 200, body: [] },
    new Fault('protocol-error', 'an answer of more than 64 KiB'),
    new Fault('certificate-untrusted', 'not SharePoint'),
  ]
  for (const answer of answers) {
    const { access, http, clock, scopes } = world([answer, reads, writes])
    const what = answer instanceof Error ? answer.message : JSON.stringify(answer)
    t.equal(await access(), 'unknown', what)
    t.equal(await access(library('another')), 'read', 'another library is asked about')
    clock.time += 24 * HOUR - 1
    t.equal(await access(), 'unknown')
    t.same([http.requests.length, scopes.length], [2, 2])
    clock.time += 1
    t.equal(await access(), 'write')
  }
})

t.test('what passes is no refusal', async t => {
  for (const answer of [
    { status: 429 },
    { status: 503 },
    new Fault('offline', 'x'),
    new Fault('timed-out', 'x'),
  ]) {
    const { access } = world([answer, reads])
    t.equal(await access(), 'unknown')
    t.equal(await access(), 'read')
  }
  const { access, given } = world([reads], { token: 'offline' })
  t.equal(await access(), 'unknown')
  given.token = undefined
  t.equal(await access(), 'read')
})

t.test('that Graph does not say where the item is, is no refusal of SharePoint', async t => {
  const { access, given } = world([reads])
  given.place = 'throttled'
  await t.rejects(access(), { code: 'throttled' })
  given.place = undefined
  t.equal(await access(), 'read')
})

t.test('who waits no longer is not answered', async t => {
  const stop = new AbortController()
  const { http } = world([])
  const rights = new SharePointRights({
    http,
    clock: new FakeClock(),
    places: { placeOf: () => Promise.resolve(place) },
    tokens: {
      tokenFor: () => {
        stop.abort(new Fault('cancelled', 'enough'))
        return Promise.reject(new Fault('consent-required', 'x'))
      },
    },
  })
  await t.rejects(rights.accessTo(library(), stop.signal), { code: 'cancelled' })
})

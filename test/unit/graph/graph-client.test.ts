import t from 'tap'
import { NetworkFault } from '../../../src/http/network-fault.js'
import { CONTOSO, DRIVE, fakeGraph, fakeGraphWith, graphError, patient, type Answer } from './fake-graph.js'

const ok = { status: 200, body: { id: 'yes' } }

t.test('a request carries the token to the Graph host', async t => {
  const { graph, http } = fakeGraph(ok)
  t.same(await graph.get(CONTOSO, '/drives/1', patient, { headers: { prefer: 'x' } }), { id: 'yes' })
  t.match(http.requests[0], {
    method: 'GET',
    url: 'https://graph.microsoft.com/v1.0/drives/1',
    headers: { authorization: 'Bearer token0', prefer: 'x' },
  })
})

t.test('a link that leads elsewhere never gets the token', async t => {
  const { graph, http } = fakeGraph()
  const elsewhere = [
    'https://graph.microsoft.com.evil.example/v1.0/x',
    'https://evil.example/v1.0/x',
    'http://graph.microsoft.com/v1.0/x',
    'https://graph.microsoft.com:8443/v1.0/x',
    'https://user@graph.microsoft.com/v1.0/x',
    'https://graph.microsoft.com/beta/x',
    'https://graph.microsoft.com/v1.0/../beta/x',
    'file:///etc/passwd',
    'nonsense',
  ]
  for (const link of elsewhere) {
    for (const version of ['v1.0', 'beta'] as const) {
      await t.rejects(graph.get(CONTOSO, link, patient, { version }), { code: 'protocol-error' }, link)
    }
  }
  t.same(http.requests, [])
})

t.test('a 401 is answered with another token, once', async t => {
  const { graph, http, tokensAsked } = fakeGraph(graphError(401, 'InvalidAuthenticationToken'), ok)
  await graph.get(CONTOSO, '/me', patient)
  t.same(tokensAsked, [{}, { refused: 'token0' }])
  t.equal(http.requests[1]?.headers?.['authorization'], 'Bearer token1')

  const again = fakeGraph(graphError(401, 'x'), graphError(401, 'x'), ok)
  await t.rejects(again.graph.get(CONTOSO, '/me', patient), { code: 'sign-in-required' })
  t.equal(again.http.requests.length, 2)
})

t.test('a claims challenge is passed on to the sign-in', async t => {
  const claims = '{"access_token":{}}'
  const challenge = `Bearer error="insufficient_claims", claims="${Buffer.from(claims).toString('base64')}"`
  const { graph, tokensAsked } = fakeGraph(graphError(401, 'x', { 'www-authenticate': challenge }), ok)
  await graph.get(CONTOSO, '/me', patient)
  t.same(tokensAsked[1], { refused: 'token0', claims })
})

t.test('Retry-After decides how long to wait', async t => {
  const { graph, clock } = fakeGraph(graphError(429, 'activityLimitReached', { 'retry-after': '7' }), ok)
  await graph.get(CONTOSO, '/me', patient)
  t.same(clock.slept, [7000])
})

t.test('a pause of one request is a pause of all requests to that tenant', async t => {
  const { graph, throttle, clock } = fakeGraph(ok)
  throttle.pause(CONTOSO, 5)
  await graph.get(CONTOSO, '/me', patient)
  t.same(clock.slept, [5000])
})

t.test('a pause longer than anyone would wait fails at once and says how long', async t => {
  const { graph, clock, http } = fakeGraph(graphError(503, 'serviceNotAvailable', { 'retry-after': '600' }))
  await t.rejects(graph.get(CONTOSO, '/me', patient), { code: 'throttled', retryAfterSeconds: 600 })
  await t.rejects(graph.get(CONTOSO, '/me', patient), { code: 'throttled', retryAfterSeconds: 600 })
  t.same(clock.slept, [])
  t.equal(http.requests.length, 1)
})

t.test('failures of the service are retried with growing waits, and not for ever', async t => {
  const down = graphError(500, 'generalException')
  const { graph, clock, http } = fakeGraph(down, down, down, down, down, down)
  await t.rejects(graph.get(CONTOSO, '/me', patient), { code: 'server-error' })
  t.same(clock.slept, [500, 1000, 2000, 4000])
  t.equal(http.requests.length, 5)
})

t.test('a lost connection is retried, an unreachable network is not', async t => {
  const lost = new NetworkFault('interrupted', 'offline', 'broke off', '', undefined)
  const { graph } = fakeGraph(lost, ok)
  await t.resolves(graph.get(CONTOSO, '/me', patient))
  const none = new NetworkFault('unreachable', 'offline', 'no network', '', undefined)
  const offline = fakeGraph(none, ok)
  await t.rejects(offline.graph.get(CONTOSO, '/me', patient), { code: 'offline' })
})

t.test('what is refused is not asked again', async t => {
  for (const [status, code] of [
    [400, 'invalidRequest'],
    [403, 'accessDenied'],
    [404, 'itemNotFound'],
  ] as const) {
    const { graph, http } = fakeGraph(graphError(status, code), ok)
    await t.rejects(graph.get(CONTOSO, '/me', patient))
    t.equal(http.requests.length, 1)
  }
})

t.test('an abort during the wait ends it', async t => {
  const { graph, clock } = fakeGraph(graphError(500, 'x'), ok)
  const abort = new AbortController()
  clock.sleep = () => {
    abort.abort(new Error('the user gave up'))
    return Promise.reject(abort.signal.reason as Error)
  }
  await t.rejects(graph.get(CONTOSO, '/me', abort.signal), { message: 'the user gave up' })
})

t.test('a guest whom SharePoint has forgotten is asked for once more, after a visit', async t => {
  for (const refusal of [graphError(403, 'accessDenied'), graphError(401, 'accessDenied')]) {
    let visits = 0
    const revival = { revive: () => Promise.resolve(visits++ === 0) }
    // A 401 costs another token first.
    const refusals = 'status' in refusal && refusal.status === 401 ? [refusal, refusal] : [refusal]
    const { graph, http } = fakeGraphWith({ revival }, ...refusals, ok, refusal, refusal)
    t.same(await graph.get(CONTOSO, '/me', patient), { id: 'yes' })
    await t.rejects(graph.get(CONTOSO, '/me', patient), { code: 'access-denied' })
    t.equal(http.requests.length, 2 * refusals.length + 1, 'not for ever')
  }
})

t.test('other refusals make nobody visit', async t => {
  const revival = { revive: () => Promise.reject(new Error('in vain')) }
  for (const [status, code] of [
    [404, 'itemNotFound'],
    [403, 'malwareDetected'],
    [423, 'resourceLocked'],
  ] as const) {
    const { graph } = fakeGraphWith({ revival }, graphError(status, code))
    await t.rejects(graph.get(CONTOSO, '/me', patient), { message: /Contoso|changed/ })
  }
})

// SEMANTICS: "A page or a redirect in place of an answer is asked for again"
t.test('a page, or a redirect to one, in place of an answer is asked for again, a few times', async t => {
  const page: Answer = { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>sorry</html>' }
  const away: Answer = { status: 302, headers: { location: '/_layouts/15/Throttle.htm' }, body: '' }
  for (const instead of [page, away]) {
    const { graph, http, clock } = fakeGraph(instead, instead, ok)
    t.same(await graph.get(CONTOSO, '/me', patient), { id: 'yes' })
    t.same(clock.slept, [500, 1000])
    t.ok(
      http.requests.every(({ url }) => url === 'https://graph.microsoft.com/v1.0/me'),
      'and nowhere else',
    )
    const always = fakeGraph(...Array.from({ length: 9 }, () => instead))
    await t.rejects(always.graph.get(CONTOSO, '/me', patient), { code: 'server-error', nextStep: /proxy/ })
    t.equal(always.http.requests.length, 5)
  }
})

t.test('a redirect in place of the answer to a change is no success', async t => {
  for (const status of [302, 307, 308]) {
    const { graph, http } = fakeGraph({ status, headers: { location: 'https://contoso.sharepoint.com/x' } })
    const change = { method: 'PUT', path: '/drives/b!d/items/01A/content', body: 'x' } as const
    await t.rejects(graph.write(CONTOSO, change, patient), { code: 'server-error' })
    t.equal(http.requests.length, 1)
  }
})

// Reference R12.
t.test('who has signed in and is refused in the same way again is not asked to sign in again', async t => {
  const refusal = graphError(401, 'InvalidAuthenticationToken')
  const refusals = Array.from({ length: 6 }, () => refusal)
  const { graph, signIns } = fakeGraph(...refusals, ok, refusal, refusal)
  await t.rejects(graph.get(CONTOSO, '/me', patient), { code: 'sign-in-required' })
  await t.rejects(graph.get(CONTOSO, '/me', patient), { code: 'sign-in-required' }, 'nobody has signed in')
  signIns.count++
  await t.rejects(graph.get(CONTOSO, '/me', patient), {
    code: 'access-denied',
    message: /^Contoso does not let you in, also after you have signed in$/,
  })
  t.same(await graph.get(CONTOSO, '/me', patient), { id: 'yes' })
  await t.rejects(
    graph.get(CONTOSO, '/me', patient),
    { code: 'sign-in-required' },
    'at another time it may help',
  )
})

t.test('refusals that may mean that something is not shared any more are told', async t => {
  const told: unknown[] = []
  const onRefused = (...args: unknown[]) => void told.push(args)
  const asks = async (answer: Answer, path: string) => {
    const { graph } = fakeGraphWith({ onRefused }, answer, answer, answer, answer, answer)
    await t.rejects(graph.get(CONTOSO, path, patient))
    return told.splice(0)
  }
  const path = '/drives/b!drive/items/1'
  for (const [status, code] of [
    [403, 'accessDenied'],
    [404, 'itemNotFound'],
    [400, 'invalidRequest'],
  ] as const) {
    t.same(await asks(graphError(status, code), path), [[CONTOSO, DRIVE]], `${status}`)
  }
  t.same(await asks(graphError(403, 'accessDenied'), '/me'), [[CONTOSO, undefined]])
  for (const status of [500, 429, 423]) t.same(await asks(graphError(status, 'x'), path), [], `${status}`)
  const { graph } = fakeGraphWith({ onRefused }, graphError(403, 'accessDenied'))
  await t.rejects(graph.write(CONTOSO, { method: 'DELETE', path }, patient))
  t.equal(told.length, 1, 'of a write, too')
})

// Reference R11.
const moved = (status: number, location: string): Answer => ({ status, headers: { location } })

t.test('a redirect within Graph is followed, and says where a drive is now', async t => {
  const told: unknown[] = []
  const onMoved = (...args: unknown[]) => void told.push(args)
  const to = 'https://graph.microsoft.com/v1.0/drives/b!new/items/1'
  const reading = fakeGraphWith({ onMoved }, moved(308, to), ok)
  t.same(await reading.graph.get(CONTOSO, '/drives/b!drive/items/1', patient), { id: 'yes' })
  t.same(told.splice(0), [[CONTOSO, DRIVE, 'b!new']])
  t.ok(reading.http.requests.every(({ headers }) => headers?.['authorization'] === 'Bearer token0'))

  const writing = fakeGraphWith({ onMoved }, moved(308, to), ok)
  const patch = { method: 'PATCH', path: '/drives/b!drive/items/1', body: '{}' } as const
  await writing.graph.write(CONTOSO, patch, patient)
  t.match(writing.http.requests[1], { method: 'PATCH', url: to, body: '{}' })
  t.equal(told.splice(0).length, 1)

  const once = fakeGraphWith({ onMoved }, moved(307, to), ok)
  await once.graph.get(CONTOSO, '/drives/b!drive/items/1', patient)
  t.same(told.splice(0), [], 'this time only')

  const gone = fakeGraphWith({ onMoved }, moved(308, to), graphError(404, 'itemNotFound'))
  await t.rejects(gone.graph.get(CONTOSO, '/drives/b!drive/items/1', patient), { code: 'item-not-found' })
  t.same(told, [], 'where nothing answers nothing is')
})

t.test('a redirect that leads away from Graph, or goes on and on, gets no token', async t => {
  for (const location of [
    'https://contoso.sharepoint.com/v1.0/drives/b!new/items/1',
    'http://graph.microsoft.com/v1.0/drives/b!new/items/1',
    'https://me:pw@graph.microsoft.com/v1.0/me',
    'https://graph.microsoft.com/beta/me',
    'https://graph.microsoft.com.evil.example/v1.0/me',
    '//evil.example/v1.0/me',
    'nothing://',
  ]) {
    const { graph, http } = fakeGraph(...Array.from({ length: 9 }, () => moved(308, location)))
    await t.rejects(
      graph.get(CONTOSO, '/drives/b!drive/items/1', patient),
      { code: 'server-error' },
      location,
    )
    t.ok(http.requests.every(({ url }) => url.endsWith('/drives/b!drive/items/1') && !url.includes('new')))
  }
  const round = Array.from({ length: 40 }, (_, i) =>
    moved(308, `https://graph.microsoft.com/v1.0/drives/b!${i}/items/1`),
  )
  const { graph, http } = fakeGraph(...round)
  await t.rejects(graph.write(CONTOSO, { method: 'DELETE', path: '/drives/b!drive/items/1' }, patient), {
    code: 'server-error',
  })
  t.equal(http.requests.length, 4)
  const change = fakeGraph(moved(302, 'https://graph.microsoft.com/v1.0/me'))
  await t.rejects(change.graph.write(CONTOSO, { method: 'PATCH', path: '/me' }, patient), {
    code: 'server-error',
  })
  t.equal(change.http.requests.length, 1, 'what changes something is not sent as something else')
})

import t from 'tap'
import { CONTOSO, openLab } from './helpers.js'

t.test('a tenant has so many units a minute, tells when few are left, and then refuses', async t => {
  const lab = await openLab(t)
  await lab.admin('PUT', '/clock', { now: '2027-01-01T00:00:20Z', frozen: true })
  const token = await lab.token(CONTOSO)
  const limits = ({ headers }: { headers: Record<string, unknown> }) =>
    ['ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset'].map(name => headers[name])
  t.equal((await lab.admin('PUT', '/budget', { tenant: 'nowhere', unitsPerMinute: 1 })).status, 400)
  t.equal((await lab.admin('PUT', '/budget', { tenant: CONTOSO, unitsPerMinute: -1 })).status, 400)
  await lab.admin('PUT', '/budget', { tenant: CONTOSO, unitsPerMinute: 10 })
  const me = () => lab.graph(token, '/me')
  for (let request = 1; request <= 3; request++) t.same(limits(await me()), [undefined, undefined, undefined])
  t.same(limits(await me()), ['10', '2', '40'])
  t.same(limits(await me()), ['10', '0', '40'])
  const refused = await me()
  t.match(refused, {
    status: 429,
    headers: { 'retry-after': '40' },
    json: { error: { code: 'activityLimitReached' } },
  })
  await lab.admin('PUT', '/clock', { advanceSeconds: 40 })
  t.equal((await me()).status, 200)
  await lab.admin('PUT', '/budget', { tenant: CONTOSO, unitsPerMinute: null })
  for (let request = 1; request <= 12; request++) t.equal((await me()).status, 200)
})

t.test('each part of a batch counts', async t => {
  const lab = await openLab(t)
  const token = await lab.token(CONTOSO)
  await lab.admin('PUT', '/clock', { frozen: true })
  await lab.admin('PUT', '/budget', { tenant: CONTOSO, unitsPerMinute: 4 })
  const { json } = await lab.ask('https://graph.microsoft.com/v1.0/$batch', {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ requests: ['1', '2', '3'].map(id => ({ id, method: 'GET', url: '/me' })) }),
  })
  const parts = json['responses'] as { status: number; headers: Record<string, string> }[]
  t.same(
    parts.map(({ status }) => status),
    [200, 200, 429],
  )
  t.match(parts[2]?.headers, { 'Retry-After': /^\d+$/ })
})

import t from 'tap'
import { CONTOSO, type Lab, openLab, type Reply } from './helpers.js'

interface Part {
  readonly id: string
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: { readonly name: string; readonly error: { readonly code: string } } | null
}

async function batch(lab: Lab, token: string, requests: readonly object[]): Promise<Reply> {
  return lab.graph(token, '/$batch', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ requests }),
  })
}

t.test('the parts of a batch are answered one by one', async t => {
  const lab = await openLab(t)
  const token = await lab.token(CONTOSO)
  const drive = lab.emulator.world.sites.find(site => site.path === '/sites/Design')?.libraries[0]?.id ?? ''
  await lab.admin('PUT', '/faults', {
    match: { url: 'Price' },
    action: { status: 429, retryAfterSeconds: 3 },
  })
  const reply = await batch(lab, token, [
    { id: '1', method: 'GET', url: `/drives/${drive}/root:/Contracts` },
    { id: '2', method: 'GET', url: `/drives/${drive}/root:/Project%20plan.docx:/content` },
    { id: '3', method: 'GET', url: `/drives/${drive}/root:/Price%20list.csv` },
    { id: '4', method: 'GET', url: `/drives/${drive}/root`, dependsOn: ['3'] },
    { id: '5', method: 'DELETE', url: `/drives/${drive}/root:/Contracts` },
  ])
  t.equal(reply.status, 200)
  const parts = Object.fromEntries((reply.json['responses'] as Part[]).map(part => [part.id, part]))
  t.equal(parts['1']?.body?.name, 'Contracts')
  t.equal(parts['2']?.status, 302)
  t.match(parts['2']?.headers['Location'], /^https:\/\/contoso\.sharepoint\.com\/.*tempauth=/)
  t.equal(parts['3']?.status, 429)
  t.equal(parts['3']?.headers['Retry-After'], '3')
  t.equal(parts['4']?.status, 424)
  t.equal(parts['5']?.status, 204)
})

t.test('a batch writes: small files as base64, each part after those that it depends on', async t => {
  const lab = await openLab(t)
  const token = await lab.token(CONTOSO)
  const drive = lab.emulator.world.sites.find(site => site.path === '/sites/Design')?.libraries[0]?.id ?? ''
  const bytes = Buffer.from([0, 255, 254, 10, 13, 0x80])
  const headers = { 'Content-Type': 'application/octet-stream' }
  const json = { 'Content-Type': 'application/json' }
  const put = (id: string, path: string, more: object = {}) => ({
    id,
    method: 'PUT',
    url: `/drives/${drive}/root:/${path}:/content`,
    headers,
    body: bytes.toString('base64url'),
    ...more,
  })
  const reply = await batch(lab, token, [
    put('in folder', 'Made/a.bin', { dependsOn: ['folder'] }),
    {
      id: 'folder',
      method: 'POST',
      url: `/drives/${drive}/root/children`,
      headers: json,
      body: { name: 'Made', folder: {} },
    },
    put('guarded', 'Archive.zip', { headers: { ...headers, 'If-Match': '"{X},1"' } }),
    { id: 'after', method: 'DELETE', url: `/drives/${drive}/root:/Archive.zip`, dependsOn: ['guarded'] },
    put('untyped', 'b.bin', { headers: {} }),
  ])
  t.equal(reply.status, 200)
  const parts = Object.fromEntries((reply.json['responses'] as Part[]).map(part => [part.id, part]))
  t.equal(parts['folder']?.status, 201)
  t.equal(parts['in folder']?.status, 201)
  t.equal(parts['guarded']?.status, 412)
  t.equal(parts['after']?.status, 424)
  t.equal(parts['untyped']?.status, 400)
  const item = await lab.graph(token, `/drives/${drive}/root:/Made/a.bin`)
  t.ok((await lab.ask(item.json['@microsoft.graph.downloadUrl'])).bytes.equals(bytes))
  const circle = ['a', 'b'].map((id, i) => put(id, 'c.bin', { dependsOn: [i === 0 ? 'b' : 'a'] }))
  t.equal((await batch(lab, token, circle)).status, 400)
})

t.test('a batch of more than twenty, or a malformed one, is refused', async t => {
  const lab = await openLab(t)
  const token = await lab.token(CONTOSO)
  const many = Array.from({ length: 21 }, (_, i) => ({ id: String(i), method: 'GET', url: '/me' }))
  t.equal((await batch(lab, token, many)).status, 400)
  t.equal((await batch(lab, token, many.slice(1))).status, 200)
  t.equal((await batch(lab, token, [{ id: '1', url: '/me' }])).status, 400)
})

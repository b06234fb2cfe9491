import t from 'tap'
import { CONTOSO, openLab, type Lab } from './helpers.js'

function documents(lab: Lab): string {
  return lab.emulator.world.sites.find(site => site.path === '/sites/Design')?.libraries[0]?.id ?? ''
}

t.test('an item is found by every form of address', async t => {
  const lab = await openLab(t)
  const token = await lab.token(CONTOSO)
  const drive = documents(lab)
  const folder = await lab.graph(token, `/drives/${drive}/root:/Reports`)
  const site = 'contoso.sharepoint.com:/sites/Design'
  for (const form of [
    `/drives/${drive}/root:/Reports/2025`,
    `/drives/${drive}/root:/Reports/2025:`,
    `/drives/${drive}/root:/Reports/2025:/?select=id,eTag`,
    `/drives/${drive}/root:/REPORTS/2025`,
    `/drives/${drive}/items/${folder.json.id}:/2025`,
    `/drives/${drive}/items/${folder.json.id}:/2025:`,
    `/drives/${drive}/items/root:/Reports/2025`,
    `/sites/${site}:/drive/root:/Reports/2025`,
    `https://graph.microsoft.com/v2.0/drives/${drive}/root:/Reports/2025`,
    `https://contoso.sharepoint.com/_api/v2.0/drives/${drive}/root:/Reports/2025`,
    `https://graph.microsoft.com/beta/drives/${drive}/root:/Reports/2025`,
  ]) {
    const reply = await lab.graph(token, form)
    t.equal(reply.status, 200, form)
    t.equal(lab.emulator.world.drive(drive)?.drive.find(reply.json.id)?.name, '2025', form)
  }
  t.equal((await lab.graph(token, `/drives/${drive}/items/${folder.json.id.toLowerCase()}`)).status, 404)
  t.equal((await lab.graph(token, `/drives/${drive.toLowerCase()}/root`)).status, 404)
})

t.test('options are taken with and without the dollar sign', async t => {
  const lab = await openLab(t)
  const token = await lab.token(CONTOSO)
  const drive = documents(lab)
  const keys = async (query: string) => {
    const reply = await lab.graph(token, `/drives/${drive}/root/children?${query}`)
    return Object.keys(reply.json.value[0] ?? {}).sort()
  }
  t.same(await keys('$select=id,name&$top=1'), ['id', 'name'])
  t.same(await keys('select=id,name&top=1'), ['id', 'name'])
  t.same(await keys('$select=name,sharepointIds'), ['name', 'sharepointIds'])
  const url = await lab.graph(token, `/drives/${drive}/root:/Archive.zip?$select=content.downloadUrl`)
  t.match(url.json['@microsoft.graph.downloadUrl'], /tempauth=/)
  const names = async (order: string) => {
    const reply = await lab.graph(token, `/drives/${drive}/root/children?$orderby=${order}&$select=name`)
    return reply.json.value.map(item => item.name)
  }
  t.same(await names('name%20desc'), (await names('name')).reverse())
  t.equal((await lab.graph(token, `/drives/${drive}/root/children?$orderby=size`)).status, 400)
  t.equal((await lab.graph(token, `/drives/${drive}/root/children?$top=0`)).status, 400)
  t.equal((await lab.graph(token, `/drives/${drive}/root/children?$skiptoken=nonsense`)).status, 400)
})

t.test('pages of a listing join without gaps while somebody else edits', async t => {
  const lab = await openLab(t)
  const token = await lab.token(CONTOSO)
  const drive = documents(lab)
  const before = await lab.graph(token, `/drives/${drive}/root/children?$select=name`)
  const first = await lab.graph(token, `/drives/${drive}/root/children?$top=3&$select=name`)
  const last = first.json.value.at(-1)?.name ?? ''
  await lab.admin('POST', '/items', { do: 'delete', drive, path: last })
  await lab.admin('POST', '/items', {
    do: 'create-file',
    drive,
    path: '',
    name: 'AAA.txt',
    text: 'first in order',
  })
  const next = await lab.graph(token, first.json['@odata.nextLink'] ?? '')
  const all = [...first.json.value, ...next.json.value].map(item => item.name)
  t.same(
    all,
    before.json.value.slice(0, 6).map(item => item.name),
  )
})

t.test('delta takes its token in the query and as a function', async t => {
  const lab = await openLab(t)
  const token = await lab.token(CONTOSO)
  const drive = documents(lab)
  t.same((await lab.graph(token, `/drives/${drive}/root/delta(token='latest')`)).json.value, [])
  const all = await lab.graph(token, `/drives/${drive}/root/delta?token=2001-01-01T00%3A00%3A00Z`)
  t.equal(all.json.value[0]?.name, 'root')
  const moved = (await lab.graph(token, `/drives/${drive}/root/delta?token=latest`)).json['@odata.deltaLink']
  await lab.admin('POST', '/items', { do: 'move', drive, path: 'Photos', parentPath: 'Reports' })
  const reply = await lab.graph(token, moved, { headers: { deltaExcludeParent: '' } })
  t.same(
    reply.json.value.map(item => item.name),
    ['Photos'],
    'a moved folder comes alone',
  )
})

t.test('an eTag moves with every change, a cTag with content only', async t => {
  const lab = await openLab(t)
  const token = await lab.token(CONTOSO)
  const drive = documents(lab)
  const tags = async () => {
    const { json } = await lab.graph(token, `/drives/${drive}/root:/Price%20list.csv`)
    return [json.eTag, json['cTag']]
  }
  const [eTag, cTag] = await tags()
  await lab.admin('POST', '/items', { do: 'touch', drive, path: 'Price list.csv' })
  const [touched, same] = await tags()
  t.not(touched, eTag)
  t.equal(same, cTag)
  const notModified = await lab.graph(token, `/drives/${drive}/root:/Price%20list.csv:/content`, {
    headers: { 'If-None-Match': String(touched) },
  })
  t.equal(notModified.status, 304)
  await lab.admin('POST', '/items', { do: 'replace', drive, path: 'Price list.csv', text: 'new' })
  const [replaced, changed] = await tags()
  t.not(replaced, touched)
  t.not(changed, cTag)
})

t.test('what is not emulated says its name', async t => {
  const lab = await openLab(t)
  const token = await lab.token(CONTOSO)
  const drive = documents(lab)
  for (const [method, path, name] of [
    ['POST', `/drives/${drive}/root:/Archive.zip:/copy`, /copy/],
    ['GET', `/drives/${drive}/root/children?$filter=x`, /\$filter/],
    ['GET', `/drives/${drive}/root/search(q='x')`, /search/],
    ['GET', '/me/drive/sharedWithMe', /sharedWithMe/],
    ['POST', '/subscriptions', /POST \/subscriptions/],
    ['DELETE', `/drives/${drive}/root:/Archive.zip:/versions/1.0`, /DELETE/],
  ] as const) {
    const reply = await lab.graph(token, path, { method })
    t.equal(reply.status, 501, path)
    t.match(reply.json.error.message, name)
  }
})

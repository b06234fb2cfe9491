import t from 'tap'
import { CONTOSO, FABRIKAM, openLab } from './helpers.js'

t.test('a guest browses a library of another organization and reads a file', async t => {
  const lab = await openLab(t)
  const token = await lab.token(CONTOSO)

  const site = await lab.graph(token, '/sites/contoso.sharepoint.com:/sites/Design')
  t.equal(site.status, 200)
  const drives = await lab.graph(token, `/sites/${site.json.id}/drives`)
  const drive = drives.json.value.find((each: { name: string }) => each.name === 'Documents')
  const children = await lab.graph(token, `/drives/${drive.id}/root/children?$top=3`)
  t.equal(children.json.value.length, 3)
  t.match(children.json['@odata.nextLink'], /\$?skiptoken/)
  const file = await lab.graph(token, `/drives/${drive.id}/root:/Read%20me%20FIRST.txt`)
  t.equal(file.json.name, 'Read me first.txt')
  const content = await lab.graph(token, `/drives/${drive.id}/items/${file.json.id}/content`)
  t.equal(content.status, 302)
  const part = await lab.ask(content.headers.location ?? '', { headers: { Range: 'bytes=0-6' } })
  t.equal(part.status, 206)
  t.equal(part.text, 'Welcome')

  const home = await lab.token(FABRIKAM)
  const foreign = await lab.graph(home, `/drives/${drive.id}/root`)
  t.equal(foreign.status, 404)
  t.equal(foreign.json.error.code, 'itemNotFound')
})

t.test('delta enumerates everything, then tells what changed', async t => {
  const lab = await openLab(t)
  const token = await lab.token(CONTOSO)
  const site = await lab.graph(token, '/sites/contoso.sharepoint.com:/sites/Design')
  const drives = await lab.graph(token, `/sites/${site.json.id}/drives`)
  const drive = drives.json.value[0].id

  let page = await lab.graph(token, `/drives/${drive}/root/delta?$top=10`)
  const names: string[] = page.json.value.map((each: { name: string }) => each.name)
  t.equal(names[0], 'root')
  while (page.json['@odata.nextLink']) {
    page = await lab.graph(token, page.json['@odata.nextLink'])
    names.push(...page.json.value.map((each: { name: string }) => each.name))
  }
  t.ok(names.includes('Report Q4 2026.docx'))
  t.equal(new Set(names).size, names.length)

  const link: string = page.json['@odata.deltaLink']
  t.same((await lab.graph(token, link)).json.value, [])
  await lab.admin('POST', '/items', { do: 'rename', drive, path: 'Reports/2026', name: 'This year' })
  const changed = await lab.graph(token, link)
  t.same(
    changed.json.value.map((each: { name: string }) => each.name),
    ['root', 'Reports', 'This year'],
  )
  await lab.admin('POST', '/items', { do: 'delete', drive, path: 'Price list.csv' })
  const after = await lab.graph(token, changed.json['@odata.deltaLink'])
  t.same(after.json.value[0].deleted, { state: 'deleted' })
  t.notOk('name' in after.json.value[0])
})

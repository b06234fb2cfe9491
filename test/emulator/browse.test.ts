import t from 'tap'
import { CONTOSO, FABRIKAM, type Lab, openLab } from './helpers.js'

async function driveOf(lab: Lab, token: string, site: string, name: string): Promise<string> {
  const found = await lab.graph(token, `/sites/contoso.sharepoint.com:/sites/${site}`)
  const drives = await lab.graph(token, `/sites/${found.json.id}/drives`)
  return drives.json.value.find(drive => drive.name === name)?.id ?? ''
}

t.test('a guest browses a library of another organization and reads a file', async t => {
  const lab = await openLab(t)
  const token = await lab.token(CONTOSO)
  const drive = await driveOf(lab, token, 'Design', 'Documents')

  const children = await lab.graph(token, `/drives/${drive}/root/children?$top=3`)
  t.equal(children.json.value.length, 3)
  t.match(children.json['@odata.nextLink'], /skiptoken/)
  const file = await lab.graph(token, `/drives/${drive}/root:/Read%20me%20FIRST.txt`)
  t.equal(file.json.name, 'Read me first.txt')
  const content = await lab.graph(token, `/drives/${drive}/items/${file.json.id}/content`)
  t.equal(content.status, 302)
  const part = await lab.ask(content.headers.location ?? '', { headers: { Range: 'bytes=0-6' } })
  t.equal(part.status, 206)
  t.equal(part.text, 'Welcome')

  const home = await lab.token(FABRIKAM)
  const foreign = await lab.graph(home, `/drives/${drive}/root`)
  t.equal(foreign.status, 404)
  t.equal(foreign.json.error.code, 'itemNotFound')
})

t.test('delta enumerates everything, then tells what changed', async t => {
  const lab = await openLab(t)
  const token = await lab.token(CONTOSO)
  const drive = await driveOf(lab, token, 'Design', 'Documents')

  let page = await lab.graph(token, `/drives/${drive}/root/delta?$top=10`)
  const names = page.json.value.map(item => item.name)
  t.equal(names[0], 'root')
  for (let next = page.json['@odata.nextLink']; next; next = page.json['@odata.nextLink']) {
    page = await lab.graph(token, next)
    names.push(...page.json.value.map(item => item.name))
  }
  t.ok(names.includes('Report Q4 2026.docx'))
  t.equal(new Set(names).size, names.length)

  const link = page.json['@odata.deltaLink']
  t.same((await lab.graph(token, link)).json.value, [])
  await lab.admin('POST', '/items', { do: 'rename', drive, path: 'Reports/2026', name: 'This year' })
  const changed = await lab.graph(token, link)
  t.same(
    changed.json.value.map(item => item.name),
    ['root', 'Reports', 'This year'],
  )
  await lab.admin('POST', '/items', { do: 'delete', drive, path: 'Price list.csv' })
  const after = await lab.graph(token, changed.json['@odata.deltaLink'])
  t.same(after.json.value[0]?.['deleted'], { state: 'deleted' })
  t.notOk('name' in (after.json.value[0] ?? {}))
})

t.test('changes come page by page, each item in its last state', async t => {
  const lab = await openLab(t)
  const token = await lab.token(CONTOSO)
  const drive = await driveOf(lab, token, 'Design', 'Documents')
  const latest = await lab.graph(token, `/drives/${drive}/root/delta?token=latest&$top=1`)
  const touch = (path: string) => lab.admin('POST', '/items', { do: 'touch', drive, path })
  for (const path of ['Archive.zip', 'Price list.csv', 'Contracts', 'Archive.zip']) await touch(path)
  const names: string[] = []
  let page = await lab.graph(token, latest.json['@odata.deltaLink'], { headers: { deltaExcludeParent: '' } })
  for (;;) {
    names.push(...page.json.value.map(item => item.name))
    const next = page.json['@odata.nextLink']
    if (next === undefined) break
    page = await lab.graph(token, next, { headers: { deltaExcludeParent: '' } })
  }
  t.same(names, ['Price list.csv', 'Contracts', 'Archive.zip'])
})

t.test('a delta token of another time is answered with 410 and where to start over', async t => {
  const lab = await openLab(t)
  const token = await lab.token(CONTOSO)
  const drive = await driveOf(lab, token, 'Design', 'Documents')
  await lab.admin('PUT', '/faults', {
    match: { route: 'delta' },
    times: 1,
    action: { resync: 'resyncChangesApplyDifferences' },
  })
  const fault = await lab.graph(token, `/drives/${drive}/root/delta`)
  t.equal(fault.status, 410)
  t.equal(fault.json.error.code, 'resyncChangesApplyDifferences')

  const latest = await lab.graph(token, `/drives/${drive}/root/delta?token=latest`)
  const given = new URL(latest.json['@odata.deltaLink']).searchParams.get('token') ?? ''
  const text = Buffer.from(given, 'base64url').toString()
  const other = Buffer.from(text.replace(/;(\d+);%23/, ';585999999;%23')).toString('base64url')
  const gone = await lab.graph(token, `/drives/${drive}/root/delta?token=${other}`)
  t.equal(gone.status, 410)
  t.equal(gone.json.error.code, 'resyncRequired')
  t.equal((await lab.graph(token, String(gone.headers.location))).status, 200)
  t.equal((await lab.graph(token, `/drives/${drive}/root/delta?token=nonsense`)).status, 400)
})

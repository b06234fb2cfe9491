import t from 'tap'
import { ANN, CONTOSO, FABRIKAM, type Lab, NORTHWIND, openLab, TAILSPIN } from './helpers.js'

function share(url: string): string {
  return '/shares/u!' + Buffer.from(url).toString('base64url')
}

function address(lab: Lab, name: string): string {
  const found = lab.emulator.world.addresses[name]
  if (found === undefined) throw new Error(`the world has no address '${name}'`)
  return found
}

t.test('library level: the site is closed, the library is open, for reading', async t => {
  const lab = await openLab(t)
  const token = await lab.token(NORTHWIND)
  t.equal((await lab.graph(token, '/sites/northwind.sharepoint.com:/sites/Supply')).status, 403)
  const root = await lab.graph(token, `${share(address(lab, 'northwind catalogue'))}/driveItem`)
  t.same(root.json['root'], {})
  t.notOk('eTag' in root.json)
  const drive = String(root.json.parentReference['driveId'])
  const get = await lab.graph(token, `/drives/${drive}`)
  t.equal(get.json.name, 'Catalogue')
  t.equal((await lab.graph(token, `/drives/${drive}/root/children`)).status, 200)
  const permissions = await lab.graph(token, `/drives/${drive}/root/permissions`)
  t.same(
    permissions.json.value.map(each => each['roles']),
    [['read']],
  )
  const put = await lab.graph(token, `/drives/${drive}/root:/new.txt:/content`, { method: 'PUT', body: 'x' })
  t.equal(put.status, 403)
  t.equal(put.json.error.code, 'accessDenied')
})

t.test('folder level: the folder and what is below it, nothing else', async t => {
  const lab = await openLab(t)
  const token = await lab.token(TAILSPIN)
  const folder = await lab.graph(token, `${share(address(lab, 'tailspin folder link'))}/driveItem`)
  t.equal(folder.json.name, 'Reports')
  const drive = String(folder.json.parentReference['driveId'])
  t.equal((await lab.graph(token, `/drives/${drive}/items/${folder.json.id}/children`)).json.value.length, 3)
  t.equal((await lab.graph(token, `/drives/${drive}/items/${folder.json.id}/delta`)).json.value.length, 16)
  t.equal((await lab.graph(token, `/drives/${drive}/root/children`)).status, 403)
  t.equal((await lab.graph(token, `/drives/${drive}/root/delta`)).status, 403)
  t.equal((await lab.graph(token, `/drives/${drive}/root:/Contracts`)).status, 403)
  t.equal((await lab.graph(token, `/drives/${drive}/root:/Reports/2025`)).status, 200)
  t.equal((await lab.graph(token, '/sites/tailspin.sharepoint.com:/sites/Models')).status, 403)
  const plain = await lab.graph(token, `${share(address(lab, 'tailspin folder'))}/driveItem`)
  t.equal(plain.json.id, folder.json.id)
})

t.test('a people link is looked at, redeemed, revoked', async t => {
  const lab = await openLab(t)
  const token = await lab.token(CONTOSO)
  const url = address(lab, 'contoso people link to redeem')
  const open = (prefer?: string) =>
    lab.graph(token, `${share(url)}/driveItem`, { headers: prefer === undefined ? {} : { Prefer: prefer } })

  t.equal((await open()).status, 403)
  const peeked = await open('redeemSharingLinkIfNecessary')
  t.equal(peeked.json.name, 'Photos')
  t.equal((await open()).status, 403, 'peeking leaves nothing behind')
  t.equal((await open('redeemSharingLink')).status, 200)
  t.equal((await open()).status, 200, 'redeeming lasts')
  const permission = await lab.graph(token, `${share(url)}/permission`)
  t.match(permission.json['link'], { scope: 'users', type: 'edit' })
  const drive = String(peeked.json.parentReference['driveId'])
  t.equal((await lab.graph(token, `/drives/${drive}/items/${peeked.json.id}/children`)).status, 200)

  await lab.admin('POST', '/people', { do: 'revoke-link', url })
  t.equal((await open('redeemSharingLink')).status, 403)
  t.equal((await lab.graph(token, `/drives/${drive}/items/${peeked.json.id}/children`)).status, 403)
})

t.test('what cannot be synced shows what it is', async t => {
  const lab = await openLab(t)
  const token = await lab.token(CONTOSO)
  const headers = { Prefer: 'redeemSharingLinkIfNecessary' }
  const file = await lab.graph(
    token,
    `${share(address(lab, 'contoso single file link (refused)'))}/driveItem`,
  )
  t.equal(file.json.name, 'Annex A.pdf')
  t.ok('file' in file.json)
  const anyone = share(address(lab, 'contoso anyone link (refused)'))
  t.match((await lab.graph(token, `${anyone}/permission`, { headers })).json['link'], { scope: 'anonymous' })
  t.match((await lab.graph(token, `${anyone}/driveItem`, { headers })).json['shared'], { scope: 'anonymous' })
})

t.test('a token of another tenant finds nothing', async t => {
  const lab = await openLab(t)
  const home = await lab.token(FABRIKAM)
  const shared = await lab.graph(home, `${share(address(lab, 'contoso documents'))}/driveItem`)
  t.equal(shared.status, 400)
  t.match(shared.json.error.message, /encoded share URI is invalid/)
  t.equal((await lab.graph(home, '/sites/contoso.sharepoint.com:/sites/Design')).status, 400)
  t.equal((await lab.graph(home, '/me/drive/root/children')).status, 200)
  const guest = await lab.graph(await lab.token(CONTOSO), '/me/drive')
  t.equal(guest.status, 404)
  t.equal(guest.json.error.code, 'ResourceNotFound')
})

t.test('a guest whom SharePoint has not met is woken up by one call of its REST API', async t => {
  const lab = await openLab(t)
  const site = '/sites/fourth.sharepoint.com:/sites/Team'
  const token = await lab.token('fourth.example')
  t.equal((await lab.graph(token, site)).status, 403)
  const own = await lab.token('fourth.example', { scope: 'https://fourth.sharepoint.com/.default openid' })
  const url = 'https://fourth.sharepoint.com/sites/Team/_api/web?$select=Id'
  t.equal((await lab.ask(url, { headers: { Authorization: `Bearer ${token}` } })).status, 401)
  const web = await lab.ask(url, { headers: { Authorization: `Bearer ${own}` } })
  t.equal(web.status, 200)
  t.ok('Id' in web.json)
  t.equal((await lab.graph(token, site)).status, 200)
})

t.test('a link of the Sync button leads to the drive', async t => {
  const lab = await openLab(t)
  const token = await lab.token(TAILSPIN)
  const sync = new URLSearchParams(address(lab, 'tailspin folder sync').split('?')[1])
  const bare = (name: string) => (sync.get(name) ?? '').replace(/[{}]/g, '')
  const site = `${new URL(sync.get('webUrl') ?? '').hostname},${bare('siteId')},${bare('webId')}`
  const drive = await lab.graph(token, `/sites/${site}/lists/${bare('listId')}/drive`)
  t.equal(drive.status, 200)
  const folder = await lab.graph(token, `/drives/${drive.json.id}/root:/Reports`)
  t.match(folder.json.eTag, bare('folderId').toUpperCase())
})

t.test('what a guest is told of its rights: by permissions, by beta, by SharePoint itself', async t => {
  const lab = await openLab(t)
  const token = await lab.token(NORTHWIND)
  const root = await lab.graph(token, `${share(address(lab, 'northwind catalogue'))}/driveItem`)
  const drive = String(root.json.parentReference['driveId'])
  const list = lab.emulator.world.drive(drive)?.drive.listId ?? ''
  const viewpoint = (path: string) =>
    lab.graph(token, `https://graph.microsoft.com/beta/drives/${drive}${path}?$select=viewpoint`)
  const reads = { canRead: true, canDownload: true, canUpdate: false, canDelete: false, canComment: false }
  t.same((await viewpoint('/root')).json, {
    '@odata.context': `https://graph.microsoft.com/v1.0/$metadata#drives('${drive}')/items/$entity`,
    viewpoint: { accessOperations: { ...reads, canCreateFile: false, canCreateFolder: false } },
  })
  const [file] = (await lab.graph(token, `/drives/${drive}/root/children`)).json.value.filter(
    item => item['file'],
  )
  t.same((await viewpoint(`/items/${file?.id ?? ''}`)).json['viewpoint'], { accessOperations: reads })
  t.notOk('viewpoint' in (await lab.graph(token, `/drives/${drive}/root?$select=id,viewpoint`)).json, 'v1.0')

  const scope = 'https://northwind.sharepoint.com/.default openid'
  const own = await lab.token(NORTHWIND, { scope })
  const bits = `https://northwind.sharepoint.com/sites/Supply/_api/web/lists('${list}')/EffectiveBasePermissions`
  t.same((await lab.graph(own, bits)).json, { High: '176', Low: '138612833' })
  t.equal((await lab.graph(token, bits)).status, 401, "Graph's token is not SharePoint's")

  const rules = (more: object) => lab.admin('PUT', '/libraries', { drive, ...more })
  const permissions = () => lab.graph(token, `/drives/${drive}/root/permissions`)
  await rules({ guestPermissions: 'none', viewpoint: false })
  t.same((await permissions()).json.value, [])
  t.notOk('viewpoint' in (await viewpoint('/root')).json)
  await rules({ guestPermissions: 'refused' })
  t.match(await permissions(), { status: 403, json: { error: { code: 'accessDenied' } } })
  t.equal((await rules({ guestPermissions: 'some' })).status, 400)
  await rules({ guestPermissions: 'own' })
  t.equal((await permissions()).json.value.length, 1)

  const consent = (more: object) =>
    lab.admin('POST', '/people', { do: 'consent', tenant: 'northwind', ...more })
  t.same((await consent({ sharePoint: false })).json, { consent: 'granted', sharePoint: false })
  t.match(await lab.signIn(NORTHWIND, { scope }), { status: 400, json: { error_codes: [65001] } })
  t.equal((await lab.signIn(NORTHWIND)).status, 200, "Graph's consent is another")
  t.equal((await consent({})).status, 400)
})

t.test('removed rights are gone at the next request', async t => {
  const lab = await openLab(t)
  const token = await lab.token(CONTOSO)
  const site = 'https://contoso.sharepoint.com/sites/Design'
  const path = '/sites/contoso.sharepoint.com:/sites/Design'
  t.equal((await lab.graph(token, path)).status, 200)
  t.equal(
    (await lab.admin('POST', '/people', { do: 'revoke-access', tenant: 'contoso', user: ANN, site })).status,
    200,
  )
  t.equal((await lab.graph(token, path)).status, 403)
  await lab.admin('POST', '/people', { do: 'grant', tenant: 'contoso', user: ANN, site, role: 'read' })
  t.equal((await lab.graph(token, path)).status, 200)
})

t.test('organization, tenant names and searches answer guests as reported', async t => {
  const lab = await openLab(t)
  const guest = await lab.token(CONTOSO)
  t.equal((await lab.graph(guest, '/organization')).status, 403)
  t.same((await lab.graph(guest, '/sites?search=*')).json.value, [])
  const name = await lab.graph(
    await lab.token(FABRIKAM),
    `/tenantRelationships/findTenantInformationByTenantId(tenantId='${CONTOSO}')`,
  )
  t.equal(name.json['displayName'], 'Contoso')
  const megan = await lab.token(CONTOSO, { account: 'megan@contoso.example' })
  t.equal((await lab.graph(megan, '/organization')).json.value[0]?.['displayName'], 'Contoso')
  t.equal((await lab.graph(megan, '/sites?search=*')).json.value.length, 2)
})

import t from 'tap'
import { LibraryResolver } from '../../../src/libraries/resolve.js'
import type { DriveItem } from '../../../src/model/drive-item.js'
import { Fault, type FaultCode } from '../../../src/model/fault.js'
import type { DriveId, ItemId, TenantId } from '../../../src/model/ids.js'
import { OrganizationNames } from '../../../src/model/organization-names.js'
import type { Drive, RemoteSharing, SharedItem, Site } from '../../../src/model/sharing.js'

const CONTOSO = '22222222-2222-4222-8222-222222222222' as TenantId
const SITE_URL = 'https://contoso.sharepoint.com/sites/Design'
const patient = new AbortController().signal

const site: Site = { id: 'contoso.sharepoint.com,1,2', name: 'Design Team', webUrl: SITE_URL }
const drive = (name: string, over: Partial<Drive> = {}): Drive => ({
  id: `b!${name}` as DriveId,
  name,
  webUrl: `${SITE_URL}/${name}`,
  kind: 'documentLibrary',
  owner: undefined,
  ...over,
})
const documents = drive('Documents')

function shared(name: string, over: Partial<SharedItem> = {}, item: Partial<DriveItem> = {}): SharedItem {
  return {
    key: { tenant: CONTOSO, drive: documents.id, item: `01${name}` as ItemId },
    item: {
      id: `01${name}` as ItemId,
      parentId: undefined,
      name,
      kind: 'folder',
      size: 0,
      modified: 0,
      created: 0,
      eTag: undefined,
      cTag: undefined,
      quickXorHash: undefined,
      mimeType: undefined,
      webUrl: `${SITE_URL}/Documents/${name}`,
      ...item,
    },
    isDriveRoot: false,
    siteId: site.id,
    ...over,
  }
}
const root = shared('root', { isDriveRoot: true }, { webUrl: documents.webUrl })

const refuse = (code: FaultCode) => () => Promise.reject(new Fault(code, 'refused'))

function world(over: Partial<RemoteSharing> = {}) {
  const visits: string[] = []
  const sharing: RemoteSharing = {
    followLink: () => Promise.resolve(shared('Plans')),
    linkTerms: () => Promise.resolve(undefined),
    siteByPath: () => Promise.resolve(site),
    siteById: () => Promise.resolve(site),
    defaultDrive: () => Promise.resolve(documents),
    drives: () => Promise.resolve([documents, drive('Media')]),
    driveOfList: () => Promise.resolve(documents),
    drive: () => Promise.resolve(documents),
    itemByPath: () => Promise.resolve(root),
    itemById: () => Promise.resolve(shared('ById')),
    organizationName: () => Promise.resolve('Contoso'),
    ...over,
  }
  const organizations = new OrganizationNames()
  const resolver = new LibraryResolver({
    cloud: { sharePointSuffix: '.sharepoint.com' },
    sharing,
    rights: { accessTo: () => Promise.resolve('write') },
    tenants: { tenantOf: () => Promise.resolve(CONTOSO) },
    wakeUp: {
      visit(_tenant, host, path) {
        visits.push(`${host}${path}`)
        return Promise.resolve()
      },
    },
    organizations,
  })
  return { resolve: (text: string) => resolver.resolve(text, patient), visits, organizations }
}

const LINK = 'https://contoso.sharepoint.com/:f:/s/Design/EvQx12?e=1'

t.test('a site gives its default library and names the others', async t => {
  const { library, otherLibraries } = await world().resolve(SITE_URL)
  t.match(library, {
    scope: 'library',
    organization: 'Contoso',
    name: 'Design Team - Documents',
    root: root.key,
    host: 'contoso.sharepoint.com',
    access: 'write',
  })
  t.same(otherLibraries, [{ name: 'Media', webUrl: `${SITE_URL}/Media` }])
})

t.test('a shared folder carries site, library and folder in its name', async t => {
  const { library } = await world().resolve(LINK)
  t.match(library, { scope: 'folder', name: 'Design Team - Documents - Plans' })
})

t.test('where the guest may not see the site, the address gives the names', async t => {
  const { library } = await world({
    siteById: refuse('access-denied'),
    drive: refuse('access-denied'),
  }).resolve(LINK)
  t.equal(library.name, 'Design - Documents - Plans')
})

t.test("somebody's OneDrive is called after the person", async t => {
  const mine = drive('Documents', { kind: 'business', owner: 'Megan Manager' })
  const { library } = await world({ drive: () => Promise.resolve(mine) }).resolve(LINK)
  t.equal(library.name, 'Megan Manager - Documents - Plans')
})

t.test('an organization that does not tell its name is called after its host', async t => {
  const { library } = await world({ organizationName: () => Promise.resolve(undefined) }).resolve(LINK)
  t.equal(library.organization, 'contoso')
})

t.test('a guest whom SharePoint does not know yet is made known, once', async t => {
  let asked = 0
  const { resolve, visits } = world({
    followLink: () => (++asked === 1 ? refuse('access-denied')() : Promise.resolve(shared('Plans'))),
  })
  await t.resolves(resolve(LINK))
  t.same(visits, ['contoso.sharepoint.com/sites/Design'])
  const hopeless = world({ followLink: refuse('access-denied') })
  await t.rejects(hopeless.resolve(LINK), { code: 'access-denied', nextStep: /once in your browser/ })
  t.equal(hopeless.visits.length, 1)
})

t.test('a refusal by the sign-in is passed on as it is', async t => {
  for (const code of [
    'not-a-guest',
    'invitation-pending',
    'consent-required',
    'sign-in-required',
    'offline',
  ] as const) {
    const { resolve, visits } = world({ followLink: refuse(code) })
    await t.rejects(resolve(LINK), { code })
    t.same(visits, [])
  }
})

t.test('a single file and a notebook are refused by what they are', async t => {
  for (const kind of ['file', 'package'] as const) {
    const { resolve } = world({ followLink: () => Promise.resolve(shared('Plan.docx', {}, { kind })) })
    await t.rejects(resolve(LINK), { code: 'single-file', message: /^Plan\.docx is a/ })
  }
})

t.test('an Anyone link is refused, whether or not it works', async t => {
  const linkTerms = () => Promise.resolve({ scope: 'anonymous', blocksDownload: false } as const)
  await t.rejects(world({ linkTerms }).resolve(LINK), { code: 'anyone-link' })
  await t.rejects(world({ linkTerms, followLink: refuse('item-not-found') }).resolve(LINK), {
    code: 'anyone-link',
  })
})

t.test('a link that blocks downloads is added with a note', async t => {
  const linkTerms = () => Promise.resolve({ scope: 'users', blocksDownload: true } as const)
  t.match((await world({ linkTerms }).resolve(LINK)).notes, [/downloads are blocked/])
})

t.test("a consumer's drive is refused", async t => {
  const personal = () => Promise.resolve(drive('OneDrive', { kind: 'personal' }))
  await t.rejects(world({ drive: personal }).resolve(LINK), { code: 'personal-account' })
})

t.test('an address in the browser works without the site, by its path, or as a subsite', async t => {
  const address = `${SITE_URL}/Documents/Plans`
  t.equal(
    (await world({ siteByPath: refuse('access-denied') }).resolve(address)).library.name,
    'Design Team - Documents - Plans',
  )
  const paths: string[] = []
  const byPath = world({
    followLink: refuse('item-not-found'),
    itemByPath: (_tenant, _drive, path) => (paths.push(path), Promise.resolve(shared('Plans'))),
  })
  t.equal((await byPath.resolve(address)).library.scope, 'folder')
  t.same(paths, ['Plans'])
  const subsite = world({ followLink: refuse('item-not-found'), drives: () => Promise.resolve([]) })
  t.equal((await subsite.resolve(`${SITE_URL}/Sub`)).library.scope, 'library')
})

const SYNC =
  'odopen://sync?siteId=2e43f466-1013-4a0d-84b5-be9352f99928&webId=1c90c5ed-31c4-4c64-a893-340fb69190d3' +
  `&listId=5fcc3a5f-05fe-4084-8e53-46ca6558f5b9&webUrl=${encodeURIComponent(SITE_URL)}`

t.test("the Sync button's ids lead to the library, also where its list is not shown to guests", async t => {
  t.equal((await world().resolve(SYNC)).library.scope, 'library')
  const drives: string[] = []
  const computed = world({
    driveOfList: refuse('access-denied'),
    itemByPath: (_tenant, id) => (drives.push(id), Promise.resolve(root)),
  })
  await computed.resolve(SYNC)
  t.same(drives, ['b!ZvRDLhMQDUqEtb6TUvmZKO3FkBzEMWRMqJM0D7aRkNNfOsxf_gWEQI5TRsplWPW5'])
})

t.test('a damaged path in the address of the Sync button is no bug of ours', async t => {
  const damaged = SYNC.replace('Design', 'Design%25FF')
  const { resolve } = world({ itemByPath: refuse('access-denied') })
  await t.rejects(resolve(damaged), { code: 'access-denied' })
})

t.test('a folder of the Sync button that was renamed is found by its id', async t => {
  const rootItem = shared('x', {
    isDriveRoot: true,
    key: { ...root.key, item: '01NKDM7HN6Y2GOVW7725BZO354PWSELRRZ' as ItemId },
  })
  const asked: string[] = []
  const { resolve } = world({
    followLink: refuse('item-not-found'),
    itemByPath: () => Promise.resolve(rootItem),
    itemById: (_tenant, _drive, item) => (asked.push(item), Promise.resolve(shared('Renamed'))),
  })
  const folder = `&scope=OPENFOLDER&folderId=86eb4c8e-d20d-46b9-ad41-23b8868dda8a&folderUrl=${encodeURIComponent(`${SITE_URL}/Documents/Old`)}`
  t.equal((await resolve(SYNC + folder)).library.name, 'Design Team - Documents - Renamed')
  t.same(asked, ['01NKDM7HMOJTVYMDOSXFDK2QJDXCDI3WUK'])
})

t.test('names that try to fool the reader are one line of text', async t => {
  const name = `a\u202e\n\u001b[2J${'x'.repeat(5000)}`
  const { library } = await world({ followLink: () => Promise.resolve(shared(name)) }).resolve(LINK)
  t.match(library.name, /^Design Team - Documents - a \[2Jx+$/)
  t.ok(library.name.length < 320)
})

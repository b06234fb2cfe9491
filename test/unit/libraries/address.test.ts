import t from 'tap'
import { parseAddress } from '../../../src/libraries/address.js'

const cloud = { sharePointSuffix: '.sharepoint.com' }
const parse = (text: string) => parseAddress(text, cloud)
const host = 'contoso.sharepoint.com'
const SITE = 'https://contoso.sharepoint.com/sites/Design'
const SITE_ID = '2c712604-1370-44e7-a1f5-426573fda80a'
const WEB_ID = '2d2244c3-251a-49ea-93a8-39e1c3a060fe'
const LIST_ID = '86eb4c8e-d20d-46b9-ad41-23b8868dda8a'
const FOLDER_ID = '11111111-2222-4333-8444-555555555555'

t.test('sharing links of every kind are opaque, and go to the service as they are', t => {
  for (const kind of ['f', 'b', 'w', 'x', 'p', 'o', 't', 'i', 'v', 'u', 'li']) {
    for (const place of ['s/Design', 't/Design', 'g/personal/ann_contoso_com']) {
      const url = `https://${host}/:${kind}:/${place}/EvQx12_-abc?e=5%3aXyZ&at=9`
      t.same(parse(url), { kind: 'sharing-link', host, url })
    }
  }
  t.match(parse(`https://contoso-my.sharepoint.com/:f:/g/personal/ann_contoso_com/Ev`), {
    kind: 'sharing-link',
  })
  t.end()
})

t.test('a site is a site, with and without a page of it', t => {
  const same = [
    '',
    '/',
    '/SitePages/Home.aspx',
    '/_layouts/15/start.aspx',
    '/_layouts/15/viewlsts.aspx?view=14',
    '/default.aspx',
    '?web=1#top',
  ]
  for (const page of same) t.same(parse(SITE + page), { kind: 'site', host, path: '/sites/Design' }, page)
  t.same(parse(`https://${host}/teams/Käse%20%26%20Brot`), { kind: 'site', host, path: '/teams/Käse & Brot' })
  t.same(parse(`https://${host}/`), { kind: 'site', host, path: '' })
  t.end()
})

t.test('a library is found behind its views', t => {
  const path = '/sites/Design/Shared Documents'
  const expected = { kind: 'path', host, site: '/sites/Design', path, url: `${SITE}/Shared%20Documents` }
  const same = [
    '/Shared%20Documents',
    '/Shared%20Documents/',
    '/Shared%20Documents/Forms/AllItems.aspx',
    '/Shared%20Documents/Forms/AllItems.aspx?viewid=2c712604%2D1370%2D44e7%2Da1f5%2D426573fda80a',
    '/Shared%20Documents/Forms/Thumbnails.aspx',
    '/Shared%20Documents/Forms/AllItems.aspx?id=%2Fsites%2FDesign%2FShared%20Documents&viewid=1',
    '/Shared%20Documents/Forms/AllItems.aspx?RootFolder=%2Fsites%2FDesign%2FShared%20Documents',
    '/_layouts/15/onedrive.aspx?id=%2Fsites%2FDesign%2FShared%20Documents%2F',
  ]
  for (const page of same) t.same(parse(SITE + page), expected, page)
  t.end()
})

t.test("a folder is found in the path and in the view's parameters, in any case", t => {
  const path = '/sites/Design/Shared Documents/Q1 #2/50% off'
  const url = `${SITE}/Shared%20Documents/Q1%20%232/50%25%20off`
  const encoded = encodeURIComponent(path)
  for (const text of [
    url,
    `${SITE}/Shared%20Documents/Forms/AllItems.aspx?id=${encoded}`,
    `${SITE}/Shared%20Documents/Forms/AllItems.aspx?ROOTFOLDER=${encoded}&FolderCTID=0x01`,
  ]) {
    t.same(parse(text), { kind: 'path', host, site: '/sites/Design', path, url }, text)
  }
  t.end()
})

t.test('the redirect form of a link carries its path', t => {
  const path = '/sites/Design/Shared Documents/Plans'
  const url = `${SITE}/Shared%20Documents/Plans`
  t.same(parse(`https://${host}/:f:/r/sites/Design/Shared%20Documents/Plans?csf=1&web=1&e=AbCd`), {
    kind: 'path',
    host,
    site: '/sites/Design',
    path,
    url,
  })
  t.same(parse(`https://${host}/:u:/r/sites/Design`), { kind: 'site', host, path: '/sites/Design' })
  t.end()
})

const sync = (over: Record<string, string> = {}) => ({
  userId: 'x',
  userEmail: 'ann%40fabrikam.example',
  siteId: `%7B${SITE_ID}%7D`,
  webId: `%7B${WEB_ID}%7D`,
  listId: `%7B${LIST_ID}%7D`,
  webUrl: 'https%3A%2F%2Fcontoso.sharepoint.com%2Fsites%2FDesign',
  webTitle: 'Design',
  listTitle: 'Documents',
  onPrem: '0',
  version: '1',
  scope: 'OPENLIST',
  ...over,
})
const query = (fields: Record<string, string>) =>
  Object.entries(fields)
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
const LIST = {
  kind: 'list',
  host,
  siteId: SITE_ID,
  webId: WEB_ID,
  listId: LIST_ID,
  folderId: undefined,
  url: SITE,
}

t.test("the Sync button's address is understood in every form", t => {
  const plain = query(sync())
  const forms = [
    `odopen://sync?${plain}`,
    `odopen://sync/?${plain}`,
    `ODOPEN://Sync?${plain}`,
    `odopen://sync?${plain.replaceAll('&', '&amp;')}`,
    `odopen://sync?${query(sync({ siteId: SITE_ID.toUpperCase(), webId: `{${WEB_ID}}` }))}`,
    `odopen://sync?${query(sync({ siteId: SITE_ID.replaceAll('-', '%2D'), webUrl: 'https%3A%2F%2Fcontoso%2Esharepoint%2Ecom%2Fsites%2FDesign' }))}`,
    `odopen://sync?${query(sync({ listId: `%257B${LIST_ID}%257D`, webUrl: 'https%253A%252F%252Fcontoso.sharepoint.com%252Fsites%252FDesign' }))}`,
    `odopen://sync?${query(Object.fromEntries(Object.entries(sync()).map(([name, value]) => [name.toUpperCase(), value])))}`,
    `  odopen://sync?${plain}\n`,
    `tenantId=1&siteId={${SITE_ID}}&webId={${WEB_ID}}&listId={${LIST_ID}}&webUrl=https://contoso.sharepoint.com/sites/Design&version=1`,
    `tenantId=1&siteId=%7B${SITE_ID}%7D&webId=${WEB_ID}&listId=%7B${LIST_ID}%7D&webUrl=https%3A%2F%2Fcontoso%2Esharepoint%2Ecom%2Fsites%2FDesign&version=1`,
  ]
  for (const text of forms) t.same(parse(text), LIST, text)
  t.end()
})

t.test('a folder of the Sync button is a folder', t => {
  const folderUrl = `${SITE}/Shared%20Documents/Reports`
  const fields = sync({
    scope: 'OPENFOLDER',
    folderId: `{${FOLDER_ID}}`,
    folderName: 'Reports',
    folderUrl: encodeURIComponent(folderUrl),
  })
  t.same(parse(`odopen://sync/?${query(fields)}`), { ...LIST, folderId: FOLDER_ID, url: folderUrl })
  const elsewhere = { ...fields, folderUrl: encodeURIComponent('https://evil.example/x') }
  t.match(
    parse(`odopen://sync/?${query(elsewhere)}`),
    { url: SITE },
    'a folder address on another host is not used',
  )
  t.end()
})

t.test('links that a mail filter has wrapped, copied without a scheme, or in angle brackets', t => {
  const wrapped = `https://eur01.safelinks.protection.outlook.com/?url=${encodeURIComponent(SITE)}&data=05%7C&reserved=0`
  for (const text of [
    wrapped,
    'contoso.sharepoint.com/sites/Design',
    `<${SITE}>`,
    'http://contoso.sharepoint.com/sites/Design',
    'HTTPS://CONTOSO.SharePoint.com/sites/Design',
  ]) {
    t.same(parse(text), { kind: 'site', host, path: '/sites/Design' }, text)
  }
  t.end()
})

t.test('addresses copied from HTML, or with the quotation marks of a shell, a table or a text', t => {
  const folder = encodeURIComponent('/sites/Design/Shared Documents/Plans')
  const view = `${SITE}/Shared%20Documents/Forms/AllItems.aspx?viewid=1`
  for (const and of ['&amp;', '&AMP;', '&#38;', '&#038;', '&#x26;'])
    t.match(parse(`${view}${and}id=${folder}`), { path: '/sites/Design/Shared Documents/Plans' }, and)
  t.match(
    parse(`${view}&id=${encodeURIComponent('/sites/Design/Shared Documents/R&amp;D')}`),
    { path: '/sites/Design/Shared Documents/R&amp;D' },
    'what is encoded belongs to a name',
  )
  const link = `https://${host}/:f:/s/Design/EvQx12_-abc?e=5%3aXyZ`
  t.match(parse(`${link}&amp;at=9`), { url: `${link}&at=9` })
  for (const [open, close] of ["''", '""', '``', '“”', '„“', '«»', '‘’', '<>'])
    t.match(parse(`${open} ${SITE} ${close}`), { kind: 'site', path: '/sites/Design' }, `${open}${close}`)
  t.match(parse(`"odopen://sync?${query(sync())}"`), LIST)
  t.end()
})

t.test('the address of a whole library may name an empty folder', t => {
  t.same(parse(`odopen://sync?${query(sync({ folderId: '', folderName: '' }))}`), LIST)
  t.end()
})

t.test('an address with a port or a name before the host is refused for that', t => {
  for (const text of [`https://${host}:8443/sites/x`, `https://ann@${host}/sites/x`])
    t.throws(() => parse(text), { message: /port or user name/ }, text)
  t.end()
})

t.test('a Microsoft personal account is recognised by its hosts', t => {
  for (const text of [
    'https://1drv.ms/f/s!AbC',
    'https://onedrive.live.com/?id=root&cid=123',
    'https://d.docs.live.net/123/x',
  ]) {
    t.throws(() => parse(text), { code: 'personal-account' }, text)
  }
  t.end()
})

t.test('an invitation is not an address yet', t => {
  t.throws(
    () => parse('https://login.microsoftonline.com/redeem?rd=https%3a%2f%2finvitations.microsoft.com%2f'),
    {
      code: 'address-malformed',
      nextStep: /accept/,
    },
  )
  t.end()
})

t.test('everything else is refused with a sentence that helps', t => {
  const malformed = [
    '',
    '   ',
    'hello',
    'ftp://contoso.sharepoint.com/x',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'https://contoso.sharepoint.com.evil.example/sites/x',
    'https://evil.example/contoso.sharepoint.com',
    'https://contoso.sharepoint.com:8443/sites/x',
    'https://user:pass@contoso.sharepoint.com/sites/x',
    'https://.sharepoint.com/sites/x',
    'https://a.b.sharepoint.com/sites/x',
    'https://-.sharepoint.com/',
    'https://contoso.sharepoint.com/sites/%FF%FE',
    'https://contoso.sharepoint.com/sites/x/..%2f..%2fy',
    'https://contoso.sharepoint.com/:f:/s/',
    'https://contoso.sharepoint.com/:f:/s',
    'https://contoso.sharepoint.com/sites/x/%00',
    'https://contoso.sharepoint.com/sites/x/%1b[2J',
    `${SITE}/Shared%20Documents/Forms/AllItems.aspx?id=/sites/../../x`,
    'odopen://launch',
    'odopen://sync',
    'odopen://sync?siteId=1',
    `odopen://sync?${query(sync({ listId: 'x' }))}`,
    `odopen://sync?${query(sync({ webUrl: 'https%3A%2F%2Fevil.example%2Fsites%2FDesign' }))}`,
    `odopen://sync?${query(sync({ scope: 'OPENFOLDER' }))}`,
    'line\nbreak',
    `https://contoso.sharepoint.com/${'x'.repeat(20_000)}`,
    '\0',
  ]
  for (const text of malformed) {
    t.throws(
      () => parse(text),
      { code: 'address-malformed', nextStep: /\w/ },
      JSON.stringify(text.slice(0, 80)),
    )
  }
  t.end()
})

t.test('an organization in another cloud is told from a typing error', t => {
  const cloud = { sharePointSuffix: '.sharepoint.com' }
  for (const host of ['contoso.sharepoint.us', 'contoso-my.sharepoint-mil.us', 'contoso.sharepoint.cn']) {
    t.throws(() => parseAddress(`https://${host}/sites/X`, cloud), {
      code: 'blocked-by-policy',
      message: new RegExp(`^${host} is in another Microsoft cloud than you`),
      nextStep: /cannot cross clouds/,
    })
  }
  t.throws(() => parseAddress('https://contoso.sharepoint.de/sites/X', cloud), { code: 'address-malformed' })
  t.end()
})

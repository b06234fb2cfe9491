import t from 'tap'
import { addressOf, openSignedInWorld } from './open-client.js'

const world = await openSignedInWorld(t)
const { resolver, signal } = world
const add = (name: string) => resolver.resolve(addressOf(world, name), signal)

t.test(
  'the same library is found by its site, its address, its view, its Sync button and its id',
  async t => {
    const bySite = await add('contoso site')
    t.match(bySite, {
      library: {
        scope: 'library',
        organization: 'Contoso',
        name: 'Design - Documents',
        host: 'contoso.sharepoint.com',
        access: 'write',
      },
      otherLibraries: [{ name: 'Media' }],
      notes: [],
    })
    for (const name of [
      'contoso documents',
      'contoso documents view',
      'contoso documents sync',
      'contoso documents library id',
    ]) {
      t.same((await add(name)).library, bySite.library, name)
    }
  },
)

t.test('a read-only library is known to be read-only', async t => {
  const { library } = await add('northwind catalogue link')
  t.match(library, { scope: 'library', organization: 'Northwind Traders', access: 'read' })
  t.same((await add('northwind catalogue sync')).library.root, library.root)
})

t.test(
  'a shared folder is found by its link, its address, its view and its Sync button, without the site',
  async t => {
    const { library } = await add('tailspin folder link')
    t.match(library, {
      scope: 'folder',
      organization: 'Tailspin Toys',
      name: 'Models - Documents - Reports',
      access: 'write',
    })
    for (const name of ['tailspin folder', 'tailspin folder view', 'tailspin folder sync']) {
      t.same((await add(name)).library.root, library.root, name)
    }
  },
)

t.test('a link for specific people is redeemed: access lasts', async t => {
  const { library } = await add('contoso people link to redeem')
  t.equal(library.scope, 'folder')
  for await (const page of world.folder.children(library.root, signal)) t.ok(page.items.length > 0)
})

t.test('a guest whom SharePoint does not know yet is woken up', async t => {
  t.match((await add('fourth site')).library, { organization: 'Fourth Coffee', scope: 'library' })
})

const REFUSALS: Readonly<Record<string, string>> = {
  'contoso single file link (refused)': 'single-file',
  'contoso anyone link (refused)': 'anyone-link',
  'adatum site': 'not-a-guest',
  'litware site': 'invitation-pending',
  'proseware site': 'consent-required',
  'wingtip site': 'sign-in-required',
}

for (const [name, code] of Object.entries(REFUSALS)) {
  t.test(`${name}: ${code}, with a next step`, async t => {
    await t.rejects(add(name), { code, nextStep: /\w/ })
  })
}

t.test('what is not shared with us looks as if it did not exist', async t => {
  const addresses = [
    'https://contoso.sharepoint.com/sites/Launch',
    'https://contoso.sharepoint.com/sites/Launch/Shared%20Documents/Contracts',
    'https://contoso.sharepoint.com/sites/Nowhere',
    'https://contoso.sharepoint.com/sites/Design/Nowhere',
    'https://contoso.sharepoint.com/:f:/s/Design/Enothing',
  ]
  for (const address of addresses) {
    const failure = (await resolver.resolve(address, signal).catch((failure: unknown) => failure)) as {
      code: string
    }
    t.match(failure, { code: /^(item-not-found|access-denied)$/, nextStep: /\w/ }, address)
  }
})

t.test("a host that is nobody's is said so", async t => {
  await t.rejects(resolver.resolve('https://nobody-at-all.sharepoint.com/sites/x', signal), {
    code: /^(tenant-not-found|certificate-untrusted)$/,
  })
})

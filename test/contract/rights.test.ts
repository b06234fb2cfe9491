import t from 'tap'
import { setRules } from '../../src/emulator/admin/libraries.js'
import { changePeople } from '../../src/emulator/admin/people.js'
import { GraphListItems } from '../../src/graph/list-items.js'
import { GraphViewpoint } from '../../src/graph/viewpoint.js'
import type { HttpRequest } from '../../src/http/message.js'
import { LibraryRights } from '../../src/libraries/library-rights.js'
import { SharePointRights } from '../../src/libraries/sharepoint-rights.js'
import { systemClock } from '../../src/concurrency/clock.js'
import { LIBRARY_SCOPES } from '../../src/model/scopes.js'
import { addressOf, openSignedInWorld } from './open-client.js'

const world = await openSignedInWorld(t)
const { resolver, signal, emulator, graph, sharing, http, tokens } = world
const { counters, faults } = emulator

/** As in a daemon that was just started, with all requests of it that do not go through Graph's client. */
function freshRights() {
  const requests: HttpRequest[] = []
  const spying = {
    send: (request: HttpRequest, ...rest: [AbortSignal, object?]) => {
      requests.push(request)
      return http.send(request, ...rest)
    },
  }
  const rights = new LibraryRights({
    permissions: sharing,
    viewpoint: new GraphViewpoint(graph),
    sharePoint: new SharePointRights({
      http: spying,
      tokens,
      clock: systemClock,
      places: new GraphListItems(graph),
    }),
  })
  return { rights, requests }
}

const ANN = 'ann@fabrikam.example'
const SHARED = [
  {
    name: 'northwind catalogue',
    tenant: 'northwind',
    site: '/sites/Supply',
    scope: 'library',
    access: 'read',
  },
  {
    name: 'tailspin folder link',
    tenant: 'tailspin',
    site: '/sites/Models',
    scope: 'folder',
    access: 'write',
  },
  { name: 'contoso documents', tenant: 'contoso', site: '/sites/Design', scope: 'library', access: 'write' },
] as const

const asked = () =>
  Object.fromEntries(
    ['permissions', 'item', 'sharepoint-rest', 'token', 'authorize', 'login', 'devicecode'].flatMap(route => {
      const count = counters.report().routes[route]
      return count === undefined ? [] : [[route, count]]
    }),
  )

for (const { name, tenant, site, scope, access } of SHARED) {
  t.test(`${name}: each way tells the same, and is asked where the one before does not`, async t => {
    const { library } = await resolver.resolve(addressOf(world, name), signal)
    t.match(library, { scope, access })
    const rules = (more: object) => setRules(emulator.world, { drive: library.root.drive, ...more })
    t.teardown(() => void rules({ guestPermissions: 'own', viewpoint: true }))
    const { rights, requests } = freshRights()

    counters.reset()
    t.equal(await rights.accessTo(library, signal), access)
    t.same(asked(), { permissions: 1 })

    for (const guestPermissions of ['none', 'refused']) {
      rules({ guestPermissions })
      counters.reset()
      t.equal(await rights.accessTo(library, signal), access, `permissions: ${guestPermissions}`)
      t.same(asked(), { permissions: 1, item: 1 })
    }
    t.same(requests, [])

    rules({ viewpoint: false })
    counters.reset()
    t.equal(await rights.accessTo(library, signal), access, 'SharePoint itself')
    t.match(asked(), { permissions: 1, item: 2, 'sharepoint-rest': 1, token: 1 })
    t.same(
      requests.map(request => [new URL(request.url).origin, audienceOf(request)]),
      [[`https://${library.host}`, `https://${library.host}`]],
      'the token is of the host that gets it',
    )

    // Changes while mounted.
    const other = access === 'read' ? 'write' : 'read'
    const at = emulator.world.sites.find(each => each.tenant.slug === tenant && each.path === site)
    const people = (body: object) =>
      changePeople(emulator.world, { tenant, user: ANN, site: at?.webUrl, ...body })
    const { drive, item } = library.root
    people({ do: 'revoke-access' })
    people({ do: 'grant', role: other, ...(scope === 'folder' ? { drive, item } : { drive }) })
    t.equal(await rights.accessTo(library, signal), other, 'the next time that SharePoint is asked')
    rules({ viewpoint: true })
    t.equal(await rights.accessTo(library, signal), other, 'by beta')
    rules({ guestPermissions: 'own' })
    t.equal(await rights.accessTo(library, signal), other, 'by permissions')
  })
}

t.test(
  'without consent for SharePoint nobody knows, nobody is asked, and nothing is asked again',
  async t => {
    const { library } = await resolver.resolve(addressOf(world, 'contoso documents'), signal)
    setRules(emulator.world, { drive: library.root.drive, guestPermissions: 'none', viewpoint: false })
    changePeople(emulator.world, { do: 'consent', tenant: 'contoso', sharePoint: false })
    t.teardown(() => {
      changePeople(emulator.world, { do: 'consent', tenant: 'contoso', sharePoint: true })
      setRules(emulator.world, { drive: library.root.drive, guestPermissions: 'own', viewpoint: true })
    })
    // MSAL has the token of the test before.
    const account = await world.accounts.homeProfile(signal)
    await world.accounts.signOut(signal)
    tokens.forget()
    await world.signIn.inBrowser(world.browser(account.username), signal)

    const { rights, requests } = freshRights()
    t.equal(await sharing.accessTo(library.root, signal), 'unknown', 'with a token for Graph at hand')
    counters.reset()
    t.equal(await rights.accessTo(library, signal), 'unknown')
    t.same(asked(), { permissions: 1, item: 2, token: 1 }, 'no page, no code')
    counters.reset()
    t.equal(await rights.accessTo(library, signal), 'unknown')
    t.same(asked(), { permissions: 1, item: 1 })
    t.same([requests, world.warnings], [[], []])
    t.match(
      (await resolver.resolve(addressOf(world, 'contoso documents'), signal)).library,
      { access: 'unknown' },
      'it can be added',
    )
    t.equal(tokens.problemOf(library.root.tenant, LIBRARY_SCOPES), undefined)
  },
)

t.test('what SharePoint answers in whatever way costs nobody anything', async t => {
  const { library } = await resolver.resolve(addressOf(world, 'contoso documents'), signal)
  setRules(emulator.world, { drive: library.root.drive, guestPermissions: 'none', viewpoint: false })
  t.teardown(() => faults.clear())
  const location = 'https://northwind.sharepoint.com/sites/Supply/_api/web'
  const answers = [
    { status: 302, headers: { Location: location }, body: '' },
    { status: 403 },
    { status: 401 },
    { status: 503, retryAfterSeconds: 1 },
    { body: '{"High":"0","Low":"-1"}' },
    { body: '<html>', headers: { 'Content-Type': 'text/html' } },
    { body: JSON.stringify({ High: '0', Low: '5', pad: 'x'.repeat(100_000) }) },
    { resetAfterBytes: 1 },
  ]
  for (const action of answers) {
    faults.clear()
    faults.put({ match: { route: 'sharepoint-rest' }, action })
    const { rights, requests } = freshRights()
    counters.reset()
    t.equal(await rights.accessTo(library, signal), 'unknown', JSON.stringify(action).slice(0, 60))
    t.equal(counters.report().routes['sharepoint-rest'], 1, 'it is asked once, and no redirect followed')
    t.equal(requests.length, 1)
  }
})

/** @returns for which service the token of a request is */
function audienceOf({ headers }: HttpRequest): unknown {
  const [, claims = ''] = (headers?.['authorization'] ?? '').split('.')
  return (JSON.parse(Buffer.from(claims, 'base64url').toString()) as { aud: unknown }).aud
}

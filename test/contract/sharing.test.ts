import t from 'tap'
import { changePeople } from '../../src/emulator/admin/people.js'
import type { TenantId } from '../../src/model/ids.js'
import { addressOf, openSignedInWorld } from './open-client.js'

const ADATUM = '55555555-5555-4555-8555-555555555555' as TenantId

const world = await openSignedInWorld(t)
const { resolver, signal, emulator } = world
const site = addressOf(world, 'adatum site')
const people = (body: Record<string, unknown>) => changePeople(emulator.world, { tenant: 'adatum', ...body })
const share = (more: object = {}) => people({ do: 'share', site, with: 'ann@fabrikam.example', ...more })

t.test('a folder shared without B2B integration cannot be mounted, and the user reads why', async t => {
  people({ do: 'sharing-control', enableAzureADB2BIntegration: false })
  const drive = emulator.world.sites.find(({ webUrl }) => webUrl === site)?.libraries[0]?.id
  const { link } = share({ drive, path: 'Reports' }) as { link: string }
  await t.rejects(resolver.resolve(link, signal), {
    code: 'not-a-guest',
    message: /adatum does not know your account as a guest/i,
    nextStep: /a link that asks for a code from a mail makes nobody a guest/,
  })
  people({ do: 'sharing-control', enableAzureADB2BIntegration: true })
})

t.test('who was just invited accepts by signing in there, and SharePoint gets to know them', async t => {
  share()
  const principal = emulator.world.tenant('adatum')?.principals.find(({ kind }) => kind === 'guest')
  t.match(principal, { state: 'pending', sharePointKnows: false })
  await t.rejects(resolver.resolve(site, signal), {
    code: 'invitation-pending',
    nextStep: new RegExp(`b2bmount sign-in ${ADATUM}$`),
  })
  await world.signIn.inBrowser(world.browser(), signal, { tenant: ADATUM })
  world.tokens.forget()
  t.match((await resolver.resolve(site, signal)).library, { organization: 'A. Datum', scope: 'library' })
  t.match(principal, { state: 'redeemed', sharePointKnows: true })
})

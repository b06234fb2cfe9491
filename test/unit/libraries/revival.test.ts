import t from 'tap'
import { Revival } from '../../../src/libraries/revival.js'
import type { TenantId } from '../../../src/model/ids.js'

const CONTOSO = '22222222-2222-4222-8222-222222222222' as TenantId
const patient = new AbortController().signal

function world(addresses: readonly string[]) {
  const visits: string[] = []
  const clock = { time: 0, now: () => clock.time, sleep: () => Promise.resolve() }
  const wakeUp = {
    visit: (_: TenantId, host: string, site: string) => Promise.resolve(void visits.push(host + site)),
  }
  return { visits, clock, revival: new Revival({ wakeUp, clock, addressesOf: () => addresses }) }
}

t.test('the site of what was added is visited, by many at once, and not again for an hour', async t => {
  const { revival, visits, clock } = world([
    'https://contoso.sharepoint.com/sites/De%20sign/Shared%20Documents/a',
  ])
  t.same(await Promise.all([revival.revive(CONTOSO, patient), revival.revive(CONTOSO, patient)]), [
    true,
    true,
  ])
  t.same(visits, ['contoso.sharepoint.com/sites/De sign'])
  t.equal(await revival.revive(CONTOSO, patient), false)
  clock.time += 61 * 60_000
  t.equal(await revival.revive(CONTOSO, patient), true)
  t.equal(visits.length, 2)
})

t.test('where nothing was added, or no address is one, nobody is visited', async t => {
  for (const addresses of [[], ['nonsense']]) {
    const { revival, visits } = world(addresses)
    t.equal(await revival.revive(CONTOSO, patient), false)
    t.same(visits, [])
  }
})

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { AccessRemovedPolicy } from '../../../src/control/admin-policy.js'
import { AccessRemovedPurge } from '../../../src/daemon/access-removed-purge.js'
import type { Ino } from '../../../src/model/ids.js'
import type { LibraryRecord } from '../../../src/store/library-table.js'
import { PROJECTS } from './fake-services.js'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

function purgeBy(t: Test, policy: AccessRemovedPolicy) {
  const directory = t.testdir({})
  const purged: Ino[] = []
  const time = { now: Date.UTC(2026, 0, 1) }
  const library: LibraryRecord = { ...PROJECTS, enumerated: 1, accessRemoved: time.now }
  const purge = new AccessRemovedPurge({
    policy: () => policy,
    directory,
    now: () => time.now,
    rootOf: () => 7 as Ino,
    purge: root => {
      purged.push(root)
      return Promise.resolve({ files: 2, bytes: 30, kept: 1 })
    },
    onTrouble: (_, failure) => t.fail(String(failure)),
  })
  const refused = async (after: number, of = library) => {
    time.now += after
    await purge.refused(of)
  }
  return { purged, refused, directory, library }
}

t.test('by default everything is kept', async t => {
  const { purged, refused } = purgeBy(t, { kind: 'keep' })
  for (let i = 0; i < 5; i++) await refused(DAY)
  t.same(purged, [])
})

t.test('"at once" means after ten minutes and three refusals, and leaves a report', async t => {
  const { purged, refused, directory } = purgeBy(t, { kind: 'purge', afterDays: 0 })
  await refused(0)
  await refused(20 * MINUTE)
  t.same(purged, [])
  await refused(MINUTE)
  t.same(purged, [7])
  const [file = ''] = readdirSync(directory)
  t.match(JSON.parse(readFileSync(join(directory, file), 'utf8')), {
    organization: 'Contoso',
    library: 'Projects - Documents',
    accessRemoved: '2026-01-01T00:00:00.000Z',
    files: 2,
    bytes: 30,
    stillOpen: 1,
  })
})

t.test('days count from when access was removed, and begin anew when it comes back', async t => {
  const { purged, refused, library } = purgeBy(t, { kind: 'purge', afterDays: 3 })
  for (let i = 0; i < 4; i++) await refused(DAY / 2)
  const again = { ...library, accessRemoved: (library.accessRemoved ?? 0) + 2 * DAY }
  for (let i = 0; i < 5; i++) await refused(DAY / 2, again)
  t.same(purged, [])
  await refused(DAY, again)
  t.same(purged, [7])
})

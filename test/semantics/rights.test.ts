import t, { type Test } from 'tap'
import { LibraryRights } from '../../src/libraries/library-rights.js'
import { SharePointRights } from '../../src/libraries/sharepoint-rights.js'
import type { DriveChange } from '../../src/model/drive-item.js'
import { Fault } from '../../src/model/fault.js'
import type { LibraryAccess } from '../../src/model/library.js'
import { aWhile, fileItem, folderItem, LIBRARY_ROOT, pattern, until } from './drive-world.js'
import { FakeRemote } from './fake-remote.js'
import { startSyncedWorld } from './sync-world.js'
import { TestClock } from './test-clock.js'
import { opened } from './writing-world.js'

// What we may do in a library, by whoever tells; and that mode bits and writing follow.

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const rootItem = { ...folderItem(LIBRARY_ROOT, 'root'), parentId: undefined }
const file = fileItem('a', 'a.txt', pattern(10))

/** A library with a folder and a file that was added when nobody told; who tells what from then on. */
async function untold(t: Test) {
  const says: { permissions: LibraryAccess | Fault; viewpoint: LibraryAccess | Fault; sharePoint: string } = {
    permissions: 'unknown',
    viewpoint: 'unknown',
    sharePoint: 'no consent',
  }
  const asked: string[] = []
  const teller = (name: 'permissions' | 'viewpoint') => ({
    accessTo: () => {
      asked.push(name)
      const said = says[name]
      return said instanceof Fault ? Promise.reject(said) : Promise.resolve(said)
    },
  })
  const clock = new TestClock()
  const tokenFor = () => {
    asked.push('token')
    if (says.sharePoint !== 'no consent') return Promise.resolve('secret')
    return Promise.reject(new Fault('consent-required', 'nobody has consented'))
  }
  const send = () => {
    const body = Buffer.from(JSON.stringify({ High: '0', Low: says.sharePoint }))
    return Promise.resolve({ status: 200, headers: {}, body })
  }
  const place = {
    siteUrl: 'https://contoso.sharepoint.com/sites/team',
    listId: '0b1f3c5e-1111-4222-8333-444455556666',
    listItemId: '1',
  }
  const rights = new LibraryRights({
    permissions: teller('permissions'),
    viewpoint: teller('viewpoint'),
    sharePoint: new SharePointRights({
      http: { send },
      tokens: { tokenFor },
      places: { placeOf: () => Promise.resolve(place) },
      clock,
    }),
  })
  const remote = new FakeRemote()
  const items = [folderItem('docs', 'docs'), file]
  remote.put(folderItem('docs', 'docs'))
  remote.put(file, pattern(10))
  remote.round([rootItem, ...items], 'cursor 1')
  const synced = await startSyncedWorld(t, { remote, clock, writable: true }, { rights })
  const { world, library } = synced
  await until(() => asked.includes('permissions'))
  await aWhile()
  const bits = async () => {
    const of = async (name: string) => world.drive.getattr(await world.node(name)).permissions.toString(8)
    return [await of('a.txt'), await of('docs')].join(' ')
  }
  const settled = () => asked.splice(0)
  settled()
  return {
    ...synced,
    clock,
    remote,
    says,
    asked,
    bits,
    settled,
    access: () => world.store.libraries.byId(library.id)?.access,
  }
}

t.test('mode bits and writing follow whoever tells, while the drive is mounted', async t => {
  const { world, says, bits, pull } = await untold(t)
  t.equal(await bits(), '644 755')
  says.viewpoint = 'read'
  await pull()
  t.equal(await bits(), '444 555', 'by beta')
  t.ok(world.told.includes('everything'), 'and the kernel asks again')
  await t.rejects(opened(world, 'a.txt'), { code: 'read-only' })
  says.permissions = 'write'
  await pull()
  t.equal(await bits(), '644 755', 'by permissions, which come first')
  const { handle } = await opened(world, 'a.txt')
  world.drive.release(handle)
  says.permissions = says.viewpoint = 'unknown'
  await pull()
  t.equal(await bits(), '644 755', 'what was told last')
})

t.test('SharePoint is asked last, and without consent once a day; nobody hears of it', async t => {
  const { world, says, bits, pull, clock, settled, sync, library } = await untold(t)
  await pull()
  t.same(settled(), ['permissions', 'viewpoint'], 'consent was missing at the start')
  says.sharePoint = '1'
  await pull()
  t.same(settled(), ['permissions', 'viewpoint'])
  t.equal(await bits(), '644 755')
  clock.advance(DAY)
  await until(() => world.store.libraries.byId(library.id)?.access === 'read')
  t.equal(settled().at(-1), 'token')
  t.equal(await bits(), '444 555')
  says.sharePoint = '15'
  await pull()
  t.equal(await bits(), '644 755', 'and from then on each time')
  t.same(world.troubles, [])
  t.equal(sync.statusOf(library.id).problem, undefined)
})

t.test('that nobody can be asked changes nothing', async t => {
  const { says, bits, pull, world } = await untold(t)
  says.viewpoint = 'read'
  await pull()
  for (const code of ['offline', 'throttled', 'server-error'] as const) {
    says.viewpoint = new Fault(code, 'not now')
    await pull()
    t.equal(await bits(), '444 555', code)
  }
  t.same(world.troubles, [])
})

t.test('what we may do is asked again when the root has changed, but not with each change in it', async t => {
  const { remote, clock, settled, says, bits } = await untold(t)
  const later = async (duration: number, ...changes: DriveChange[]) => {
    const pulls = remote.cursors.length
    remote.round(changes, 'next')
    clock.advance(duration)
    await until(() => remote.cursors.length > pulls)
    await aWhile()
    return settled()
  }
  t.same(await later(4 * MINUTE, rootItem), [], 'soon after it was asked')
  t.same(await later(2 * MINUTE, { ...file, modified: 0 }), [], 'something else has changed')
  says.viewpoint = 'read'
  t.same(await later(2 * MINUTE, rootItem), ['permissions', 'viewpoint'])
  t.equal(await bits(), '444 555')
  t.same(await later(4 * MINUTE, rootItem), [])
  says.viewpoint = 'write'
  t.same(await later(5 * MINUTE), [])
  t.same(await later(6 * MINUTE), ['permissions', 'viewpoint'], 'every 15 minutes anyway')
  t.equal(await bits(), '644 755')
})

t.test('a write that is refused makes us ask, once for many', async t => {
  const { sync, library, clock, settled, says, bits, access } = await untold(t)
  says.viewpoint = 'read'
  sync.writeRefused(library.id)
  await aWhile()
  t.same(settled(), [], 'it was asked within this minute')
  clock.advance(MINUTE)
  await aWhile()
  for (let i = 0; i < 100; i++) sync.writeRefused(library.id)
  await until(() => access() === 'read')
  for (let i = 0; i < 100; i++) sync.writeRefused(library.id)
  await aWhile()
  t.same(settled(), ['permissions', 'viewpoint'])
  t.equal(await bits(), '444 555')
})

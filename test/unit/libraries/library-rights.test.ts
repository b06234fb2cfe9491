import t from 'tap'
import { LibraryRights } from '../../../src/libraries/library-rights.js'
import { Fault } from '../../../src/model/fault.js'
import type { DriveId, ItemId, TenantId } from '../../../src/model/ids.js'
import type { LibraryAccess } from '../../../src/model/library.js'

const library = {
  root: { tenant: 'tenant' as TenantId, drive: 'drive' as DriveId, item: 'item' as ItemId },
  scope: 'folder',
  host: 'contoso.sharepoint.com',
} as const
type Tells = LibraryAccess | Error

function world(permissions: Tells, viewpoint: Tells, sharePoint: Tells) {
  const asked: string[] = []
  const stop = new AbortController()
  const teller = (name: string, tells: Tells) => ({
    accessTo: (what: object) => {
      asked.push(what === library ? `${name} of the library` : name)
      return tells instanceof Error ? Promise.reject(tells) : Promise.resolve(tells)
    },
  })
  const rights = new LibraryRights({
    permissions: teller('permissions', permissions),
    viewpoint: teller('viewpoint', viewpoint),
    sharePoint: teller('SharePoint', sharePoint),
  })
  return { asked, stop, access: () => rights.accessTo(library, stop.signal) }
}

t.test('each is asked only where the one before did not know', async t => {
  const cases = [
    ['read', 'write', 'write', 'read', 1],
    ['write', 'read', 'read', 'write', 1],
    ['unknown', 'read', 'write', 'read', 2],
    ['unknown', 'write', 'read', 'write', 2],
    ['unknown', 'unknown', 'read', 'read', 3],
    ['unknown', 'unknown', 'write', 'write', 3],
    ['unknown', 'unknown', 'unknown', 'unknown', 3],
  ] as const
  for (const [permissions, viewpoint, sharePoint, access, questions] of cases) {
    const { asked, access: ask } = world(permissions, viewpoint, sharePoint)
    t.equal(await ask(), access)
    t.same(asked, ['permissions', 'viewpoint', 'SharePoint of the library'].slice(0, questions))
  }
})

t.test('that the first cannot be asked is a failure, of the others it is not', async t => {
  const offline = new Fault('offline', 'no network')
  const first = world(offline, 'read', 'read')
  await t.rejects(first.access(), { code: 'offline' })
  t.same(first.asked, ['permissions'])
  const second = world('unknown', new Fault('throttled', 'slowly'), 'read')
  t.equal(await second.access(), 'unknown')
  t.same(second.asked, ['permissions', 'viewpoint'], 'who is asked to slow down does')
  t.equal(await world('unknown', 'unknown', offline).access(), 'unknown')
  await t.rejects(world('unknown', 'unknown', new TypeError('a bug')).access(), TypeError)
})

t.test('who waits no longer gets no answer', async t => {
  const { stop, access } = world('unknown', new Fault('offline', 'x'), 'read')
  stop.abort(new Fault('cancelled', 'enough'))
  await t.rejects(access(), { code: 'cancelled' })
})

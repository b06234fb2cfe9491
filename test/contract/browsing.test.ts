import t from 'tap'
import { editItem } from '../../src/emulator/admin/edit-item.js'
import { isRemoved, type DriveChange, type DriveItem } from '../../src/model/drive-item.js'
import type { ItemKey } from '../../src/model/ids.js'
import type { DeltaPage } from '../../src/model/remote.js'
import { addressOf, openSignedInWorld } from './open-client.js'

const world = await openSignedInWorld(t, { world: 'hostile' })
const { emulator, folder, delta, resolver, signal } = world

const rootOf = async (name: string) => (await resolver.resolve(addressOf(world, name), signal)).library.root

async function list(key: ItemKey): Promise<DriveItem[]> {
  const items: DriveItem[] = []
  for await (const page of folder.children(key, signal)) items.push(...page.items)
  return items
}

async function collect(
  pages: AsyncIterable<DeltaPage>,
): Promise<{ changes: DriveChange[]; cursor: string | undefined }> {
  const changes: DriveChange[] = []
  let cursor: string | undefined
  for await (const page of pages) {
    changes.push(...page.changes)
    cursor = page.cursor
  }
  return { changes, cursor }
}

t.test('a folder lists what the emulator has in it', async t => {
  const root = await rootOf('contoso documents')
  const drive = emulator.world.drive(root.drive)?.drive
  const items = await list(root)
  t.same(
    items.map(({ name }) => name).sort(),
    [...(drive?.root.children.values() ?? [])].map(({ name }) => name).sort(),
  )
  t.ok(items.every(({ parentId }) => parentId === root.item))
})

t.test('ten thousand children come in pages, each once', async t => {
  const [wide] = await list(await rootOf('tailspin ten thousand'))
  t.ok(wide)
  if (!wide) return
  const items = await list({ ...(await rootOf('tailspin ten thousand')), item: wide.id })
  t.equal(items.length, 10_000)
  t.equal(new Set(items.map(({ id }) => id)).size, 10_000)
})

t.test('names in every script arrive as they are', async t => {
  const root = await rootOf('northwind world names')
  const drive = emulator.world.drive(root.drive)?.drive
  const names = (await list(root)).map(({ name }) => name).sort()
  t.same(names, [...(drive?.root.children.values() ?? [])].map(({ name }) => name).sort())
})

t.test('hostile names and fields lose nothing but the items that make no sense', async t => {
  const items = await list(await rootOf('hostile documents'))
  t.ok(items.length > 0)
  t.ok(items.every(({ size }) => Number.isSafeInteger(size) && size >= 0))
})

t.test('delta tells everything, then only what has changed', async t => {
  const root = await rootOf('contoso documents')
  const first = await collect(delta.pages(root, true, undefined, signal))
  t.ok(first.changes.length > 10)
  t.ok(first.cursor)
  const quiet = await collect(delta.pages(root, true, first.cursor, signal))
  t.same(
    quiet.changes.filter(change => !isRemoved(change) && change.kind === 'file'),
    [],
  )

  const made = (await editItem(emulator.world, {
    do: 'create-file',
    drive: root.drive,
    path: '',
    name: 'New.txt',
    text: 'new',
  })) as { item: string }
  const second = await collect(delta.pages(root, true, quiet.cursor, signal))
  t.ok(
    second.changes.some(change => change.id === made.item && !isRemoved(change) && change.name === 'New.txt'),
  )

  await editItem(emulator.world, { do: 'delete', drive: root.drive, item: made.item })
  const third = await collect(delta.pages(root, true, second.cursor, signal))
  t.ok(third.changes.some(change => change.id === made.item && isRemoved(change)))
})

t.test('a cursor that the service no longer knows asks for a resync', async t => {
  const root = await rootOf('contoso documents')
  const { cursor } = await collect(delta.pages(root, true, undefined, signal))
  emulator.faults.put({ match: { route: 'delta' }, times: 1, action: { resync: 'resyncRequired' } })
  await t.rejects(collect(delta.pages(root, true, cursor, signal)), { code: 'resync-required' })
  emulator.faults.clear()
})

t.test('a shared folder has its own delta, or says that it has none', async t => {
  const root = await rootOf('tailspin folder link')
  const result = await collect(delta.pages(root, false, undefined, signal)).catch(
    (failure: unknown) => failure,
  )
  if (result instanceof Error) t.match(result, { code: /^(not-supported|access-denied)$/ })
  else t.ok((result as { changes: unknown[] }).changes.length > 0)
})

t.test('throttling, overload and an expired token pass unnoticed', async t => {
  const root = await rootOf('contoso documents')
  const expected = (await list(root)).length
  const troubles = [
    { status: 429, retryAfterSeconds: 0.05 },
    { status: 503, retryAfterSeconds: 0.05 },
    { status: 500 },
    { unauthorized: 'expired' },
  ] as const
  for (const action of troubles) {
    emulator.faults.put({ match: { route: 'children' }, times: 1, action })
    t.equal((await list(root)).length, expected, JSON.stringify(action))
    emulator.faults.clear()
  }
})

t.test('a claims challenge gets another token', async t => {
  const root = await rootOf('contoso documents')
  emulator.faults.put({
    match: { route: 'children' },
    times: 1,
    action: { unauthorized: 'claims-challenge' },
  })
  t.ok((await list(root)).length > 0)
  emulator.faults.clear()
})

t.test('a token of one tenant shows nothing of another', async t => {
  const contoso = await rootOf('contoso documents')
  const northwind = await rootOf('northwind catalogue')
  await t.rejects(list({ ...contoso, tenant: northwind.tenant }), { code: 'item-not-found' })
})

t.test('a folder that is gone is not found', async t => {
  const root = await rootOf('contoso documents')
  await t.rejects(list({ ...root, item: '01NKDM7HMOJTVYMDOSXFDK2QJDXCDI3WUK' as ItemKey['item'] }), {
    code: 'item-not-found',
  })
})

t.test('lists that never end bring what they bring, and a circle is seen at once', async t => {
  const root = await rootOf('contoso documents')
  const fault = (endless: 'new' | 'circle') => {
    emulator.faults.put({ id: 'endless', match: { drive: root.drive }, action: { endless } })
  }
  t.teardown(() => emulator.faults.remove('endless'))
  const files = (await list(root)).filter(({ kind }) => kind === 'file').length
  fault('new')
  const ids = new Set<string>()
  let count = 0
  for await (const page of folder.children(root, signal)) {
    for (const { id } of page.items.filter(({ kind }) => kind === 'file')) ids.add(id)
    if (++count === 5) break
  }
  t.equal(ids.size, 5 * files, 'every page has files that no other has')
  fault('circle')
  emulator.counters.reset()
  await t.rejects(list(root), { code: 'protocol-error', message: /circle/ })
  await t.rejects(collect(delta.pages(root, true, undefined, signal)), {
    code: 'protocol-error',
    message: /circle/,
  })
  t.match(emulator.counters.report().routes, { children: 3, delta: 3 })
})

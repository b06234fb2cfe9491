import sharp from 'sharp'
import t from 'tap'
import { editItem } from '../../src/emulator/admin/edit-item.js'
import { contentVersion, type DriveItem } from '../../src/model/drive-item.js'
import type { ItemKey } from '../../src/model/ids.js'
import type { FoundThumbnail, WantedThumbnail } from '../../src/model/remote.js'
import { addressOf, openSignedInWorld } from './open-client.js'

const world = await openSignedInWorld(t)
const { emulator, folder, thumbnails, resolver, signal } = world
const showcase = (await resolver.resolve(addressOf(world, 'tailspin showcase'), signal)).library.root
const documents = (await resolver.resolve(addressOf(world, 'contoso documents'), signal)).library.root

async function children(root: ItemKey, path: string): Promise<{ key: ItemKey; item: DriveItem }[]> {
  let at = root
  for (const name of path.split('/')) {
    const next = (await listed(at)).find(({ item }) => item.name === name)
    if (!next) throw new Error(`no ${name}`)
    at = next.key
  }
  return listed(at)
}

async function listed(root: ItemKey) {
  const all = []
  for await (const page of folder.children(root, signal)) {
    all.push(...page.items.map(item => ({ key: { ...root, item: item.id }, item })))
  }
  return all
}

const wantedOf = ({ key, item }: { key: ItemKey; item: DriveItem }): WantedThumbnail => ({
  item: key,
  version: contentVersion(item),
})

async function fetched(wanted: readonly WantedThumbnail[]): Promise<FoundThumbnail[]> {
  const all: FoundThumbnail[] = []
  await thumbnails.fetch(wanted, 256, (place, thumbnail) => void (all[place] = thumbnail), signal)
  return all
}

const kinds = (all: readonly FoundThumbnail[]) => all.map(({ kind }) => kind)
const routes = () => emulator.counters.report().routes
const mixed = await children(showcase, 'Mixed')
const pictures = mixed.filter(({ item }) => item.name.endsWith('.jpg'))
const sheet = mixed.find(({ item }) => item.name.endsWith('.xlsx'))
const photos = await children(documents, 'Photos')
t.beforeEach(() => {
  emulator.faults.clear()
  emulator.counters.reset()
  emulator.world.thumbnails.expandable = true
})

t.test('twenty thumbnails cost one batch, and no content', async t => {
  const all = await fetched(pictures.slice(0, 20).map(wantedOf))
  t.same(new Set(kinds(all)), new Set(['image']))
  for (const found of all.slice(0, 3)) {
    if (found.kind !== 'image') throw new Error('no image')
    t.match(await sharp(found.bytes).metadata(), { format: 'jpeg', width: 256 })
  }
  t.equal(routes()['batch'], 1)
  t.match(emulator.counters.report(), { content: { requests: 0, bytes: 0 }, thumbnails: { requests: 20 } })
})

t.test('a file without a thumbnail has none, one without access or existence is not its hostage', async t => {
  if (!sheet || !pictures[0]) throw new Error('the world has changed')
  const gone = {
    item: { ...showcase, item: 'no-such-item' as ItemKey['item'] },
    version: wantedOf(sheet).version,
  }
  const all = await fetched([wantedOf(sheet), gone, wantedOf(pictures[0])])
  t.same(kinds(all), ['none', 'other-version', 'image'])
})

t.test('a thumbnail of another version than was asked for is not delivered', async t => {
  const [logo] = photos.filter(({ item }) => item.name === 'Logo.png')
  if (!logo) throw new Error('no logo')
  emulator.faults.put({ action: { thumbnailsOf: 'earlier-version' } })
  t.same(kinds(await fetched([wantedOf(logo)])), ['other-version'], 'the service is late')

  emulator.faults.clear()
  emulator.faults.put({ action: { thumbnailsOf: 'unnamed-version' } })
  t.same(kinds(await fetched([wantedOf(logo)])), ['image'], 'nothing changed meanwhile')
  t.equal(routes()['batch'], 3, 'it was asked for again')

  // Replaced while its image was on the way.
  emulator.faults.put({ match: { route: 'thumbnail-image' }, action: { latencyMilliseconds: 300 } })
  const late = fetched([wantedOf(logo)])
  while (routes()['thumbnail-image'] !== 2) await new Promise(resolve => setImmediate(resolve))
  const edit = { do: 'replace', drive: documents.drive, item: logo.key.item, text: 'another' }
  await editItem(emulator.world, edit)
  t.same(kinds(await late), ['other-version'])
  t.same(kinds(await fetched([wantedOf(logo)])), ['other-version'], 'our record is old')
})

t.test('what is not an image is no thumbnail', async t => {
  const [photo] = pictures.map(wantedOf)
  if (!photo) throw new Error('no photo')
  const match = { route: 'thumbnail-image' }
  const kindWith = async (action: object) => {
    emulator.faults.clear()
    emulator.faults.put({ match, action })
    return (await fetched([photo]))[0]
  }
  const page = '<!DOCTYPE html><title>Something went wrong</title>'
  t.match(await kindWith({ body: page, headers: { 'Content-Type': 'text/html' } }), { kind: 'unusable' })
  t.match(await kindWith({ body: page, headers: { 'Content-Type': 'image/jpeg' } }), { kind: 'unusable' })
  t.match(await kindWith({ body: '<svg/>', headers: { 'Content-Type': 'image/svg+xml' } }), {
    kind: 'unusable',
  })
  t.match(await kindWith({ status: 404 }), { kind: 'unusable' })
  t.match(await kindWith({ status: 500 }), { kind: 'failed', fault: { code: 'server-error' } })
  t.match(await kindWith({ status: 429, retryAfterSeconds: 9 }), {
    kind: 'failed',
    fault: { code: 'throttled', retryAfterSeconds: 9 },
  })
  t.match(await kindWith({ body: `\x89PNG\r\n\x1a\n${'x'.repeat(3 * 1024 * 1024)}` }), {
    kind: 'failed',
    fault: { code: 'protocol-error' },
  })
})

t.test('a URL that is refused is asked for again, by the redirect, and never with our token', async t => {
  const [photo] = pictures.map(wantedOf)
  if (!photo) throw new Error('no photo')
  emulator.faults.put({ match: { route: 'thumbnail-image' }, times: 1, action: { status: 401 } })
  t.same(kinds(await fetched([photo])), ['image'])
  t.equal(routes()['thumbnail-content'], 1)
  emulator.faults.put({ match: { route: 'thumbnail-image' }, action: { status: 403 } })
  t.match(await fetched([photo]), [{ kind: 'failed', fault: { code: 'access-denied' } }])
})

// From here on: the client remembers it of the tenant.
t.test('where a tenant does not bring thumbnails along, item and redirect are asked for apart', async t => {
  emulator.world.thumbnails.expandable = false
  const all = await fetched([...pictures.slice(0, 20), ...(sheet ? [sheet] : [])].slice(-20).map(wantedOf))
  t.equal(kinds(all).filter(kind => kind === 'image').length, 19)
  t.equal(kinds(all).at(-1), 'none')
  t.equal(routes()['batch'], 3)
  t.equal(routes()['thumbnail-content'], 20)
})

// The last one: the tenant is left alone for a while.
t.test('who wants to be asked less is, by the whole batch and by its parts', async t => {
  const three = pictures.slice(0, 3).map(wantedOf)
  emulator.faults.put({ match: { route: 'item' }, times: 1, action: { status: 429, retryAfterSeconds: 0 } })
  const all = await fetched(three)
  t.match(all[0], { kind: 'failed', fault: { code: 'throttled' } })
  t.same(kinds(all.slice(1)), ['image', 'image'])
  emulator.faults.clear()
  emulator.faults.put({ match: { route: 'batch' }, action: { status: 429, retryAfterSeconds: 900 } })
  await t.rejects(fetched(three), { code: 'throttled' })
})

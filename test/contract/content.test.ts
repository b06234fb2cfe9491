import { createHash } from 'node:crypto'
import t from 'tap'
import { systemClock as clock } from '../../src/concurrency/clock.js'
import { editItem } from '../../src/emulator/admin/edit-item.js'
import { GraphContent } from '../../src/graph/content.js'
import { DownloadUrls } from '../../src/graph/download-urls.js'
import { Throttle } from '../../src/graph/throttle.js'
import { HttpClient } from '../../src/http/http-client.js'
import { contentVersion, type DriveItem } from '../../src/model/drive-item.js'
import type { ContentVersion, ItemKey } from '../../src/model/ids.js'
import type { PastContent } from '../../src/model/remote.js'
import { loadNativeAddon, nativeTls } from '../../src/transport/native-addon.js'
import { addressOf, openSignedInWorld } from './open-client.js'

const world = await openSignedInWorld(t)
const { emulator, folder, content, resolver, signal } = world
const media = (await resolver.resolve(addressOf(world, 'contoso media'), signal)).library.root
const documents = (await resolver.resolve(addressOf(world, 'contoso documents'), signal)).library.root

async function find(root: ItemKey, name: RegExp): Promise<{ key: ItemKey; item: DriveItem }> {
  for await (const page of folder.children(root, signal)) {
    const item = page.items.find(item => name.test(item.name))
    if (item) return { key: { ...root, item: item.id }, item }
  }
  throw new Error(`no ${String(name)}`)
}

async function read(
  { key, item }: { key: ItemKey; item: DriveItem },
  start = 0,
  end = item.size,
): Promise<Buffer> {
  const chunks: Buffer[] = []
  let next = start
  await content.fetch(
    key,
    contentVersion(item),
    { start, end },
    (chunk, offset) => {
      if (offset !== next) throw new Error(`expected ${next}, got ${offset}`)
      next += chunk.length
      chunks.push(Buffer.from(chunk))
    },
    signal,
  )
  return Buffer.concat(chunks)
}

/** The emulator's own bytes. */
async function truth({ key }: { key: ItemKey }, start: number, end: number): Promise<Buffer> {
  const source = emulator.world.drive(key.drive)?.drive.find(key.item)?.content
  if (!source) throw new Error('not a file of the emulator')
  const reader = await source.open()
  const buffer = Buffer.alloc(end - start)
  for (let at = 0; at < buffer.length;) at += await reader.read(buffer.subarray(at), start + at)
  await reader.close()
  return buffer
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
const video = await find(media, /^Video/)
const film = await find(media, /^Recording/)

t.test('a whole file', async t => {
  t.equal(sha256(await read(video)), sha256(await truth(video, 0, video.item.size)))
})

t.test('any range, also beyond four gigabytes, and nothing of an empty file', async t => {
  const size = film.item.size
  for (const [start, end] of [
    [0, 1],
    [1, 4097],
    [2 ** 32 - 3, 2 ** 32 + 5],
    [size - 10, size],
  ] as const) {
    t.same(await read(film, start, end), await truth(film, start, end), `${start}-${end}`)
  }
  t.equal((await read(await find(media, /^Zero/))).length, 0)
})

t.test('several readers of one file at once', async t => {
  const parts = await Promise.all([0, 1, 2, 3].map(i => read(video, i * 1_000_000, (i + 1) * 1_000_000)))
  t.equal(sha256(Buffer.concat(parts)), sha256(await truth(video, 0, 4_000_000)))
})

const TROUBLES = {
  'a reset in the middle': { resetAfterBytes: 1_000_000 },
  'a body that ends early': { endAfterBytes: 777_777 },
  'a body shorter than announced': { lengthOff: 1000 },
  'the whole file instead of the range': { ignoreRange: true },
  'a URL that has expired': { unauthorized: 'expired-url' },
  throttling: { status: 429, retryAfterSeconds: 0.05 },
  'an overloaded server': { status: 503 },
} as const

for (const [name, action] of Object.entries(TROUBLES)) {
  t.test(`${name} costs time, not bytes`, async t => {
    // A new URL that is refused as well means something else.
    const times = 'unauthorized' in action ? 1 : 2
    emulator.faults.put({ match: { route: 'download' }, times, action })
    t.teardown(() => emulator.faults.clear())
    t.equal(sha256(await read(video, 1_000_000, 5_000_000)), sha256(await truth(video, 1_000_000, 5_000_000)))
  })
}

// SEMANTICS: "A program gets bytes of an answer only if that answer shows that it is the file"
t.test(
  'a page in place of the file brings not one byte, whatever the size, and the next answer is the file',
  async t => {
    const native = nativeTls(loadNativeAddon())
    const direct = new HttpClient({ cloud: world.cloud, userAgent: 'test', native })
    t.teardown(() => direct.close())
    const type = { 'Content-Type': 'text/html' }
    const PAGES = {
      plain: { status: 200, headers: type, body: '<html>Throttled' },
      'not encoded': {
        status: 200,
        headers: { ...type, 'Content-Encoding': 'identity' },
        body: '<html>Throttled',
      },
      chunked: { status: 200, headers: type, body: '<html>Throttled', chunked: true },
      'as long as the file': { status: 200, headers: type, body: undefined },
      'as long as the file, and of no type': {
        status: 200,
        headers: { 'Content-Type': 'application/octet-stream' },
        body: undefined,
      },
      'compressed, it says': {
        status: 200,
        headers: { 'Content-Encoding': 'gzip' },
        body: undefined,
      },
      'a redirect to the library': {
        status: 302,
        headers: { Location: 'https://contoso.sharepoint.com/sites/Design/Documents' },
      },
      'a redirect to a page': { status: 302, headers: { Location: '/_layouts/15/Throttle.htm' } },
    }
    for (const size of [1_000, 262_143, 262_144, 262_145, 1_048_576]) {
      const name = `of ${size} bytes`
      const generated = { seed: size, size }
      await editItem(emulator.world, { do: 'create-file', drive: documents.drive, path: '', name, generated })
      const file = await find(documents, new RegExp(`^${name}$`))
      for (const [what, page] of Object.entries(PAGES)) {
        const action = 'body' in page ? { ...page, body: page.body ?? '<html>'.padEnd(size, '.') } : page
        for (const http of [world.http, direct]) {
          const { organizations, graph } = world
          // As quick as the one of the world.
          const retry = { attempts: 4, firstDelay: 5, maxDelay: 50, deadline: 20_000 }
          const urls = new DownloadUrls({ graph, clock, organizations })
          const throttle = new Throttle(clock)
          const content = new GraphContent({
            http,
            urls,
            throttle,
            clock,
            random: () => 0,
            organizations,
            retry,
          })
          const chunks: Buffer[] = []
          const take = (chunk: Uint8Array) => void chunks.push(Buffer.from(chunk))
          const fetch = () =>
            content.fetch(file.key, contentVersion(file.item), { start: 0, end: size }, take, signal)
          emulator.counters.reset()
          emulator.faults.put({ id: 'page', match: { route: 'download' }, action })
          await t.rejects(fetch(), { code: 'server-error' }, `${what}, ${size}`)
          t.same(chunks, [], `${what}, ${size}: nothing`)
          const { routes } = emulator.counters.report()
          t.same([routes['browser'], routes['authorize']], [undefined, undefined], 'nobody looks at pages')
          emulator.faults.put({ id: 'page', match: { route: 'download' }, times: 1, action })
          await fetch()
          emulator.faults.clear()
          t.ok(Buffer.concat(chunks).equals(await truth(file, 0, size)), `${what}, ${size}: then the file`)
        }
      }
    }
  },
)

t.test('a stalled connection is given up, and the rest is fetched by another', async t => {
  const http = new HttpClient({ cloud: world.cloud, userAgent: 'test', deadlines: { betweenBytes: 200 } })
  t.teardown(() => http.close())
  const { organizations, graph } = world
  const impatient = new GraphContent({
    http,
    urls: new DownloadUrls({ graph, clock, organizations }),
    throttle: new Throttle(clock),
    clock,
    random: () => 0,
    organizations,
  })
  emulator.faults.put({ match: { route: 'download' }, times: 1, action: { stallAfterBytes: 300_000 } })
  t.teardown(() => emulator.faults.clear())
  let bytes = 0
  const take = (chunk: Uint8Array) => void (bytes += chunk.length)
  await impatient.fetch(video.key, contentVersion(video.item), { start: 0, end: 1_000_000 }, take, signal)
  t.equal(bytes, 1_000_000)
})

t.test('a file that was replaced since is stale, and its new bytes are not delivered', async t => {
  const edit = (more: object) =>
    editItem(emulator.world, { drive: documents.drive, path: 'Changing.txt', ...more })
  await editItem(emulator.world, {
    do: 'create-file',
    drive: documents.drive,
    path: '',
    name: 'Changing.txt',
    text: 'old content',
  })
  const old = await find(documents, /^Changing/)
  t.equal((await read(old)).toString(), 'old content')
  await edit({ do: 'replace', text: 'new content' })
  await t.rejects(
    read(old),
    { code: 'stale-content' },
    'also while the URL of the old version is still known',
  )
  t.equal((await read(await find(documents, /^Changing/))).toString(), 'new content')
  await edit({ do: 'touch' })
  const renamed = await find(documents, /^Changing/)
  t.equal((await read(renamed)).toString(), 'new content', 'a change of metadata only is none of the content')
})

// SEMANTICS: "the version history has what the changes are over"
t.test(
  'what a file was before it was replaced comes from its version history, where it is asked for',
  async t => {
    const edit = (more: object) =>
      editItem(emulator.world, { drive: documents.drive, path: 'Past.bin', ...more })
    const name = 'Past.bin'
    await editItem(emulator.world, { do: 'create-file', drive: documents.drive, path: '', name, text: 'one' })
    for (const text of ['old content', 'two']) {
      emulator.world.clock.advance(60_000)
      await edit({ do: 'replace', text })
    }
    const now = await find(documents, /^Past/)
    const bytes = async (past: PastContent) => {
      const chunks: Uint8Array[] = []
      const take = (chunk: Uint8Array) => void chunks.push(Uint8Array.from(chunk))
      const version = `time:${past.modified}:${past.size}` as ContentVersion
      await content.fetch(now.key, version, { start: 0, end: past.size }, take, signal, past)
      return Buffer.concat(chunks).toString()
    }
    const modified = now.item.modified - 60_000
    t.equal(await bytes({ size: 11, modified }), 'old content')
    t.equal(await bytes({ size: 3, modified: modified - 60_000 }), 'one')
    await t.rejects(bytes({ size: 12, modified }), { code: 'stale-content' }, 'of no version')
    await t.rejects(
      bytes({ size: 11, modified: modified + 1_000 }),
      { code: 'stale-content' },
      'of another time',
    )
    emulator.faults.put({ id: 'x', match: { route: 'versions' }, action: { status: 403 } })
    t.teardown(() => emulator.faults.clear())
    await t.rejects(
      bytes({ size: 3, modified: modified - 60_000 - 1 }),
      { code: 'stale-content' },
      'not for us',
    )
    emulator.faults.put({ id: 'x', match: { route: 'versions' }, action: { status: 503 } })
    await t.rejects(bytes({ size: 11, modified: modified + 2 }), { code: 'throttled' }, 'later perhaps')
  },
)

t.test('malware is not handed out', async t => {
  await editItem(emulator.world, {
    do: 'create-file',
    drive: documents.drive,
    path: '',
    name: 'Evil.bin',
    text: 'evil',
  })
  await editItem(emulator.world, { do: 'infect', drive: documents.drive, path: 'Evil.bin' })
  await t.rejects(read(await find(documents, /^Evil/)), { code: 'malware-detected' })
})

t.test('an abort ends a download at once', async t => {
  const abort = new AbortController()
  const take = () => abort.abort(new Error('closed by its reader'))
  const reading = content.fetch(
    film.key,
    contentVersion(film.item),
    { start: 0, end: film.item.size },
    take,
    abort.signal,
  )
  await t.rejects(reading, { message: 'closed by its reader' })
})

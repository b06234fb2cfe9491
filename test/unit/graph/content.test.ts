import t from 'tap'
import { GraphContent } from '../../../src/graph/content.js'
import { DownloadUrls } from '../../../src/graph/download-urls.js'
import type {
  HttpDownloader,
  HttpHead,
  HttpRequest,
  HttpResponse,
  OpenSink,
} from '../../../src/http/message.js'
import { NetworkFault } from '../../../src/http/network-fault.js'
import type { ContentVersion, ItemId } from '../../../src/model/ids.js'
import { CONTOSO, DRIVE, fakeGraph, graphError, patient, rawFile, type Answer } from './fake-graph.js'

const FILE = { tenant: CONTOSO, drive: DRIVE, item: '01FILE' as ItemId }
const CONTENT = Buffer.from(Array.from({ length: 1000 }, (_, i) => i % 251))
const HASH = 'AAAAAAAAAAAAAAAAAAAAAAAAAAA='
const VERSION = `hash:${HASH}:1000` as ContentVersion
const GUID = '86EB4C8E-D20D-46B9-AD41-23B8868DDA8A'
const ETAG = `"{${GUID}},3"`
const C_TAG = { cTag: `"c:{${GUID}},1"` }
const reset = () => new NetworkFault('interrupted', 'offline', 'broke off', '', undefined)

const item = (n: number, more: Record<string, unknown> = {}): Answer => ({
  status: 200,
  body: rawFile('01FILE', {
    size: 1000,
    '@microsoft.graph.downloadUrl': `https://contoso.sharepoint.com/download?tempauth=secret${n}`,
    ...more,
  }),
})

/** How the content host answers one request for `range`. */
type Delivery = (range: { start: number; end: number }, open: OpenSink) => Promise<HttpResponse>

/** A head, then the bytes of its body; ends well, or with `failure`. */
function deliver(head: HttpHead, body: Uint8Array, failure?: Error): Delivery {
  return async (_, open) => {
    const sink = open(head)
    for (let at = 0; at < body.length; at += 100) await sink?.(body.subarray(at, at + 100), at)
    if (failure) throw failure
    return { ...head, body: sink === undefined ? body : Buffer.alloc(0) }
  }
}

const part = (length = Infinity, failure?: Error, headers: Record<string, string> = {}): Delivery => {
  return (range, open) => {
    const body = CONTENT.subarray(range.start, Math.min(range.end, range.start + length))
    const contentRange = `bytes ${range.start}-${range.end - 1}/1000`
    return deliver(
      { status: 206, headers: { 'content-range': contentRange, etag: ETAG, ...headers } },
      body,
      failure,
    )(range, open)
  }
}

const refusal = (status: number, headers: Record<string, string> = {}, code = 'x'): Delivery =>
  deliver({ status, headers }, Buffer.from(JSON.stringify({ error: { code } })))

function world(answers: Answer[], deliveries: Delivery[]) {
  const fake = fakeGraph(...answers)
  const { graph, clock, organizations, throttle } = fake
  const requests: HttpRequest[] = []
  const http: HttpDownloader = {
    download(request, open, signal) {
      signal.throwIfAborted()
      requests.push(request)
      const [, start, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers?.['range'] ?? '') ?? []
      const delivery = deliveries.shift()
      if (delivery === undefined) return Promise.reject(new Error('no delivery left'))
      return delivery({ start: Number(start), end: Number(last) + 1 }, open).then(response => {
        signal.throwIfAborted()
        return response
      })
    },
  }
  const urls = new DownloadUrls({ graph, clock, organizations })
  const content = new GraphContent({ http, urls, throttle, clock, random: () => 0, organizations })
  const fetch = async (start = 0, end = 1000, version = VERSION, onChunk = () => {}) => {
    const chunks: Buffer[] = []
    let next = start
    await content.fetch(
      FILE,
      version,
      { start, end },
      (chunk, offset) => {
        if (offset !== next) throw new Error(`expected ${next}, got ${offset}`)
        onChunk()
        next += chunk.length
        chunks.push(Buffer.from(chunk))
      },
      patient,
    )
    return Buffer.concat(chunks)
  }
  return { ...fake, requests, fetch, urls: () => requests.map(({ url }) => url.slice(-1)) }
}

t.test('a range comes from the pre-authenticated URL, without our token', async t => {
  const { fetch, requests } = world([item(1)], [part()])
  t.same(await fetch(100, 400), CONTENT.subarray(100, 400))
  t.same(requests[0]?.headers, { range: 'bytes=100-399', 'accept-encoding': 'identity' })
})

t.test('an empty range asks nothing', async t => {
  const { fetch, requests } = world([], [])
  t.equal((await fetch(5, 5)).length, 0)
  t.same(requests, [])
})

t.test('the URL is kept for the next range, until it is too old to trust', async t => {
  const { fetch, urls, clock } = world([item(1), item(2)], [part(), part(), part()])
  await fetch(0, 100)
  await fetch(100, 200)
  clock.time += 5 * 60_000
  await fetch(200, 300)
  t.same(urls(), ['1', '1', '2'])
})

t.test('bytes of another version are never delivered', async t => {
  const changed = { file: { hashes: { quickXorHash: 'BBBBBBBBBBBBBBBBBBBBBBBBBBB=' } } }
  const { fetch, requests } = world([item(1, changed)], [])
  await t.rejects(fetch(), { code: 'stale-content' })
  t.same(requests, [])
})

t.test(
  'a version known by its eTag is compared by its eTag, though the item has better evidence',
  async t => {
    const { fetch } = world([item(1, { cTag: '"c:{X},9"' })], [part()])
    t.equal((await fetch(0, 10, `etag:"{${GUID}},3"` as ContentVersion)).length, 10)
    const other = world([item(1, { cTag: '"c:{X},9"' })], [part()])
    await t.rejects(other.fetch(0, 10, `etag:"{${GUID}},2"` as ContentVersion), { code: 'stale-content' })
  },
)

t.test('a change between asking for the URL and reading is seen by the ETag of the download', async t => {
  const moved = part(Infinity, undefined, { etag: `"{${GUID}},4"` })
  const renamed = world([item(1, C_TAG), item(2, { ...C_TAG, eTag: `"{${GUID}},4"` })], [moved])
  t.equal((await renamed.fetch()).length, 1000, 'only renamed: the cTag is the same')
  for (const other of [{}, { cTag: `"c:{${GUID}},2"` }]) {
    const colliding = world([item(1, C_TAG), item(2, { ...other, eTag: `"{${GUID}},4"` })], [moved])
    await t.rejects(colliding.fetch(), { code: 'stale-content' }, 'the same hash proves nothing')
  }
  const hashes = { quickXorHash: 'BBBBBBBBBBBBBBBBBBBBBBBBBBB=' }
  const changed = world([item(1), item(2, { eTag: `"{${GUID}},4"`, file: { hashes } })], [moved])
  await t.rejects(changed.fetch(), { code: 'stale-content' })
})

t.test(
  'where the download does not say its version, the item is asked once more before a byte is delivered',
  async t => {
    for (const etag of ['', '"opaque"', '"{00000000-0000-0000-0000-000000000000},3"']) {
      const silent = () => part(Infinity, undefined, { etag })
      const { fetch, http } = world([item(1), item(2)], [silent()])
      t.same(await fetch(), CONTENT)
      t.equal(http.requests.length, 2, 'asked for the URL, and for the version')
      const replaced = { file: { hashes: { quickXorHash: 'BBBBBBBBBBBBBBBBBBBBBBBBBBB=' } } }
      const changed = world([item(1), item(2, replaced)], [silent()])
      let delivered = 0
      await t.rejects(
        changed.fetch(0, 1000, VERSION, () => {
          delivered++
        }),
        { code: 'stale-content' },
      )
      t.equal(delivered, 0)
    }
  },
)

t.test('a file whose size differs now is another version', async t => {
  const grown: Delivery = (range, open) =>
    deliver(
      { status: 206, headers: { 'content-range': `bytes ${range.start}-${range.end - 1}/2000` } },
      CONTENT,
    )(range, open)
  const { fetch } = world([item(1)], [grown])
  await t.rejects(fetch(), { code: 'stale-content' })
})

t.test('an expired URL is replaced, once', async t => {
  for (const status of [401, 403, 404, 410]) {
    const { fetch, urls } = world([item(1), item(2)], [refusal(status), part()])
    t.same(await fetch(), CONTENT)
    t.same(urls(), ['1', '2'])
  }
})

t.test('a URL that is new and refused says why', async t => {
  const expected: [number, string][] = [
    [401, 'download-blocked'],
    [403, 'download-blocked'],
    [404, 'item-not-found'],
  ]
  for (const [status, code] of expected) {
    const { fetch, requests } = world(
      [item(1), item(2), item(3)],
      [refusal(status), refusal(status), refusal(status)],
    )
    await t.rejects(fetch(), { code })
    t.equal(requests.length, 2)
  }
})

t.test('malware is malware, at once', async t => {
  const virus = refusal(403, { 'x-virus-infected': 'Eicar' })
  await t.rejects(world([item(1)], [virus]).fetch(), { code: 'malware-detected' })
  const known = item(1, { malware: { description: 'Eicar' } })
  await t.rejects(world([known], []).fetch(), { code: 'malware-detected' })
  await t.rejects(world([item(1)], [refusal(403, {}, 'malwareDetected')]).fetch(), {
    code: 'malware-detected',
  })
})

t.test('a broken connection is resumed at the byte that was reached', async t => {
  const { fetch, requests } = world([item(1)], [part(300, reset()), part(300, reset()), part()])
  t.same(await fetch(), CONTENT)
  t.same(
    requests.map(({ headers }) => headers?.['range']),
    ['bytes=0-999', 'bytes=300-999', 'bytes=600-999'],
  )
})

t.test('a short body is completed by another request', async t => {
  const { fetch } = world([item(1)], [part(999), part()])
  t.same(await fetch(), CONTENT)
})

t.test('connections that bring nothing are not tried for ever', async t => {
  const { fetch, requests, clock } = world(
    [item(1)],
    Array.from({ length: 9 }, () => part(0, reset())),
  )
  await t.rejects(fetch(), { code: 'offline' })
  t.equal(requests.length, 4)
  t.same(clock.slept, [250, 500, 1000])
})

t.test('a server that hands out single bytes is given up', async t => {
  const { fetch, requests } = world(
    [item(1)],
    Array.from({ length: 1000 }, () => part(1)),
  )
  await t.rejects(fetch(), { code: 'server-error' })
  t.equal(requests.length, 16)
})

t.test('a throttled download waits as long as it is told', async t => {
  const { fetch, clock } = world([item(1)], [refusal(429, { 'retry-after': '3' }), part()])
  await fetch()
  t.equal(
    clock.slept.reduce((sum, each) => sum + each, 0),
    3000,
  )
})

t.test('a whole file instead of a range is cut down to the range', async t => {
  const whole = deliver({ status: 200, headers: { 'content-length': '1000', etag: ETAG } }, CONTENT)
  const { fetch } = world([item(1)], [whole])
  t.same(await fetch(250, 333), CONTENT.subarray(250, 333))
})

t.test('a whole file of another length is another version', async t => {
  const headers = { 'content-length': '999', etag: ETAG }
  const whole = deliver({ status: 200, headers }, CONTENT.subarray(1))
  await t.rejects(world([item(1)], [whole]).fetch(), { code: 'stale-content' })
})

t.test('another piece than was asked for is refused', async t => {
  for (const contentRange of [
    'bytes 0-99/1000',
    'bytes 101-200/1000',
    'bytes 100-5000/1000',
    'bytes */1000',
    '',
    'items 100-199/1000',
  ]) {
    const other = deliver({ status: 206, headers: { 'content-range': contentRange } }, CONTENT)
    await t.rejects(world([item(1)], [other]).fetch(100, 200), { code: 'protocol-error' }, contentRange)
  }
})

t.test('more bytes than were asked for are not delivered', async t => {
  const generous = deliver(
    { status: 206, headers: { 'content-range': 'bytes 0-99/1000', etag: ETAG } },
    CONTENT,
  )
  t.same(await world([item(1)], [generous]).fetch(0, 100), CONTENT.subarray(0, 100))
})

// SEMANTICS: "A program gets bytes of an answer only if that answer shows that it is the file"
t.test('what does not show that it is the file is not delivered, and another address is asked', async t => {
  const page = Buffer.from('<html>'.padEnd(1000, '.'))
  const heads: Record<string, HttpHead> = {
    'a page of unknown length': { status: 200, headers: { 'content-type': 'text/html' } },
    'a page as long as the file': {
      status: 200,
      headers: { 'content-type': 'text/html', 'content-length': '1000' },
    },
    'anything as long as the file': {
      status: 200,
      headers: { 'content-type': 'application/octet-stream', 'content-length': '1000' },
    },
    'a page of another length': { status: 200, headers: { 'content-length': '17' } },
    'a page with a tag of its own': {
      status: 200,
      headers: { 'content-length': '1000', etag: '"{00000000-0000-4000-8000-000000000000},3"' },
    },
    'a compressed answer': {
      status: 200,
      headers: { 'content-length': '1000', 'content-encoding': 'gzip', etag: ETAG },
    },
    'a compressed piece': {
      status: 206,
      headers: { 'content-range': 'bytes 0-999/1000', 'content-encoding': 'br', etag: ETAG },
    },
    'a piece of no known file': { status: 206, headers: { 'content-range': 'bytes 0-999/*' } },
    'a page that calls itself a piece': {
      status: 206,
      headers: { 'content-range': 'bytes 0-999/1000', 'content-type': 'text/html; charset=utf-8' },
    },
    'a piece with another length than it says': {
      status: 206,
      headers: { 'content-range': 'bytes 0-999/1000', 'content-length': '400', etag: ETAG },
    },
  }
  for (const [what, head] of Object.entries(heads)) {
    const { fetch, urls, clock } = world([item(1), item(2)], [deliver(head, page), part()])
    t.same(await fetch(), CONTENT, what)
    t.same(urls(), ['1', '2'], what)
    t.same(clock.slept, [250], what)
    const always = world(
      [1, 2, 3, 4].map(n => item(n)),
      Array.from({ length: 9 }, () => deliver(head, page)),
    )
    let delivered = 0
    await t.rejects(
      always.fetch(0, 1000, VERSION, () => delivered++),
      { code: 'server-error', nextStep: /./ },
      what,
    )
    t.equal(delivered, 0, what)
    t.equal(always.requests.length, 4, 'and not for ever')
  }
})

t.test('a web page that is the file itself is delivered', async t => {
  const mimeType = 'text/html'
  const hashes = { quickXorHash: HASH }
  const answer = item(1, { name: 'index.html', file: { mimeType, hashes } })
  const again = item(2, { name: 'index.html', file: { mimeType, hashes } })
  const untagged = part(Infinity, undefined, { etag: '', 'content-type': 'text/html' })
  t.same(await world([answer, again], [untagged]).fetch(), CONTENT, 'by its Content-Range')
  const headers = { 'content-type': 'text/html', 'content-length': '1000' }
  const whole = (etag: string) => deliver({ status: 200, headers: { ...headers, etag } }, CONTENT)
  t.same(await world([answer], [whole(ETAG)]).fetch(), CONTENT, 'by its ETag')
  const refused = world([answer, again], [whole('"page"'), part()])
  await refused.fetch()
  t.equal(refused.requests.length, 2, 'and not because it is a web page')
})

t.test('a whole file with a tag of the item that is not its present one is asked about first', async t => {
  const headers = { 'content-length': '1000', etag: `"{${GUID}},4"` }
  const whole = () => deliver({ status: 200, headers }, CONTENT)
  const { fetch, http } = world([item(1, C_TAG), item(2, { ...C_TAG, eTag: `"{${GUID}},4"` })], [whole()])
  t.same(await fetch(), CONTENT)
  t.equal(http.requests.length, 2)
})

t.test('more bytes than a piece says that it has are not delivered', async t => {
  const headers = { 'content-range': 'bytes 0-99/1000', etag: ETAG }
  const generous = deliver({ status: 206, headers }, Buffer.alloc(1000, 0xee))
  t.same(
    await world([item(1)], [generous, part()]).fetch(),
    Buffer.concat([Buffer.alloc(100, 0xee), CONTENT.subarray(100)]),
  )
})

t.test('a redirect is followed to the same page of the same host only, and never with the token', async t => {
  const to = (location: string) => refusal(302, { location })
  const renamed = '/sites/new/download?tempauth=secret9'
  const { fetch, requests, urls } = world([item(1)], [to(renamed), part()])
  t.same(await fetch(), CONTENT)
  t.same(urls(), ['1', '9'])
  t.ok(requests.every(({ headers }) => !('authorization' in (headers ?? {}))))
  for (const location of [
    'https://login.microsoftonline.com/common/oauth2/authorize',
    'https://cdn.example/download',
    '/_layouts/15/Throttle.htm',
    'http://contoso.sharepoint.com/download',
    'https://user:pass@contoso.sharepoint.com/download',
    '',
  ]) {
    const elsewhere = world([item(1), item(2)], [to(location), part()])
    t.same(await elsewhere.fetch(), CONTENT, location)
    t.same(elsewhere.urls(), ['1', '2'], `another address instead of ${location}`)
  }
  const round = world(
    [1, 2, 3, 4].map(n => item(n)),
    Array.from({ length: 99 }, (_, n) => to(`/download?x=${n}`)),
  )
  await t.rejects(round.fetch(), { code: 'server-error' })
  t.equal(round.requests.length, 16)
})

t.test('without the annotation the redirect of /content serves', async t => {
  const none = { '@microsoft.graph.downloadUrl': undefined }
  const there = { status: 302, headers: { location: 'https://contoso.sharepoint.com/download?x=7' } }
  const { fetch, urls, http } = world([item(1, none), there], [part()])
  t.same(await fetch(), CONTENT)
  t.same(urls(), ['7'])
  t.match(http.paths[1], /\/items\/01FILE\/content$/)
  const blocked = world([item(1, none), graphError(403, 'accessDenied')], [])
  await t.rejects(blocked.fetch(), { code: 'download-blocked' })
})

t.test('a download address that is no https address is not used', async t => {
  for (const url of [
    'http://contoso.sharepoint.com/x',
    'file:///etc/passwd',
    'https://a:b@x.example/',
    7,
    'x'.repeat(99_999),
  ]) {
    const { fetch, requests } = world([item(1, { '@microsoft.graph.downloadUrl': url })], [])
    await t.rejects(fetch(), { code: 'protocol-error' })
    t.same(requests, [])
  }
})

t.test('no failure shows the pre-authenticated URL', async t => {
  const failures = [world([item(1), item(2)], [refusal(403), refusal(403)]), world([item(1)], [refusal(400)])]
  for (const { fetch } of failures) {
    const failure = (await fetch().catch((failure: unknown) => failure)) as Error
    t.notMatch(
      JSON.stringify([failure.message, failure.stack, (failure.cause as Error | undefined)?.message]),
      /tempauth|secret/,
    )
  }
})

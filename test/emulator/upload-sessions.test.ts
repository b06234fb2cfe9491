import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { openSync, closeSync, ftruncateSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import type { Exchange } from '../../src/emulator/http/exchange.js'
import { fragmentOf } from '../../src/emulator/sharepoint/content-range.js'
import { quickXorHash } from '../../src/emulator/world/quick-xor-hash.js'
import { CONTOSO, openLab } from './helpers.js'
import { newLibrary, Writer } from './writing.js'

const run = promisify(execFile)
const aTurn = promisify(setImmediate)

const GRAIN = 320 * 1024
const WHOLE = randomBytes(2 * GRAIN + 100)

const NO_EXCHANGE: Exchange = {
  method: 'PUT',
  host: '',
  path: '',
  query: new URLSearchParams(),
  headers: {},
  body: () => Promise.resolve(Buffer.alloc(0)),
  receive: () => Promise.resolve(),
}

// One for all: each test has a library of its own.
const lab = await openLab(t)
const token = await lab.token(CONTOSO)

function writer(): Writer {
  return new Writer(lab, token, newLibrary(lab))
}

/** How many files of uploaded bytes there are. */

function spooled(): number {
  const directory = dirname(lab.emulator.caFile)
  return readdirSync(join(directory, readdirSync(directory).find(name => name.startsWith('uploads-')) ?? ''))
    .length
}

function fault(action: object, match: object) {
  return lab.admin('PUT', '/faults', { id: 'f', match, times: 1, action })
}

t.test('a file comes in fragments, at an address that needs no sign-in', async t => {
  const client = writer()
  const begun = await client.ask('POST', 'root:/a.bin:/createUploadSession', {
    item: {
      '@microsoft.graph.conflictBehavior': 'fail',
      name: 'a.bin',
      fileSystemInfo: { lastModifiedDateTime: '2011-12-13T14:15:16Z' },
    },
  })
  t.equal(begun.status, 200)
  t.same(begun.json['nextExpectedRanges'], ['0-'])
  const url = String(begun.json['uploadUrl'])
  t.match(
    url,
    /^https:\/\/contoso\.sharepoint\.com\/sites\/Design\/_api\/v2\.0\/drives\/.*\/uploadSession\?guid=/,
  )
  t.equal((await client.get('root:/a.bin')).status, 404)

  const first = await client.fragment(url, WHOLE, 0, GRAIN)
  t.equal(first.status, 202)
  t.same(first.json['nextExpectedRanges'], [`${GRAIN}-`])
  const status = await lab.ask(url)
  t.equal(status.status, 200)
  t.same(status.json['nextExpectedRanges'], [`${GRAIN}-`])
  const last = await client.fragment(url, WHOLE, GRAIN, WHOLE.length)
  t.equal(last.status, 201)
  t.match(last.json, {
    name: 'a.bin',
    size: WHOLE.length,
    file: { hashes: { quickXorHash: quickXorHash(WHOLE) } },
    fileSystemInfo: { lastModifiedDateTime: '2011-12-13T14:15:16Z' },
    lastModifiedBy: { user: { email: 'ann@fabrikam.example' } },
  })
  const item = await client.get('root:/a.bin')
  t.ok((await lab.ask(item.json['@microsoft.graph.downloadUrl'])).bytes.equals(WHOLE))
  t.equal(
    (await client.get(`items/${item.json.id}/versions`)).json.value.length,
    1,
    'its time costs no version',
  )
  t.equal((await lab.ask(url)).status, 404, 'the session has ended')

  const again = await client.ask('POST', `items/${item.json.id}/createUploadSession`, undefined, {
    'If-Match': item.json.eTag,
  })
  const replaced = await client.fragment(String(again.json['uploadUrl']), WHOLE.subarray(0, 7), 0, 7)
  t.equal(replaced.status, 200)
  t.match(replaced.json, { id: item.json.id, size: 7, eTag: /,2"$/, cTag: /,2"$/ })
})

t.test('fragments that do not fit are refused, and nothing of them counts', async t => {
  const client = writer()
  const url = await client.session('a.bin')
  const put = (headers: Record<string, string>, body: Buffer) =>
    lab.ask(url, { method: 'PUT', headers, body })
  const range = (text: string, body: Buffer) => put({ 'Content-Range': text }, body)
  const some = WHOLE.subarray(0, GRAIN)
  t.equal((await put({}, some)).status, 400)
  t.equal((await range(`bytes 0-${GRAIN - 1}/*`, some)).status, 400)
  t.equal((await range(`bytes 0-${GRAIN}/${WHOLE.length}`, some)).status, 400)
  t.equal(
    (await range(`bytes 0-9/${WHOLE.length}`, WHOLE.subarray(0, 10))).status,
    400,
    'no multiple of 320 KiB',
  )
  const early = await range(`bytes ${GRAIN}-${2 * GRAIN - 1}/${WHOLE.length}`, some)
  t.equal(early.status, 416)
  t.match(early.json.error, { code: 'invalidRange', innerError: { code: 'fragmentOutOfOrder' } })
  t.equal((await client.fragment(url, WHOLE, 0, GRAIN)).status, 202)
  const twice = await client.fragment(url, WHOLE, 0, GRAIN)
  t.equal(twice.status, 416)
  t.match(twice.json.error, { code: 'invalidRange', innerError: { code: 'fragmentOverlap' } })
  t.equal(
    (await range(`bytes ${GRAIN}-${2 * GRAIN - 1}/${WHOLE.length + 1}`, some)).status,
    400,
    'another size',
  )
  const signed = await client.fragment(url, WHOLE, GRAIN, WHOLE.length, { Authorization: `Bearer ${token}` })
  t.equal(signed.status, 401)
  t.equal(signed.json.error.code, 'unauthenticated')
  t.equal((await lab.ask(url.replace(/tempauth=.{30}/, 'tempauth=e30.'))).status, 401)
  t.equal((await client.fragment(url, WHOLE, GRAIN, WHOLE.length)).status, 201)
  const item = await client.get('root:/a.bin')
  t.match(item.json, { file: { hashes: { quickXorHash: quickXorHash(WHOLE) } } })
})

t.test('a request brings less than 60 MiB, whatever it brings', t => {
  const announced = (length: number, total: number) =>
    fragmentOf({
      ...NO_EXCHANGE,
      headers: { 'content-length': String(length), 'content-range': `bytes 0-${length - 1}/${total}` },
    })
  const largest = 191 * GRAIN
  t.same(announced(largest, 1e9), { start: 0, length: largest, total: 1e9 })
  for (const [length, total] of [
    [192 * GRAIN, 1e9],
    [GRAIN, 251 * 1024 ** 3],
  ] as const) {
    t.throws(() => announced(length, total), /refused with 413/)
  }
  t.end()
})

t.test('a session ends when nobody comes back, and can be cancelled', async t => {
  const client = writer()
  const kept = spooled()
  const url = await client.session('a.bin')
  t.equal((await client.fragment(url, WHOLE, 0, GRAIN)).status, 202)
  t.match((await lab.admin('GET', '/uploads')).json['uploads'], [
    { name: 'a.bin', received: GRAIN, total: WHOLE.length },
  ])
  const second = await client.ask('POST', 'root:/A.bin:/createUploadSession', {})
  t.equal(second.status, 409, 'one at a time')
  t.equal((await lab.ask(url, { method: 'DELETE' })).status, 204)
  t.equal((await lab.ask(url)).status, 404)
  const next = await client.session('a.bin')
  await lab.admin('PUT', '/clock', { advanceSeconds: 14 * 60 })
  t.equal((await client.fragment(next, WHOLE, 0, GRAIN)).status, 202, 'a sign of life')
  await lab.admin('PUT', '/clock', { advanceSeconds: 14 * 60 })
  t.equal((await lab.ask(next)).status, 200)
  await lab.admin('PUT', '/clock', { advanceSeconds: 2 * 60 })
  const gone = await client.fragment(next, WHOLE, GRAIN, 2 * GRAIN)
  t.equal(gone.status, 404)
  t.match(gone.json.error, { code: 'itemNotFound', innerError: { code: 'uploadSessionNotFound' } })
  t.same((await lab.admin('GET', '/uploads')).json['uploads'], [])
  // It is deleted behind the answer. If never, the runner's limit says so.
  while (spooled() !== kept) await aTurn()
})

t.test('what happens to the name meanwhile is told at the end, and the session stays', async t => {
  const client = writer()
  const url = await client.session('a.bin')
  const blocker = await client.put('A.bin', 'somebody was faster')
  const taken = await client.fragment(url, WHOLE.subarray(0, 10), 0, 10)
  t.equal(taken.status, 409)
  t.match(taken.json.error, { code: 'nameAlreadyExists', message: /same name as the uploaded session/ })
  t.same((await lab.ask(url)).json['nextExpectedRanges'], [])
  await client.ask('PATCH', `items/${blocker.json.id}`, { name: 'aside.bin' })
  const committed = await lab.ask(url, { method: 'POST' })
  t.equal(committed.status, 201)
  t.equal(committed.json.size, 10)

  const { eTag } = (await client.get('root:/a.bin')).json
  const guarded = await client.session('a.bin', {}, { 'If-Match': eTag })
  await client.put('a.bin', 'theirs')
  const changed = await client.fragment(guarded, WHOLE.subarray(0, 9), 0, 9)
  t.equal(changed.status, 412)
  t.equal(changed.json.error.code, 'resourceModified')
  t.equal(await client.text('a.bin'), 'theirs')
  t.equal((await lab.ask(guarded, { method: 'DELETE' })).status, 204)
  const stale = await client.ask('POST', 'root:/a.bin:/createUploadSession', {}, { 'If-Match': eTag })
  t.equal(stale.status, 412)
  const refused = await client.ask('POST', 'root:/a.bin:/createUploadSession', {
    item: { '@microsoft.graph.conflictBehavior': 'fail' },
  })
  t.equal(refused.status, 409)
  const renaming = await client.session('a.bin', { item: { '@microsoft.graph.conflictBehavior': 'rename' } })
  t.equal((await client.fragment(renaming, WHOLE.subarray(0, 9), 0, 9)).json.name, 'a 1.bin')
})

t.test('a deferred file is there when its sender says so', async t => {
  const client = writer()
  const url = await client.session('a.bin', { deferCommit: true })
  t.equal((await lab.ask(url, { method: 'POST' })).status, 400)
  const whole = WHOLE.subarray(0, 1000)
  const last = await client.fragment(url, whole, 0, whole.length)
  t.equal(last.status, 202)
  t.same(last.json['nextExpectedRanges'], [])
  t.equal((await client.get('root:/a.bin')).status, 404)
  t.equal((await lab.ask(url, { method: 'POST' })).status, 201)
  t.equal((await client.get('root:/a.bin')).json.size, 1000)
})

t.test('a connection that breaks leaves all of a fragment or nothing', async t => {
  const client = writer()
  const url = await client.session('a.bin')
  await fault({ resetAfterReceivedBytes: 100_000 }, { route: 'upload-fragment', drive: client.drive })
  await t.rejects(client.fragment(url, WHOLE, 0, GRAIN))
  t.same((await lab.ask(url)).json['nextExpectedRanges'], ['0-'])
  await fault({ loseAnswer: true }, { route: 'upload-fragment' })
  await t.rejects(client.fragment(url, WHOLE, 0, GRAIN), { code: 'ECONNRESET' })
  t.same((await lab.ask(url)).json['nextExpectedRanges'], [`${GRAIN}-`])
  await fault({ status: 503, retryAfterSeconds: 2 }, { route: 'upload-fragment' })
  const busy = await client.fragment(url, WHOLE, GRAIN, WHOLE.length)
  t.equal(busy.status, 503)
  t.equal(busy.headers['retry-after'], '2')
  await fault({ loseAnswer: true }, { route: 'upload-fragment' })
  await t.rejects(client.fragment(url, WHOLE, GRAIN, WHOLE.length), { code: 'ECONNRESET' })
  t.equal((await lab.ask(url)).status, 404)
  t.match((await client.get('root:/a.bin')).json, { size: WHOLE.length, eTag: /,1"$/ })

  await fault({ resetAfterReceivedBytes: 1 }, { route: 'put-content' })
  await t.rejects(client.put('b.bin', 'bytes'))
  t.equal((await client.get('root:/b.bin')).status, 404)
  await fault({ loseAnswer: true }, { route: 'put-content' })
  await t.rejects(client.put('b.bin', 'bytes'))
  t.equal((await client.get('root:/b.bin')).json.size, 5)
  for (const [route, method, path, body] of [
    ['create-child', 'POST', 'root/children', { name: 'f', folder: {} }],
    ['update-item', 'PATCH', 'root:/b.bin', { name: 'c.bin' }],
    ['delete-item', 'DELETE', 'root:/c.bin', undefined],
  ] as const) {
    await fault({ loseAnswer: true }, { route })
    await t.rejects(client.ask(method, path, body), { code: 'ECONNRESET' }, route)
  }
  t.equal((await client.get('root:/f')).status, 200)
  t.equal((await client.get('root:/c.bin')).status, 404)
})

t.test('a sender that comes back takes over from its own stalled connection', async t => {
  const client = writer()
  const url = await client.session('a.bin')
  await fault({ stallAfterReceivedBytes: 1 }, { route: 'upload-fragment' })
  const stalled = client.fragment(url, WHOLE, 0, GRAIN)
  const broken = t.rejects(stalled, 'the old connection ends')
  const started = Date.now()
  while (lab.emulator.faults.list()[0]?.fired !== 1) {
    await lab.admin('GET', '/clock') // lets it arrive
    if (Date.now() - started > 10_000) throw new Error('the fragment never arrived')
  }
  t.equal((await client.fragment(url, WHOLE, 0, GRAIN)).status, 202)
  await broken
  t.equal((await client.fragment(url, WHOLE, GRAIN, WHOLE.length)).status, 201)
  t.match((await client.get('root:/a.bin')).json, { file: { hashes: { quickXorHash: quickXorHash(WHOLE) } } })
})

t.test('curl uploads 60 MiB in fragments, which lie on disk and not in memory', async t => {
  const client = writer()
  const size = 60 * 1024 * 1024
  const file = join(t.testdir(), 'large')
  const fd = openSync(file, 'w')
  ftruncateSync(fd, size)
  closeSync(fd)
  const url = await client.session('large.bin')
  const step = 30 * 1024 * 1024
  const before = process.memoryUsage().rss
  await lab.admin('DELETE', '/counters')
  for (let start = 0; start < size; start += step) {
    const { stdout } = await run(
      'bash',
      [
        '-c',
        `dd if="$1" bs=1M skip=$2 count=30 status=none | curl -sS -m 60 -o /dev/null -w '%{http_code}' --cacert "$3" \
          --connect-to ::127.0.0.1:$4 -X PUT -T - -H 'Transfer-Encoding:' -H "Content-Length: ${step}" \
          -H "Content-Range: bytes $5" "$6"`,
        'bash',
        file,
        String(start / (1024 * 1024)),
        lab.emulator.caFile,
        String(lab.emulator.port),
        `${start}-${start + step - 1}/${size}`,
        url,
      ],
      { timeout: 90_000 },
    )
    t.equal(stdout, start + step === size ? '201' : '202')
  }
  const grown = process.memoryUsage().rss - before
  t.ok(grown < size / 2, `memory grew by ${Math.round(grown / 1e6)} MB`)
  t.equal((await client.get('root:/large.bin')).json.size, size)
  t.same((await lab.admin('GET', '/counters')).json['uploads'], { requests: 2, bytes: size })
})

t.test('uploads are shaped as the link is', async t => {
  const client = writer()
  await lab.admin('PUT', '/link', { bytesPerSecond: 2_000_000 })
  const start = performance.now()
  t.equal((await client.put('a.bin', WHOLE)).status, 201)
  const took = performance.now() - start
  await lab.admin('DELETE', '/link')
  t.ok(took > 320, `${WHOLE.length} bytes at 2 MB/s took ${took} ms`)
})

import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { CONTOSO, type Lab, NORTHWIND, openLab, TAILSPIN } from './helpers.js'

const run = promisify(execFile)

/** Drive id by the library's name. */
function driveId(lab: Lab, name: string): string {
  const drives = lab.emulator.world.sites.flatMap(site => site.libraries)
  return drives.find(drive => drive.name === name)?.id ?? ''
}

async function downloadUrl(lab: Lab, token: string, drive: string, path: string): Promise<string> {
  const item = await lab.graph(
    token,
    `/drives/${drive}/root:/${encodeURIComponent(path)}?$select=id,@microsoft.graph.downloadUrl`,
  )
  return item.json['@microsoft.graph.downloadUrl']
}

async function sha256(lab: Lab, drive: string, path: string): Promise<unknown> {
  const reply = await lab.admin(
    'GET',
    `/sha256?drive=${encodeURIComponent(drive)}&path=${encodeURIComponent(path)}`,
  )
  return reply.json['sha256']
}

t.test('curl downloads what the admin address says is there, whole and by ranges', async t => {
  const lab = await openLab(t)
  const token = await lab.token(CONTOSO)
  const drive = driveId(lab, 'Media')
  const url = await downloadUrl(lab, token, drive, 'Video 40 MiB.mp4')
  const out = join(t.testdir(), 'out')
  const curl = async (...args: string[]) => {
    const connect = ['--cacert', lab.emulator.caFile, '--connect-to', `::127.0.0.1:${lab.emulator.port}`]
    const { stdout } = await run(
      'curl',
      ['-sS', '-m', '60', ...connect, '-o', out, '-w', '%{http_code}', ...args],
      {
        timeout: 90_000,
      },
    )
    return stdout
  }
  t.equal(await curl(url), '200')
  t.equal(
    createHash('sha256').update(readFileSync(out)).digest('hex'),
    await sha256(lab, drive, 'Video 40 MiB.mp4'),
  )
  const whole = readFileSync(out)
  t.equal(await curl('-r', '1000000-3000001', url), '206')
  t.ok(readFileSync(out).equals(whole.subarray(1000000, 3000002)))
  t.equal(await curl('-r', '-17', url), '206')
  t.ok(readFileSync(out).equals(whole.subarray(-17)))
  t.equal(await curl('-r', '41943040-', url), '416')
  t.equal(await curl('-I', url), '200')
})

t.test('a random place of a 10 GB file is served at once', async t => {
  const lab = await openLab(t)
  const token = await lab.token(CONTOSO)
  const url = await downloadUrl(lab, token, driveId(lab, 'Media'), 'Recording 10 GB.bin')
  const reply = await lab.ask(url, { headers: { Range: 'bytes=9999999000-9999999999' } })
  t.equal(reply.status, 206)
  t.equal(reply.headers['content-range'], 'bytes 9999999000-9999999999/10000000000')
  t.equal(reply.bytes.length, 1000)
  const page = await lab.ask(url, { headers: { Range: 'bytes=8589934592-8589934599' } })
  t.equal(page.bytes.readUIntLE(0, 5), 8589934592 / 4096, 'pages carry their number')
})

t.test('a download URL is for one item and one hour, and needs no Authorization', async t => {
  const lab = await openLab(t)
  const token = await lab.token(CONTOSO)
  const drive = driveId(lab, 'Media')
  const url = await downloadUrl(lab, token, drive, 'Zero bytes.bin')
  t.equal((await lab.ask(url)).status, 200)
  t.equal((await lab.ask(url.replace(/UniqueId=[^&]*/, 'UniqueId=x'))).status, 404)
  t.equal((await lab.ask(url.replace(/tempauth=.{30}/, 'tempauth=e30.'))).status, 401)
  await lab.admin('PUT', '/clock', { advanceSeconds: 3601 })
  const expired = await lab.ask(url)
  t.equal(expired.status, 401)
  t.match(expired.json.error, { code: 'unauthenticated', innerError: { code: 'expiredToken' } })
})

t.test('counters tell what was asked and sent', async t => {
  const lab = await openLab(t)
  const token = await lab.token(CONTOSO)
  const drive = driveId(lab, 'Media')
  const url = await downloadUrl(lab, token, drive, 'Backup 256 MiB.bin')
  await lab.admin('DELETE', '/counters')
  await lab.ask(url, { headers: { Range: 'bytes=0-4095' } })
  await lab.ask(url, { headers: { Range: 'bytes=4096-8191' } })
  const counters = (await lab.admin('GET', '/counters')).json
  t.same(counters['content'], { requests: 2, bytes: 8192 })
  t.same(counters['routes'], { download: 2 })
  t.same((counters['drives'] as Record<string, unknown>)[drive], { requests: 2, bytes: 8192 })
  t.equal(Object.keys(counters['items'] as object).length, 1)
})

t.test('faults are data: they bend the answers that they match, as often as they say', async t => {
  const lab = await openLab(t)
  const token = await lab.token(CONTOSO)
  const drive = driveId(lab, 'Media')
  const path = 'One byte more.bin'
  const url = await downloadUrl(lab, token, drive, path)
  const good = await lab.ask(url)
  const fault = (action: object, more: object = {}) =>
    lab.admin('PUT', '/faults', { id: 'f', match: { route: 'download' }, times: 1, action, ...more })

  await fault({ status: 429, retryAfterSeconds: 7 })
  const throttled = await lab.ask(url)
  t.equal(throttled.status, 429)
  t.equal(throttled.headers['retry-after'], '7')
  t.equal(throttled.json.error.code, 'activityLimitReached')
  t.equal((await lab.ask(url)).status, 200)

  await fault({ status: 503 }, { from: 2 })
  t.equal((await lab.ask(url)).status, 200)
  t.equal((await lab.ask(url)).status, 503)

  await fault({ resetAfterBytes: 5000 })
  await t.rejects(lab.ask(url), { code: 'ECONNRESET' })
  await fault({ endAfterBytes: 5000 })
  await t.rejects(lab.ask(url), { code: 'ECONNRESET' })
  await fault({ lengthOff: 10 })
  await t.rejects(lab.ask(url), { code: 'ECONNRESET' })
  await fault({ ignoreRange: true })
  const whole = await lab.ask(url, { headers: { Range: 'bytes=5-9' } })
  t.equal(whole.status, 200)
  t.ok(whole.bytes.equals(good.bytes))
  await fault({ corruptAt: 600_000 })
  const corrupt = await lab.ask(url)
  t.equal(corrupt.bytes[600_000], (good.bytes[600_000] ?? 0) ^ 0xff)
  t.equal(corrupt.bytes.compare(good.bytes, 0, 600_000, 0, 600_000), 0)

  await fault({ unauthorized: 'claims-challenge' }, { match: { route: 'children', drive } })
  const challenged = await lab.graph(token, `/drives/${drive}/root/children`)
  t.equal(challenged.status, 401)
  t.match(challenged.headers['www-authenticate'], /error="insufficient_claims", claims="/)
  await fault({ omit: ['hashes'] }, { match: { route: 'children' } })
  const unhashed = await lab.graph(token, `/drives/${drive}/root/children`)
  t.notMatch(unhashed.text, 'quickXorHash')
  await fault({ emptyPage: true }, { match: { route: 'delta' } })
  const empty = await lab.graph(token, `/drives/${drive}/root/delta`)
  t.same(empty.json.value, [])
  t.equal((await lab.graph(token, empty.json['@odata.nextLink'] ?? '')).json.value.length, 7)

  const list = (await lab.admin('GET', '/faults')).json['faults'] as unknown[]
  t.equal(list.length, 1)
  t.equal((await lab.admin('DELETE', '/faults/f')).status, 204)
})

t.test('a stalled download ends when the client gives up', async t => {
  const lab = await openLab(t)
  const url = await downloadUrl(lab, await lab.token(CONTOSO), driveId(lab, 'Media'), 'One byte more.bin')
  await lab.admin('PUT', '/faults', { match: { route: 'download' }, action: { stallAfterBytes: 1000 } })
  const curl = run(
    'curl',
    // More than what came before it stalled makes in any second: curl takes the mean of some.
    ['-sS', '--speed-time', '1', '--speed-limit', '10000', '-m', '10', '-o', '/dev/null']
      .concat(['--cacert', lab.emulator.caFile])
      .concat(['--connect-to', `::127.0.0.1:${lab.emulator.port}`, url]),
    { timeout: 20_000 },
  )
  await t.rejects(curl, { code: 28 })
})

t.test('the link is shaped per connection', async t => {
  const lab = await openLab(t)
  const url = await downloadUrl(lab, await lab.token(CONTOSO), driveId(lab, 'Media'), 'One byte more.bin')
  await lab.admin('PUT', '/link', { latencyMilliseconds: 100, bytesPerSecond: 4_000_000, applyTo: 'content' })
  const timed = async (work: () => Promise<unknown>) => {
    const start = performance.now()
    await work()
    return performance.now() - start
  }
  const one = await timed(() => lab.ask(url))
  t.ok(one > 340, `1 MiB at 4 MB/s took ${one} ms`)
  const four = await timed(() => Promise.all([1, 2, 3, 4].map(() => lab.ask(url))))
  t.ok(four < 3 * one, `four connections took ${four} ms`)
  await lab.admin('DELETE', '/link')
  const unshaped = await timed(() => lab.ask(url))
  t.ok(unshaped < one, `unshaped it took ${unshaped} ms`)
})

t.test('a directory on disk is a library, read live', async t => {
  const directory = t.testdir({ 'a.txt': 'first', sub: { 'b.txt': 'below', 'ü ß.txt': 'scripts' } })
  const lab = await openLab(t, {
    world: 'empty',
    libraries: [{ tenant: 'contoso', name: 'Projects', directory }],
  })
  const token = await lab.token(CONTOSO)
  const drive = driveId(lab, 'Projects')
  const names = async (path: string) =>
    (await lab.graph(token, `/drives/${drive}/${path}/children`)).json.value.map(item => item.name)
  t.same(await names('root'), ['a.txt', 'sub'])
  const first = await lab.graph(token, `/drives/${drive}/root:/a.txt`)
  t.equal((await lab.ask(first.json['@microsoft.graph.downloadUrl'])).text, 'first')
  const delta = await lab.graph(token, `/drives/${drive}/root/delta`)
  t.equal(delta.json.value.length, 5)

  writeFileSync(join(directory, 'a.txt'), 'second!')
  utimesSync(join(directory, 'a.txt'), 2_000_000_000, 2_000_000_000)
  mkdirSync(join(directory, 'new'))
  rmSync(join(directory, 'sub', 'b.txt'))
  const again = await lab.graph(token, `/drives/${drive}/items/${first.json.id}`)
  t.equal(again.json.size, 7)
  t.not(again.json.eTag, first.json.eTag)
  t.equal((await lab.ask(again.json['@microsoft.graph.downloadUrl'])).text, 'second!')
  const changed = await lab.graph(token, delta.json['@odata.deltaLink'])
  const seen = changed.json.value.map(item => (item['deleted'] ? 'deleted' : item.name))
  t.same(seen.sort(), ['a.txt', 'deleted', 'new', 'root'])
  t.equal((await lab.graph(token, `/drives/${drive}/root:/..%2F..%2Fetc%2Fpasswd`)).status, 404)
  t.equal(statSync(join(directory, 'a.txt')).size, 7)
})

t.test('folders of ten thousand and trees of a hundred thousand are listed page by page', async t => {
  const lab = await openLab(t)
  const token = await lab.token(TAILSPIN)
  const wide = driveId(lab, 'Ten thousand')
  let page = await lab.graph(token, `/drives/${wide}/root:/Wide:/children`)
  t.equal(page.json.value.length, 200)
  const names = new Set(page.json.value.map(item => item.name))
  for (let next = page.json['@odata.nextLink']; next; next = page.json['@odata.nextLink']) {
    page = await lab.graph(token, next)
    for (const item of page.json.value) names.add(item.name)
  }
  t.equal(names.size, 10_000)

  const deep = driveId(lab, 'Hundred thousand')
  const start = performance.now()
  let count = 0
  let next: string | undefined =
    `/drives/${deep}/root/delta?$top=1000&$select=id,name,parentReference,file,size`
  while (next !== undefined) {
    page = await lab.graph(token, next)
    count += page.json.value.length
    next = page.json['@odata.nextLink']
  }
  t.equal(count, 100_001)
  t.comment(`100,000 items by delta in ${Math.round(performance.now() - start)} ms`)
})

t.test('names in many scripts are served as they are', async t => {
  const lab = await openLab(t)
  const token = await lab.token(NORTHWIND)
  const drive = driveId(lab, 'World names')
  const children = await lab.graph(token, `/drives/${drive}/root/children`)
  for (const item of children.json.value) {
    const byPath = await lab.graph(token, `/drives/${drive}/root:/${encodeURIComponent(item.name)}`)
    t.equal(byPath.json.id, item.id, item.name)
  }
  t.ok(
    children.json.value.some(item => item.name !== item.name.normalize('NFC')),
    'one is decomposed',
  )
})

t.test('the hostile world sends names that no honest one would', async t => {
  const lab = await openLab(t, { world: 'hostile' })
  const token = await lab.token('hostile.example')
  const drive = lab.emulator.world.sites.find(site => site.title.startsWith('Trap'))?.libraries[0]?.id ?? ''
  const names = (await lab.graph(token, `/drives/${drive}/root/children`)).json.value.map(item => item.name)
  for (const name of [
    '..',
    '../../../../etc/passwd',
    'a/b.txt',
    'nul\0byte.txt',
    '',
    'twin.txt',
    'Twin.txt',
  ]) {
    t.ok(names.includes(name), JSON.stringify(name))
  }
  t.equal(names.filter(name => name === 'same.txt').length, 2)
})

import t from 'tap'
import { unzipSync } from 'fflate'
import { quickXorHash } from '../../src/emulator/world/quick-xor-hash.js'
import { CONTOSO, NORTHWIND, openLab, type Reply, TAILSPIN } from './helpers.js'
import { driveId, newLibrary, Writer } from './writing.js'

const REPLACE = '@microsoft.graph.conflictBehavior=replace'

// One for all: each test has a library of its own.
const lab = await openLab(t)
const token = await lab.token(CONTOSO)

function writer(): Writer {
  return new Writer(lab, token, newLibrary(lab))
}

function tags(reply: Reply): (number | undefined)[] {
  return [reply.json.eTag, String(reply.json['cTag'])].map(tag => Number(/,(\d+)"$/.exec(tag)?.[1]))
}

function hashOf(reply: Reply): unknown {
  return (reply.json['file'] as { hashes?: { quickXorHash: string } } | undefined)?.hashes?.quickXorHash
}

t.test('a small file is put, replaced, read back; each state is a version', async t => {
  const client = writer()
  const made = await client.put('Reports/new%20%23file.txt', 'first')
  t.equal(made.status, 201)
  t.match(made.json, {
    name: 'new #file.txt',
    size: 5,
    lastModifiedBy: { user: { email: 'ann@fabrikam.example' } },
  })
  t.equal(hashOf(made), quickXorHash(Buffer.from('first')))
  t.same(tags(made), [1, 1])
  const replaced = await client.ask('PUT', `items/${made.json.id}/content`, 'second!', {
    'If-Match': made.json.eTag,
  })
  t.equal(replaced.status, 200)
  t.equal(replaced.json.id, made.json.id)
  t.same(tags(replaced), [2, 2])
  t.equal(await client.text('Reports/new%20%23file.txt'), 'second!')

  const versions = (await client.get(`items/${made.json.id}/versions`)).json.value
  t.same(
    versions.map(({ id, size }) => [id, size]),
    [
      ['2.0', 7],
      ['1.0', 5],
    ],
  )
  const old = await client.get(`items/${made.json.id}/versions/1.0/content`)
  t.equal(old.status, 302)
  t.equal((await lab.ask(String(old.headers.location))).text, 'first')
  t.equal((await client.ask('POST', `items/${made.json.id}/versions/1.0/restoreVersion`)).status, 204)
  t.equal(await client.text('Reports/new%20%23file.txt'), 'first')
  t.equal((await client.get(`items/${made.json.id}/versions`)).json.value.length, 3)
})

t.test('bytes of every value arrive, none and a megabyte of them', async t => {
  const client = writer()
  const empty = await client.put('nothing.bin', '')
  t.equal(empty.status, 201)
  t.match(empty.json, { size: 0 })
  t.equal(hashOf(empty), 'AAAAAAAAAAAAAAAAAAAAAAAAAAA=')
  const bytes = Buffer.from(Array.from({ length: 3_000_001 }, (_, i) => (i * 31 + (i >> 8)) & 255))
  const large = await client.put('some.bin', bytes)
  t.equal(large.json.size, bytes.length)
  t.equal(hashOf(large), quickXorHash(bytes))
  t.ok((await lab.ask(large.json['@microsoft.graph.downloadUrl'])).bytes.equals(bytes))
})

t.test('what a client thinks that it changes is compared: eTag, cTag, anything, nothing', async t => {
  const client = writer()
  const made = await client.put('a.txt', 'a', { 'If-None-Match': '*' })
  t.equal(made.status, 201)
  t.equal((await client.put('a.txt', 'b', { 'If-None-Match': '*' })).status, 412)
  t.equal((await client.put('b.txt', 'b', { 'If-Match': '*' })).status, 412)
  t.equal((await client.put('a.txt', 'b', { 'If-Match': String(made.json['cTag']) })).status, 200)
  const stale = await client.put('a.txt', 'c', { 'If-Match': made.json.eTag })
  t.equal(stale.status, 412)
  t.match(stale.json.error, { code: 'resourceModified', innerError: { 'request-id': /./ } })
  t.equal(
    (await client.ask('PATCH', 'root:/a.txt', { name: 'x.txt' }, { 'If-Match': made.json.eTag })).status,
    412,
  )
  t.equal((await client.ask('DELETE', 'root:/a.txt', undefined, { 'If-Match': made.json.eTag })).status, 412)
  t.equal(await client.text('a.txt'), 'b')
})

t.test('a name that is taken is refused, replaced or another one is found', async t => {
  const client = writer()
  const made = await client.put('Taken.txt', 'a')
  const failed = await client.put('taken.TXT?@microsoft.graph.conflictBehavior=fail', 'b')
  t.equal(failed.status, 409)
  t.equal(failed.json.error.code, 'nameAlreadyExists')
  const renamed = await client.put('taken.txt?@microsoft.graph.conflictBehavior=rename', 'c')
  t.equal(renamed.status, 201)
  t.equal(renamed.json.name, 'Taken 1.txt')
  const replaced = await client.put(`TAKEN.txt?${REPLACE}`, 'd')
  t.equal(replaced.status, 200)
  t.equal(replaced.json.id, made.json.id)
  t.equal(replaced.json.name, 'Taken.txt', 'names keep their case')
  t.equal((await client.put('Contracts', 'e')).status, 409, 'a folder is not overwritten')
  t.equal(
    (await client.ask('PUT', `items/${(await client.get('root:/Contracts')).json.id}/content`, 'x')).status,
    400,
  )
  t.equal((await client.put('no%20such%20folder/a.txt', 'f')).status, 404)

  const folder = (name: string, behavior?: string) =>
    client.ask('POST', 'root/children', {
      name,
      folder: {},
      ...(behavior && { '@name.conflictBehavior': behavior }),
    })
  t.equal((await folder('New folder')).status, 201)
  t.equal((await folder('NEW folder')).status, 409)
  t.equal((await folder('New folder', 'rename')).json.name, 'New folder 1')
})

t.test('names that SharePoint does not take are refused, wherever they come from', async t => {
  const client = writer()
  const bad = [
    'a:b',
    'a*b',
    'a"b',
    'a?b',
    'a|b',
    'a<b',
    'a\\b',
    ' a',
    'a ',
    'a.',
    'CON',
    'lpt1',
    '.lock',
    'Desktop.ini',
  ]
  for (const name of [...bad, '~$a.docx', 'x_VTI_y', 'Forms', 'a\u0001b', 'a/b', '']) {
    const made = await client.ask('POST', 'root/children', { name, folder: {} })
    t.equal(made.status, 400, JSON.stringify(name))
    t.match(made.json.error, { code: 'invalidRequest', innerError: { code: 'invalidPath' } })
  }
  t.equal((await client.put('a%3Ab.txt', 'x')).status, 400)
  t.equal((await client.ask('PATCH', 'root:/Contracts', { name: 'a:b' })).status, 400)
  t.equal((await client.ask('POST', 'root:/a%3Ab.txt:/createUploadSession', {})).status, 400)
  for (const name of [
    '.hidden',
    '100 %.txt',
    '#1.txt',
    '~a',
    "l'été",
    'form',
    'CON.txt',
    'é'.normalize('NFD'),
  ]) {
    t.equal((await client.put(encodeURIComponent(name), 'x')).status, 201, name)
  }
  const long = await client.put('n'.repeat(256), 'x')
  t.equal(long.json.error.innerError['code'], 'pathIsTooLong')
  let parent = 'root'
  for (let depth = 0; depth < 3; depth++) {
    const made = await client.ask('POST', `${parent}/children`, { name: 'd'.repeat(110), folder: {} })
    parent = `items/${made.json.id}`
  }
  t.equal((await client.ask('PUT', `${parent}:/${'f'.repeat(60)}:/content`, 'x')).status, 400)
  t.equal((await client.ask('PUT', `${parent}:/${'f'.repeat(20)}:/content`, 'x')).status, 201)
  const outer = await client.get(`root:/${'d'.repeat(110)}`)
  const deeper = await client.ask('PATCH', `items/${outer.json.id}`, { name: 'd'.repeat(160) })
  t.equal(deeper.status, 400, 'what is below a folder would be too far down')
})

t.test('a file is renamed, moved, both at once; its content stays the same version', async t => {
  const client = writer()
  const made = await client.put('a.txt', 'a')
  const contracts = await client.get('root:/Contracts')
  const upper = await client.ask('PATCH', 'root:/a.txt', { name: 'A.TXT' })
  t.equal(upper.status, 200)
  t.match(upper.json, { id: made.json.id, name: 'A.TXT' })
  t.same(tags(upper), [2, 1])
  const moved = await client.ask('PATCH', `items/${made.json.id}`, {
    name: 'b.txt',
    parentReference: { id: contracts.json.id },
  })
  t.match(moved.json, { name: 'b.txt', parentReference: { id: contracts.json.id } })
  t.same(tags(moved), [3, 1])
  const home = await client.ask('PATCH', `items/${made.json.id}`, {
    parentReference: { path: `/drives/${client.drive}/root:` },
  })
  t.equal(home.json.name, 'b.txt')
  t.equal((await client.get(`items/${made.json.id}/versions`)).json.value.length, 1)

  await client.put('c.txt', 'c')
  const taken = await client.ask('PATCH', 'root:/b.txt', { name: 'C.txt' })
  t.equal(taken.status, 409)
  t.equal(taken.json.error.code, 'nameAlreadyExists')
  t.equal((await client.ask('PATCH', `root:/b.txt?${REPLACE}`, { name: 'c.txt' })).status, 409)
  const found = await client.ask('PATCH', 'root:/b.txt?@microsoft.graph.conflictBehavior=rename', {
    name: 'c.txt',
  })
  t.equal(found.json.name, 'c 1.txt')
})

t.test('a folder does not go into itself, and nothing goes to another library', async t => {
  const client = writer()
  const reports = await client.get('root:/Reports')
  const inner = await client.get('root:/Reports/2025')
  const into = (id: string, more: object = {}) =>
    client.ask('PATCH', `items/${reports.json.id}`, { parentReference: { id, ...more } })
  t.equal((await into(inner.json.id)).status, 400)
  t.equal((await into(reports.json.id)).status, 400)
  t.equal((await into('root')).status, 400)
  const other = driveId(lab, 'Media')
  const across = await into('01AAAAAAV6Y2GOVW7725BZO354PWSELRRZ', { driveId: other })
  t.equal(across.status, 400)
  t.equal(across.json.error.code, 'notSupported')
  t.equal((await client.ask('PATCH', 'root', { name: 'x' })).status, 400)
  t.equal((await client.ask('DELETE', 'root')).status, 400)
})

t.test('times of the file system are kept, and cost a version of their own', async t => {
  const client = writer()
  const made = await client.put('a.txt', 'a')
  const fileSystemInfo = {
    createdDateTime: '2001-02-03T04:05:06Z',
    lastModifiedDateTime: '2011-12-13T14:15:16.789Z',
  }
  const stamped = await client.ask('PATCH', `items/${made.json.id}`, { fileSystemInfo })
  t.match(stamped.json['fileSystemInfo'], { ...fileSystemInfo, lastModifiedDateTime: '2011-12-13T14:15:16Z' })
  t.not(stamped.json['lastModifiedDateTime'], '2011-12-13T14:15:16Z')
  t.same(tags(stamped), [2, 1])
  t.equal((await client.get(`items/${made.json.id}/versions`)).json.value.length, 2)
  const renamed = await client.ask('PATCH', `items/${made.json.id}`, { name: 'b.txt' })
  t.match(renamed.json['fileSystemInfo'], { lastModifiedDateTime: '2011-12-13T14:15:16Z' })
  const replaced = await client.ask('PUT', `items/${made.json.id}/content`, 'b')
  t.match(replaced.json['fileSystemInfo'], { createdDateTime: '2001-02-03T04:05:06Z' })
  t.equal(
    (replaced.json['fileSystemInfo'] as Record<string, unknown>)['lastModifiedDateTime'],
    replaced.json['lastModifiedDateTime'],
  )
  t.equal(
    (await client.ask('PATCH', 'root:/b.txt', { fileSystemInfo: { createdDateTime: 'soon' } })).status,
    400,
  )
})

t.test('what is deleted lies in the recycle bin of the site, and delta tells', async t => {
  const client = writer()
  const latest = await client.get('root/delta?token=latest')
  const reports = await client.get('root:/Reports')
  t.equal((await client.ask('DELETE', `items/${reports.json.id}`)).status, 204)
  t.equal((await client.get(`items/${reports.json.id}`)).status, 404)
  const changes = await client.get(latest.json['@odata.deltaLink'].split(`/${client.drive}/`)[1] ?? '')
  t.equal(changes.json.value.filter(each => each['deleted']).length, 16, 'with all that was below')
  const bin = (await lab.admin('GET', `/recycle-bin?drive=${client.drive}`)).json['items']
  t.match(bin, [
    { item: reports.json.id, path: 'Reports', kind: 'folder', deletedBy: 'ann@fabrikam.example' },
  ])
  const drive = await lab.graph(token, `/drives/${client.drive}`)
  t.equal((drive.json['quota'] as { deleted: number }).deleted, reports.json.size)

  await lab.admin('POST', '/recycle-bin', { drive: client.drive, item: reports.json.id })
  t.equal((await client.get('root:/Reports/2025/Report%20Q1%202025.docx')).status, 200)
  await client.put('gone.txt', 'x')
  t.equal((await client.ask('POST', 'root:/gone.txt:/permanentDelete')).status, 204)
  t.same((await lab.admin('GET', `/recycle-bin?drive=${client.drive}`)).json['items'], [])
})

t.test('delta tells of files that are made, changed and moved', async t => {
  const client = writer()
  const after = (reply: Reply) => reply.json['@odata.deltaLink'].split(`/${client.drive}/`)[1] ?? ''
  let seen = await client.get('root/delta?token=latest')
  const names = async () => {
    seen = await client.get(after(seen))
    return seen.json.value
      .filter(each => !each['root'])
      .map(({ name, eTag }) => `${name} ${eTag.split(',')[1] ?? ''}`)
  }
  const made = await client.put('a.txt', 'a')
  t.same(await names(), ['a.txt 1"'])
  await client.put('a.txt', 'b')
  t.same(await names(), ['a.txt 2"'])
  await client.ask('PATCH', `items/${made.json.id}`, { name: 'b.txt' })
  t.same(await names(), ['b.txt 3"'])
})

t.test('who may only read changes nothing; who may edit a folder changes only that', async t => {
  const client = new Writer(lab, await lab.token(NORTHWIND), newLibrary(lab))
  const catalogue = new Writer(lab, await lab.token(NORTHWIND), driveId(lab, 'Catalogue'))
  t.not(client.drive, catalogue.drive)
  for (const [method, path, body] of [
    ['PUT', 'root:/x.txt:/content', 'x'],
    ['POST', 'root/children', { name: 'x', folder: {} }],
    ['POST', 'root:/x.txt:/createUploadSession', {}],
  ] as const) {
    const refused = await catalogue.ask(method, path, body)
    t.equal(refused.status, 403, path)
    t.equal(refused.json.error.code, 'accessDenied')
  }
  const [first] = (await catalogue.get('root/children')).json.value
  for (const method of ['PATCH', 'DELETE']) {
    t.equal((await catalogue.ask(method, `items/${first?.id ?? ''}`, { name: 'x' })).status, 403)
  }
  const site = lab.emulator.world.sites.find(each => each.path === '/sites/Models')
  const models = new Writer(lab, await lab.token(TAILSPIN), site?.libraries[0]?.id ?? '')
  t.equal((await models.put('Reports/x.txt', 'x')).status, 201)
  t.equal((await models.put('Contracts/x.txt', 'x')).status, 403)
  const contracts = site?.libraries[0]?.at(['Contracts'])?.id ?? ''
  const moved = await models.ask('PATCH', 'root:/Reports/x.txt', { parentReference: { id: contracts } })
  t.equal(moved.status, 403)
  t.equal((await client.put('x.txt', 'x')).status, 404, 'a library of another tenant')
  const reading = await lab.token(TAILSPIN, { scope: 'Files.Read.All openid offline_access' })
  t.equal((await new Writer(lab, reading, models.drive).put('Reports/y.txt', 'x')).status, 403)
})

t.test('a file that somebody has open or checked out is locked', async t => {
  const client = writer()
  const drive = client.drive
  const made = await client.put('Contracts/a.txt', 'a')
  const path = 'Contracts/a.txt'
  const attempts = async () => {
    const replies = [
      await client.put(path, 'b'),
      await client.ask('PATCH', `root:/${path}`, { name: 'b.txt' }),
      await client.ask('DELETE', `root:/${path}`),
      await client.ask('DELETE', 'root:/Contracts'),
      await client.ask('POST', `root:/${path}:/createUploadSession`, {}),
    ]
    t.same(
      replies.map(each => each.status),
      [423, 423, 423, 423, 423],
    )
    return replies[0]?.json.error
  }
  await lab.admin('POST', '/items', { do: 'lock', drive, item: made.json.id })
  t.match(await attempts(), { code: 'notAllowed', innerError: { code: 'resourceLocked' } })
  await lab.admin('POST', '/items', { do: 'unlock', drive, path })
  await lab.admin('POST', '/items', { do: 'check-out', drive, path, user: 'megan@contoso.example' })
  t.match(await attempts(), { code: 'accessDenied', message: /checked out/ })
  const shown = await client.get(`items/${made.json.id}?$select=publication`)
  t.match(shown.json['publication'], {
    level: 'checkout',
    checkedOutBy: { user: { email: 'megan@contoso.example' } },
  })
  await lab.admin('POST', '/items', { do: 'unlock', drive, path })

  t.equal((await client.ask('POST', `root:/${path}:/checkout`)).status, 204)
  t.equal((await client.put(path, 'mine')).status, 200)
  t.equal((await client.ask('POST', `root:/${path}:/checkin`, { comment: 'done' })).status, 204)
})

t.test('a library that is full takes no more, and says so', async t => {
  const client = writer()
  const { drive } = client
  const used = (await client.get('root')).json.size
  await lab.admin('PUT', '/libraries', { drive, quotaBytes: used + 10 })
  t.equal((await client.put('a.bin', '12345')).status, 201)
  const full = await client.put('b.bin', '123456')
  t.equal(full.status, 507)
  t.equal(full.json.error.code, 'quotaLimitReached')
  const session = await client.session('b.bin')
  const fragment = await client.fragment(session, Buffer.from('123456'), 0, 6)
  t.match([fragment.status, fragment.json.error.code], [507, 'quotaLimitReached'])
  t.equal(String((await lab.ask(session)).json['nextExpectedRanges']), '0-', 'the session waits for room')
  t.equal((await client.put('a.bin', '1234567890')).status, 200, 'only what is more counts')
  t.match((await lab.graph(token, `/drives/${drive}`)).json['quota'], { state: 'exceeded', remaining: 0 })
  t.equal((await lab.admin('PUT', '/libraries', { drive, quotaBytes: 'much' })).status, 400)
  await lab.admin('PUT', '/libraries', { drive, quotaBytes: null })
  t.equal((await client.put('b.bin', '123456')).status, 201)
})

t.test(
  'a property for OneDrive Personal only is refused, unless the library is set up to take it',
  async t => {
    const client = writer()
    const begin = () => client.ask('POST', 'root:/s.bin:/createUploadSession', { item: { fileSize: 6 } })
    t.match(await begin(), { status: 400, json: { error: { code: 'invalidRequest' } } })
    await lab.admin('PUT', '/libraries', { drive: client.drive, refusePersonalProperties: false })
    t.equal((await begin()).status, 200)
  },
)

t.test('SharePoint rewrites an Office document after the upload, once, as a version of its own', async t => {
  const client = writer()
  const plan = await client.get('root:/Project%20plan.docx')
  const bytes = (await lab.ask(plan.json['@microsoft.graph.downloadUrl'])).bytes
  const sent = await client.put('Copy.docx', bytes)
  t.equal(sent.json.size, bytes.length)
  const seen = await client.get(`items/${sent.json.id}`)
  t.ok(seen.json.size > bytes.length)
  t.not(hashOf(seen), hashOf(sent))
  t.same(tags(seen), [2, 2])
  t.same(tags(await client.get(`items/${sent.json.id}`)), [2, 2])
  t.equal((await client.get(`items/${sent.json.id}/versions`)).json.value.length, 2)
  const rewritten = (await lab.ask(seen.json['@microsoft.graph.downloadUrl'])).bytes
  t.same(Object.keys(unzipSync(rewritten)), Object.keys(unzipSync(bytes)), 'and is still a document')
  t.equal((await client.put('Copy.docx', bytes, { 'If-Match': sent.json.eTag })).status, 412)

  await lab.admin('PUT', '/clock', { frozen: true })
  await lab.admin('PUT', '/libraries', { drive: client.drive, promotionDelaySeconds: 5 })
  const later = await client.put('Later.docx', bytes)
  t.same(tags(await client.get(`items/${later.json.id}`)), [1, 1])
  await lab.admin('PUT', '/clock', { advanceSeconds: 5 })
  t.same(tags(await client.get(`items/${later.json.id}`)), [2, 2])
  const plain = await client.put('no zip.docx', 'text')
  await lab.admin('PUT', '/clock', { advanceSeconds: 5 })
  t.same(tags(await client.get(`items/${plain.json.id}`)), [1, 1], 'what is no document stays as it is')
  await lab.admin('PUT', '/libraries', { drive: client.drive, promotedEndings: [], promotionDelaySeconds: 0 })
  t.same(tags(await client.get(`items/${(await client.put('Off.docx', bytes)).json.id}`)), [1, 1])
  await lab.admin('PUT', '/clock', { frozen: false })
})

t.test('a directory on disk is only read', async t => {
  const lab = await openLab(t, {
    world: 'empty',
    libraries: [{ tenant: 'contoso', name: 'Projects', directory: t.testdir({ 'a.txt': 'a' }) }],
  })
  // Guests may read; and also its owner cannot write there.
  for (const [account, refusal] of [
    ['ann@fabrikam.example', /denied/i],
    ['megan@contoso.example', /only reads/],
  ] as const) {
    const client = new Writer(lab, await lab.token(CONTOSO, { account }), driveId(lab, 'Projects'))
    t.equal((await client.get('root:/a.txt')).status, 200)
    for (const reply of [await client.put('a.txt', 'b'), await client.ask('DELETE', 'root:/a.txt')]) {
      t.equal(reply.status, 403)
      t.match(reply.json.error.message, refusal)
    }
  }
})

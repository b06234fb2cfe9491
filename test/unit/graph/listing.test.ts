import t from 'tap'
import { GraphFolder } from '../../../src/graph/children.js'
import { GraphDelta } from '../../../src/graph/delta.js'
import { collect, fakeGraph, graphError, patient, rawFile, ROOT, type Answer } from './fake-graph.js'

const LINK = 'https://graph.microsoft.com/v1.0/drives/b!drive/items/01ROOT/children?$skiptoken='
const DELTA = 'https://graph.microsoft.com/v1.0/drives/b!drive/root/delta?token='

const page = (items: unknown[], more: Record<string, unknown> = {}): Answer => ({
  status: 200,
  body: { value: items, ...more },
})
const next = (link: string) => ({ '@odata.nextLink': link })
const last = (link: string) => ({ '@odata.deltaLink': link })

function world(...answers: Answer[]) {
  const { graph, http } = fakeGraph(...answers)
  const problems: string[] = []
  const report = (problem: string) => void problems.push(problem)
  return {
    folder: new GraphFolder({ graph, report }),
    delta: new GraphDelta({ graph, report }),
    http,
    problems,
  }
}

t.test('a folder comes page by page, through empty pages, until there is no next one', async t => {
  const { folder, http } = world(
    page([rawFile('01A')], next(`${LINK}2`)),
    page([], next(`${LINK}3`)),
    page([rawFile('01B')]),
  )
  const pages = await collect(folder.children(ROOT, patient))
  t.same(
    pages.map(({ items }) => items.map(({ id }) => id)),
    [['01A'], [], ['01B']],
  )
  t.match(http.paths[0], /^\/v1\.0\/drives\/b!drive\/items\/01ROOT\/children\?\$select=id,name.*&\$top=1000$/)
  t.equal(http.requests[2]?.url, `${LINK}3`)
})

t.test('the next page is not asked for before this one was taken', async t => {
  const { folder, http } = world(page([rawFile('01A')], next(`${LINK}2`)), page([]))
  for await (const _ of folder.children(ROOT, patient)) break
  t.equal(http.requests.length, 1)
})

// SEMANTICS: "A page with entries of another folder is asked for again"
t.test('a page of another folder or drive is asked for again, and never believed', async t => {
  const elsewhere = [
    { driveId: ROOT.drive, id: '01ELSEWHERE' },
    { driveId: 'b!other', id: ROOT.item },
  ]
  for (const parentReference of elsewhere) {
    const wrong = page([rawFile('01A'), rawFile('01X', { parentReference })])
    const { folder, http } = world(page([rawFile('01A')], next(`${LINK}2`)), wrong, page([rawFile('01B')]))
    const pages = await collect(folder.children(ROOT, patient))
    t.same(
      pages.map(({ items }) => items.map(({ id }) => id)),
      [['01A'], ['01B']],
    )
    t.same(
      http.requests.slice(1).map(({ url }) => url),
      [`${LINK}2`, `${LINK}2`],
    )
    const always = world(...Array.from({ length: 9 }, () => wrong))
    await t.rejects(collect(always.folder.children(ROOT, patient)), { code: 'server-error' })
    t.equal(always.http.requests.length, 5)
  }
  const capitals = { driveId: ROOT.drive.toUpperCase(), id: ROOT.item.toLowerCase() }
  const same = world(page([rawFile('01A', { parentReference: capitals })]))
  const [first] = await collect(same.folder.children(ROOT, patient))
  t.equal(first?.items[0]?.parentId, ROOT.item, 'ids in other capitals are the same ids')
})

t.test('changes of another drive are asked for again, and never believed', async t => {
  const foreign = rawFile('01X', { parentReference: { driveId: 'b!other', id: '01R' } })
  const moved = rawFile('01A', { parentReference: { driveId: ROOT.drive, id: '01ANY' } })
  const gone = { id: '01Z', deleted: {}, parentReference: { driveId: 'b!other' } }
  const { delta } = world(page([foreign], last(DELTA)), page([moved, gone], last(DELTA)))
  const pages = await collect(delta.pages(ROOT, true, undefined, patient))
  t.same(
    pages.map(({ changes }) => changes.map(({ id }) => id)),
    [['01A', '01Z']],
  )
})

t.test('an unusable item is reported and left out, and it is there all the same', async t => {
  const nameless = { id: '01C', file: {}, size: 1, parentReference: { id: ROOT.item } }
  const { folder, delta, problems } = world(
    page([rawFile('01A'), rawFile('01B', { size: -5 })]),
    page([nameless, rawFile('01D', { file: undefined }), 7], last(DELTA)),
  )
  const [listed] = await collect(folder.children(ROOT, patient))
  t.equal(listed?.items.length, 1)
  t.same(listed?.notUnderstood, [{ id: '01B', parent: ROOT.item }])
  const [changed] = await collect(delta.pages(ROOT, true, undefined, patient))
  t.same(changed?.notUnderstood, [
    { id: '01C', parent: ROOT.item },
    { id: '01D', parent: ROOT.item },
    { id: undefined, parent: undefined },
  ])
  problems.length = 1
  t.same(problems, ['size is not a size'])
})

t.test('links in a circle, or away from Graph, end the listing with a protocol error', async t => {
  const circle = world(page([], next(`${LINK}2`)), page([], next(`${LINK}2`)))
  await t.rejects(collect(circle.folder.children(ROOT, patient)), { code: 'protocol-error' })
  const wider = world(page([], next(`${LINK}a`)), page([], next(`${LINK}b`)), page([], next(`${LINK}a`)))
  await t.rejects(collect(wider.folder.children(ROOT, patient)), {
    code: 'protocol-error',
    message: /circle/,
  })
  t.equal(wider.http.requests.length, 3, 'nothing is asked for twice')
  const away = world(page([], next('https://evil.example/v1.0/x')))
  await t.rejects(collect(away.folder.children(ROOT, patient)), { code: 'protocol-error' })
  t.equal(away.http.requests.length, 1)
  const nonsense = world(page([], next('x'.repeat(100_000))))
  await t.rejects(collect(nonsense.folder.children(ROOT, patient)), { code: 'protocol-error' })
  const none = world({ status: 200, body: { value: 'none' } })
  await t.rejects(collect(none.folder.children(ROOT, patient)), { code: 'protocol-error' })
})

t.test('an enumeration ends with the cursor of its last page', async t => {
  const { delta, http } = world(
    page([rawFile('01A')], next(`${DELTA}1`)),
    page([{ id: '01B', deleted: { state: 'deleted' } }], last(`${DELTA}2`)),
  )
  const pages = await collect(delta.pages(ROOT, true, undefined, patient))
  t.same(
    pages.map(({ cursor }) => cursor),
    [undefined, `${DELTA}2`],
  )
  t.same(pages[1]?.changes, [{ id: '01B', removed: true }])
  t.match(http.paths[0], /^\/v1\.0\/drives\/b!drive\/root\/delta\?\$select=/)
  t.match(http.requests[0]?.headers, { prefer: /deltashowremovedasdeleted/ })
})

t.test('a cursor is used as it is', async t => {
  const { delta, http } = world(page([], last(`${DELTA}3`)))
  await collect(delta.pages(ROOT, true, `${DELTA}2`, patient))
  t.equal(http.requests[0]?.url, `${DELTA}2`)
})

t.test('a shared folder is enumerated from the folder', async t => {
  const { delta, http } = world(page([], last(`${DELTA}3`)))
  await collect(delta.pages(ROOT, false, undefined, patient))
  t.match(http.paths[0], /^\/v1\.0\/drives\/b!drive\/items\/01ROOT\/delta\?/)
})

t.test('a cursor that is refused means: start over', async t => {
  for (const refusal of [
    graphError(410, 'resyncRequired'),
    graphError(410, 'x'),
    graphError(400, 'invalidRequest'),
  ]) {
    const { delta } = world(refusal)
    await t.rejects(collect(delta.pages(ROOT, true, `${DELTA}2`, patient)), { code: 'resync-required' })
  }
})

t.test('a folder for which there is no delta says so', async t => {
  for (const refusal of [graphError(501, 'notSupported'), graphError(400, 'invalidRequest')]) {
    const { delta } = world(refusal)
    await t.rejects(collect(delta.pages(ROOT, false, undefined, patient)), { code: 'not-supported' })
  }
  const { delta } = world(graphError(403, 'accessDenied'))
  await t.rejects(collect(delta.pages(ROOT, false, undefined, patient)), { code: 'access-denied' })
})

// Reference R10.
t.test('a folder that is refused as a wrong request is none that can be listed', async t => {
  const { folder } = world(graphError(400, 'invalidRequest'))
  await t.rejects(collect(folder.children(ROOT, patient)), { code: 'not-supported' })
  const later = world(page([rawFile('01A')], next(`${LINK}2`)), graphError(400, 'invalidRequest'))
  await t.rejects(collect(later.folder.children(ROOT, patient)), { code: 'protocol-error' }, 'a wrong link')
})

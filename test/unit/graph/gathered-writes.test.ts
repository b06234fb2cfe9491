import { setMaxListeners } from 'node:events'
import t from 'tap'
import { GatheredWrites } from '../../../src/graph/gathered-writes.js'
import type { WriteRequest } from '../../../src/graph/graph-client.js'
import type { HttpResponse } from '../../../src/http/message.js'
import { tryJsonObjectOf } from '../../../src/http/json.js'
import { Fault } from '../../../src/model/fault.js'
import type { TenantId } from '../../../src/model/ids.js'
import { CONTOSO, fakeGraph, fakeGraphWith, graphError, patient, toResponse } from './fake-graph.js'

const session = (i: number): WriteRequest => ({ method: 'POST', path: `/s/${i}`, body: '{"item":{}}' })
const opened = (id: number) => ({ id: String(id), status: 200, body: { uploadUrl: `https://sp/${id}` } })

const own = () => new AbortController().signal

/** A Graph that answers when it is told to. */
function heldGraph() {
  const asked: { tenant: TenantId; paths: string[]; signal: AbortSignal; answer: () => void }[] = []
  const graph = {
    writeAll: (tenant: TenantId, requests: readonly WriteRequest[], signal: AbortSignal) =>
      new Promise<(HttpResponse | Fault)[]>(resolve => {
        const paths = requests.map(({ path }) => path)
        const answer = () => resolve(paths.map(body => toResponse({ status: 200, body: { body } })))
        asked.push({ tenant, paths, signal, answer })
      }),
  }
  return { writes: new GatheredWrites(graph), asked }
}

const turn = () => new Promise(resolve => setImmediate(() => setImmediate(resolve)))

t.test('what is asked for together goes together, twenty at a time', async t => {
  const { writes, asked } = heldGraph()
  const all = Array.from({ length: 65 }, (_, i) => writes.write(CONTOSO, session(i), own()))
  await turn()
  t.same(
    asked.map(({ paths }) => paths.length),
    [20, 20, 20],
    'and no more than three requests at once',
  )
  asked[0]?.answer()
  await all[0]
  await turn()
  t.same(asked[3]?.paths, ['/s/60', '/s/61', '/s/62', '/s/63', '/s/64'])
  for (const { answer } of asked) answer()
  const bodies = (await Promise.all(all)).map(tryJsonObjectOf)
  t.same(
    bodies,
    all.map((_, i) => ({ body: `/s/${i}` })),
  )
})

t.test('one tenant does not wait for another', async t => {
  const { writes, asked } = heldGraph()
  for (let i = 0; i < 3; i++) void writes.write(CONTOSO, session(i), patient)
  const other = writes.write('another' as TenantId, session(9), patient)
  await turn()
  t.same(
    asked.map(({ tenant, paths }) => [tenant, paths.length]),
    [
      [CONTOSO, 3],
      ['another', 1],
    ],
  )
  asked[1]?.answer()
  await other
})

t.test('who gives up before its turn waits no longer; afterwards the answer is waited for', async t => {
  const { writes, asked } = heldGraph()
  const [first, second] = [new AbortController(), new AbortController()]
  const one = writes.write(CONTOSO, session(0), first.signal)
  const other = writes.write(CONTOSO, session(1), second.signal)
  await turn()
  first.abort(new Fault('cancelled', 'changed'))
  await turn()
  t.notOk(asked[0]?.signal.aborted, 'one still wants it')
  second.abort(new Fault('cancelled', 'changed'))
  t.ok(asked[0]?.signal.aborted, 'so that it does not wait for its turn')
  const late = new AbortController()
  const waiting = writes.write(CONTOSO, session(2), late.signal)
  late.abort(new Fault('cancelled', 'before it was sent'))
  await t.rejects(waiting, { code: 'cancelled' })
  asked[0]?.answer()
  t.same((await Promise.all([one, other])).map(tryJsonObjectOf), [{ body: '/s/0' }, { body: '/s/1' }])
  t.equal(asked.length, 1)
})

t.test('who gives up while the tenant wants no requests does not wait for the end of that', async t => {
  const { graph, http, throttle, clock } = fakeGraph()
  clock.sleep = (_, signal) =>
    new Promise((__, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error))
    })
  throttle.pause(CONTOSO, 30)
  const changing = new AbortController()
  const writing = new GatheredWrites(graph).write(CONTOSO, session(0), changing.signal)
  await turn()
  changing.abort(new Fault('cancelled', 'changed'))
  await t.rejects(writing, { code: 'cancelled' })
  t.same(http.paths, [])
})

t.test('who waits behind many that have given up is not forgotten', async t => {
  const { writes, asked } = heldGraph()
  const busy = Array.from({ length: 60 }, (_, i) => writes.write(CONTOSO, session(i), own()))
  await turn()
  const change = new AbortController()
  setMaxListeners(0, change.signal)
  const given = Array.from({ length: 60 }, (_, i) => writes.write(CONTOSO, session(100 + i), change.signal))
  const last = writes.write(CONTOSO, session(200), own())
  change.abort(new Fault('cancelled', 'changed'))
  t.ok((await Promise.allSettled(given)).every(({ status }) => status === 'rejected'))
  for (const { answer } of asked) answer()
  await Promise.all(busy)
  await turn()
  t.same(asked.at(-1)?.paths, ['/s/200'])
  asked.at(-1)?.answer()
  await last
})

t.test('a single change goes as it is', async t => {
  const { graph, http } = fakeGraph({ status: 200, body: {} })
  await new GatheredWrites(graph).write(CONTOSO, session(1), patient)
  t.same(http.paths, ['/v1.0/s/1'])
})

t.test('each has its own answer', async t => {
  const { graph, http, throttle, clock } = fakeGraph({
    status: 200,
    body: {
      responses: [
        opened(2),
        { id: '1', status: 409, body: { error: { code: 'nameAlreadyExists', message: '' } } },
        {
          id: '3',
          status: 429,
          headers: { 'Retry-After': '7' },
          body: { error: { code: 'x', message: '' } },
        },
        opened(0),
      ],
    },
  })
  const writes = new GatheredWrites(graph)
  const answers = await Promise.allSettled([0, 1, 2, 3].map(i => writes.write(CONTOSO, session(i), patient)))
  t.match(answers, [
    { status: 'fulfilled' },
    { reason: { code: 'name-taken' } },
    { status: 'fulfilled' },
    { reason: { code: 'throttled', retryAfterSeconds: 7 } },
  ])
  t.same(http.paths, ['/v1.0/$batch'])
  const { requests } = JSON.parse(http.requests[0]?.body as string) as { requests: unknown[] }
  t.match(requests[3], {
    id: '3',
    method: 'POST',
    url: '/s/3',
    headers: { 'content-type': 'application/json' },
    body: { item: {} },
  })
  await throttle.outlast(CONTOSO, 60_000, patient, 'background')
  t.same(clock.slept, [7_000], 'the whole tenant waits')
})

t.test('a part that wants something proven, or a guest who was forgotten, is asked for alone', async t => {
  const revived: string[] = []
  const revival = { revive: (tenant: TenantId) => Promise.resolve(revived.push(tenant) > 0) }
  const { graph, http } = fakeGraphWith(
    { revival },
    { status: 200, body: { responses: [opened(0), { id: '1', status: 403, body: {} }] } },
    graphError(403, 'accessDenied'),
    { status: 200, body: { uploadUrl: 'https://sp/1' } },
  )
  const writes = new GatheredWrites(graph)
  await Promise.all([0, 1].map(i => writes.write(CONTOSO, session(i), patient)))
  t.same(http.paths, ['/v1.0/$batch', '/v1.0/s/1', '/v1.0/s/1'])
  t.same(revived, [CONTOSO])
})

t.test('where the whole batch fails, everybody hears of it', async t => {
  const { graph } = fakeGraph(graphError(500, 'generalException'))
  const writes = new GatheredWrites(graph)
  const answers = await Promise.allSettled([0, 1].map(i => writes.write(CONTOSO, session(i), patient)))
  t.match(answers, [{ reason: { code: 'server-error' } }, { reason: { code: 'server-error' } }])
})

t.test('a part that was not answered is no success', async t => {
  const { graph } = fakeGraph({ status: 200, body: { responses: [opened(0)] } })
  const writes = new GatheredWrites(graph)
  const answers = await Promise.allSettled([0, 1].map(i => writes.write(CONTOSO, session(i), patient)))
  t.match(answers, [{ reason: { code: 'protocol-error' } }, { reason: { code: 'protocol-error' } }])
})

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { systemClock } from '../../src/concurrency/clock.js'
import { editItem } from '../../src/emulator/admin/edit-item.js'
import { GraphChangeHints } from '../../src/graph/change-hints.js'
import { HintSockets } from '../../src/http/hint-sockets.js'
import { addressOf, openSignedInWorld } from './open-client.js'

const world = await openSignedInWorld(t)
const { emulator, cloud, graph, resolver } = world
const userAgent = 'NONISV|b2bmount|b2bmount/test'

async function listenTo(name: string, options: { caFile?: string; clock?: typeof systemClock } = {}) {
  const { root } = (await resolver.resolve(addressOf(world, name), world.signal)).library
  const caFile = options.caFile ?? cloud.caFile ?? ''
  const connections = new HintSockets({ cloud: { ...cloud, caFile }, userAgent })
  const hints = new GraphChangeHints({ graph, connections, clock: options.clock ?? systemClock })
  const stop = new AbortController()
  const events: string[] = []
  const waiting = new Set<() => void>()
  const note = (event: string) => {
    events.push(event)
    waiting.forEach(look => look())
  }
  const ended = hints.listen(
    root,
    () => note('listening'),
    () => note('hint'),
    stop.signal,
  )
  ended.catch(() => note('ended'))
  const seen = (event: string, times = 1) =>
    new Promise<void>(resolve => {
      const look = () => {
        if (events.filter(each => each === event).length >= times) resolve()
      }
      waiting.add(look)
      look()
    })
  const edit = (body: object) => editItem(emulator.world, { drive: root.drive, path: '', ...body })
  return { root, ended, stop, events, seen, edit }
}

async function admin(method: 'GET' | 'PUT', change?: object) {
  const url = `https://127.0.0.1:${emulator.port}/_emulator/push`
  const sent = change && { body: Buffer.from(JSON.stringify(change)) }
  const { body } = await world.http.send({ method, url, ...sent }, world.signal)
  return JSON.parse(Buffer.from(body).toString()) as { listeners: number }
}

const listeners = async () => (await admin('GET')).listeners

t.test('a change is hinted at, and many at once as one', async t => {
  const { seen, edit, events, stop, ended } = await listenTo('contoso documents')
  await seen('listening')
  const started = Date.now()
  for (let i = 0; i < 100; i++) await edit({ do: 'create-file', name: `new ${i}.txt`, text: 'x' })
  await seen('hint')
  t.ok(Date.now() - started < 2000)
  t.ok(events.length < 50)
  t.equal(await listeners(), 1)
  stop.abort(new Error('enough'))
  await t.rejects(ended, { message: 'enough' })
})

t.test('what happens in another library is none of our business', async t => {
  const { seen, events, stop, ended } = await listenTo('contoso documents')
  const other = await listenTo('northwind catalogue')
  await seen('listening')
  await other.seen('listening')
  await other.edit({ do: 'create-file', name: 'elsewhere.txt', text: 'x' })
  await other.seen('hint')
  t.same(events, ['listening'])
  stop.abort()
  other.stop.abort()
  await t.rejects(Promise.all([ended, other.ended]))
})

t.test('a subscription that is over is renewed before it ends, without a failure', async t => {
  const slept: number[] = []
  let wake = () => {}
  const clock = {
    now: () => Date.now(),
    sleep: (duration: number) => {
      slept.push(duration)
      return new Promise<void>(resolve => (wake = resolve))
    },
  }
  const { seen, ended } = await listenTo('contoso documents', { clock })
  await seen('listening')
  t.ok(Math.abs((slept[0] ?? 0) - 58 * 60_000) < 60_000, 'two minutes before the end of the hour')
  wake()
  await ended
})

t.test(
  'an expired subscription hints at nothing and is closed; a broken connection is an offline service',
  async t => {
    const { seen, edit, ended, events } = await listenTo('contoso documents')
    await seen('listening')
    emulator.world.clock.advance(3_700_000)
    t.teardown(() => emulator.world.clock.advance(-3_700_000))
    await edit({ do: 'create-file', name: 'late.txt', text: 'x' })
    const failure: unknown = await ended.catch((each: unknown) => each)
    t.match(failure, { code: 'offline' })
    t.notMatch((failure as Error).message, /token/)
    t.same(events.slice(0, 2), ['listening', 'ended'])
  },
)

t.test('everybody is sent away at the emulator: that is an offline service', async t => {
  const { seen, ended } = await listenTo('contoso documents')
  await seen('listening')
  await admin('PUT', { disconnect: true })
  await t.rejects(ended, { code: 'offline' })
})

t.test('whose certificate is not trusted is not listened to', async t => {
  const { ended } = await listenTo('contoso documents', { caFile: new URL(import.meta.url).pathname })
  await t.rejects(ended, { code: 'offline' })
  t.equal(await listeners(), 0)
})

t.test('where the service refuses guests, it says so', async t => {
  emulator.faults.put({ id: 'no', match: { route: 'subscription-socketio' }, action: { status: 400 } })
  const refused = await listenTo('contoso documents')
  await t.rejects(refused.ended, { code: 'not-supported' })
  emulator.faults.put({
    id: 'no',
    match: { route: 'subscription-socketio' },
    action: {
      status: 200,
      body: JSON.stringify({ id: 'x', notificationUrl: 'http://127.0.0.1/notifications?token=1' }),
    },
  })
  const misled = await listenTo('contoso documents')
  await t.rejects(misled.ended, { code: 'protocol-error' })
  emulator.faults.clear()
})

t.test('DEBUG=* prints nothing of the address, which is a secret', async t => {
  const program = `
    const { HintSockets } = await import(${JSON.stringify(new URL('../../src/http/hint-sockets.js', import.meta.url).href)})
    const sockets = new HintSockets({ cloud: { connectTo: { address: '127.0.0.1', port: 1 } }, userAgent: 'test' })
    await sockets.listen('https://push.example/notifications?token=SECRET', () => {}, () => {}, AbortSignal.timeout(20000))
      .catch(failure => console.log(failure.code))`
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '--eval', program],
    { env: { ...process.env, DEBUG: '*' }, timeout: 30_000 },
  )
  t.equal(stdout, 'offline\n')
  t.notMatch(stderr, /SECRET|socket/)
})

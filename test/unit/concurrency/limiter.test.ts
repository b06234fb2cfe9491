import t from 'tap'
import { Limiter, type Priority } from '../../../src/concurrency/limiter.js'

const patient = new AbortController().signal

/** Work that ends when the test says so. */
function workbench(limiter: Limiter) {
  const started: string[] = []
  const finish = new Map<string, () => void>()
  const run = (name: string, priority: Priority = 'foreground', signal = patient) =>
    limiter.run(priority, signal, async () => {
      started.push(name)
      await new Promise<void>(resolve => finish.set(name, resolve))
      return name
    })
  return { started, finish: (name: string) => finish.get(name)?.(), run }
}

const settle = () => new Promise(resolve => setImmediate(resolve))

t.test('no more than the limit run at once, first come first served', async t => {
  const { started, finish, run } = workbench(new Limiter(2))
  const all = ['a', 'b', 'c', 'd'].map(name => run(name))
  await settle()
  t.same(started, ['a', 'b'])
  finish('b')
  await settle()
  t.same(started, ['a', 'b', 'c'])
  finish('a')
  await settle()
  finish('c')
  finish('d')
  t.same(await Promise.all(all), ['a', 'b', 'c', 'd'])
})

t.test('foreground work goes before listings, and these before all background work that waits', async t => {
  const { started, finish, run } = workbench(new Limiter(1))
  const all = [run('first'), run('crawl', 'background'), run('list', 'listing'), run('open')]
  await settle()
  for (const name of ['first', 'open', 'list', 'crawl']) {
    finish(name)
    await settle()
  }
  await Promise.all(all)
  t.same(started, ['first', 'open', 'list', 'crawl'])
})

t.test('whoever gives up waiting loses the turn, not the place of others', async t => {
  const limiter = new Limiter(1)
  const { started, finish, run } = workbench(limiter)
  const abort = new AbortController()
  const first = run('first')
  const gone = run('gone', 'foreground', abort.signal)
  const last = run('last')
  abort.abort(new Error('interrupted'))
  await t.rejects(gone, { message: 'interrupted' })
  finish('first')
  await first
  await settle()
  finish('last')
  await last
  t.same(started, ['first', 'last'])
  t.equal(limiter.running, 0)
})

t.test('work that fails gives its place back', async t => {
  const limiter = new Limiter(1)
  await t.rejects(
    limiter.run('foreground', patient, () => Promise.reject(new Error('failed'))),
    { message: 'failed' },
  )
  t.equal(await limiter.run('foreground', patient, () => Promise.resolve('next')), 'next')
  t.equal(limiter.running, 0)
})

t.test('a limit must be a positive integer', t => {
  for (const limit of [0, -1, 1.5, Number.NaN]) t.throws(() => new Limiter(limit), RangeError)
  t.end()
})

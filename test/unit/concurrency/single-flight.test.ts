import t from 'tap'
import { SingleFlight } from '../../../src/concurrency/single-flight.js'

/** Work that ends only when the test says so. */
function slowWork() {
  const runs: { finish: (value: string) => void; fail: (failure: Error) => void; signal: AbortSignal }[] = []
  const work = (signal: AbortSignal) =>
    new Promise<string>((resolve, reject) => runs.push({ finish: resolve, fail: reject, signal }))
  return { runs, work }
}

const forever = new AbortController().signal

t.test('callers who arrive during a run share its result', async t => {
  const flight = new SingleFlight<string>()
  const { runs, work } = slowWork()
  const callers = [flight.run('key', forever, work), flight.run('key', forever, work)]
  t.equal(runs.length, 1)
  runs[0]?.finish('shared')
  t.same(await Promise.all(callers), ['shared', 'shared'])
})

t.test('different keys run apart', t => {
  const flight = new SingleFlight<string>()
  const { runs, work } = slowWork()
  void flight.run('one', forever, work)
  void flight.run('two', forever, work)
  t.equal(runs.length, 2)
  t.end()
})

t.test('a caller who leaves does not disturb the others', async t => {
  const flight = new SingleFlight<string>()
  const { runs, work } = slowWork()
  const leaving = new AbortController()
  const left = flight.run('key', leaving.signal, work)
  const stays = flight.run('key', forever, work)
  leaving.abort(new Error('I leave'))
  await t.rejects(left, { message: 'I leave' })
  t.notOk(runs[0]?.signal.aborted)
  runs[0]?.finish('done')
  t.equal(await stays, 'done')
})

t.test('the work is aborted when its last caller has left, and the next caller starts anew', async t => {
  const flight = new SingleFlight<string>()
  const { runs, work } = slowWork()
  const leaving = new AbortController()
  const left = flight.run('key', leaving.signal, work)
  leaving.abort(new Error('I leave'))
  await t.rejects(left, { message: 'I leave' })
  t.ok(runs[0]?.signal.aborted)
  const next = flight.run('key', forever, work)
  t.equal(runs.length, 2)
  runs[1]?.finish('fresh')
  t.equal(await next, 'fresh')
})

t.test('a failed run is forgotten', async t => {
  const flight = new SingleFlight<string>()
  const { runs, work } = slowWork()
  const failing = flight.run('key', forever, work)
  runs[0]?.fail(new Error('I fail'))
  await t.rejects(failing, { message: 'I fail' })
  const next = flight.run('key', forever, work)
  t.equal(runs.length, 2)
  runs[1]?.finish('good')
  t.equal(await next, 'good')
})

t.test('a caller whose signal is aborted already starts nothing', async t => {
  const { runs, work } = slowWork()
  await t.rejects(new SingleFlight<string>().run('key', AbortSignal.abort(new Error('too late')), work), {
    message: 'too late',
  })
  t.equal(runs.length, 0)
})

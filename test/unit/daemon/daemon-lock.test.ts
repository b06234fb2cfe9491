import { spawn } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { acquireDaemonLock } from '../../../src/daemon/daemon-lock.js'

t.test('a second daemon is refused while the first one lives', async t => {
  const directory = t.testdir()
  const lock = await acquireDaemonLock(directory)
  await t.rejects(acquireDaemonLock(directory), {
    code: 'already-running',
    message: `A b2bmount daemon is already running (process ${process.pid})`,
  })
  await lock.release()
  t.notOk(existsSync(join(directory, 'daemon.lock')))
  await t.resolves(acquireDaemonLock(directory))
})

t.test('of many that start at once, one wins', async t => {
  const directory = t.testdir()
  const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => acquireDaemonLock(directory)))
  t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
})

t.test('where nothing can be written, that is said at once', async t => {
  const start = performance.now()
  await t.rejects(acquireDaemonLock(join(t.testdir(), 'missing')), { code: 'ENOENT' })
  t.ok(performance.now() - start < 5_000)
})

t.test('a lock does not outlive its process', async t => {
  const gone = spawn('true')
  await new Promise(resolve => gone.once('exit', resolve))
  const directory = t.testdir({ 'daemon.lock': JSON.stringify({ pid: gone.pid, processStart: '1' }) })
  await t.resolves(acquireDaemonLock(directory))
})

t.test('a lock does not pass to another process with the same number', async t => {
  const directory = t.testdir({ 'daemon.lock': JSON.stringify({ pid: process.pid, processStart: '1' }) })
  await t.resolves(acquireDaemonLock(directory))
})

t.test('a lock that was torn by a power loss is nobody’s', async t => {
  for (const content of ['', '{', '{"pid":"x"}', '{"pid":0}', 'null']) {
    const directory = t.testdir()
    writeFileSync(join(directory, 'daemon.lock'), content)
    await t.resolves(acquireDaemonLock(directory), JSON.stringify(content))
  }
})

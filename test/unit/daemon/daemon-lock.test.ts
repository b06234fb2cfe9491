import { spawn, spawnSync } from 'node:child_process'
import { existsSync, fstatSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { acquireDaemonLock } from '../../../src/daemon/daemon-lock.js'
import { lockByProgram, type TryLock } from '../../../src/daemon/kernel-lock.js'
import { loadNativeAddon } from '../../../src/transport/native-addon.js'

const { tryLock } = loadNativeAddon()
const hasProgram = spawnSync('flock', ['--version']).error === undefined

/** As on a network file system. */
const filesOnly: TryLock = fd => (isDirectory(fd) ? 'impossible' : tryLock(fd))
const ways: Record<string, TryLock> = { 'by the addon': tryLock, 'where only files can be locked': filesOnly }
if (hasProgram) ways['by flock(1)'] = lockByProgram

for (const [way, lockBy] of Object.entries(ways)) {
  t.test(`a second daemon is refused while the first one lives, ${way}`, async t => {
    const directory = t.testdir()
    const lock = await acquireDaemonLock(directory, lockBy)
    await t.rejects(acquireDaemonLock(directory, lockBy), {
      code: 'already-running',
      message: `A b2bmount daemon is already running (process ${process.pid})`,
    })
    lock.release()
    t.notOk(existsSync(join(directory, 'daemon.lock')))
    const again = await acquireDaemonLock(directory, lockBy)
    again.release()
  })

  t.test(`of many that start at once, one wins, ${way}`, async t => {
    const directory = t.testdir()
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, () => acquireDaemonLock(directory, lockBy)),
    )
    t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
  })

  // A lock that only a file's time keeps alive would go to the second one here.
  t.test(`a daemon holds its lock for life, ${way}`, async t => {
    const directory = t.testdir()
    const child = await holder(t, directory, way)
    process.kill(child.pid, 'SIGSTOP')
    await t.rejects(acquireDaemonLock(directory, lockBy), { code: 'already-running' }, 'also stopped')
    writeFileSync(join(directory, 'daemon.lock'), JSON.stringify({ pid: 1, processStart: '1', host: 'h' }))
    await t.rejects(
      acquireDaemonLock(directory, lockBy),
      { code: 'already-running' },
      'whatever its file says',
    )
    await child.kill()
    const lock = await acquireDaemonLock(directory, lockBy)
    t.match(JSON.parse(readFileSync(join(directory, 'daemon.lock'), 'utf8')), { pid: process.pid })
    lock.release()
  })
}

t.test(
  "a second daemon is refused although somebody has removed the lock's file, which comes back",
  async t => {
    const directory = t.testdir()
    const file = join(directory, 'daemon.lock')
    const lock = await acquireDaemonLock(directory)
    t.ok(lock.renew())
    rmSync(file)
    await t.rejects(acquireDaemonLock(directory), { code: 'already-running' })
    t.ok(lock.renew())
    t.match(JSON.parse(readFileSync(file, 'utf8')), { pid: process.pid })
    lock.release()
  },
)

t.test(
  'where only files can be locked, a daemon whose file was removed notices that another has the lock',
  async t => {
    const directory = t.testdir()
    const lock = await acquireDaemonLock(directory, filesOnly)
    rmSync(join(directory, 'daemon.lock'))
    const second = await acquireDaemonLock(directory, filesOnly)
    t.notOk(lock.renew())
    t.ok(second.renew())
  },
)

t.test('programs that a daemon has started do not hold its lock', async t => {
  const directory = t.testdir()
  const lock = await acquireDaemonLock(directory)
  const child = spawn('sleep', ['60'], { stdio: 'ignore' })
  t.teardown(() => child.kill('SIGKILL'))
  lock.release()
  const again = await acquireDaemonLock(directory)
  again.release()
})

t.test('the holder on another machine with the same home is named', async t => {
  const directory = t.testdir()
  const held: TryLock = () => 'held'
  writeFileSync(join(directory, 'daemon.lock'), JSON.stringify({ pid: 7, host: 'tower' }))
  await t.rejects(acquireDaemonLock(directory, held), {
    message: 'A b2bmount daemon is already running on tower (process 7)',
    nextStep: 'To end it, run there:  b2bmount stop',
  })
})

t.test('a file system without locks is refused', async t => {
  await t.rejects(
    acquireDaemonLock(t.testdir(), () => 'impossible'),
    { code: 'local-io' },
  )
})

t.test('where nothing can be written, that is said at once', async t => {
  const start = performance.now()
  await t.rejects(acquireDaemonLock(join(t.testdir(), 'missing')), { code: 'ENOENT' })
  t.ok(performance.now() - start < 5_000)
})

t.test('a file that was torn by a power loss is nobody’s lock', async t => {
  for (const content of ['', '{', '{"pid":"x"}', '{"pid":0}', 'null']) {
    const directory = t.testdir({ 'daemon.lock': content })
    const lock = await acquireDaemonLock(directory)
    lock.release()
  }
})

function isDirectory(fd: number): boolean {
  return fstatSync(fd).isDirectory()
}

/** Another process that holds the lock. */
async function holder(t: Test, directory: string, way: string) {
  const program = fileURLToPath(new URL('lock-holder.js', import.meta.url))
  const child = spawn(process.execPath, [program, directory, way], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise(resolve => child.once('exit', resolve))
  const kill = async () => {
    child.kill('SIGKILL')
    await ended
  }
  t.teardown(kill)
  await new Promise(resolve => child.stdout.once('data', resolve))
  return { pid: child.pid ?? 0, kill }
}

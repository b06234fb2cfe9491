import { spawn } from 'node:child_process'
import { access, open, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { DaemonStatus } from '../../src/control/answers.js'
import { pathsFor } from '../../src/control/paths.js'
import { hasEnded, identityOf, isAlive } from '../../src/control/process-life.js'
import { chooseCloud } from '../../src/control/cloud-choice.js'
import { readMountTable } from '../../src/daemon/mount-table.js'
import { cannotMount } from '../helpers/can-mount.js'
import { mountWritable } from '../helpers/writable-library.js'

const GB = 1_000_000_000
// And what a busy machine needs for a process to be seen to have ended.
const LIMIT_MILLISECONDS = 5_000 + 500
const DAEMON = fileURLToPath(new URL('../../src/daemon/main.js', import.meta.url))
const never = new AbortController().signal

async function become(what: string, is: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    if (await is()) return
    await setTimeout(100)
  }
  throw new Error(`did not become ${what}`)
}

// "SIGTERM, SIGINT and SIGHUP end it within five seconds, whatever it is doing."
t.test('a daemon ends in time whatever it is doing, and loses nothing', { skip: cannotMount }, async t => {
  const library = await mountWritable(t)
  const { sandbox, drive, driveId } = library
  const status = () => sandbox.json<DaemonStatus>('status')
  const routes = async () =>
    (await sandbox.admin<{ routes: Record<string, number> }>('GET', '/counters')).routes
  t.teardown(() => sandbox.admin('DELETE', '/faults'))
  const stall = (route: string, action: object) =>
    sandbox.admin('POST', '/faults', { match: { route, drive: driveId }, action })
  await sandbox.admin('POST', '/items', {
    do: 'create-file',
    drive: driveId,
    path: '',
    name: 'stalls.bin',
    generated: { seed: 1, size: 50_000_000 },
  })
  const stalls = library.on('stalls.bin')
  await become('seen', () =>
    access(stalls).then(
      () => true,
      () => false,
    ),
  )

  /** Hashes what takes minutes, downloads, uploads, makes readers wait, and has a changed file open: all at once. */
  const keepBusy = async (name: string) => {
    await sandbox.admin('DELETE', '/counters')
    await stall('download', { stallAfterBytes: 0 })
    await stall('upload-fragment', { stallAfterReceivedBytes: 1 })
    await writeFile(library.on(`huge ${name}`), '')
    await truncate(library.on(`huge ${name}`), 200 * GB)
    await writeFile(library.on(`sent ${name}`), `of ${name}`)
    const changed = await open(library.on(`open ${name}`), 'w')
    await changed.write(`open ${name}`)
    const reader = spawn('cat', [stalls], { stdio: 'ignore' })
    const read = new Promise<number | null>(resolve => reader.once('exit', resolve))
    const isBusy = async () => {
      const { download = 0, 'upload-fragment': fragments = 0 } = await routes()
      return download > 0 && fragments > 0
    }
    await become('busy', isBusy)
    return { changed, read }
  }

  const ways: Readonly<Record<string, (pid: number) => unknown>> = {
    SIGTERM: pid => process.kill(pid, 'SIGTERM'),
    SIGINT: pid => process.kill(pid, 'SIGINT'),
    SIGHUP: pid => process.kill(pid, 'SIGHUP'),
    'b2bmount stop': async () => t.match(await sandbox.cli('stop'), { status: 0, stdout: 'Stopped.\n' }),
  }
  for (const [name, end] of Object.entries(ways)) {
    await t.test(name, async t => {
      const { changed, read } = await keepBusy(name)
      const daemon = await identityOf((await status()).pid)
      const began = performance.now()
      await end(daemon.pid)
      if (name === 'b2bmount stop') t.notOk(await isAlive(daemon), 'when it says so, the process has ended')
      const isInTime = await hasEnded(daemon, LIMIT_MILLISECONDS - (performance.now() - began), never)
      t.ok(isInTime, `${performance.now() - began} ms`)
      t.not(await read, 0, 'who has waited is told')
      t.notOk(
        (await readMountTable()).some(({ mountPoint }) => mountPoint === drive),
        'nothing is mounted',
      )
      await t.rejects(changed.write('too late'))
      await changed.close().catch(() => undefined)

      await sandbox.admin('DELETE', '/faults')
      await sandbox.json('mount', drive)
      t.equal(await readFile(library.on(`open ${name}`), 'utf8'), `open ${name}`, 'what was written is here')
      await rm(library.on(`huge ${name}`))
      t.match(await library.sync(), { total: 0 })
      for (const what of ['open', 'sent']) {
        const bytes = await library.bytesThere(`${what} ${name}`)
        t.match(bytes.toString(), RegExp(`^(of|open) ${name}$`), 'and over there')
      }
    })
  }
})

// "Two daemons on one state are impossible."
t.test('a second daemon does not start while the first one lives', { skip: cannotMount }, async t => {
  const library = await mountWritable(t)
  const { sandbox } = library
  const { cloud } = await chooseCloud(sandbox.cloudFile, sandbox.env)
  const paths = pathsFor(cloud.name, sandbox.env)
  const first = await identityOf((await sandbox.json<DaemonStatus>('status')).pid)
  const second = async () => {
    const child = spawn(process.execPath, [DAEMON, '--cloud', sandbox.cloudFile, '--report-to', '3'], {
      env: { ...sandbox.env, NODE_OPTIONS: undefined },
      stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
    })
    t.teardown(() => child.kill('SIGKILL'))
    let report = ''
    child.stdio[3]?.on('data', (text: Buffer) => (report += text.toString()))
    await new Promise(resolve => child.once('exit', resolve))
    return JSON.parse(report) as unknown
  }
  const refused = { ready: false, problem: { code: 'already-running' } }

  t.match(await second(), refused)
  process.kill(first.pid, 'SIGSTOP')
  await rm(paths.socket)
  await rm(join(paths.stateDirectory, 'daemon.lock'))
  t.match(
    await second(),
    refused,
    'not when the first hangs, nor when its socket and the file of its lock are removed',
  )
  process.kill(first.pid, 'SIGCONT')

  t.equal((await sandbox.json<DaemonStatus>('status')).pid, first.pid, 'which can be reached again soon')
  process.kill(first.pid, 'SIGKILL')
  t.ok(await hasEnded(first, 10_000, never))
  t.not(
    (await sandbox.json<DaemonStatus>('status')).pid,
    first.pid,
    'and leaves its place when it was killed',
  )
})

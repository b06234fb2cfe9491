import { type ChildProcess } from 'node:child_process'
import { chmodSync, copyFileSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { othersCannotMount } from '../helpers/can-mount.js'
import {
  abortConnection,
  DriveProcess,
  ended,
  isRoot,
  mountedAt,
  run,
  start,
  until,
} from './drive-process.js'
import { ROOT } from './memory-drive.js'

const ADDON = fileURLToPath(new URL('../../../native/build/Release/b2bmount.node', import.meta.url))
const CONNECTIONS = '/sys/fs/fuse/connections'
const NOBODY = { uid: 65534, gid: 65534 }
const AS_NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
// Where nothing can abort a connection there is no lifeline; and the tests could not clean up.
const skip = isRoot || mountedAt(CONNECTIONS) ? false : `needs root, or ${CONNECTIONS}`
const needsRoot = isRoot ? othersCannotMount() : 'needs root'

/** Name and the fields after it of proc_pid_stat(5): the state is the first of them, the parent the second. */
function stat(path: string): { name: string; fields: string[] } | undefined {
  try {
    const line = readFileSync(`/proc/${path}/stat`, 'utf8')
    const end = line.lastIndexOf(')')
    return { name: line.slice(line.indexOf('(') + 1, end), fields: line.slice(end + 2).split(' ') }
  } catch {
    return undefined
  }
}

function lifelinesOf({ pid }: ChildProcess): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter(candidate => {
      const found = stat(String(candidate))
      return found?.name === 'b2b-lifeline' && found.fields[1] === String(pid)
    })
}

/** It may be a zombie, of whoever is the parent of orphans. */
const hasEnded = (pid: number) => (stat(String(pid))?.fields[0] ?? 'Z') === 'Z'

function lifelineOf(drive: DriveProcess): number {
  const [lifeline, ...others] = lifelinesOf(drive.process)
  if (lifeline === undefined || others.length > 0) throw new Error('a mount has one lifeline')
  return lifeline
}

/**
 * A program has the directory's inode locked in the kernel, for it waits for an answer that never comes; and the notifier
 * waits for that lock, not to be killed.
 *
 * @returns resolves with what the program says, when it has ended
 */
async function tangle(
  t: Test,
  drive: DriveProcess,
  wrapper: readonly string[] = [],
): Promise<() => Promise<string>> {
  const daemon = drive.process
  const mounts = readFileSync(`/proc/${daemon.pid}/mountinfo`, 'utf8').split('\n')
  const device = mounts.find(line => line.split(' ')[4] === drive.directory)?.split(' ')[2] ?? ''
  // Else the test, if it fails, leaves processes that nobody can kill.
  t.teardown(() => daemon.exitCode === null && daemon.signalCode === null && abortConnection(device))
  await drive.drive('ignore', 'lookup')
  const script = `stat ${drive.path('nowhere')}; stat ${drive.directory}`
  const program = start(t, 'env', [...wrapper, 'sh', '-c', script], { stdio: ['ignore', 'ignore', 'pipe'] })
  const said = program.stderr ? text(program.stderr) : Promise.resolve('')
  await drive.event('lookup', ({ name }) => name === 'nowhere')
  await drive.session('invalidateEntry', ROOT, 'other')
  await until(() =>
    Promise.resolve(
      readdirSync(`/proc/${daemon.pid}/task`).some(thread => {
        const found = stat(`${daemon.pid}/task/${thread}`)
        return found?.name === 'b2b-notify' && found.fields[0] === 'D'
      }),
    ),
  )
  return async () => {
    await ended(program)
    return said
  }
}

const NOBODY_HANGS = /nowhere': Software caused connection abort\n.*(not connected|connection abort)/

t.test('a daemon that is killed while its notifier waits in the kernel hangs nobody', { skip }, async t => {
  const drive = await DriveProcess.mount(t)
  const ending = await tangle(t, drive)
  drive.process.kill('SIGKILL')
  t.match(await ended(drive.process), { signal: 'SIGKILL' })
  t.match(await ending(), NOBODY_HANGS)
})

t.test('nor does one that crashes', { skip }, async t => {
  const drive = DriveProcess.launch(t, 'mount', undefined, process.env, ['prlimit', '--core=0'])
  await drive.mount()
  const ending = await tangle(t, drive)
  drive.process.kill('SIGABRT')
  t.match(await ended(drive.process), { signal: 'SIGABRT' })
  t.match(await ending(), NOBODY_HANGS)
})

t.test('nor does one that ends by itself', { skip }, async t => {
  const drive = await DriveProcess.mount(t)
  const ending = await tangle(t, drive)
  await drive.exit(7)
  t.equal(drive.process.exitCode, 7)
  t.match(await ending(), /nowhere': Software caused connection abort/)
  t.notOk(mountedAt(drive.directory))
})

t.test('nor one whose mount somebody has detached', { skip }, async t => {
  const drive = await DriveProcess.mount(t)
  const ending = await tangle(t, drive)
  await (isRoot ? run('umount', '-l', drive.directory) : run('fusermount3', '-uz', drive.directory))
  drive.process.kill('SIGKILL')
  t.match(await ended(drive.process), { signal: 'SIGKILL' })
  t.match(await ending(), /nowhere': Software caused connection abort/)
})

t.test('signals that are meant for the daemon do not end its lifeline', { skip }, async t => {
  const drive = await DriveProcess.mount(t)
  const lifeline = lifelineOf(drive)
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1'] as const)
    process.kill(lifeline, signal)
  const ending = await tangle(t, drive)
  drive.process.kill('SIGKILL')
  t.match(await ended(drive.process), { signal: 'SIGKILL' })
  t.match(await ending(), NOBODY_HANGS)
  await until(() => Promise.resolve(hasEnded(lifeline)))
})

t.test('a lifeline holds nothing but its connection', { skip }, async t => {
  const drive = await DriveProcess.mount(t)
  const own = `/proc/${lifelineOf(drive)}`
  const open = () => {
    try {
      return readdirSync(`${own}/fd`).map(fd => readlinkSync(`${own}/fd/${fd}`))
    } catch {
      return [] // one was closed in between
    }
  }
  // The pipe by which it has said that it is ready goes a moment later.
  // Of the machine's control file system, or of one that root has made for itself.
  const expected = /^\/dev\/null \/dev\/null (\/sys\/fs\/fuse\/connections)?\/\d+\/abort$/
  await until(() => Promise.resolve(expected.test(open().join(' '))))
  t.equal(readlinkSync(`${own}/cwd`), '/')
})

t.test('a lifeline ends with its mount', { skip }, async t => {
  const drive = await DriveProcess.mount(t)
  const first = lifelineOf(drive)
  await drive.session('unmount')
  t.equal(stat(String(first)), undefined, 'no zombie stays')

  await drive.mount()
  const second = lifelineOf(drive)
  await (isRoot ? run('umount', drive.directory) : run('fusermount3', '-u', drive.directory))
  await drive.event('stopped', () => drive.count('stopped') === 2)
  t.equal(stat(String(second)), undefined, 'no zombie stays')

  await drive.mount()
  const third = lifelineOf(drive)
  await drive.exit(0)
  await until(() => Promise.resolve(hasEnded(third)))
})

t.test('a lifeline that was killed is not missed until it is needed', { skip }, async t => {
  const drive = await DriveProcess.mount(t)
  process.kill(lifelineOf(drive), 'SIGKILL')
  t.equal((await run('ls', drive.directory)).code, 0)
  await drive.session('unmount')
  t.same(lifelinesOf(drive.process), [], 'no zombie stays')
  t.notOk(mountedAt(drive.directory))
})

t.test('a mount whose lifeline is missing, or not a program, works', async t => {
  const scratch = t.testdir({ mount: {} })
  const addon = join(scratch, 'b2bmount.node')
  copyFileSync(ADDON, addon)
  const options = {
    directory: join(scratch, 'mount'),
    source: 'b2bmount',
    subtype: 'b2bmount',
    readOnly: true,
    allowOther: false,
    uid: process.getuid?.(),
    gid: process.getgid?.(),
    passthrough: false,
    timeoutSeconds: 1,
    deadlineMilliseconds: 1000,
    maxEntries: 1000,
    largestFile: 2 ** 44,
  }
  const program = `
    const session = new (require(${JSON.stringify(addon)}).Session)(${JSON.stringify(options)}, () => {})
    session.unmount().then(() => console.log('unmounted'))`
  const mount = () => run('env', '-u', 'NODE_OPTIONS', process.execPath, '-e', program)
  t.match(await mount(), { stdout: 'unmounted\n', stderr: '' })
  copyFileSync('/dev/null', join(scratch, 'b2bmount-lifeline'))
  chmodSync(join(scratch, 'b2bmount-lifeline'), 0o755)
  t.match(await mount(), { stdout: 'unmounted\n', stderr: '' })
  copyFileSync('/bin/true', join(scratch, 'b2bmount-lifeline'))
  t.match(await mount(), { stdout: 'unmounted\n', stderr: '' })
})

t.test('an ordinary user', { skip: needsRoot }, async t => {
  /** @param prepare what root does first in the mount namespace in which all happens */
  const userDrive = async (t: Test, prepare: string): Promise<DriveProcess> => {
    const script = `${prepare}; exec ${AS_NOBODY.join(' ')} "$@"`
    const wrapper = ['unshare', '-m', 'sh', '-c', script, 'sh']
    const drive = DriveProcess.launch(t, 'mount', undefined, process.env, wrapper)
    chmodSync(drive.scratch, 0o755)
    await run('chown', 'nobody', drive.directory)
    await drive.mount(NOBODY)
    return drive
  }

  await t.test('is hung neither', async t => {
    const drive = await userDrive(t, `mount -t fusectl none ${CONNECTIONS}`)
    lifelineOf(drive)
    const wrapper = ['nsenter', '-m', '-t', String(drive.process.pid), ...AS_NOBODY]
    const ending = await tangle(t, drive, wrapper)
    drive.process.kill('SIGKILL')
    t.match(await ended(drive.process), { signal: 'SIGKILL' })
    t.match(await ending(), NOBODY_HANGS)
  })

  await t.test('has no lifeline where nothing lets him abort a connection', async t => {
    const drive = await userDrive(t, `umount -l ${CONNECTIONS} 2>&-`)
    t.same(lifelinesOf(drive.process), [])
    await drive.session('unmount')
  })
})

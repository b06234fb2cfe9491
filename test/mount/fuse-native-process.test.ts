import { execFile, fork, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { detachMount } from '../../src/daemon/mount-probe.js'
import { isDriveMounted } from '../../src/daemon/mount-table.js'
import { cannotMountByFuseNative as skip, othersCannotMount } from '../helpers/can-mount.js'
import { mountDirectory, temporaryDirectory } from '../helpers/mounted-directory.js'

const NOBODY = 65534
const BY_FUSE_NATIVE = ['--transport', 'fuse-native']
const MOUNTING_CHILD = fileURLToPath(new URL('mounting-child.js', import.meta.url))
const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

const execute = promisify(execFile)
/** Runs a program that nobody here wrote. */
async function run(program: string, ...args: readonly string[]): Promise<string> {
  return (await execute(program, args, { timeout: 100_000, killSignal: 'SIGKILL' })).stdout
}

t.test('in the foreground, Ctrl-C unmounts', { skip }, async t => {
  const { sandbox, drive, library } = await mountDirectory(
    t,
    directory => writeFile(join(directory, 'file.txt'), 'I exist.\n'),
    BY_FUSE_NATIVE,
  )
  await sandbox.json('stop')
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const args = [MAIN, '--json', 'mount', '--foreground', ...BY_FUSE_NATIVE, drive]
    const daemon = spawn(process.execPath, args, { env: sandbox.env, stdio: ['ignore', 'pipe', 'inherit'] })
    t.teardown(() => daemon.kill('SIGKILL'))
    const [said] = (await once(daemon.stdout, 'data')) as [Buffer]
    t.match(JSON.parse(said.toString()), { directory: drive, transport: 'fuse-native' })
    // Somebody who asks all the time, from inside.
    const busy = spawn('sh', ['-c', 'while stat . file.txt; do :; done'], { cwd: library, stdio: 'ignore' })
    const busyEnded = once(busy, 'exit')
    t.teardown(() => busy.kill('SIGKILL'))
    await run('stat', join(library, 'file.txt'))
    const ended = once(daemon, 'exit')
    daemon.kill(signal)
    t.same(await ended, [0, null], signal)
    await busyEnded
    t.notOk(await isDriveMounted(drive))
  }
})

async function startMounting(t: Test, directory: string, ids: object = {}): Promise<ChildProcess> {
  const child = fork(MOUNTING_CHILD, [directory], {
    execArgv: [],
    env: { PATH: process.env['PATH'] },
    ...ids,
  })
  t.teardown(async () => {
    child.kill('SIGKILL')
    if (await isDriveMounted(directory)) await detachMount(directory)
  })
  t.same(await once(child, 'message'), ['mounted', undefined])
  return child
}

async function mountPoint(t: Test): Promise<string> {
  const scratch = await temporaryDirectory(t)
  await chmod(scratch, 0o755)
  const directory = join(scratch, 'mount')
  await mkdir(directory)
  return directory
}

t.test('a process that exits, or unmounts and ends by itself, leaves no mount', { skip }, async t => {
  for (const [how, code] of [
    ['exit', 7],
    ['unmount', 0],
  ] as const) {
    const directory = await mountPoint(t)
    const child = await startMounting(t, directory)
    t.same(await readdir(directory), ['Contoso'])
    const ended = once(child, 'exit')
    child.send(how)
    t.same(await ended, [code, null], how)
    t.notOk(await isDriveMounted(directory))
  }
})

const rootOnly = process.getuid?.() !== 0 && 'the other tests are that already'
t.test(
  'an ordinary user mounts by fusermount, for himself only',
  { skip: skip || rootOnly || othersCannotMount() },
  async t => {
    const directory = await mountPoint(t)
    await chown(directory, NOBODY, NOBODY)
    const child = await startMounting(t, directory, { uid: NOBODY, gid: NOBODY })
    t.equal(await run('runuser', '-u', 'nobody', '--', 'ls', directory), 'Contoso\n')
    await t.rejects(readdir(directory), { code: 'EACCES' })
    const ended = once(child, 'exit')
    child.send('exit')
    await ended
    t.notOk(await isDriveMounted(directory))
  },
)

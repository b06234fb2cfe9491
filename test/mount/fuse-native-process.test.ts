import { execFile, fork, spawn, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmod, chown, cp, mkdir, open, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import type { Check, DaemonStatus, Mount } from '../../src/control/answers.js'
import { detachMount } from '../../src/daemon/mount-probe.js'
import { isDriveMounted } from '../../src/daemon/mount-table.js'
import { cannotMountByFuseNative as skip, othersCannotMount } from '../helpers/can-mount.js'
import { mountDirectory, temporaryDirectory } from '../helpers/mounted-directory.js'

const MIB = 1024 * 1024
const NOBODY = 65534
const BY_FUSE_NATIVE = ['--transport', 'fuse-native']
const MOUNTING_CHILD = fileURLToPath(new URL('mounting-child.js', import.meta.url))
const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const MAIN = 'dist/src/cli/main.js'

const execute = promisify(execFile)
/** Runs a program that nobody here wrote. */
async function run(program: string, ...args: readonly string[]): Promise<string> {
  return (await execute(program, args, { timeout: 100_000, killSignal: 'SIGKILL' })).stdout
}
const sum = async (path: string) => (await run('sha256sum', path)).split(' ')[0]

/** 200 MiB of which no MiB is like another. */
async function writeLarge(path: string): Promise<void> {
  const file = await open(path, 'w')
  for (let i = 0; i < 200; i++) {
    const seed = createHash('sha512').update(String(i)).digest()
    await file.write(Buffer.alloc(MIB, seed))
  }
  await file.close()
}

t.test('a drive that is mounted by fuse-native', { skip }, async t => {
  const { sandbox, drive, library, source } = await mountDirectory(
    t,
    async directory => {
      await writeLarge(join(directory, 'large.bin'))
      await mkdir(join(directory, 'folder'))
      await writeFile(join(directory, 'folder', 'local.txt'), 'I exist to be read before the network goes.\n')
      await writeFile(join(directory, 'folder', 'never read.txt'), 'I exist to stay online-only.\n')
      await writeFile(join(directory, 'waiting.bin'), Buffer.alloc(4 * MIB, 'I exist to be slow. '))
    },
    BY_FUSE_NATIVE,
  )
  const status = () => sandbox.json<DaemonStatus>('status')

  await t.test('is called so by status and in words', async t => {
    t.match((await status()).mounts, [{ directory: drive, transport: 'fuse-native' }])
    t.match((await sandbox.cli('status')).stdout, `Mounted at ${drive} by fuse-native\n`)
  })

  await t.test('sha256sum and cp read a large file, first over the network, then here', async t => {
    const scratch = await temporaryDirectory(t)
    const expected = await sum(join(source, 'large.bin'))
    t.equal(await sum(join(library, 'large.bin')), expected)
    await run('cp', join(library, 'large.bin'), scratch)
    t.equal(await sum(join(scratch, 'large.bin')), expected)
  })

  await t.test('the daemon is killed: the next mount cleans up', async t => {
    process.kill((await status()).pid, 'SIGKILL')
    await t.rejects(readdir(drive), { code: /^(ENOTCONN|ECONNABORTED)$/ })
    await sandbox.json('mount', drive, ...BY_FUSE_NATIVE)
    t.match(await readFile(join(library, 'folder', 'local.txt'), 'utf8'), 'I exist')
  })

  await t.test(
    'the daemon is asked to end by a signal: nothing stays, also with a reader waiting',
    async t => {
      await sandbox.admin('PUT', '/link', { bytesPerSecond: 10_000, applyTo: 'content' })
      const reader = spawn('cat', [join(library, 'waiting.bin')], { stdio: 'ignore' })
      const ended = once(reader, 'exit')
      await sandbox.admin('DELETE', '/counters')
      const moved = async () =>
        (await sandbox.admin<{ content: { bytes: number } }>('GET', '/counters')).content.bytes
      while ((await moved()) === 0) await new Promise(resolve => setImmediate(resolve))
      process.kill((await status()).pid, 'SIGTERM')
      await ended
      while (await isDriveMounted(drive)) await new Promise(resolve => setImmediate(resolve))
      await sandbox.admin('DELETE', '/link')
      await sandbox.json('mount', drive, ...BY_FUSE_NATIVE)
      t.match(await readdir(join(library, 'folder')), ['local.txt', 'never read.txt'])
    },
  )

  await t.test('the network is cut while a program waits: it gets an errno in time', async t => {
    await sandbox.admin('PUT', '/link', { bytesPerSecond: 10_000, applyTo: 'content' })
    await sandbox.admin('DELETE', '/counters')
    const moved = async () =>
      (await sandbox.admin<{ content: { bytes: number } }>('GET', '/counters')).content.bytes
    const start = performance.now()
    const said = run('cat', join(library, 'waiting.bin')).catch((failure: unknown) => failure)
    while ((await moved()) === 0) await new Promise(resolve => setImmediate(resolve))
    await sandbox.cutOff()
    t.match(await said, { stderr: /Network is unreachable|timed out/ })
    t.ok(performance.now() - start < 60_000)
    t.match(await readFile(join(library, 'folder', 'local.txt'), 'utf8'), 'I exist', 'what is local stays')
    await t.rejects(readFile(join(library, 'folder', 'never read.txt')), { code: 'ENETUNREACH' })
  })
})

t.test('in the foreground, Ctrl-C unmounts', { skip }, async t => {
  const { sandbox, drive, library } = await mountDirectory(
    t,
    directory => writeFile(join(directory, 'file.txt'), 'I exist.\n'),
    BY_FUSE_NATIVE,
  )
  await sandbox.json('stop')
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const args = [join(ROOT, MAIN), '--json', 'mount', '--foreground', ...BY_FUSE_NATIVE, drive]
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

t.test(
  'where the native addon was not built, fuse-native mounts and JavaScript hashes',
  { skip },
  async t => {
    // A copy of the program as it is without the addon, beside the same packages.
    const copy = await temporaryDirectory(t)
    await cp(join(ROOT, 'dist'), join(copy, 'dist'), { recursive: true })
    await cp(join(ROOT, 'package.json'), join(copy, 'package.json'))
    await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
    const content = Buffer.alloc(3 * MIB + 5, 'I exist to be hashed. ')
    const { sandbox, library, drive } = await mountDirectory(
      t,
      directory => writeFile(join(directory, 'file.bin'), content),
      [],
      join(copy, MAIN),
    )
    t.match((await sandbox.json<DaemonStatus>('status')).mounts, [{ transport: 'fuse-native' }])
    t.ok(content.equals(await readFile(join(library, 'file.bin'))))
    const { checks } = JSON.parse((await sandbox.cli('doctor', '--json')).stdout) as { checks: Check[] }
    t.match(
      checks.find(({ name }) => name === 'Transport'),
      { verdict: 'warn', found: /fuse-native/ },
    )
    await sandbox.json<readonly Mount[]>('unmount')
    const { status, stderr } = await sandbox.cli('mount', drive, '--transport', 'kernel')
    t.equal(status, 6)
    t.match(stderr, /scripts\/setup/)

    await t.test('and wrong bytes are found out', async t => {
      await sandbox.json('mount', drive)
      await sandbox.admin('POST', '/faults', { match: { route: 'download' }, action: { corruptAt: MIB } })
      await t.rejects(readFile(join(library, 'other.bin')), { code: 'EIO' })
    })
  },
)

import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadNativeAddon } from '../../src/transport/native-addon.js'
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

const ADDON = new URL('../../src/transport/native-addon.js', import.meta.url).href
const addon = loadNativeAddon()
const NOBODY = { uid: 65534, gid: 65534 }
const OPTIONS = {
  directory: '/nonexistent/directory',
  source: 'b2bmount',
  subtype: 'b2bmount',
  readOnly: true,
  allowOther: false,
  uid: 0,
  gid: 0,
  passthrough: false,
  timeoutSeconds: 1,
  deadlineMilliseconds: 1000,
  maxEntries: 1000,
  largestFile: 2 ** 44,
}

t.test('a mount has the type, source and options that were asked for, and goes without a trace', async t => {
  const drive = DriveProcess.launch(t, 'a b\tc')
  const protocol = await drive.mount()
  t.ok(protocol.minor >= 31)
  t.match(mountedAt(drive.directory.replace('\t', '\\011')), {
    type: 'fuse.b2bmount',
    // That it is read-only is our affair: see the tests of what cannot be written.
    options: /^rw,nosuid,nodev/,
  })
  await drive.session('unmount')
  t.equal(mountedAt(drive.directory.replace('\t', '\\011')), undefined)
  t.same(drive.events.at(-1), { op: 'stopped' })
  t.equal((await drive.statistics()).requests['INIT'], 1, 'the last figures stay')
  await drive.session('unmount')
  await drive.session('invalidateAll')
})

t.test('a mount point behind a symbolic link is found again', async t => {
  const drive = DriveProcess.launch(t)
  const link = join(drive.scratch, 'link')
  symlinkSync(drive.directory, link)
  await drive.mount({ directory: link })
  t.ok(mountedAt(drive.directory))
  await drive.session('unmount')
  t.notOk(mountedAt(drive.directory))
})

t.test('what cannot be mounted says why, and leaves nothing behind', async t => {
  const mount = (options: object): unknown => new addon.Session({ ...OPTIONS, ...options }, () => undefined)
  const scratch = t.testdir({ file: '' })
  t.throws(() => mount({}), { code: 'MOUNT_POINT', message: /No such file or directory/ })
  t.throws(() => mount({ directory: join(scratch, 'file') }), {
    code: 'MOUNT_POINT',
    message: /Not a directory/,
  })
  const drive = await DriveProcess.mount(t)
  t.throws(() => mount({ directory: drive.directory }), { code: 'EBUSY' })
  t.throws(() => addon.detach(scratch), isRoot ? { code: 'EINVAL' } : { code: 'FUSERMOUNT' })
  t.throws(() => addon.detach(5 as unknown as string), TypeError)
})

t.test('wrong options and arguments are type errors', async t => {
  const construct = (...args: unknown[]): unknown => Reflect.construct(addon.Session, args)
  t.throws(() => construct(), TypeError)
  t.throws(() => construct(OPTIONS), TypeError)
  for (const [name, wrong] of Object.entries({
    directory: '',
    readOnly: 'yes',
    uid: -1,
    timeoutSeconds: Number.NaN,
    deadlineMilliseconds: 0,
    maxEntries: '5',
  })) {
    t.throws(() => construct({ ...OPTIONS, [name]: wrong }, () => undefined), {
      name: 'TypeError',
      message: new RegExp(name),
    })
  }
  const drive = await DriveProcess.mount(t)
  for (const [method, ...args] of [
    ['replyError', 'one', 5],
    ['replyError', 1, 0],
    ['replyError', 1, 512],
    ['replyNoEntry'],
    ['replyOpen', 1, 1, 99],
    ['replyEntry', 1, 'record'],
    ['replyBytes', 1, 'text'],
    ['addContent', -1, 0],
    ['contentPresent', 1, 5, 4],
    ['invalidateEntry', 1, 'a/b'],
    ['invalidateEntry', 1, '..'],
    ['setStatistics', 1, 2],
  ] as const) {
    await t.rejects(
      drive.session(method, ...args),
      { code: 'TypeError' },
      `${method} ${JSON.stringify(args)}`,
    )
  }
  // Ids that are unknown or have expired are not wrong, only late.
  await drive.session('replyError', 12_345, 5)
  await drive.session('replyNoEntry', 12_345)
  t.same(await drive.drive('refusedRecords'), [], 'every broken record was refused')
  t.equal((await run('ls', drive.directory)).code, 0)
})

t.test('somebody else unmounts: the session stops by itself', async t => {
  const drive = await DriveProcess.mount(t)
  await run('ls', drive.directory)
  await (isRoot ? run('umount', drive.directory) : run('fusermount3', '-u', drive.directory))
  await drive.event('stopped')
  t.notOk(mountedAt(drive.directory))
  await drive.session('unmount')
})

t.test('unmounting under open files, waiting reads and working directories is at once', async t => {
  const drive = await DriveProcess.mount(t)
  const cache = join(drive.scratch, 'cache')
  writeFileSync(cache, Buffer.alloc(100_000))
  await drive.drive('addFile', { parent: ROOT, name: 'file', node: 9, size: 100_000, cache, present: [] })
  const reader = start(t, 'cat', [drive.path('file')])
  const inside = start(t, 'sh', ['-c', 'read line; ls; read line'], {
    cwd: drive.directory,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  await drive.event('read')
  await drive.session('unmount')
  t.notOk(mountedAt(drive.directory))
  t.equal((await ended(reader)).code, 1)
  const errors: string[] = []
  inside.stderr?.on('data', chunk => errors.push(String(chunk)))
  inside.stdin?.write('\n')
  await until(() => Promise.resolve(/not connected|Software caused connection abort/.test(errors.join(''))))
  await drive.mount()
  t.equal(
    (await run('ls', drive.directory)).code,
    0,
    'the directory can be mounted again by the same process',
  )
})

t.test(
  'an aborted connection stops the session and leaves no dead mount',
  { skip: !isRoot && 'needs root' },
  async t => {
    const drive = await DriveProcess.mount(t)
    t.match(await abortConnection(mountedAt(drive.directory)?.device ?? ''), { code: 0 })
    await drive.event('stopped')
    t.notOk(mountedAt(drive.directory))
  },
)

t.test('a process that ends, by itself or by SIGTERM, leaves no mount', async t => {
  const first = await DriveProcess.mount(t)
  await first.exit(7)
  t.equal(first.process.exitCode, 7)
  t.notOk(mountedAt(first.directory))
  const second = await DriveProcess.mount(t)
  const cache = join(second.scratch, 'cache')
  writeFileSync(cache, Buffer.alloc(100_000))
  await second.drive('addFile', { parent: ROOT, name: 'file', node: 9, size: 100_000, cache, present: [] })
  const reader = start(t, 'cat', [second.path('file')])
  await second.event('read')
  second.process.kill('SIGTERM')
  await ended(second.process)
  t.notOk(mountedAt(second.directory))
  t.equal((await ended(reader)).code, 1)
})

t.test('a worker thread that ends leaves no mount', async t => {
  const main = `
    import { Worker } from 'node:worker_threads'
    const worker = new Worker(new URL('worker.mjs', import.meta.url))
    worker.on('message', () => worker.terminate())
    worker.on('exit', () => console.log('ended'))`
  const worker = `
    import { parentPort } from 'node:worker_threads'
    import { loadNativeAddon } from ${JSON.stringify(ADDON)}
    const options = ${JSON.stringify({ ...OPTIONS, uid: process.getuid?.(), gid: process.getgid?.() })}
    const directory = new URL('mount', import.meta.url).pathname
    const session = new (loadNativeAddon().Session)({ ...options, directory }, () => {})
    parentPort.postMessage(session.protocol.minor)`
  const scratch = t.testdir({ 'main.mjs': main, 'worker.mjs': worker, mount: {} })
  const outcome = await run('env', '-u', 'NODE_OPTIONS', process.execPath, join(scratch, 'main.mjs'))
  t.equal(outcome.stdout + outcome.stderr, 'ended\n')
  t.notOk(mountedAt(join(scratch, 'mount')))
})

t.test('a mount that a killed process has left can be taken away', async t => {
  const drive = await DriveProcess.mount(t)
  drive.process.kill('SIGKILL')
  await ended(drive.process)
  t.ok(mountedAt(drive.directory))
  t.throws(() => new addon.Session({ ...OPTIONS, directory: drive.directory }, () => undefined), {
    code: 'EBUSY',
  })
  addon.detach(drive.directory)
  t.notOk(mountedAt(drive.directory))
})

t.test(
  'an ordinary user',
  { skip: isRoot ? othersCannotMount() : 'the other tests are that already' },
  async t => {
    const userDrive = (t: Parameters<typeof DriveProcess.launch>[0]): DriveProcess => {
      const drive = DriveProcess.launch(t, 'mount', NOBODY)
      chmodSync(drive.scratch, 0o755)
      return drive
    }
    const options = { ...NOBODY, passthrough: true }

    await t.test('mounts through fusermount3, for himself only', async t => {
      const drive = userDrive(t)
      await run('chown', 'nobody', drive.directory)
      const protocol = await drive.mount(options)
      t.equal(protocol.passthrough, false)
      t.match(mountedAt(drive.directory), { type: 'fuse.b2bmount', options: /rw,nosuid,nodev/ })
      await drive.drive('addFile', { parent: ROOT, name: 'file', node: 9, size: 3 })
      const asUser = ['-u', 'nobody', '--', 'ls', drive.directory]
      t.equal((await run('runuser', ...asUser)).stdout, 'file\n')
      t.match((await run('ls', drive.directory)).stderr, /Permission denied/)
      await drive.session('unmount')
      t.notOk(mountedAt(drive.directory))
      await drive.mount(options)
      await drive.exit(0)
      t.notOk(mountedAt(drive.directory))
    })

    await t.test('may set our attributes on a drive that does not write, and nothing else', async t => {
      const drive = userDrive(t)
      await run('chown', 'nobody', drive.directory)
      await drive.mount(options)
      await drive.drive('addFile', { parent: ROOT, name: 'file', node: 9, size: 3 })
      const asUser = (program: string) =>
        run('runuser', '-u', 'nobody', '--', 'python3', '-c', program, drive.path('file'))
      const set = await asUser(
        "import os, sys; os.setxattr(sys.argv[1], 'user.b2bmount.pin', b'always-local')",
      )
      t.equal(set.code, 0, set.stderr)
      t.match(await drive.event('setxattr'), { node: 9, name: 'user.b2bmount.pin', value: 'always-local' })
      const refused = await asUser(`
import os, sys
path = sys.argv[1]
for work in [lambda: os.open(path, os.O_WRONLY), lambda: os.open(path + '2', os.O_CREAT | os.O_RDWR),
             lambda: os.utime(path), lambda: os.chmod(path, 0o666), lambda: os.truncate(path, 0),
             lambda: os.remove(path), lambda: os.mkdir(path + '3'), lambda: os.rename(path, path + '4'),
             lambda: os.link(path, path + '5'), lambda: os.setxattr(path, 'user.other', b'x')]:
    try: print(work())
    except OSError as e: print(e.errno)
print(os.access(path, os.R_OK), os.access(path, os.W_OK), os.access(path, os.X_OK))`)
      t.equal(refused.stdout, '30\n'.repeat(10) + 'True True False\n', refused.stderr)
    })

    await t.test('hears what fusermount3 has to say', async t => {
      const drive = userDrive(t)
      const refused = drive.mount(options) // the directory is root's
      await t.rejects(refused, { code: 'FUSERMOUNT', message: /no write access/ })
      await run('chown', 'nobody', drive.directory)
      await t.rejects(drive.mount({ ...options, allowOther: true }), {
        code: 'FUSERMOUNT',
        message: /allow_other/,
      })
      t.notOk(mountedAt(drive.directory))
    })

    await t.test('without fusermount3 hears that', async t => {
      const drive = DriveProcess.launch(t, 'mount', NOBODY, { PATH: '/nonexistent' })
      chmodSync(drive.scratch, 0o755)
      await t.rejects(drive.mount(options), { code: 'NO_FUSERMOUNT' })
    })
  },
)

t.test('without /dev/fuse that is what it says', { skip: !isRoot && 'needs root' }, async t => {
  const directory = t.testdir()
  mkdirSync(join(directory, 'mount'))
  const program = `
    import { loadNativeAddon } from ${JSON.stringify(ADDON)}
    try { new (loadNativeAddon().Session)(${JSON.stringify({ ...OPTIONS, directory: join(directory, 'mount') })}, () => {}) }
    catch (failure) { console.log(failure.code, failure.message) }`
  const script = `mount -t tmpfs none /dev && exec ${process.execPath} --input-type=module -e "$PROGRAM"`
  const { stdout } = await run('env', `PROGRAM=${program}`, 'unshare', '-m', 'sh', '-c', script)
  t.equal(stdout, 'ENOENT /dev/fuse: No such file or directory\n')
})

import { execFile } from 'node:child_process'
import { constants, existsSync } from 'node:fs'
import {
  access,
  chmod,
  copyFile,
  mkdir,
  open,
  readFile,
  rm,
  stat,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import type { HydrationReport, ItemStatus, PinReport } from '../../src/control/answers.js'
import { cannotMount } from '../helpers/can-mount.js'
import { mountDirectory, temporaryDirectory, type MountedDirectory } from '../helpers/mounted-directory.js'
import { REFUSED_TO_WRITE } from '../helpers/refused.js'

const execute = promisify(execFile)
const KIB = 1024
const MIB = 1024 * KIB

interface Outcome {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end, whatever that is. */
async function run(program: string, ...args: readonly string[]): Promise<Outcome> {
  try {
    const limits = { timeout: 60_000, killSignal: 'SIGKILL' as const, maxBuffer: 64 * MIB }
    return { status: 0, ...(await execute(program, args, limits)) }
  } catch (failure) {
    const { code, stdout, stderr } = failure as { code?: unknown; stdout: string; stderr: string }
    return { status: typeof code === 'number' ? code : -1, stdout, stderr }
  }
}

function isInstalled(program: string): boolean {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin']
  return folders.some(folder => existsSync(join(folder, program)))
}

const missing = ['updatedb', 'locate', 'gio', 'setfattr', 'getfattr', 'file', 'du', 'tar'].filter(
  program => !isInstalled(program),
)
const skip = cannotMount || (missing.length > 0 && `not installed: ${missing.join(', ')}`)

const SIZES: Readonly<Record<string, number>> = {
  'photo one.jpg': 3 * MIB + 5,
  'photo two.jpg': MIB,
  'no extension': 2 * MIB,
  'plans/plan.pdf': MIB,
  'plans/deep/detail.pdf': 300 * KIB,
  'small.txt': 20 * KIB,
}

async function fill(directory: string): Promise<void> {
  await mkdir(join(directory, 'plans', 'deep'), { recursive: true })
  for (const [name, size] of Object.entries(SIZES)) {
    const bytes = Buffer.alloc(size)
    for (let i = 0; i < size; i += 3) bytes[i] = (i + name.length) % 251
    await writeFile(join(directory, name), bytes)
  }
}

/** The emulator's own count of content that was sent since the last call. */
async function sent({ sandbox }: MountedDirectory): Promise<number> {
  const { content } = await sandbox.admin<{ content: { bytes: number } }>('GET', '/counters')
  await sandbox.admin('DELETE', '/counters')
  return content.bytes
}

/** A program that does what `program` does and is called something else. */
async function called(t: Test, name: string, program: string): Promise<string> {
  const path = join(await temporaryDirectory(t), name)
  await copyFile(program, path)
  return path
}

t.test('programs on a mounted drive cause the downloads that they may cause', { skip }, async t => {
  const mounted = await mountDirectory(t, fill)
  const { sandbox, library, source } = mounted
  const on = (name: string) => join(library, name)
  const of = (name: string) => join(source, name)
  const files = Object.keys(SIZES).map(on)
  await run('find', library)
  await sent(mounted)

  for (const name of [
    'tumblerd',
    'localsearch-3',
    'baloo_file_extractor',
    'clamscan',
    'gdk-pixbuf-thumbnailer',
  ]) {
    await t.test(`${name} downloads nothing, and is told that it may not read`, async t => {
      const cat = await called(t, name, '/bin/cat')
      const { status, stdout, stderr } = await run(cat, ...files)
      t.equal(status, 1)
      t.equal(stdout, '')
      t.match(stderr, /Permission denied/)
      t.equal(await sent(mounted), 0)
    })
  }

  await t.test('updatedb finds the names and downloads nothing', async t => {
    const database = join(await temporaryDirectory(t), 'locate.db')
    await run(
      'updatedb',
      '--require-visibility',
      'no',
      '--prunepaths',
      '',
      '--prunefs',
      '',
      '--prune-bind-mounts',
      'no',
      '-U',
      mounted.drive,
      '-o',
      database,
    )
    t.match((await run('locate', '-d', database, 'detail.pdf')).stdout, 'plans/deep/detail.pdf')
    t.equal(await sent(mounted), 0)
  })

  const noScanner = isInstalled('clamscan') ? false : 'clamscan is not installed'
  await t.test('a virus scanner downloads nothing', { skip: noScanner }, async t => {
    const signatures = join(await temporaryDirectory(t), 'some.hdb')
    await writeFile(signatures, '44d88612fea8a8f36de82e1278abb02f:68:Eicar-Test\n')
    const { stdout, stderr } = await run('clamscan', '--database', signatures, '-r', library)
    t.match(stdout + stderr, /(Scanned files: 0|Permission denied|Can't|Infected files: 0)/)
    t.equal(await sent(mounted), 0)
  })

  await t.test('what a thumbnailer starts downloads nothing either', async t => {
    const shell = await called(t, 'raw-thumbnailer', '/bin/bash')
    const { stdout, stderr } = await run(shell, '-c', `cat "$0"; true`, on('small.txt'))
    t.equal(stdout, '')
    t.match(stderr, /Permission denied/)
    t.equal(await sent(mounted), 0)
  })

  const noNamespaces = process.getuid?.() === 0 ? false : 'only root may make a pid namespace everywhere'
  await t.test(
    'nor does a thumbnailer in a sandbox with process ids of its own',
    { skip: noNamespaces },
    async t => {
      const cat = await called(t, 'evince-thumbnailer', '/bin/cat')
      const { stdout, stderr } = await run('unshare', '--pid', '--fork', cat, on('small.txt'))
      t.equal(stdout, '')
      t.match(stderr, /Permission denied/)
      t.equal(await sent(mounted), 0)
    },
  )

  await t.test('GLib looks at a head, which costs the head', async t => {
    const { stdout } = await run('gio', 'info', '-a', 'standard::content-type', on('no extension'))
    t.match(stdout, /standard::content-type: application\/octet-stream/)
    const bytes = await sent(mounted)
    t.ok(bytes > 0 && bytes <= 64 * KIB, `${bytes} bytes`)
  })

  await t.test('a file manager that looks at heads costs 64 KiB each, and copies everything', async t => {
    const head = await called(t, 'thunar', '/usr/bin/head')
    const { stdout } = await run(head, '-c', '4096', on('photo two.jpg'))
    t.equal(Buffer.byteLength(stdout, 'latin1') > 0, true)
    t.equal(await sent(mounted), 64 * KIB)
    const cp = await called(t, 'nautilus', '/bin/cp')
    const copy = join(await temporaryDirectory(t), 'copy')
    t.equal((await run(cp, '--sparse=always', on('photo two.jpg'), copy)).status, 0)
    t.same(await readFile(copy), await readFile(of('photo two.jpg')))
    t.equal(await sent(mounted), MIB - 64 * KIB, 'no byte twice')
  })

  await t.test('what is local, everybody may read', async t => {
    const tumblerd = await called(t, 'tumblerd', '/bin/cat')
    const { status, stdout } = await run(tumblerd, on('photo two.jpg'))
    t.equal(status, 0)
    t.equal(stdout, (await readFile(of('photo two.jpg'))).toString())
    t.equal(await sent(mounted), 0)
  })

  await t.test('a refused read leaves nothing wrong in the page cache', async t => {
    const tumblerd = await called(t, 'tumblerd', '/bin/cat')
    const refused = Array.from({ length: 8 }, () => run(tumblerd, on('photo one.jpg')))
    const copies = Array.from({ length: 4 }, () => run('cmp', on('photo one.jpg'), of('photo one.jpg')))
    for (const { status, stderr } of await Promise.all(copies)) t.equal(status, 0, stderr)
    await Promise.all(refused)
    await sent(mounted)
  })

  await t.test('archives are never zeros, and refused ones say so', async t => {
    const scratch = await temporaryDirectory(t)
    const restic = await called(t, 'restic', '/bin/tar')
    const { status, stderr } = await run(
      restic,
      '-S',
      '-cf',
      join(scratch, 'backup.tar'),
      '-C',
      library,
      'plans',
    )
    t.not(status, 0)
    t.match(stderr, /Permission denied/)
    t.equal(await sent(mounted), 0)
    t.equal((await run('tar', '-S', '-cf', join(scratch, 'good.tar'), '-C', library, 'plans')).status, 0)
    await run('tar', '-xf', join(scratch, 'good.tar'), '-C', scratch)
    t.equal((await run('diff', '-r', of('plans'), join(scratch, 'plans'))).stdout, '')
    await run('chmod', '-R', 'u+w', scratch)
  })

  await t.test('who did it can be asked', async t => {
    const { hydrations, refusals } = await sandbox.json<HydrationReport>('status', '--hydrations')
    const copied = hydrations.find(({ program }) => program === 'nautilus')
    t.match(copied, { path: on('photo two.jpg'), bytes: MIB - 64 * KIB, verdict: 'full' })
    t.match(
      refusals.find(({ program }) => program === 'tumblerd'),
      { verdict: 'local-only' },
    )
    t.ok((refusals.find(({ program }) => program === 'clamscan')?.count ?? 0) > 0)
    t.match((await sandbox.cli('status', '--hydrations')).stdout, /Not allowed to download:\n/)
  })

  await t.test('states and pins, by command and by attribute', async t => {
    const attribute = async (name: string, path: string) =>
      (await run('getfattr', '--only-values', '-n', `user.b2bmount.${name}`, on(path))).stdout
    const status = (path: string) => sandbox.json<ItemStatus>('status', on(path))
    await sandbox.json('free-up', library)
    t.equal(await attribute('state', 'plans/plan.pdf'), 'online-only')
    t.equal((await stat(on('plans/plan.pdf'))).blocks, 1)
    t.match(await run('du', '-sk', library).then(({ stdout }) => Number.parseInt(stdout)), /^([0-9]|1[0-9])$/)

    const [pinned] = await sandbox.json<PinReport[]>('pin', on('plans'))
    t.match(pinned, { path: on('plans'), files: 2, bytes: MIB + 300 * KIB, failures: [] })
    t.equal(await attribute('state', 'plans/deep/detail.pdf'), 'always-available')
    t.match(await status('plans/plan.pdf'), { state: 'always-available', pin: 'always-local' })
    t.equal((await stat(on('plans/plan.pdf'))).blocks, MIB / 512, 'and `du` sees it')
    await sent(mounted)
    t.equal((await run('cmp', on('plans/plan.pdf'), of('plans/plan.pdf'))).status, 0)
    t.equal(await sent(mounted), 0)

    const set = (value: string, path: string) =>
      run('setfattr', '-n', 'user.b2bmount.pin', '-v', value, on(path))
    if (process.getuid?.() !== 0) {
      // "Setting an attribute of an item needs its bit for writing … In a library that is shared for reading only
      // `b2bmount pin` does what setting `user.b2bmount.pin` does elsewhere; so does root."
      t.match((await set('unspecified', 'plans')).stderr, /Permission denied/)
      t.equal(await attribute('pin', 'plans/plan.pdf'), 'always-local')
      await sandbox.json('unpin', on('plans'))
      t.equal(await attribute('pin', 'plans/plan.pdf'), 'unspecified')
      return
    }
    t.equal((await set('unspecified', 'plans')).status, 0)
    t.equal(await attribute('pin', 'plans/plan.pdf'), 'unspecified')
    t.equal(await attribute('state', 'plans/plan.pdf'), 'locally-available')
    t.match((await set('nonsense', 'plans')).stderr, /Invalid argument/)
    t.equal((await set('online-only', 'plans')).status, 0)
    for (let i = 0; i < 200 && (await attribute('state', 'plans/plan.pdf')) !== 'online-only'; i++);
    t.equal(await attribute('state', 'plans/plan.pdf'), 'online-only')
    t.equal((await run('setfattr', '-x', 'user.b2bmount.pin', on('plans'))).status, 0)
    t.equal(await attribute('pin', 'plans'), 'unspecified')
    t.match((await run('getfattr', '-d', on('plans'))).stdout, /^$/, 'nothing is listed')
  })

  await t.test('whatever writes to a library that is shared for reading is refused', async t => {
    const file = on('small.txt')
    const { size } = await stat(file)
    for (const attempt of [
      () => open(file, 'r+'),
      () => open(file, 'w'),
      () => open(file, constants.O_RDONLY | constants.O_TRUNC),
      () => open(`${file}.new`, 'wx'),
      () => truncate(file, 1),
      () => utimes(file, 1, 1),
      () => chmod(file, 0o644),
      () => chmod(library, 0o755),
      () => rm(file),
      () => mkdir(on('new')),
    ]) {
      await t.rejects(Promise.resolve<unknown>(attempt()), { code: REFUSED_TO_WRITE }, String(attempt))
    }
    // By their modes, which root need not heed: others of the drive may be changed.
    const isRoot = process.getuid?.() === 0
    for (const path of [file, library]) {
      const asked = access(path, constants.W_OK)
      await (isRoot ? asked : t.rejects(asked, { code: 'EACCES' }))
    }
    const refusal = isRoot ? /Read-only file system/ : /Permission denied/
    t.match((await run('setfattr', '-n', 'user.b2bmount.state', '-v', 'x', file)).stderr, refusal)
    t.match((await run('touch', file)).stderr, refusal)
    t.equal((await stat(file)).size, size)
    t.equal((await run('cmp', file, of('small.txt'))).status, 0)
  })
})

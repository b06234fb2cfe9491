import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, open, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { EXIT } from '../../src/cli/exit-code.js'
import type { DaemonStatus } from '../../src/control/answers.js'
import { cannotMount } from '../helpers/can-mount.js'
import { mountDirectory, type MountedDirectory } from '../helpers/mounted-directory.js'

const MIB = 1024 * 1024
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

const LARGE = Buffer.alloc(6 * MIB + 5)
for (let i = 0; i < LARGE.length; i += 5) LARGE[i] = (i / 5) % 253

async function fill(directory: string): Promise<void> {
  await mkdir(join(directory, 'folder'))
  await writeFile(join(directory, 'folder', 'local.txt'), 'I exist to be read before the network goes.\n')
  await writeFile(join(directory, 'folder', 'never read.txt'), 'I exist to stay online-only.\n')
  for (let i = 0; i < 8; i++) {
    const bytes = Buffer.from(LARGE)
    bytes.writeUInt32LE(i, 0)
    await writeFile(join(directory, `large ${i}.bin`), bytes)
  }
}

async function faulty(
  t: Test,
  { sandbox }: MountedDirectory,
  action: object,
  more: object = {},
): Promise<void> {
  await sandbox.admin('POST', '/faults', { match: { route: 'download' }, action, ...more })
  t.teardown(() => sandbox.admin('DELETE', '/faults'))
}

t.test('a drive on days that are not good', { skip: cannotMount }, async t => {
  const mounted = await mountDirectory(t, fill)
  const { sandbox, drive, library, source } = mounted
  const expected = async (name: string) => sha256(await readFile(join(source, name)))
  const found = async (name: string) => sha256(await readFile(join(library, name)))
  const daemonPid = async () => (await sandbox.json<DaemonStatus>('status')).pid

  // Each of these happens to the first requests of one file, which must come out right all the same.
  const faults: Readonly<Record<string, object>> = {
    'the connection breaks in the middle': { resetAfterBytes: 300_000 },
    'the server closes the connection too early': { endAfterBytes: 200_001 },
    'the server ignores the range and sends everything': { ignoreRange: true },
    'the download URL has expired': { unauthorized: 'expired-url' },
    'the server is busy and says for how long': { status: 503, retryAfterSeconds: 1 },
    'the organization is throttled': { status: 429, retryAfterSeconds: 1 },
  }
  for (const [i, [name, action]] of Object.entries(faults).entries()) {
    await t.test(`${name}: the file is right`, async t => {
      await faulty(t, mounted, action, { times: 2 })
      t.equal(await found(`large ${i}.bin`), await expected(`large ${i}.bin`))
    })
  }

  await t.test('a byte is wrong: no program is told that the file is complete', async t => {
    await t.test('while the other side sends it', async t => {
      await faulty(t, mounted, { corruptAt: 3 * MIB })
      await t.rejects(readFile(join(library, 'large 6.bin')), { code: 'EIO' })
    })
    t.equal(await found('large 6.bin'), await expected('large 6.bin'), 'and right when asked again')
  })

  await t.test('a reader that is killed stops its download', async t => {
    await sandbox.admin('PUT', '/link', { bytesPerSecond: 100_000, applyTo: 'content' })
    t.teardown(() => sandbox.admin('DELETE', '/link'))
    await sandbox.admin('DELETE', '/counters')
    const moved = async () =>
      (await sandbox.admin<{ content: { bytes: number } }>('GET', '/counters')).content.bytes
    const reader = spawn('cat', [join(library, 'large 7.bin')], { stdio: ['ignore', 'ignore', 'ignore'] })
    const ended = new Promise(resolve => reader.once('exit', resolve))
    while ((await moved()) === 0) await setTimeout(50)
    reader.kill('SIGKILL')
    await ended
    // The whole file would take a minute; what was under way may still arrive.
    let before = -1
    for (let now = await moved(); now !== before; now = await moved()) {
      before = now
      await setTimeout(1_500)
    }
    t.ok(before < LARGE.length / 2, `${before} of ${LARGE.length} bytes were moved`)
  })

  await t.test('the daemon is killed: the next mount cleans up, and what was local still is', async t => {
    t.match(await readFile(join(library, 'folder', 'local.txt'), 'utf8'), 'I exist')
    process.kill(await daemonPid(), 'SIGKILL')
    // The first to ask may still meet the connection that is just breaking.
    await t.rejects(readdir(drive), { code: /^(ENOTCONN|ECONNABORTED)$/ })
    await sandbox.json('mount', drive)
    t.same(await readdir(join(library, 'folder')), ['local.txt', 'never read.txt'])
    t.equal(await found('large 0.bin'), await expected('large 0.bin'))
  })

  await t.test('the drive cannot be mounted over files, twice, or inside itself', async t => {
    const full = join(sandbox.home, 'full')
    await mkdir(full)
    await writeFile(join(full, 'mine.txt'), 'I exist to be kept.\n')
    for (const directory of [full, drive, join(library, 'folder')]) {
      const { status, stderr } = await sandbox.cli('mount', directory)
      t.equal(status, EXIT.machine, directory)
      t.match(stderr, /\S/)
      t.notMatch(stderr, /\bat .*\.js:\d+/)
    }
    t.equal(await readFile(join(full, 'mine.txt'), 'utf8'), 'I exist to be kept.\n')
  })

  await t.test('the network goes away, also across a restart', async t => {
    await sandbox.cutOff()
    for (const when of ['while mounted', 'after a restart']) {
      t.same(await readdir(join(library, 'folder')), ['local.txt', 'never read.txt'], when)
      t.match(await readFile(join(library, 'folder', 'local.txt'), 'utf8'), 'I exist', when)
      const start = performance.now()
      const file = await open(join(library, 'folder', 'never read.txt'))
      await t.rejects(file.readFile(), { code: 'ENETUNREACH' }, when)
      await file.close()
      t.ok(performance.now() - start < 10_000, 'and says so soon')
      if (when === 'while mounted') {
        await sandbox.json('stop')
        await sandbox.json('mount', drive)
      }
    }
    const { libraries } = await sandbox.json<DaemonStatus>('status')
    t.equal(libraries[0]?.items !== undefined && libraries[0].items > 0, true)
  })
})

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, open, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { DaemonStatus } from '../../src/control/answers.js'
import { isDriveMounted } from '../../src/daemon/mount-table.js'
import { cannotMountByFuseNative as skip } from '../helpers/can-mount.js'
import { mountDirectory, temporaryDirectory } from '../helpers/mounted-directory.js'
import { run } from '../helpers/programs.js'

const MIB = 1024 * 1024
const BY_FUSE_NATIVE = ['--transport', 'fuse-native']

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
    t.match(
      (await sandbox.cli('status')).stdout,
      `Mounted at ${drive} by fuse-native, read-only\n    Read-only, because `,
    )
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

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { DriveProcess, run, until } from './drive-process.js'
import { ROOT } from './memory-drive.js'

const SOURCE = fileURLToPath(new URL('../../../test/native/old-kernel.c', import.meta.url))
const FOLDERS = 5

/** `folder-0` to `folder-4` with 100 files each, all of them listed, on a kernel that looks like Linux 5.4. */
async function driveOnOldKernel(t: Test, maxEntries: number): Promise<DriveProcess> {
  const library = join(t.testdir(), 'old-kernel.so')
  execFileSync('cc', ['-shared', '-fPIC', '-o', library, SOURCE, '-ldl'], { timeout: 30_000 })
  const drive = DriveProcess.launch(t, 'mount', undefined, { ...process.env, LD_PRELOAD: library })
  t.same(await drive.mount({ passthrough: true, maxEntries }), {
    minor: 31,
    passthrough: false,
    epoch: false,
  })
  for (let i = 0; i < FOLDERS; i++) {
    await drive.drive('addDirectory', ROOT, `folder-${i}`, 10 + i)
    await drive.drive('addFiles', 10 + i, 'file-', 100, 1000 * (i + 1))
    t.equal((await run('ls', '-l', drive.path(`folder-${i}`))).stdout.split('\n').length, 102)
  }
  return drive
}

for (const maxEntries of [100_000, 150]) {
  t.test(`everything is invalidated without an epoch, with room for ${maxEntries} entries`, async t => {
    const drive = await driveOnOldKernel(t, maxEntries)
    for (let i = 0; i < FOLDERS; i++) {
      for (let file = 0; file < 50; file++) await drive.drive('remove', 10 + i, `file-${file}`)
      await drive.drive('addFile', { parent: 10 + i, name: 'file-99', node: 9000 + i, size: 4321 })
    }
    await drive.session('invalidateAll')
    for (let i = 0; i < FOLDERS; i++) {
      const folder = drive.path(`folder-${i}`)
      await until(async () => (await run('ls', folder)).stdout.split('\n').length === 51)
      await until(async () => (await run('stat', '-c', '%s', join(folder, 'file-99'))).stdout === '4321\n')
      t.match((await run('stat', join(folder, 'file-7'))).stderr, /No such file/)
    }
  })
}

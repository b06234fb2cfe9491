import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { DriveProcess, run, start, until } from './drive-process.js'
import { ROOT } from './memory-drive.js'

const FOLDER = 10
const CHILD = 100

/** `folder` with `file-0` to `file-9`, listed once, so that the kernel and the tables hold everything. */
async function listedDrive(
  t: Test,
  options: Parameters<DriveProcess['mount']>[0] = {},
): Promise<DriveProcess> {
  const drive = await DriveProcess.mount(t, options)
  await drive.drive('addDirectory', ROOT, 'folder', FOLDER)
  await drive.drive('addFiles', FOLDER, 'file-', 10, CHILD)
  await list(drive)
  await list(drive)
  return drive
}

async function list(drive: DriveProcess): Promise<string[]> {
  return (await run('ls', drive.path('folder'))).stdout.trim().split('\n')
}

async function stat(drive: DriveProcess, name: string): Promise<string> {
  const { code, stdout } = await run('stat', '-c', '%i %s', drive.path('folder', name))
  return code === 0 ? stdout.trim() : 'absent'
}

t.test('without invalidation the kernel keeps what it knows', async t => {
  const drive = await listedDrive(t)
  await drive.drive('remove', FOLDER, 'file-3')
  t.ok((await list(drive)).includes('file-3'))
  t.equal(await stat(drive, 'file-3'), '103 3')
})

t.test('a removed name disappears', async t => {
  const drive = await listedDrive(t)
  await drive.drive('remove', FOLDER, 'file-3')
  await drive.session('invalidateEntry', FOLDER, 'file-3')
  await until(async () => (await stat(drive, 'file-3')) === 'absent')
  await until(async () => !(await list(drive)).includes('file-3'))
  t.equal((await list(drive)).length, 9)
})

t.test('a new name appears, also one that was known not to exist', async t => {
  const drive = await listedDrive(t)
  t.equal(await stat(drive, 'new'), 'absent')
  await drive.drive('addFile', { parent: FOLDER, name: 'new', node: 500, size: 42 })
  await drive.session('invalidateEntry', FOLDER, 'new')
  await until(async () => (await stat(drive, 'new')) === '500 42')
  await until(async () => (await list(drive)).includes('new'))
})

t.test('a name that was never asked for appears in a listing that the kernel holds', async t => {
  const drive = await listedDrive(t)
  await drive.drive('addFile', { parent: FOLDER, name: 'unasked', node: 501, size: 42 })
  await drive.session('invalidateEntry', FOLDER, 'unasked')
  await until(async () => (await list(drive)).includes('unasked'))
})

t.test('a name that leads to another node shows that one', async t => {
  const drive = await listedDrive(t)
  await drive.drive('remove', FOLDER, 'file-5')
  await drive.drive('addFile', { parent: FOLDER, name: 'file-5', node: 600, size: 66 })
  await drive.session('invalidateEntry', FOLDER, 'file-5')
  await until(async () => (await stat(drive, 'file-5')) === '600 66')
})

t.test('changed attributes are seen, by path and by an open file', async t => {
  const drive = await listedDrive(t)
  await drive.drive('remove', FOLDER, 'file-5')
  await drive.drive('addFile', { parent: FOLDER, name: 'file-5', node: CHILD + 5, size: 12_345 })
  await drive.session('invalidateAttributes', CHILD + 5)
  await until(async () => (await stat(drive, 'file-5')) === '105 12345')
  t.match((await run('ls', '-l', drive.path('folder'))).stdout, /12345 .* file-5/)
  t.equal(drive.count('readdir'), 1, 'the listing is still good')
})

t.test('pages are read again after their content was invalidated', async t => {
  const drive = await DriveProcess.mount(t)
  const cache = join(drive.scratch, 'cache')
  writeFileSync(cache, 'old bytes')
  await drive.drive('addFile', { parent: ROOT, name: 'file', node: 9, size: 9, cache })
  t.equal((await run('cat', drive.path('file'))).stdout, 'old bytes')
  writeFileSync(cache, 'new bytes')
  t.equal((await run('cat', drive.path('file'))).stdout, 'old bytes', 'from the page cache')
  await drive.session('invalidateContent', 9)
  await until(async () => (await run('cat', drive.path('file'))).stdout === 'new bytes')
})

t.test('invalidating content under a waiting read fails that read and blocks nobody', async t => {
  const drive = await listedDrive(t)
  const cache = join(drive.scratch, 'cache')
  writeFileSync(cache, Buffer.alloc(100_000))
  await drive.drive('addFile', { parent: ROOT, name: 'file', node: 9, size: 100_000, cache, present: [] })
  start(t, 'cat', [drive.path('file')])
  const read = await drive.event('read')
  await drive.session('invalidateContent', 9)
  await drive.event('cancelled', event => event.id === read.id)
  await drive.drive('remove', FOLDER, 'file-1')
  await drive.session('invalidateEntry', FOLDER, 'file-1')
  // The kernel reads the page once more for `cat`, and the notification waits for that one.
  const again = await drive.event('read', event => event.id !== read.id)
  await drive.session('replyError', again.id, 5)
  await until(async () => (await stat(drive, 'file-1')) === 'absent')
})

t.test('everything can be invalidated at once', async t => {
  const drive = await listedDrive(t)
  const inside = start(t, 'sh', ['-c', 'while read line; do stat -c %s file-5; stat -c %h .; done'], {
    cwd: drive.path('folder'),
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  for (let i = 0; i < 10; i++) await drive.drive('remove', FOLDER, `file-${i}`)
  await drive.drive('addFiles', FOLDER, 'file-', 5, 700)
  await drive.drive('addFile', { parent: FOLDER, name: 'file-5', node: CHILD + 5, size: 55_555 })
  await drive.drive('addFile', { parent: ROOT, name: 'top', node: 800, size: 1 })
  await drive.session('invalidateAll')
  await until(async () => (await list(drive)).length === 6)
  t.equal(await stat(drive, 'file-0'), '700 0')
  t.equal(await stat(drive, 'file-7'), 'absent')
  t.equal(await stat(drive, 'file-5'), '105 55555')
  t.same((await run('ls', drive.directory)).stdout.trim().split('\n'), ['folder', 'top'])
  const output: string[] = []
  inside.stdout?.on('data', chunk => output.push(String(chunk)))
  inside.stdin?.write('\n')
  await until(() => Promise.resolve(output.join('') === '55555\n2\n'))
})

t.test('ten thousand changed names at once are all seen', async t => {
  const drive = await DriveProcess.mount(t)
  await drive.drive('addDirectory', ROOT, 'folder', FOLDER)
  await drive.drive('addFiles', FOLDER, 'file-', 10_000, 1_000)
  await run('ls', '-l', drive.path('folder'))
  await drive.drive('replaceFiles', FOLDER, 'file-', 10_000, 20_000)
  await until(async () => (await stat(drive, 'file-9999')) === '29999 9999')
  const { stdout } = await run('ls', '-i', drive.path('folder'))
  const inos = stdout
    .trim()
    .split('\n')
    .map(line => Number(line.trim().split(' ')[0]))
  t.same(
    inos.filter(ino => ino < 20_000),
    [],
  )
  t.equal(inos.length, 10_000)
})

t.test('an answer that JavaScript computed before an invalidation is not kept', async t => {
  const drive = await listedDrive(t)
  await drive.drive('ignore', 'lookup')
  await drive.drive('addFile', { parent: ROOT, name: 'late', node: 900, size: 1 })
  const slow = run('stat', '-c', '%s', drive.path('late'))
  const lookup = await drive.event('lookup', event => event.name === 'late')
  // The file grows and the kernel is told, while the answer to the lookup is under way with the old size.
  await drive.session('invalidateEntry', ROOT, 'late')
  await drive.drive('answerLookup', lookup.id, 900, 'late')
  t.equal((await slow).stdout.trim(), '1')
  await drive.drive('heed', 'lookup')
  await drive.drive('remove', ROOT, 'late')
  await drive.drive('addFile', { parent: ROOT, name: 'late', node: 900, size: 2 })
  t.equal((await run('stat', '-c', '%s', drive.path('late'))).stdout.trim(), '2')
})

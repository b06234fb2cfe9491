import { spawn } from 'node:child_process'
import { chmodSync, existsSync } from 'node:fs'
import t, { type Test } from 'tap'
import { othersCannotMount } from '../helpers/can-mount.js'
import { DriveProcess, ended, isRoot, mountedAt, run, until } from './drive-process.js'
import { ROOT } from './memory-drive.js'

const FOLDER = 10
const NOBODY = { uid: 65534, gid: 65534 }
const inotifywait = '/usr/bin/inotifywait'
const skip = existsSync(inotifywait) ? false : 'inotifywait is not installed'

/** Watches a directory; lines are `EVENT,EVENT name`. */
async function watch(t: Test, directory: string, asNobody = false): Promise<string[]> {
  const child = spawn(inotifywait, ['-m', '--format', '%e %f', directory], {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(asNobody ? NOBODY : {}),
  })
  t.teardown(() => child.kill('SIGKILL'))
  const lines: string[] = []
  let rest = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts.filter(line => !/^(OPEN|ACCESS|CLOSE_NOWRITE)/.test(line)))
  })
  let isReady = false
  child.stderr
    .setEncoding('utf8')
    .on('data', (text: string) => (isReady ||= text.includes('Watches established')))
  await until(() => Promise.resolve(isReady))
  return lines
}

async function folder(t: Test): Promise<DriveProcess> {
  const drive = await DriveProcess.mount(t)
  await drive.drive('addDirectory', ROOT, 'folder', FOLDER)
  await drive.drive('addFiles', FOLDER, 'file-', 3, 100)
  await run('ls', '-l', drive.path('folder'))
  return drive
}

const announce = (drive: DriveProcess, what: number, name: string, isFolder: boolean, node = 0) =>
  drive.drive('announce', what, FOLDER, 'folder', name, isFolder, node)

t.test('what the other side does raises the events of inotify', { skip }, async t => {
  const drive = await folder(t)
  const lines = await watch(t, drive.path('folder'))
  const seen = (line: string) => until(() => Promise.resolve(lines.includes(line)))

  await drive.drive('addFile', { parent: FOLDER, name: 'new.txt', node: 500, size: 42 })
  await drive.session('invalidateEntry', FOLDER, 'new.txt')
  await announce(drive, 0, 'new.txt', false, 500)
  await seen('CREATE new.txt')
  t.equal((await run('stat', '-c', '%i %s %a', drive.path('folder', 'new.txt'))).stdout.trim(), '500 42 644')

  await drive.drive('addDirectory', FOLDER, 'sub', 600)
  await drive.session('invalidateEntry', FOLDER, 'sub')
  await announce(drive, 0, 'sub', true, 600)
  await seen('CREATE,ISDIR sub')
  t.equal((await run('stat', '-c', '%i %F', drive.path('folder', 'sub'))).stdout.trim(), '600 directory')

  await drive.session('invalidateAttributes', 500)
  await announce(drive, 2, 'new.txt', false, 500)
  await seen('MODIFY new.txt')

  await drive.drive('remove', FOLDER, 'file-1')
  await drive.session('invalidateEntry', FOLDER, 'file-1')
  await announce(drive, 1, 'file-1', false)
  await seen('DELETE file-1')
  await drive.drive('remove', FOLDER, 'sub')
  await drive.session('invalidateEntry', FOLDER, 'sub')
  await announce(drive, 1, 'sub', true)
  await seen('DELETE,ISDIR sub')
  t.same((await run('ls', drive.path('folder'))).stdout.trim().split('\n').sort(), [
    'file-0',
    'file-2',
    'new.txt',
  ])
  t.same(lines.filter(line => /CREATE|DELETE|MODIFY/.test(line)).length, 5, 'and each once')
})

t.test(
  'an ordinary user is told of what changes where he may write nothing',
  { skip: skip || (isRoot ? othersCannotMount() : false) },
  async t => {
    const drive = DriveProcess.launch(t, 'mount', isRoot ? NOBODY : undefined)
    chmodSync(drive.scratch, 0o755)
    if (isRoot) await run('chown', 'nobody', drive.directory)
    await drive.mount(isRoot ? NOBODY : {})
    await drive.drive('addDirectory', ROOT, 'folder', FOLDER)
    await drive.drive('setPermissions', FOLDER, 0o555)
    await drive.drive('addFiles', FOLDER, 'file-', 3, 100)
    const lines = await watch(t, drive.path('folder'), isRoot)
    await drive.drive('addFile', { parent: FOLDER, name: 'new.txt', node: 500, size: 42 })
    await drive.session('invalidateEntry', FOLDER, 'new.txt')
    // As when the folder has another time by now.
    await drive.session('invalidateAttributes', FOLDER)
    await announce(drive, 0, 'new.txt', false, 500)
    await until(() => Promise.resolve(lines.includes('CREATE new.txt')))
    await drive.drive('remove', FOLDER, 'file-1')
    await drive.session('invalidateEntry', FOLDER, 'file-1')
    await announce(drive, 1, 'file-1', false)
    await until(() => Promise.resolve(lines.includes('DELETE file-1')))
    const asUser = isRoot ? ['runuser', '-u', 'nobody', '--'] : ['env']
    const shown = await run('env', ...asUser, 'stat', '-c', '%a', drive.path('folder'))
    t.equal(shown.stdout, '555\n', 'and the folder looks as before')
  },
)

t.test('nobody else may do what the echo does', { skip }, async t => {
  const drive = await folder(t)
  await watch(t, drive.path('folder'))
  await announce(drive, 1, 'file-0', false)
  for (const command of [
    ['touch', drive.path('folder', 'mine')],
    ['mkdir', drive.path('folder', 'mine')],
    ['rm', '-f', drive.path('folder', 'file-1')],
    ['touch', drive.path('folder', 'file-1')],
  ]) {
    const { code, stderr } = await run(command[0] ?? '', ...command.slice(1))
    t.not(code, 0, command.join(' '))
    t.match(stderr, /Read-only file system/)
  }
})

t.test('where nobody watches nothing is repeated', { skip }, async t => {
  const drive = await folder(t)
  await announce(drive, 0, 'new.txt', false, 101)
  await watch(t, drive.path())
  await drive.drive('announce', 0, ROOT, '', 'top.txt', false, 100)
  await until(async () => ((await drive.statistics()).requests['MKNOD'] ?? 0) > 0)
  t.equal((await drive.statistics()).requests['MKNOD'], 1)
})

t.test('a drive whose echo waits for an answer can be killed and unmounted', { skip }, async t => {
  for (const end of ['kill', 'unmount']) {
    const drive = await DriveProcess.mount(t)
    await drive.drive('addDirectory', ROOT, 'folder', FOLDER)
    await watch(t, drive.path())
    // Its path leads through a name that the child's JavaScript is asked for and does not answer.
    await drive.drive('ignore', 'lookup')
    await drive.drive('announce', 0, ROOT, 'nowhere/deep', 'x', false, FOLDER)
    await drive.event('lookup', ({ name }) => name === 'nowhere')
    if (end === 'unmount') {
      await drive.session('unmount')
      t.notOk(mountedAt(drive.directory))
    } else {
      drive.process.kill('SIGKILL')
      t.match(await ended(drive.process), { signal: 'SIGKILL' })
    }
  }
})

import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { othersCannotMount } from '../helpers/can-mount.js'
import { DriveProcess, ended, isRoot, run, start } from './drive-process.js'
import { ROOT } from './memory-drive.js'
import { driveWithBase, FILE, hashOf, python, writableDrive } from './writable-drive.js'

const NOBODY = { uid: 65534, gid: 65534 }

const list = async (...names: readonly string[]): Promise<string[]> =>
  (await run('ls', '-a', ...names)).stdout.trim().split('\n').slice(2)

t.test('a listing that is held stays right, without being asked for again', async t => {
  const drive = await writableDrive(t)
  await drive.drive('addFiles', ROOT, 'old-', 3, 60)
  t.same(await list(drive.directory), ['old-0', 'old-1', 'old-2'])
  const program = `
os.chdir(sys.argv[1])
for i in range(20): open(f'new-{i}', 'w').close()
for i in range(10): os.unlink(f'new-{i}')
for i in range(10, 15): os.rename(f'new-{i}', f'moved-{i}')
os.rename('old-1', 'new-19')
os.mkdir('folder'); os.mkdir('gone'); os.rmdir('gone')
print(refused(lambda: os.stat('new-3')), refused(lambda: os.stat('new-12')), refused(lambda: os.stat('old-1')), os.stat('new-19').st_ino)`
  t.equal(await python(t, program, drive.directory), 'ENOENT ENOENT ENOENT 61')
  const expected = [
    'folder',
    ...[10, 11, 12, 13, 14].map(i => `moved-${i}`),
    ...[15, 16, 17, 18, 19].map(i => `new-${i}`),
    'old-0',
    'old-2',
  ]
  t.same(await list(drive.directory), expected)
  t.equal(drive.count('readdir'), 1)
})

t.test('directories are made, moved with what is in them, and removed when they are empty', async t => {
  const drive = await writableDrive(t)
  const program = `
os.chdir(sys.argv[1])
os.makedirs('a/b/c')
open('a/b/c/file', 'w').write('deep')
os.mkdir('x')
print(refused(lambda: os.rmdir('a/b')), refused(lambda: os.mkdir('a')), refused(lambda: os.unlink('a')))
os.listdir('a/b')
os.rename('a/b', 'x/moved')
print(open('x/moved/c/file').read(), os.listdir('a'), os.listdir('x'), os.stat('x/moved/..').st_ino == os.stat('x').st_ino)
print([e.inode() for e in os.scandir('x/moved') if e.name == 'c'] == [os.stat('x/moved/c').st_ino])
os.unlink('x/moved/c/file'); os.rmdir('x/moved/c'); os.rmdir('x/moved'); os.rmdir('x'); os.rmdir('a')
print(os.listdir('.'))`
  const lines = (await python(t, program, drive.directory)).split('\n')
  t.same(lines, ['ENOTEMPTY EEXIST EISDIR', "deep [] ['moved'] True", 'True', '[]'])
})

t.test('a file that is removed or replaced while it is open goes on until it is closed', async t => {
  const drive = await writableDrive(t)
  const program = `
os.chdir(sys.argv[1])
fd = os.open('file', os.O_RDWR | os.O_CREAT)
os.write(fd, b'before')
os.unlink('file')
os.write(fd, b' after')
print(os.pread(fd, 100, 0), os.fstat(fd).st_nlink, os.fstat(fd).st_size)
os.ftruncate(fd, 3)
print(os.pread(fd, 100, 0), os.fstat(fd).st_size, refused(lambda: os.stat('file')))
open('new', 'w').write('new')
old = os.open('old', os.O_RDWR | os.O_CREAT)
os.write(old, b'old')
os.rename('new', 'old')
os.write(old, b' still')
print(open('old').read(), os.pread(old, 100, 0), os.fstat(old).st_nlink, os.listdir('.'))`
  const lines = (await python(t, program, drive.directory)).split('\n')
  t.same(lines, ["b'before after' 0 12", "b'bef' 3 ENOENT", "new b'old still' 0 ['old']"])
})

t.test('renaming without replacing', async t => {
  const drive = await writableDrive(t)
  const program = `
os.chdir(sys.argv[1])
for name in 'ab': open(name, 'w').write(name)
def renameat2(a, b, flags):
    if libc.renameat2(-100, a, -100, b, flags) != 0: raise OSError(ctypes.get_errno(), '')
print(refused(lambda: renameat2(b'a', b'b', 1)), refused(lambda: renameat2(b'a', b'b', 2)), refused(lambda: renameat2(b'a', b'c', 1)))
print(sorted(os.listdir('.')), open('c').read())`
  t.equal(await python(t, program, drive.directory), "EEXIST EINVAL done\n['b', 'c'] a")
})

t.test('what SharePoint has not is refused without JavaScript', async t => {
  const { drive } = await driveWithBase(t)
  const program = `
import stat
os.chdir(sys.argv[1])
print(refused(lambda: os.symlink('file', 'link')), refused(lambda: os.link('file', 'link')), refused(lambda: os.mkfifo('fifo')))
print(refused(lambda: os.mknod('node', stat.S_IFREG | 0o640)), oct(os.stat('node').st_mode), refused(lambda: os.mknod('node')))
print(refused(lambda: os.mkdir(b'\\xff')), refused(lambda: os.mkdir('n' * 256)))
print(refused(lambda: os.chown('file', 5, 5)))`
  const lines = (await python(t, program, drive.directory)).split('\n')
  t.same(lines, ['EPERM EPERM EPERM', 'done 0o100640 EEXIST', 'EILSEQ ENAMETOOLONG', 'EPERM'])
  t.equal(drive.count('mkdir'), 0)
  t.equal(drive.count('create'), 1)
})

t.test('attributes are asked for, also where nothing but the time of the change comes of it', async t => {
  const { drive, path } = await driveWithBase(t)
  await run('touch', '-a', path)
  t.match(await drive.event('setattr'), { node: FILE, modified: undefined, touched: true })
  await run('touch', '-m', '-d', '2020-02-03T04:05:06.789Z', path)
  t.match(await drive.event('setattr', event => event.modified !== undefined), {
    node: FILE,
    modified: 1_580_702_706_789,
  })
  t.equal((await run('stat', '-c', '%Y', path)).stdout.trim(), '1580702706')
  await run('chmod', '640', path)
  t.match(await drive.event('setattr', event => event.permissions !== undefined), { permissions: 0o640 })
  t.equal((await run('stat', '-c', '%a %Y', path)).stdout.trim(), '640 1580702706')
  await run('truncate', '-s', '5', path)
  t.equal((await run('stat', '-c', '%s', path)).stdout.trim(), '5')
  t.match(await drive.event('setattr', event => event.size !== undefined), { size: 5 })
  const before = Math.floor(Date.now() / 1000)
  await run('touch', path)
  t.ok(Number((await run('stat', '-c', '%Y', path)).stdout.trim()) >= before)
})

t.test('a directory that changes has a new time', async t => {
  const drive = await writableDrive(t)
  await drive.drive('addDirectory', ROOT, 'folder', 60)
  const time = async (): Promise<number> =>
    Number((await run('stat', '-c', '%Y', drive.path('folder'))).stdout.trim())
  const before = await time()
  await run('touch', drive.path('folder', 'new'))
  t.ok((await time()) > before)
})

t.test('an answer that comes when everything has been forgotten is not kept', async t => {
  const drive = await writableDrive(t)
  t.same(await list(drive.directory), [])
  await drive.drive('ignore', 'create')
  const writer = start(t, 'touch', [drive.path('new')])
  const create = await drive.event('create')
  await drive.session('invalidateAll')
  await drive.drive('perform', create.id)
  t.equal((await ended(writer)).code, 0)
  await drive.drive('remove', ROOT, 'new')
  t.match((await run('stat', drive.path('new'))).stderr, /No such file/)
  t.ok(drive.count('lookup') > 0)
})

t.test('what is interrupted while it is being done is told to JavaScript, and has its answer', async t => {
  const drive = await writableDrive(t)
  await drive.drive('ignore', 'mkdir')
  const made = start(t, 'mkdir', [drive.path('made')])
  const request = await drive.event('mkdir')
  made.kill('SIGTERM')
  await drive.event('cancelled', ({ id }) => id === request.id)
  t.equal(made.signalCode, null, 'nobody knows yet whether it has happened')
  await drive.drive('perform', request.id)
  await ended(made)
  t.equal((await run('stat', '-c', '%F', drive.path('made'))).stdout, 'directory\n')
})

t.test('what JavaScript does after the deadline is told to the kernel', async t => {
  const drive = await writableDrive(t, { deadlineMilliseconds: 300 })
  await run('touch', drive.path('file'))
  await run('mkdir', drive.path('folder'))
  t.same(await list(drive.directory), ['file', 'folder'])
  for (const op of ['unlink', 'rename', 'create', 'setattr']) await drive.drive('ignore', op)
  t.match((await run('rm', drive.path('file'))).stderr, /Input\/output error/)
  t.match((await run('mv', drive.path('folder'), drive.path('moved'))).stderr, /Input\/output error/)
  t.match((await run('touch', drive.path('late'))).stderr, /Input\/output error/)
  t.equal((await run('stat', '-c', '%F', drive.path('file'))).code, 0)
  for (const op of ['unlink', 'rename', 'create'] as const) {
    const { id } =
      op === 'create' ? await drive.event(op, event => event.name === 'late') : await drive.event(op)
    await drive.drive('perform', id)
  }
  const program = `
import time
limit = time.time() + 10
while sorted(os.listdir(sys.argv[1])) != ['late', 'moved'] and time.time() < limit: pass
print(sorted(os.listdir(sys.argv[1])), [refused(lambda: os.stat(sys.argv[1] + '/' + n)) for n in ('file', 'folder', 'late')])`
  t.equal(await python(t, program, drive.directory), "['late', 'moved'] ['ENOENT', 'ENOENT', 'done']")
})

t.test('what the echo does reaches nobody, whatever its path leads to', async t => {
  const drive = await writableDrive(t)
  for (const [name, node] of [
    ['a', 60],
    ['b', 61],
  ] as const)
    await drive.drive('addDirectory', ROOT, name, node)
  await drive.drive('addFile', { parent: 61, name: 'file', node: 70, size: 1 })
  const watching = `
import struct
fd = libc.inotify_init()
libc.inotify_add_watch(fd, sys.argv[1].encode(), 0xfff)
print('watching', flush=True)
sys.stdin.read()`
  const watcher = start(
    t,
    'python3',
    ['-c', `import ctypes, sys\nlibc = ctypes.CDLL(None)\n${watching}`, drive.path('a')],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  )
  await new Promise(resolve => watcher.stdout?.once('data', resolve))
  // Of folder a, by a path that leads to b meanwhile.
  await drive.drive('announce', 1, 60, 'b', 'file', false, 0)
  await drive.drive('announce', 0, 60, 'b', 'new', false, 70)
  await run('ls', drive.path('b'))
  const asked = async (): Promise<number> => (await drive.statistics()).requests['UNLINK'] ?? 0
  while ((await asked()) === 0 || ((await drive.statistics()).requests['MKNOD'] ?? 0) === 0)
    await new Promise(setImmediate)
  t.same(await list(drive.path('b')), ['file'])
  t.equal(drive.count('unlink') + drive.count('create'), 0)
})

// "The bits that are shown are obeyed, by the kernel, as on a local disk"
t.test(
  'modes are obeyed as on a local disk, by an ordinary user and by root',
  { skip: isRoot ? othersCannotMount() : false },
  async t => {
    for (const user of isRoot ? [NOBODY, undefined] : [undefined]) {
      const drive = DriveProcess.launch(t, 'mount', user)
      chmodSync(drive.scratch, 0o777)
      if (user) await run('chown', '65534:65534', drive.directory, drive.scratch)
      await drive.mount({ readOnly: false, ...user })
      const local = join(drive.scratch, 'local')
      mkdirSync(local)
      if (user) await run('chown', '65534:65534', local)
      const program = `
import subprocess
if sys.argv[2] == 'nobody': os.setgid(65534); os.setuid(65534)
os.umask(0o022)
os.chdir(sys.argv[1])
def say(*works): print(*(refused(work) for work in works))
def opens(path): return [lambda flags=flags: os.close(os.open(path, flags)) for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC)]
def reaches(path): return [lambda: os.stat(path), lambda: os.access(path, os.F_OK) or os.stat(path), lambda: os.open(path, os.O_RDONLY)]
os.mkdir('folder')
os.mkdir('folder/inner')
open('folder/file', 'w').write('mine')
open('folder/inner/deep', 'w').write('deep')
os.stat('folder/file'); os.stat('folder/inner/deep'); os.listdir('folder')
for mode in (0o444, 0o222, 0o111, 0o000, 0o044, 0o644):
    os.chmod('folder/file', mode)
    say(*opens('folder/file'), lambda: os.truncate('folder/file', 0), lambda: os.setxattr('folder/file', 'user.b2bmount.pin', b'x') if sys.argv[1].endswith('/mount') else os.setxattr('folder/file', 'user.x', b'x'))
    print([os.access('folder/file', way) for way in (os.R_OK, os.W_OK, os.X_OK)])
for mode in (0o666, 0o444, 0o333, 0o111, 0o000, 0o555, 0o755):
    os.chmod('folder', mode)
    say(*reaches('folder/file'), *reaches('folder/inner/deep'), lambda: os.stat('folder/nothing'), lambda: os.mkdir('folder/new'), lambda: os.rmdir('folder/new'), lambda: os.rename('folder/inner', 'inner'), lambda: os.rename('inner', 'folder/inner'), lambda: os.chdir('folder') or os.chdir('..'))
    print([os.access('folder', way) for way in (os.R_OK, os.W_OK, os.X_OK)])
    say(lambda: os.listdir('folder'))
held = os.open('folder/file', os.O_RDWR)
os.fchmod(held, 0)
say(lambda: os.pwrite(held, b'held', 0), lambda: os.pread(held, 4, 0), *opens('folder/file'))
open('script', 'w').write('#!/bin/sh\\necho ran\\n')
for mode in (0o644, 0o755, 0o666):
    os.chmod('script', mode)
    say(lambda: print(subprocess.run([os.path.abspath('script')], capture_output=True).stdout))
os.mkdir('made', 0o1777); os.mkdir('set', 0o755); os.chmod('set', 0o2775)
print([oct(os.stat(name).st_mode) for name in ('made', 'set', 'folder/file', 'script')])
`
      const as = user ? 'nobody' : 'root'
      const here = await python(t, program, drive.directory, as)
      t.equal(here, await python(t, program, local, as), as)
    }
  },
)

// "the set-user-ID and set-group-ID bits of files are refused"
t.test('special bits of files are for JavaScript to refuse, also of one that is being written', async t => {
  const { drive, path } = await driveWithBase(t)
  const program = `
fd = os.open(sys.argv[1], os.O_RDWR)
os.write(fd, b'x')
os.fchmod(fd, 0o600)
os.fchmod(fd, 0o4755)`
  await run('python3', '-c', `import os, sys${program}`, path)
  t.match(await drive.event('setattr'), { permissions: 0o4755 })
  t.equal(drive.count('setattr'), 1)
})

const BESIDE_A_READER = `
path = sys.argv[1]
reader = os.open(path, os.O_RDONLY)
def seen(n=5, at=0): return os.pread(reader, n, at)
before = seen()
fd = os.open(path, os.O_RDWR)
os.pwrite(fd, b'first', 0)
print(before != b'first', seen(), os.pread(fd, 5, 0))
m = mmap.mmap(fd, 4096)
m[0:5] = b'mappd'
print(seen(), os.pread(fd, 5, 0), open(path, 'rb').read(5))
m.close(); os.close(fd)
with open(path, 'ab') as log: log.write(b'at the end')
print(seen(100, os.fstat(reader).st_size - 10))
os.truncate(path, 3)
print(seen(100), os.fstat(reader).st_size, os.stat(path).st_size)
with open(path, 'w') as f: f.write('anew')
print(seen(100))
os.close(reader)
print(open(path, 'rb').read())`

t.test(
  'what is written beside a reader that the kernel serves by itself, that reader sees',
  { skip: !isRoot && 'needs CAP_SYS_ADMIN' },
  async t => {
    const { drive, path } = await driveWithBase(t, { verified: true }, { passthrough: true })
    t.same((await python(t, BESIDE_A_READER, path)).split('\n'), [
      "True b'first' b'first'",
      "b'mappd' b'mappd' b'mappd'",
      "b'at the end'",
      "b'map' 3 3",
      "b'anew'",
      "b'anew'",
    ])
    const { passthroughOpens } = await drive.statistics()
    t.ok(passthroughOpens >= 2, `${passthroughOpens} opens by passthrough`)
    t.equal(await python(t, 'print(open(sys.argv[1]).read())', path), 'anew')
  },
)

t.test(
  'who opens a file to write, and only reads, changes nothing',
  { skip: !isRoot && 'needs CAP_SYS_ADMIN' },
  async t => {
    const { bytes, path } = await driveWithBase(t, { verified: true }, { passthrough: true })
    const program = `
before = os.stat(sys.argv[1])
reader = os.open(sys.argv[1], os.O_RDONLY)
fd = os.open(sys.argv[1], os.O_RDWR)
same = file_hash(sys.argv[1])
os.close(fd); os.close(reader)
after = os.stat(sys.argv[1])
print(same, file_hash(sys.argv[1]), before.st_mtime_ns == after.st_mtime_ns, before.st_size == after.st_size)`
    t.equal(await python(t, program, path), `${hashOf(bytes)} ${hashOf(bytes)} True True`)
  },
)

t.test('programs work as everywhere', async t => {
  const { drive, bytes, path } = await driveWithBase(t)
  const there = drive.path('copy')
  t.equal((await run('cp', '-a', path, there)).code, 0)
  t.equal((await run('cmp', path, there)).code, 0)
  t.equal((await run('sed', '-i', 's/x/y/', there)).code, 0)
  t.equal(
    (
      await run(
        'sh',
        '-c',
        `cd ${drive.directory} && mkdir d && tar -cf d/t.tar file copy && tar -C d -xf d/t.tar`,
      )
    ).code,
    0,
  )
  t.equal((await run('cmp', path, drive.path('d', 'file'))).code, 0)
  t.equal(await python(t, 'print(file_hash(sys.argv[1]))', drive.path('d', 'file')), hashOf(bytes))
  t.equal((await run('rm', '-r', drive.path('d'))).code, 0)
  t.same(await list(drive.directory), ['copy', 'file'])
})

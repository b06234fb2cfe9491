import { release } from 'node:os'
import t, { type Test } from 'tap'
import { DriveProcess, isRoot, run } from './drive-process.js'
import { ROOT } from './memory-drive.js'

const FOLDER = 10
/** From Linux 6.6 on. */
const [major = 0, minor = 0] = release().split('.').map(Number)
const STATX = major > 6 || (major === 6 && minor >= 6)

async function driveWithFolder(t: Test, files: number): Promise<DriveProcess> {
  const drive = await DriveProcess.mount(t)
  await drive.drive('addDirectory', ROOT, 'folder', FOLDER)
  await drive.drive('addFiles', FOLDER, 'file-', files, 1000)
  return drive
}

t.test('a folder of 10,000 is listed completely, and JavaScript is asked once', async t => {
  const drive = await driveWithFolder(t, 10_000)
  const names = Array.from({ length: 10_000 }, (_, i) => `file-${i}`)
  for (let round = 0; round < 3; round++) {
    const listing = await run('ls', '-f', drive.path('folder'))
    t.same(listing.stdout.trim().split('\n').sort(), ['.', '..', ...names].sort(), `round ${round}`)
  }
  const long = await run('ls', '-l', drive.path('folder'))
  t.equal(long.code, 0)
  t.equal(long.stdout.trim().split('\n').length, 10_001)
  t.equal(drive.count('readdir'), 1)
  t.equal(drive.count('getattr'), 1, 'of the root, whose mode the kernel compares')
  t.equal(drive.count('lookup'), 1, 'of the folder')
  t.equal((await drive.statistics()).entries, 10_002)
  t.notOk((await drive.statistics()).requests['ACCESS'], 'listing asks for no permissions')
})

t.test('a listing that was offered is read without JavaScript, which hears of the first reading', async t => {
  const drive = await driveWithFolder(t, 3_000)
  t.equal(await drive.session('holdsListing', FOLDER), false)
  await drive.drive('offerListing', FOLDER)
  t.equal(await drive.session('holdsListing', FOLDER), true)
  for (let round = 0; round < 2; round++) {
    t.equal((await run('ls', '-l', drive.path('folder'))).stdout.trim().split('\n').length, 3_001)
  }
  t.match(await drive.event('listed'), { node: FOLDER })
  await drive.session('invalidateEntry', FOLDER, 'file-1')
  t.equal(await drive.session('holdsListing', FOLDER), false)
  t.equal((await run('ls', drive.path('folder'))).stdout.trim().split('\n').length, 3_000)
  t.match(await drive.event('readdir'), { node: FOLDER })
  t.equal(drive.count('listed'), 1)
})

t.test('a listing read by hundreds of small reads has every name once', async t => {
  const drive = await driveWithFolder(t, 1_000)
  // getdents64 with a buffer for about ten names: every READDIR goes on from an offset.
  const program = `
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
fd = os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECTORY)
buffer = ctypes.create_string_buffer(400)
names = []
while True:
    got = libc.syscall(217 if os.uname().machine == 'x86_64' else 61, fd, buffer, 400)
    if got <= 0: break
    at = 0
    while at < got:
        length = struct.unpack_from('H', buffer, at + 16)[0]
        names.append(buffer.raw[at + 19:at + length].split(b'\\0')[0].decode())
        at += length
print(len(names), len(set(names)))`
  t.equal((await run('python3', '-c', program, drive.path('folder'))).stdout.trim(), '1002 1002')
})

t.test('stat shows what the record says', async t => {
  const drive = await DriveProcess.mount(t, { uid: process.getuid?.() ?? 0 })
  const modified = -1_500 // half past a second before 1970
  await drive.drive('addFile', { parent: ROOT, name: 'old', node: 7, size: 5_000_000_000, modified })
  const { stdout } = await run('stat', '-c', '%s %b %f %h %i %u %.9Y %.9Z', drive.path('old'))
  t.equal(stdout.trim(), `5000000000 1 81a4 1 7 ${process.getuid?.()} -1.500000000 -1.500000000`)
})

t.test(
  'a name that is not there is asked of JavaScript once, and not at all when the listing is held',
  async t => {
    const drive = await driveWithFolder(t, 3)
    for (let i = 0; i < 3; i++)
      t.match((await run('cat', drive.path('folder', 'none'))).stderr, /No such file/)
    t.equal(drive.events.filter(event => event.op === 'lookup' && event.name === 'none').length, 1)
    await run('ls', drive.path('folder'))
    t.match((await run('cat', drive.path('folder', 'other'))).stderr, /No such file/)
    t.match((await run('stat', drive.path('folder', 'file-1'))).stdout, /Size: 1/)
    t.equal(drive.events.filter(event => event.op === 'lookup').length, 2, 'folder and none')
  },
)

t.test('names that are no UTF-8 do not exist, and JavaScript never sees them', async t => {
  const drive = await driveWithFolder(t, 1)
  await run('ls', drive.path('folder'))
  const before = drive.events.length
  const program = `
import os, sys
for name in [b'\\xff', b'a\\xc3', b'\\xed\\xa0\\x80', b'\\xc0\\xaf']:
    try: os.stat(sys.argv[1].encode() + b'/' + name)
    except OSError as e: print(e.errno)
try: os.stat(sys.argv[1] + '/' + 256 * 'n')
except OSError as e: print(e.errno)`
  t.equal((await run('python3', '-c', program, drive.path('folder'))).stdout, '2\n2\n2\n2\n36\n')
  t.equal(drive.events.length, before)
})

t.test('names of every kind arrive as they are', async t => {
  const drive = await DriveProcess.mount(t)
  const names = ['ä', 'a\u0308', 'Ünïcødé ✓', '日本語', ' leading', 'new\nline', '😀', 'n'.repeat(255), '-rf']
  for (const [i, name] of names.entries()) {
    await drive.drive('addFile', { parent: ROOT, name, node: 20 + i, size: i })
  }
  const program = `
import json, os, sys
print(json.dumps({n: os.stat(os.path.join(sys.argv[1], n)).st_ino for n in os.listdir(sys.argv[1])}))`
  const { stdout } = await run('python3', '-c', program, drive.directory)
  t.same(JSON.parse(stdout), Object.fromEntries(names.map((name, i) => [name, 20 + i])))
})

t.test('the file system has the size that JavaScript says, and names of 255 bytes', async t => {
  const drive = await DriveProcess.mount(t)
  await drive.session('setStatistics', 4096 * 1000, 4096 * 250, 4096 * 200)
  const { stdout } = await run('stat', '-f', '-c', '%b %f %a %S %l %c', drive.directory)
  t.equal(stdout.trim(), '1000 250 200 4096 255 0')
})

t.test('nothing can be changed', async t => {
  const drive = await driveWithFolder(t, 2)
  const attempts: [string, ...string[]][] = [
    ['touch', drive.path('folder', 'new')],
    ['mkdir', drive.path('new')],
    ['rm', drive.path('folder', 'file-1')],
    ['mv', drive.path('folder', 'file-1'), drive.path('folder', 'moved')],
    ['truncate', '-s', '0', drive.path('folder', 'file-1')],
    ['chmod', '600', drive.path('folder', 'file-1')],
    ['ln', '-s', 'target', drive.path('link')],
  ]
  for (const [command, ...args] of attempts) {
    t.match((await run(command, ...args)).stderr, /Read-only file system/, command)
  }
})

const FORWARDED = ['user.b2bmount.state', 'user.xdg.origin.url']

t.test('our extended attributes are asked of JavaScript, others are not, and none is listed', async t => {
  const drive = await driveWithFolder(t, 2)
  const program = `
import os, sys
path = sys.argv[1]
print(os.getxattr(path, 'user.b2bmount.state').decode())
print(os.getxattr(path, 'user.xdg.origin.url').decode())
for name in ['user.other', 'user.xdg.origin.urls', 'security.selinux', 'system.posix_acl_access']:
    try: print(os.getxattr(path, name))
    except OSError as e: print(e.errno)
print(os.listxattr(path))`
  const { stdout } = await run('python3', '-c', program, drive.path('folder', 'file-1'))
  t.equal(stdout, 'value of user.b2bmount.state\nvalue of user.xdg.origin.url\n61\n61\n95\n95\n[]\n')
  t.ok(drive.events.every(event => event.op !== 'getxattr' || FORWARDED.includes(event.name)))
})

t.test('our extended attributes can be set and removed, others cannot', async t => {
  const drive = await driveWithFolder(t, 2)
  const program = `
import os, sys
path = sys.argv[1]
os.setxattr(path, 'user.b2bmount.pin', b'always-local')
os.setxattr(path, 'user.b2bmount.pin', b'', os.XATTR_REPLACE)
os.removexattr(path, 'user.b2bmount.pin')
for name, value in [('user.other', b'x'), ('trusted.other', b'x'), ('user.b2bmount.pin', b'x' * 256),
                    ('user.b2bmount.pin', b'\\xff')]:
    try: print(os.setxattr(path, name, value))
    except OSError as e: print(e.errno)
try: print(os.removexattr(path, 'user.other'))
except OSError as e: print(e.errno)`
  const { stdout, stderr } = await run('python3', '-c', program, drive.path('folder', 'file-1'))
  t.equal(stdout, isRoot ? '30\n30\n22\n22\n30\n' : '30\n1\n22\n22\n30\n', stderr)
  const events = drive.events.filter(({ op }) => op === 'setxattr' || op === 'removexattr')
  t.match(events, [
    { op: 'setxattr', name: 'user.b2bmount.pin', value: 'always-local', flags: 0 },
    { op: 'setxattr', name: 'user.b2bmount.pin', value: '', flags: 2 },
    { op: 'removexattr', name: 'user.b2bmount.pin' },
  ])
  t.equal(events.length, 3)
})

t.test('access(2) goes by the mode bits, and the drive is not asked', async t => {
  const drive = await driveWithFolder(t, 2)
  const program = `
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
for path in sys.argv[1:]:
    for mode in [os.F_OK, os.R_OK, os.W_OK, os.X_OK]:
        print(ctypes.get_errno() if libc.access(path.encode(), mode) else 0, end=' ')
os.chdir(sys.argv[2])`
  const paths = [drive.path('folder', 'file-1'), drive.path('folder')]
  const { stdout, code, stderr } = await run('python3', '-c', program, ...paths)
  t.equal(stdout, '0 0 0 13 0 0 0 0 ', stderr)
  t.equal(code, 0)
})

t.test('no more entries are held than allowed: the directories used longest ago go first', async t => {
  const drive = await DriveProcess.mount(t, { maxEntries: 250, timeoutSeconds: 0 })
  for (let i = 0; i < 5; i++) {
    await drive.drive('addDirectory', ROOT, `folder-${i}`, 10 + i)
    await drive.drive('addFiles', 10 + i, 'file-', 100, 1000 * (i + 1))
  }
  for (let i = 0; i < 5; i++) {
    t.equal((await run('ls', drive.path(`folder-${i}`))).stdout.split('\n').length, 101)
    t.ok((await drive.statistics()).entries <= 250)
  }
  // The kernel keeps the listings by itself; names it asks for each time.
  const asked = drive.count('lookup')
  await run('stat', drive.path('folder-4/file-7'))
  t.equal(drive.count('lookup'), asked, 'the latest is still held')
  await run('stat', drive.path('folder-0/file-7'))
  t.equal(drive.count('lookup'), asked + 1, 'the first is not')
})

// "The time of birth (`statx`) is when the item was made over there"
t.test('statx shows the time of birth, and everything else as stat does', async t => {
  const drive = await driveWithFolder(t, 2)
  const shown = async (format: string, name: string) =>
    (await run('stat', '-c', format, drive.path('folder', name))).stdout.trim()
  for (const name of ['file-0', 'file-1', '']) {
    // GNU stat asks for the time of birth only where that is to be printed.
    const plain = '%a %b %f %h %i %s %u %.6Y %.6Z %.6X'
    const before = await shown(plain, name)
    t.equal(await shown(`${plain} %W`, name), `${before} ${STATX ? '1600000000' : '0'}`, name)
    t.equal(await shown(plain, name), before, name)
  }
  t.equal(((await drive.statistics()).requests['STATX'] ?? 0) > 0, STATX)
})

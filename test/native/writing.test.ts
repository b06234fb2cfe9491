import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, statfsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ended, isRoot, run, start, until } from './drive-process.js'
import {
  driveWithBase,
  FILE,
  hashOf,
  MADE,
  python,
  pythonArguments,
  writableDrive,
} from './writable-drive.js'

const MIB = 1 << 20

t.test('a file is made, written, read back, renamed and removed', async t => {
  const drive = await writableDrive(t)
  const path = drive.path('new.txt')
  t.equal((await run('sh', '-c', `echo hello > ${path}`)).code, 0)
  t.equal((await run('cat', path)).stdout, 'hello\n')
  t.equal((await run('stat', '-c', '%s', path)).stdout, '6\n')
  t.equal((await run('mv', path, drive.path('old.txt'))).code, 0)
  t.equal((await run('ls', drive.directory)).stdout, 'old.txt\n')
  t.equal((await run('cat', drive.path('old.txt'))).stdout, 'hello\n')
  t.match((await run('cat', path)).stderr, /No such file/)
  t.equal((await run('rm', drive.path('old.txt'))).code, 0)
  t.equal((await run('ls', drive.directory)).stdout, '')
})

t.test('JavaScript is asked once, before the first byte', async t => {
  const { drive, path } = await driveWithBase(t)
  const program = `
fd = os.open(sys.argv[1], os.O_RDWR)
for i in range(100): os.pwrite(fd, b'x' * 5000, i * 4000)
os.close(os.dup(fd))
os.close(fd)`
  await python(t, program, path)
  t.equal(drive.count('begin-write'), 1)
  await python(t, program, path)
  t.equal(drive.count('begin-write'), 1, 'it is dirty already')
  t.equal((await drive.statistics()).writtenBytes, 2 * 100 * 5000)
})

const SETS = `
def shown(): s = os.stat(sys.argv[1]); return oct(s.st_mode & 0o777), s.st_mtime_ns, s.st_size
fd = os.open(sys.argv[1], os.O_WRONLY)
os.write(fd, b'hello')
os.utime(fd, ns=(1, 1234567890123000000))
os.fchmod(fd, 0o640)
os.fchown(fd, os.getuid(), os.getgid())
open_still = shown()
os.close(fd)
print(open_still, shown())`

t.test('what a program sets of the file that it has just written, JavaScript is not asked about', async t => {
  const { drive, path } = await driveWithBase(t)
  const shown = "('0o640', 1234567890123000000, 4000)"
  t.equal((await python(t, SETS, path)).replaceAll(/, \d+\)/g, ', 4000)'), `${shown} ${shown}`)
  await drive.event('release')
  t.equal(drive.count('setattr'), 0)
  const before = 'os.utime(fd, ns=(1, -1500000000)); print(os.fstat(fd).st_mtime_ns)'
  t.equal(await python(t, `fd = os.open(sys.argv[1], os.O_WRONLY); ${before}`, path), '-1500000000')
  t.equal(drive.count('setattr'), 0)
  await drive.drive('ignore', 'setattr')
  const foreign = python(
    t,
    'fd = os.open(sys.argv[1], os.O_WRONLY); print(refused(lambda: os.fchown(fd, 4321, -1)))',
    path,
  )
  // An ordinary user's the kernel refuses by itself (`default_permissions`).
  if (process.getuid?.() === 0)
    await drive.session('replyError', (await drive.event('setattr')).id, 1 /* EPERM */)
  t.equal(await foreign, 'EPERM')
})

t.test('not a byte is in the file before JavaScript has journaled', async t => {
  const { drive, bytes, path } = await driveWithBase(t)
  await drive.drive('ignore', 'begin-write')
  const writer = start(t, 'dd', [
    'if=/dev/zero',
    `of=${path}`,
    'bs=1000',
    'count=1',
    'seek=2',
    'conv=notrunc',
  ])
  const begin = await drive.event('begin-write')
  const unsent = join(drive.scratch, 'unsent', String(FILE))
  t.notOk(existsSync(unsent))
  t.equal(writer.exitCode, null)
  t.equal((await drive.statistics()).writtenBytes, 0)
  await drive.drive('heed', 'begin-write')
  await drive.drive('perform', begin.id)
  t.equal((await ended(writer)).code, 0)
  t.equal(readFileSync(unsent).subarray(2000, 3000).toString(), '\0'.repeat(1000))
  const expected = Buffer.from(bytes).fill(0, 2000, 3000)
  t.equal(await python(t, 'print(file_hash(sys.argv[1]))', path), hashOf(expected))
})

t.test('a writer that is killed before that ends at once, and has written nothing', async t => {
  const { drive, bytes, path } = await driveWithBase(t)
  await drive.drive('ignore', 'begin-write')
  const writer = start(t, 'dd', ['if=/dev/zero', `of=${path}`, 'bs=1000', 'count=1', 'conv=notrunc'])
  const begin = await drive.event('begin-write')
  writer.kill('SIGKILL')
  t.equal((await ended(writer)).signal, 'SIGKILL')
  await drive.event('cancelled', ({ id }) => id === begin.id)
  await drive.session('replyDone', begin.id) // too late, and ignored
  t.equal(await python(t, 'print(file_hash(sys.argv[1]))', path), hashOf(bytes))
})

const SYNC = `
fd = os.open(sys.argv[1], os.O_RDWR)
os.pwrite(fd, b'x', 0)
print(refused(lambda: os.fsync(fd)))`

t.test('what JavaScript does not answer fails with EIO', async t => {
  const { drive, bytes, path } = await driveWithBase(t, {}, { deadlineMilliseconds: 300 })
  for (const op of ['begin-write', 'fsync']) await drive.drive('ignore', op)
  const write = "print(refused(lambda: os.write(os.open(sys.argv[1], os.O_RDWR), b'x')))"
  t.equal(await python(t, write, path), 'EIO')
  await drive.drive('heed', 'begin-write')
  t.equal(await python(t, SYNC, path), 'EIO')
  const expected = Buffer.concat([Buffer.from('x'), bytes.subarray(1)])
  t.equal(await python(t, 'print(file_hash(sys.argv[1]))', path), hashOf(expected), 'readers do not ask')
})

t.test('what JavaScript refuses fails with its reason', async t => {
  const { drive, path } = await driveWithBase(t)
  await drive.drive('ignore', 'fsync')
  const syncing = python(t, SYNC, path)
  await drive.session('replyError', (await drive.event('fsync')).id, 28 /* ENOSPC */)
  t.equal(await syncing, 'ENOSPC')
})

t.test('bytes are what a file of the disk has, whatever is done in whatever order', async t => {
  for (const [how, present] of [
    ['all of the base is here', undefined],
    ['none of the base is here', []],
  ] as const) {
    const { drive, path } = await driveWithBase(t, present ? { present } : {})
    await drive.drive('hydrate')
    const program = `
path, other, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
random.seed(seed)
pairs = []
def reopen():
    for pair in pairs: [os.close(fd) for fd in pair]
    pairs.clear()
    for flags in (0, 0, os.O_APPEND): pairs.append([os.open(p, os.O_RDWR | flags) for p in (path, other)])
reopen()
def both(work): return [work(fd) for fd in (random.choice(pairs))]
def same(pair, what):
    assert pair[0] == pair[1], (step, what)
for step in range(400):
    size = os.stat(other).st_size
    at, length = random.randrange(size + 5000), random.choice([1, 100, 4096, 20000, 150000])
    kind = random.randrange(10)
    data = random.randbytes(length)
    if kind < 4: both(lambda fd: os.pwrite(fd, data, at))
    elif kind == 4: both(lambda fd: os.ftruncate(fd, at))
    elif kind == 5: [os.truncate(p, at) for p in (path, other)]
    elif kind == 6: both(lambda fd: fallocate(fd, random.Random(step).choice([PUNCH_HOLE | KEEP_SIZE, ZERO_RANGE, ZERO_RANGE | KEEP_SIZE, 0, KEEP_SIZE]), at, length))
    elif kind == 7 and size > 0:
        for fd in [os.open(p, os.O_RDWR) for p in (path, other)]:
            with mmap.mmap(fd, size) as m:
                start = at % size
                m[start:start + length] = data[:max(0, min(length, size - start))]
            os.close(fd)
    elif kind == 8: reopen()
    same(both(lambda fd: os.fstat(fd).st_size), 'fstat')
    same([os.stat(p).st_size for p in (path, other)], 'stat')
    same(both(lambda fd: os.pread(fd, 30000, at // 2)), 'pread')
    if step % 20 == 0: same([file_hash(p) for p in (path, other)], 'all')
same([file_hash(p) for p in (path, other)], 'all')
print('fine')`
    const seed = process.env['SEED'] ?? '1'
    const other = join(drive.scratch, 'other')
    execFileSync('cp', [join(drive.scratch, 'cache'), other])
    t.equal(await python(t, program, path, other, seed), 'fine', `${how}, SEED=${seed}`)
    await until(() => Promise.resolve(drive.count('release') === drive.count('open')))
    const again = await python(t, 'print(file_hash(sys.argv[1]), os.stat(sys.argv[1]).st_size)', path)
    t.equal(again, `${hashOf(readFileSync(other))} ${statSync(other).size}`, 'also when it is opened again')
    t.equal(await drive.drive('sizeOf', FILE), statSync(other).size)
  }
})

t.test('a read waits for those bytes of the base only that were not written', async t => {
  const { drive, bytes, path } = await driveWithBase(t, { present: [] })
  const write = "os.pwrite(os.open(sys.argv[1], os.O_RDWR), b'N' * 4096, 4096)"
  await python(t, write, path)
  const direct = `
fd = os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECT)
buffer = mmap.mmap(-1, int(sys.argv[3]))
print(hashlib.sha256(buffer[:os.preadv(fd, [buffer], int(sys.argv[2]))]).hexdigest())`
  t.equal(await python(t, direct, path, '4096', '4096'), hashOf(Buffer.alloc(4096, 'N')))
  t.equal(drive.count('read'), 0)
  const mixed = python(t, direct, path, '0', '16384')
  const read = await drive.event('read')
  t.match(read, { start: 0, end: 16_384 })
  const content = await drive.drive<number>('contentOf', FILE)
  await drive.session('contentPresent', content, 8192, 16_384)
  await drive.session('contentPresent', content, 0, 4096)
  const expected = Buffer.concat([
    bytes.subarray(0, 4096),
    Buffer.alloc(4096, 'N'),
    bytes.subarray(8192, 16_384),
  ])
  t.equal(await mixed, hashOf(expected))
})

t.test('a file that grows has zeros where nothing was written, and the base gives none of them', async t => {
  const { drive, bytes, path } = await driveWithBase(t, { present: [0, 1000] })
  const program = `
fd = os.open(sys.argv[1], os.O_RDWR)
os.ftruncate(fd, 1000)
os.pwrite(fd, b'end', 1 << 40)
print(os.fstat(fd).st_size, os.pread(fd, 5, (1 << 40) - 2), file_range(fd))`
  const range = 'file_range = lambda fd: hashlib.sha256(os.pread(fd, 200000, 0)).hexdigest()'
  const expected = hashOf(Buffer.concat([bytes.subarray(0, 1000), Buffer.alloc(199_000)]))
  t.equal(await python(t, range + program, path), `${2 ** 40 + 3} b'\\x00\\x00end' ${expected}`)
  t.equal(drive.count('read'), 0)
})

t.test('an O_TRUNC needs nothing of the base', async t => {
  const { drive, path } = await driveWithBase(t, { present: [] })
  t.equal((await run('sh', '-c', `echo short > ${path}; cat ${path}`)).stdout, 'short\n')
  t.equal(drive.count('read'), 0)
})

t.test('who has the file open sees what others write, and how long it is', async t => {
  const { drive, path } = await driveWithBase(t)
  const program = `
reader, writer = os.open(sys.argv[1], os.O_RDONLY), os.open(sys.argv[1], os.O_WRONLY)
before = os.pread(reader, 4, 0)
os.pwrite(writer, b'NEW!', 0)
os.pwrite(writer, b'tail', 400000)
print(os.pread(reader, 4, 0), os.pread(reader, 100, 399998), os.fstat(reader).st_size)
os.ftruncate(writer, 2)
print(os.pread(reader, 100, 0), os.fstat(reader).st_size)`
  t.equal(await python(t, program, path), "b'NEW!' b'\\x00\\x00tail' 400004\nb'NE' 2")
  t.equal(drive.count('begin-write'), 1)
})

t.test('every write is a new time of modification, until one is set', async t => {
  const { path } = await driveWithBase(t)
  const program = `
path = sys.argv[1]
fd = os.open(path, os.O_RDWR)
times = [os.stat(path).st_mtime_ns]
for i in range(3):
    while os.stat(path).st_mtime_ns // 1000000 == __import__('time').time_ns() // 1000000: pass
    os.pwrite(fd, b'x', i)
    times.append(os.stat(path).st_mtime_ns)
print(sorted(set(times)) == times)
os.utime(fd, (5, 7))
print(os.stat(path).st_mtime, os.fstat(fd).st_mtime)
os.close(fd)
print(os.stat(path).st_mtime)
os.utime(path, ns=(0, -1500000000))
print(os.stat(path).st_mtime)`
  t.equal(await python(t, program, path), 'True\n7.0 7.0\n7.0\n-1.5')
})

t.test('mappings', async t => {
  await t.test('what is written into a shared mapping is in the file', async t => {
    const { drive, path } = await driveWithBase(t)
    const program = `
fd = os.open(sys.argv[1], os.O_RDWR)
os.ftruncate(fd, 100000)
m = mmap.mmap(fd, 100000)
m[50000:50004] = b'HERE'
m.flush()
print(os.pread(fd, 4, 50000), os.stat(sys.argv[1]).st_size)`
    t.equal(await python(t, program, path), "b'HERE' 100000")
    t.equal(
      readFileSync(join(drive.scratch, 'unsent', String(FILE)))
        .subarray(50_000, 50_004)
        .toString(),
      'HERE',
    )
  })

  await t.test('also after the file was closed: then the release is the last that is heard', async t => {
    const { drive, path } = await driveWithBase(t)
    const program = `
fd = os.open(sys.argv[1], os.O_RDWR)
m = mmap.mmap(fd, 0)
os.close(fd)
m[10:14] = b'LATE'
m.close()`
    await python(t, program, path)
    await drive.event('release')
    t.equal((await run('dd', `if=${path}`, 'bs=1', 'skip=10', 'count=4', 'status=none')).stdout, 'LATE')
    t.equal(
      readFileSync(join(drive.scratch, 'unsent', String(FILE)))
        .subarray(10, 14)
        .toString(),
      'LATE',
    )
  })
})

t.test('O_DIRECT writes and reads', async t => {
  const { bytes, path } = await driveWithBase(t)
  const program = `
fd = os.open(sys.argv[1], os.O_RDWR | os.O_DIRECT)
buffer = mmap.mmap(-1, 1 << 20)
buffer.write(b'D' * (1 << 20))
print(os.pwritev(fd, [buffer], 8192))
back = mmap.mmap(-1, 8192)
os.preadv(fd, [back], 4096)
print(hashlib.sha256(back).hexdigest(), file_hash(sys.argv[1]))`
  const expected = Buffer.concat([bytes.subarray(0, 8192), Buffer.alloc(MIB, 'D')])
  t.equal(
    await python(t, program, path),
    `${MIB}\n${hashOf(expected.subarray(4096, 12_288))} ${hashOf(expected)}`,
  )
})

t.test('what is appended comes one after the other, nothing is lost', async t => {
  const drive = await writableDrive(t)
  const path = drive.path('log')
  const program = `
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
for i in range(200): os.write(fd, (sys.argv[2] * 70 + '\\n').encode())`
  await Promise.all(['a', 'b', 'c', 'd'].map(letter => python(t, program, path, letter)))
  const lines = readFileSync(join(drive.scratch, 'unsent', String(MADE)), 'utf8')
    .split('\n')
    .slice(0, -1)
  t.equal(lines.length, 800)
  for (const letter of 'abcd') t.equal(lines.filter(line => line === letter.repeat(70)).length, 200)
  // One write, which the kernel sends in parts at the same time.
  const direct = `
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_DIRECT)
buffer = mmap.mmap(-1, 8 << 20)
for i in range(8): buffer.write(bytes([i]) * (1 << 20))
for _ in range(3): os.writev(fd, [buffer])
print(file_hash(sys.argv[1]))`
  const once = Buffer.concat(Array.from({ length: 8 }, (_, i) => Buffer.alloc(MIB, i)))
  t.equal(await python(t, direct, drive.path('direct')), hashOf(Buffer.concat([once, once, once])))
})

t.test('many writers, all of whom were there before the first byte', async t => {
  const { drive, bytes, path } = await driveWithBase(t)
  await drive.drive('ignore', 'begin-write')
  const program = `
fd, own = os.open(sys.argv[1], os.O_RDWR | os.O_DIRECT), int(sys.argv[2])
buffer = mmap.mmap(-1, 4096)
buffer.write(bytes([own]) * 4096)
for i in range(8): os.pwritev(fd, [buffer], 4096 * (8 * i + own))`
  const writers = Promise.all(Array.from({ length: 8 }, (_, own) => python(t, program, path, String(own))))
  await until(() => Promise.resolve(drive.count('open') === 8 && drive.count('begin-write') > 0))
  await drive.drive('heed', 'begin-write')
  for (const event of drive.events) if (event.op === 'begin-write') await drive.drive('perform', event.id)
  await writers
  const expected = Buffer.from(bytes)
  for (let i = 0; i < 64; i++) expected.fill(i % 8, 4096 * i, 4096 * (i + 1))
  t.equal(await python(t, 'print(file_hash(sys.argv[1]))', path), hashOf(expected))
})

t.test('fallocate reserves, grows, punches and zeroes; the rest is refused', async t => {
  const { drive, path } = await driveWithBase(t, { present: [] })
  const program = `
fd = os.open(sys.argv[1], os.O_RDWR)
size = lambda: os.fstat(fd).st_size
fallocate(fd, KEEP_SIZE, 0, 400000); print(size())
fallocate(fd, 0, 0, 400000); print(size())
fallocate(fd, PUNCH_HOLE | KEEP_SIZE, 0, 250000); print(size())
fallocate(fd, ZERO_RANGE | KEEP_SIZE, 250000, 400000); print(size())
fallocate(fd, ZERO_RANGE, 390000, 20000); print(size())
print(refused(lambda: fallocate(fd, COLLAPSE_RANGE, 0, 4096)))
print(file_hash(sys.argv[1]))`
  const expected = [
    '300000',
    '400000',
    '400000',
    '400000',
    '410000',
    'ENOTSUP',
    hashOf(Buffer.alloc(410_000)),
  ]
  t.equal(await python(t, program, path), expected.join('\n'))
  t.equal(drive.count('read'), 0, 'the base gives none of it')
  t.equal(drive.count('begin-write'), 1)
})

t.test('a size above the largest is EFBIG by every way, natively and before anything else', async t => {
  const { drive, path } = await driveWithBase(t, {}, { largestFile: 1_000_000 })
  const program = `
size = lambda: os.stat(sys.argv[1]).st_size
fd = os.open(sys.argv[1], os.O_RDWR)
print(refused(lambda: os.pwrite(fd, b'xx', 999999)))
print(refused(lambda: os.pwrite(fd, b'x', 1 << 50)))
print(refused(lambda: fallocate(fd, 0, 0, 1000001)))
print(refused(lambda: fallocate(fd, KEEP_SIZE, 999999, 2)))
print(refused(lambda: fallocate(fd, ZERO_RANGE, 0, 1000001)))
other = os.open('/dev/zero', os.O_RDONLY)
os.lseek(fd, 1000000, os.SEEK_SET)
print(refused(lambda: os.sendfile(fd, other, None, 4096)))
print(refused(lambda: os.write(fd, b'x')))
print(refused(lambda: os.copy_file_range(fd, fd, 4096, 0, 1000000)), size())
`
  const refused = ['EFBIG', 'EFBIG', 'EFBIG', 'EFBIG', 'EFBIG', 'EFBIG', 'EFBIG', 'EFBIG 300000']
  t.equal(await python(t, program, path), refused.join('\n'))
  t.equal(drive.count('begin-write'), 0, 'JavaScript has not heard of it')
  const fits = `
fd = os.open(sys.argv[1], os.O_RDWR)
fallocate(fd, 0, 0, 1000000)
os.pwrite(fd, b'x', 999999)
append = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)
print(refused(lambda: os.write(append, b'x')), os.fstat(fd).st_size)`
  t.equal(await python(t, fits, path), 'EFBIG 1000000')
})

t.test('what the disk cannot hold is not tried: nobody else meets a full disk', async t => {
  const { drive, path } = await driveWithBase(t, {}, { largestFile: 2 ** 53 - 1 })
  const free = statfsSync(drive.scratch)
  const program = `
fd = os.open(sys.argv[1], os.O_RDWR)
print(refused(lambda: fallocate(fd, 0, 0, int(sys.argv[2]))), os.fstat(fd).st_size)`
  const everything = free.bsize * free.blocks
  t.equal(await python(t, program, path, String(everything)), 'ENOSPC 300000')
  const unsent = readdirSync(drive.scratch, { recursive: true, withFileTypes: true }).filter(
    entry => entry.isFile() && entry.parentPath.endsWith('unsent'),
  )
  t.ok(unsent.length > 0)
  for (const { parentPath, name } of unsent) t.ok(statSync(join(parentPath, name)).blocks < 2_000, name)
})

t.test('fsync asks JavaScript where something was written, and for directories', async t => {
  const { drive, path } = await driveWithBase(t)
  await python(t, 'os.fsync(os.open(sys.argv[1], os.O_RDONLY))', path)
  t.equal(drive.count('fsync'), 0)
  const program = "fd = os.open(sys.argv[1], os.O_WRONLY)\nos.write(fd, b'x')\nos.fsync(fd)"
  await python(t, program, path)
  const fsync = await drive.event('fsync')
  t.ok(fsync.handle)
  await python(t, 'os.fsync(os.open(sys.argv[1], os.O_RDONLY))', drive.directory)
  t.match(await drive.event('fsync', event => event.handle === undefined), { op: 'fsync' })
})

t.test('a full disk changes nothing', { skip: !isRoot && 'needs a small disk' }, async t => {
  const { drive, bytes, path } = await driveWithBase(t)
  const unsent = join(drive.scratch, 'unsent')
  mkdirSync(unsent)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1M', 'none', unsent])
  t.teardown(() => execFileSync('umount', ['-l', unsent]))
  const program = `
fd = os.open(sys.argv[1], os.O_RDWR)
os.pwrite(fd, b'kept' * 1000, 0)
before = file_hash(sys.argv[1])
print(refused(lambda: os.pwrite(fd, b'L' * (2 << 20), 0)))
direct = os.open(sys.argv[1], os.O_RDWR | os.O_DIRECT)
buffer = mmap.mmap(-1, 1 << 20)
for at in (0, 8192, 299008): print(refused(lambda: os.pwritev(direct, [buffer], at)))
print(refused(lambda: fallocate(fd, 0, 0, 4 << 20)))
print(os.fstat(fd).st_size, before == file_hash(sys.argv[1]))
os.pwrite(fd, b'more', 4000)
os.close(fd)
print(file_hash(sys.argv[1]))`
  const expected = Buffer.from(bytes)
  expected.write('kept'.repeat(1000) + 'more')
  const [whole, ...rest] = (await python(t, program, path)).split('\n')
  t.equal(whole, 'ENOSPC')
  t.same(rest, ['ENOSPC', 'ENOSPC', 'ENOSPC', 'ENOSPC', '300000 True', hashOf(expected)])
})

t.test('a program that is killed while it writes has written what the kernel took', async t => {
  const drive = await writableDrive(t)
  const path = drive.path('log')
  const program = `
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
while True: os.write(fd, b'0123456789abcde\\n' * 1000)`
  const writer = start(t, 'python3', pythonArguments(program, path))
  await until(async () => (await drive.statistics()).writtenBytes > MIB)
  writer.kill('SIGKILL')
  await ended(writer)
  await drive.event('release')
  const written = readFileSync(join(drive.scratch, 'unsent', String(MADE)))
  t.equal(written.length, (await drive.statistics()).writtenBytes)
  t.equal(await drive.drive('sizeOf', MADE), written.length)
  t.equal(hashOf(written), hashOf(Buffer.alloc(written.length, '0123456789abcde\n')))
})

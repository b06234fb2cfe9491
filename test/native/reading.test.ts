import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { DriveProcess, ended, isRoot, run, start, until } from './drive-process.js'
import { type FileSpec, ROOT } from './memory-drive.js'

const FILE = 50
const MIB = 1 << 20
const KIB = 1 << 10

interface World {
  readonly drive: DriveProcess
  readonly bytes: Buffer
  readonly path: string
}

/** One file, `file`, of 3 MiB and some bytes. */
async function driveWithFile(
  t: Test,
  spec: Partial<FileSpec> = {},
  options: Parameters<DriveProcess['mount']>[0] = {},
): Promise<World> {
  const drive = await DriveProcess.mount(t, options)
  const bytes = Buffer.alloc(3 * MIB + 777)
  for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 31 + (i >> 8)) & 0xff
  const cache = join(drive.scratch, 'cache')
  writeFileSync(cache, bytes)
  await drive.drive('addFile', { parent: ROOT, name: 'file', node: FILE, size: bytes.length, cache, ...spec })
  return { drive, bytes, path: drive.path('file') }
}

const hashOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

async function hashOfFile(path: string): Promise<string> {
  return (await run('sha256sum', path)).stdout.slice(0, 64)
}

t.test('local bytes are read without JavaScript, the second time without us', async t => {
  const { drive, bytes, path } = await driveWithFile(t)
  t.equal(await hashOfFile(path), hashOf(bytes))
  t.equal(drive.count('read'), 0)
  const { requests, readBytes } = await drive.statistics()
  t.ok(readBytes >= bytes.length)
  t.equal(await hashOfFile(path), hashOf(bytes))
  t.equal((await drive.statistics()).requests['READ'], requests['READ'], 'from the page cache')
  t.equal(drive.count('open'), 2)
  await drive.event('release', event => event.handle === 2)
})

t.test('any range of a file is right', async t => {
  const { bytes, path } = await driveWithFile(t)
  const program = `
import hashlib, os, random, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
random.seed(1)
for _ in range(200):
    start, size = random.randrange(${bytes.length + 10}), random.randrange(1, 300000)
    print(start, size, hashlib.sha256(os.pread(fd, size, start)).hexdigest())`
  const lines = (await run('python3', '-c', program, path)).stdout.trim().split('\n')
  t.equal(lines.length, 200)
  const wrong = lines.filter(line => {
    const [start, size, hash] = line.split(' ')
    return hashOf(bytes.subarray(Number(start), Number(start) + Number(size))) !== hash
  })
  t.same(wrong, [])
})

t.test('a read of missing bytes waits for them, and for no more', async t => {
  const { drive, bytes, path } = await driveWithFile(t, { present: [0, MIB] })
  const reader = start(t, 'dd', [`if=${path}`, 'bs=64k', 'skip=32', 'count=1', 'of=/dev/null'])
  const read = await drive.event('read', event => event.end > 2 * MIB)
  t.ok(read.start <= 2 * MIB && read.end >= 2 * MIB + 64 * KIB)
  t.equal(reader.exitCode, null)
  t.equal(await hashOfRange(path, 0, MIB), hashOf(bytes.subarray(0, MIB)), 'others read on meanwhile')
  const content = await drive.drive<number>('contentOf', FILE)
  // In pieces, from both ends.
  await drive.session('contentPresent', content, 2 * MIB + 8 * KIB, bytes.length)
  await drive.session('contentPresent', content, MIB, 2 * MIB + 8 * KIB)
  t.equal((await ended(reader)).code, 0)
  t.equal(await hashOfFile(path), hashOf(bytes))
})

async function hashOfRange(path: string, start: number, size: number): Promise<string> {
  const program =
    'import hashlib,os,sys\nf=os.open(sys.argv[1],os.O_RDONLY)\nos.posix_fadvise(f,0,0,os.POSIX_FADV_RANDOM)\nprint(hashlib.sha256(os.pread(f,int(sys.argv[3]),int(sys.argv[2]))).hexdigest())'
  return (await run('python3', '-c', program, path, String(start), String(size))).stdout.trim()
}

t.test('many readers of one missing range get the same bytes', async t => {
  const { drive, bytes, path } = await driveWithFile(t, { present: [] })
  const hashes = Promise.all(Array.from({ length: 8 }, () => hashOfFile(path)))
  await drive.event('read')
  const content = await drive.drive<number>('contentOf', FILE)
  for (let start = 0; start < bytes.length; start += 100_000) {
    await drive.session('contentPresent', content, start, Math.min(start + 100_000, bytes.length))
  }
  t.same(
    await hashes,
    Array.from({ length: 8 }, () => hashOf(bytes)),
  )
})

t.test('a killed reader ends at once, and its waiting reads are cancelled', async t => {
  const { drive, path } = await driveWithFile(t, { present: [] })
  const reader = start(t, 'cat', [path])
  const read = await drive.event('read')
  reader.kill('SIGKILL')
  t.equal((await ended(reader)).signal, 'SIGKILL')
  await drive.event('cancelled', event => event.id === read.id)
  await drive.event('release', event => event.handle === read.handle)
})

t.test('a killed program of many threads, too', async t => {
  const { drive, path } = await driveWithFile(t, { present: [] })
  const program = `
import sys, threading, time
threading.Thread(target=lambda: open(sys.argv[1], 'rb').read()).start()
time.sleep(60)`
  const reader = start(t, 'python3', ['-c', program, path])
  const read = await drive.event('read')
  reader.kill('SIGKILL')
  t.equal((await ended(reader)).signal, 'SIGKILL')
  await drive.event('cancelled', event => event.id === read.id)
})

t.test('a reader does not notice that its program starts others, which closes its file in them', async t => {
  const { drive, bytes, path } = await driveWithFile(t, { present: [] })
  const program = `
import hashlib, subprocess, sys, threading
def read():
    with open(sys.argv[1], 'rb') as f: print(hashlib.sha256(f.read()).hexdigest())
reader = threading.Thread(target=read)
reader.start()
for line in sys.stdin: subprocess.run(['true'])
reader.join()`
  const reader = start(t, 'python3', ['-c', program, path], { stdio: ['pipe', 'pipe', 'inherit'] })
  const output: string[] = []
  reader.stdout?.on('data', chunk => output.push(String(chunk)))
  await drive.event('read')
  reader.stdin?.end('one\ntwo\nthree\n')
  await until(async () => ((await drive.statistics()).requests['FLUSH'] ?? 0) >= 3)
  t.equal(drive.count('cancelled'), 0)
  await drive.session('contentPresent', await drive.drive('contentOf', FILE), 0, bytes.length)
  t.equal((await ended(reader)).code, 0)
  t.equal(output.join('').trim(), hashOf(bytes))
})

t.test('an interrupted open ends at once, and its answer comes to nothing', async t => {
  const { drive, path } = await driveWithFile(t)
  await drive.drive('ignore', 'open')
  const reader = start(t, 'cat', [path])
  const open = await drive.event('open')
  reader.kill('SIGTERM')
  t.equal((await ended(reader)).signal, 'SIGTERM')
  await drive.event('cancelled', event => event.id === open.id)
  await drive.drive('answerOpen', open.id, FILE)
  await drive.event('release', event => event.handle === 1)
})

t.test('what JavaScript does not answer fails with EIO after the deadline, and is counted', async t => {
  const { drive, path } = await driveWithFile(t, { present: [] }, { deadlineMilliseconds: 200 })
  t.match((await run('cat', path)).stderr, /Input\/output error/)
  for (const op of ['lookup', 'readdir', 'open', 'getxattr']) await drive.drive('ignore', op)
  t.match((await run('cat', drive.path('other'))).stderr, /Input\/output error/)
  t.match((await run('ls', drive.directory)).stderr, /Input\/output error/)
  t.match((await run('cat', path)).stderr, /Input\/output error/)
  t.ok((await drive.statistics()).expired >= 4)
  const lookup = await drive.event('lookup', event => event.name === 'other')
  await drive.event('cancelled', event => event.id === lookup.id)
  await drive.session('replyNoEntry', lookup.id) // too late, and ignored
  t.equal((await run('stat', drive.directory)).code, 0, 'the rest goes on')
})

t.test('content that makes progress restarts the deadline of its readers', async t => {
  const deadlineMilliseconds = 600
  const { drive, bytes, path } = await driveWithFile(t, { present: [] }, { deadlineMilliseconds })
  const hash = hashOfFile(path)
  await drive.event('read')
  const content = await drive.drive<number>('contentOf', FILE)
  const began = Date.now()
  // The clock in question is the addon's, so this test has to let real time pass.
  let start = 0
  const timer = setInterval(() => {
    void drive.session('contentPresent', content, start, start + 1)
    start += 1
  }, 50)
  t.teardown(() => clearInterval(timer))
  await new Promise(resolve => setTimeout(resolve, 3 * deadlineMilliseconds))
  clearInterval(timer)
  t.equal((await drive.statistics()).expired, 0)
  await drive.session('contentPresent', content, 0, bytes.length)
  t.equal(await hash, hashOf(bytes))
  t.ok(Date.now() - began > 2 * deadlineMilliseconds)
})

t.test('JavaScript can fail a read with an errno of its choice', async t => {
  const { drive, path } = await driveWithFile(t, { present: [] })
  const outcome = run('dd', `if=${path}`, 'iflag=direct', 'bs=4096', 'count=1', 'of=/dev/null')
  const read = await drive.event('read')
  await drive.session('replyError', read.id, 101 /* ENETUNREACH */)
  t.match((await outcome).stderr, /Network is unreachable/)
})

t.test('dropped content: waiting reads fail with EIO', async t => {
  const { drive, path } = await driveWithFile(t, { present: [0, MIB] })
  const waiting = run('dd', `if=${path}`, 'iflag=direct', 'bs=1M', 'skip=1', 'count=1', 'of=/dev/null')
  await drive.event('read')
  await drive.session('dropContent', await drive.drive('contentOf', FILE))
  t.match((await waiting).stderr, /Input\/output error/)
})

t.test('a cache file that is shorter than it should be is an error, never zeros', async t => {
  const { drive, path } = await driveWithFile(t)
  writeFileSync(join(drive.scratch, 'cache'), Buffer.alloc(MIB))
  t.match((await run('dd', `if=${path}`, 'bs=64k', 'skip=40', 'of=/dev/null')).stderr, /Input\/output error/)
})

t.test('a file has no holes, local or not', async t => {
  const { bytes, path } = await driveWithFile(t, { present: [0, 4096] })
  const program = `
import errno, os, sys
fd, size = os.open(sys.argv[1], os.O_RDONLY), ${bytes.length}
print(os.lseek(fd, 5000, os.SEEK_DATA), os.lseek(fd, 5000, os.SEEK_HOLE), os.lseek(fd, -1, os.SEEK_END))
for whence in (os.SEEK_DATA, os.SEEK_HOLE):
    try: os.lseek(fd, size, whence)
    except OSError as e: print(errno.errorcode[e.errno])`
  const { stdout } = await run('python3', '-c', program, path)
  t.equal(stdout, `5000 ${bytes.length} ${bytes.length - 1}\nENXIO\nENXIO\n`)
})

t.test('an empty file is empty', async t => {
  const { path } = await driveWithFile(t, { size: 0 })
  const outcome = await run('cat', path)
  t.same([outcome.code, outcome.stdout], [0, ''])
})

t.test('mmap sees the bytes', async t => {
  const { bytes, path } = await driveWithFile(t)
  const program = `
import hashlib, mmap, sys
with open(sys.argv[1], 'rb') as f: print(hashlib.sha256(mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)).hexdigest())`
  t.equal((await run('python3', '-c', program, path)).stdout.trim(), hashOf(bytes))
})

t.test('passthrough', { skip: !isRoot && 'needs CAP_SYS_ADMIN' }, async t => {
  await t.test('verified, complete content is read by the kernel itself', async t => {
    const { drive, bytes, path } = await driveWithFile(t, { verified: true }, { passthrough: true })
    t.equal(await hashOfFile(path), hashOf(bytes))
    const { requests, passthroughOpens } = await drive.statistics()
    t.equal(passthroughOpens, 1)
    t.equal(requests['READ'], undefined)
    t.equal(requests['FLUSH'], undefined)
    t.equal(await hashOfFile(path), hashOf(bytes))
  })

  await t.test('content that is not verified, or not complete, is not', async t => {
    const complete = await driveWithFile(t, { verified: false }, { passthrough: true })
    await hashOfFile(complete.path)
    t.equal((await complete.drive.statistics()).passthroughOpens, 0)
    const verified = await driveWithFile(t, { verified: true, present: [0, MIB] }, { passthrough: true })
    await hashOfRange(verified.path, 0, 4096)
    t.equal((await verified.drive.statistics()).passthroughOpens, 0)
  })

  await t.test(
    'a file that becomes complete while it is open goes on as it is, and changes after',
    async t => {
      const { drive, bytes, path } = await driveWithFile(t, { present: [0, MIB] }, { passthrough: true })
      const holder = start(t, 'python3', [
        '-c',
        'import sys,time\nf=open(sys.argv[1],"rb")\nf.read(1)\ntime.sleep(60)',
        path,
      ])
      await drive.event('open')
      const content = await drive.drive<number>('contentOf', FILE)
      await drive.session('contentPresent', content, 0, bytes.length)
      await drive.session('contentVerified', content)
      for (let i = 0; i < 3; i++) t.equal(await hashOfFile(path), hashOf(bytes), 'while somebody has it open')
      t.equal((await drive.statistics()).passthroughOpens, 0)
      holder.kill('SIGKILL')
      await drive.event('release', event => event.handle === 1)
      t.equal(await hashOfFile(path), hashOf(bytes))
      t.equal((await drive.statistics()).passthroughOpens, 1)
    },
  )

  await t.test('opens of both kinds and O_DIRECT, at the same time and in any order, never fail', async t => {
    const { drive, bytes, path } = await driveWithFile(t, { verified: true }, { passthrough: true })
    const program = `
import mmap, os, random, sys
random.seed(int(sys.argv[2]))
want = open(sys.argv[3], 'rb').read()
held = []
for _ in range(300):
    flags = os.O_RDONLY | (os.O_DIRECT if random.random() < 0.5 else 0)
    fd = os.open(sys.argv[1], flags)
    held.append(fd)
    if len(held) > 3 or random.random() < 0.5: os.close(held.pop(random.randrange(len(held))))
    if held:
        buffer = mmap.mmap(-1, 8192)
        at = 4096 * random.randrange(700)
        got = os.preadv(random.choice(held), [buffer], at)
        assert buffer[:got] == want[at:at + 8192], 'wrong bytes'
for fd in held: os.close(fd)
print('fine')`
    const outcomes = await Promise.all(
      [1, 2, 3, 4].map(seed =>
        run('python3', '-c', program, path, String(seed), join(drive.scratch, 'cache')),
      ),
    )
    t.same(
      outcomes.map(outcome => outcome.stdout + outcome.stderr),
      ['fine\n', 'fine\n', 'fine\n', 'fine\n'],
    )
    t.equal(await hashOfFile(path), hashOf(bytes))
  })
})

t.test('a handler that throws fails nothing but its own request', async t => {
  const { drive, bytes, path } = await driveWithFile(t, {}, { deadlineMilliseconds: 300 })
  await drive.drive('addFile', { parent: ROOT, name: 'broken', node: 51, size: 1 })
  t.match((await run('cat', drive.path('broken'))).stderr, /Input\/output error/)
  t.same(drive.uncaught, ['node 51 has no content'])
  t.equal(await hashOfFile(path), hashOf(bytes))
})

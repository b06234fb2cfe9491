import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, copyFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { systemClock, type Clock } from '../../../src/concurrency/clock.js'
import { ProcPrograms } from '../../../src/fs/proc-programs.js'

interface Process {
  readonly tgid?: number
  readonly comm: string
  readonly parent?: number
  readonly started?: number
  readonly exe?: string
  readonly cmdline?: readonly string[]
}

/** A `/proc` of our own. */
function fakeProc(t: { testdir: () => string }) {
  const proc = t.testdir()
  const put = (pid: number, { tgid = pid, comm, parent = 1, started = 7, exe, cmdline }: Process) => {
    const directory = join(proc, String(pid))
    rmSync(directory, { recursive: true, force: true })
    mkdirSync(directory)
    const rest = [...Array.from({ length: 17 }, () => 0), started, 0]
    writeFileSync(join(directory, 'stat'), `${pid} (${comm}) S ${parent} ${rest.join(' ')}\n`)
    writeFileSync(join(directory, 'status'), `Name:\t${comm}\nUmask:\t0022\nTgid:\t${tgid}\nPid:\t${pid}\n`)
    if (exe !== undefined) symlinkSync(exe, join(directory, 'exe'))
    if (cmdline !== undefined)
      writeFileSync(join(directory, 'cmdline'), cmdline.map(each => `${each}\0`).join(''))
  }
  let now = 0
  const clock: Clock = { ...systemClock, now: () => (now += 1_000) }
  const programs = new ProcPrograms({
    proc,
    clock,
    needsArguments: names => names.includes('kioworker'),
  })
  const namesOf = async (pid: number) => (await programs.lineageOf(pid)).map(({ name }) => name)
  return { proc, put, programs, namesOf }
}

t.test('a thread stands for its process', async t => {
  const { put, programs } = fakeProc(t)
  put(20, { comm: 'nautilus', exe: '/usr/bin/nautilus' })
  put(21, { tgid: 20, comm: 'pool-org.gnome.', exe: '/usr/bin/nautilus' })
  t.match(await programs.lineageOf(21), [{ name: 'nautilus', path: '/usr/bin/nautilus', comm: 'nautilus' }])
})

t.test('who started whom is told, up to three generations back', async t => {
  const { put, namesOf } = fakeProc(t)
  for (let pid = 20; pid < 26; pid++) put(pid, { comm: `p${pid}`, exe: `/bin/p${pid}`, parent: pid - 1 })
  t.same(await namesOf(25), ['p25', 'p24', 'p23', 'p22'])
  t.same(await namesOf(20), ['p20'], 'and no further than is known')
})

t.test('a script is called by its own name, not by that of its interpreter', async t => {
  const { put, programs } = fakeProc(t)
  put(20, {
    comm: 'python3',
    exe: '/usr/bin/python3.11',
    cmdline: ['/usr/bin/python3', '-u', '/usr/bin/duplicity', 'full', '/home/ann'],
  })
  const [program] = await programs.lineageOf(20)
  t.equal(program?.name, 'duplicity')
  t.same(program?.names, ['duplicity', 'python3.11', 'python3'])
})

// "never by a text on its command line (`python -c`, `sh -c`), in which there may be a password"
t.test('a text on the command line is no name', async t => {
  const { put, namesOf } = fakeProc(t)
  let started = 100
  const secret = '\nopen("x").write("hunter2")'
  for (const [exe, words, expected] of [
    ['/usr/bin/python3.11', ['python3', '-c', secret], 'python3'],
    ['/usr/bin/python3.11', ['python3', `-c${secret}`], 'python3'],
    ['/usr/bin/python3.11', ['python3', '-uc', secret, 'argument'], 'python3'],
    ['/usr/bin/python3.11', ['python3', '-E', '/usr/bin/tool', '-c', 'x'], 'tool'],
    ['/usr/bin/python3.11', ['python3', '-m', 'http.server'], 'http.server'],
    ['/usr/bin/perl', ['perl', '-pe', secret, 'file'], 'perl'],
    ['/usr/bin/node', ['node', '--eval', secret], 'node'],
    ['/usr/bin/node', ['node', '-p', secret], 'node'],
    ['/usr/bin/node', ['node', '--enable-source-maps', '/srv/main.js'], 'main.js'],
  ] as const) {
    put(20, { comm: words[0], exe, cmdline: [...words], started: ++started })
    t.same(await namesOf(20), [expected], words.join(' '))
  }
})

t.test(
  'a script that names its interpreter itself needs no command line, unless its name is cut',
  async t => {
    const { put, programs } = fakeProc(t)
    put(20, {
      comm: 'raw-thumbnailer',
      exe: '/usr/bin/dash',
      cmdline: ['/bin/sh', '/usr/bin/raw-thumbnailer-for-all'],
    })
    put(21, { comm: 'rsnapshot', exe: '/usr/bin/perl' })
    put(22, { comm: 'bash', exe: '/usr/bin/bash' })
    const nameOf = async (pid: number) => (await programs.lineageOf(pid))[0]?.name
    t.equal(await nameOf(20), 'raw-thumbnailer-for-all')
    t.equal(await nameOf(21), 'rsnapshot')
    t.equal(await nameOf(22), 'bash')
  },
)

t.test('a program of another user is known by its command line', async t => {
  const { put, programs } = fakeProc(t)
  put(20, { comm: 'updatedb.plocat', cmdline: ['/usr/sbin/updatedb.plocate', '--quiet'] })
  t.match(await programs.lineageOf(20), [{ path: undefined, names: ['updatedb.plocate'] }])
})

t.test("KDE's workers put everything into one text; others may have spaces in their names", async t => {
  const { put, programs } = fakeProc(t)
  const exe = '/usr/libexec/kf6/kioworker'
  put(20, {
    comm: 'kioworker',
    exe,
    cmdline: ['/usr/libexec/kf6/kioworker /plugins/kio/thumbnail.so thumbnail'],
  })
  put(21, { comm: 'kioworker', exe, cmdline: ['kioworker', '/my plugins/thumbnail.so'] })
  t.same((await programs.lineageOf(20))[0]?.arguments, ['/plugins/kio/thumbnail.so', 'thumbnail'])
  t.same((await programs.lineageOf(21))[0]?.arguments, ['/my plugins/thumbnail.so'])
})

t.test('names may hold anything', async t => {
  const { put, namesOf } = fakeProc(t)
  put(20, { comm: 'a) S 1 (b', exe: '/opt/x y/a) S 1 (b (deleted)', parent: 1 })
  t.same(await namesOf(20), ['a) S 1 (b'])
})

t.test('nobody, the vanished and the unreadable are unknown', async t => {
  const { proc, put, namesOf } = fakeProc(t)
  t.same(await namesOf(0), [])
  t.same(await namesOf(99), [])
  put(20, { comm: 'cp' })
  rmSync(join(proc, '20', 'status'))
  t.same(await namesOf(20), [])
})

t.test('a process is looked at once, until its number is another one or it runs another program', async t => {
  const { put, namesOf } = fakeProc(t)
  put(20, { comm: 'cp', exe: '/bin/cp' })
  t.same(await namesOf(20), ['cp'])
  put(20, { comm: 'cp', exe: '/bin/other' })
  t.same(await namesOf(20), ['cp'], 'remembered')
  put(20, { comm: 'cp', exe: '/bin/other', started: 8 })
  t.same(await namesOf(20), ['other'])
  put(20, { comm: 'tumblerd', exe: '/bin/tumblerd', started: 8 })
  t.same(await namesOf(20), ['tumblerd'])
})

t.test('who starts many programs is looked at once, too', async t => {
  const { put, namesOf } = fakeProc(t)
  put(19, { comm: 'make', exe: '/bin/make' })
  put(20, { comm: 'cp', exe: '/bin/cp', parent: 19 })
  t.same(await namesOf(20), ['cp', 'make'])
  put(19, { comm: 'make', exe: '/bin/other' })
  put(21, { comm: 'mv', exe: '/bin/mv', parent: 19 })
  t.same(await namesOf(21), ['mv', 'make'], 'remembered')
  put(19, { comm: 'make', exe: '/bin/other', started: 8 })
  put(22, { comm: 'rm', exe: '/bin/rm', parent: 19 })
  t.same(await namesOf(22), ['rm', 'other'], 'another process')
})

t.test('a starter whose command line cannot be had is asked for it again', async t => {
  const { put, namesOf } = fakeProc(t)
  put(19, { comm: 'python3', exe: '/usr/bin/python3' })
  put(20, { comm: 'cp', exe: '/bin/cp', parent: 19 })
  t.same(await namesOf(20), ['cp', 'python3'])
  put(19, { comm: 'python3', exe: '/usr/bin/python3', cmdline: ['python3', '/opt/thumbnailer.py'] })
  put(21, { comm: 'mv', exe: '/bin/mv', parent: 19 })
  t.same(await namesOf(21), ['mv', 'thumbnailer.py'])
  t.same(await namesOf(20), ['cp', 'thumbnailer.py'])
})

t.test('who opens many files at once is looked up once', async t => {
  const { proc, put } = fakeProc(t)
  let now = 0
  const clock: Clock = { ...systemClock, now: () => now }
  const programs = new ProcPrograms({ proc, clock, needsArguments: () => false })
  const nameOf = async (pid: number) => (await programs.lineageOf(pid))[0]?.name
  put(20, { comm: 'bash', exe: '/bin/bash' })
  put(21, { comm: 'cp', exe: '/bin/cp' })
  t.equal(await nameOf(20), 'bash')
  put(20, { comm: 'tumblerd', exe: '/bin/tumblerd' })
  now += 9
  t.same([await nameOf(20), await nameOf(21)], ['bash', 'cp'])
  now += 1
  t.equal(await nameOf(20), 'tumblerd', 'and again after ten milliseconds')
})

t.test('a command line that cannot be had is asked for again the next time', async t => {
  const { put, programs, proc } = fakeProc(t)
  put(20, { comm: 'kioworker', exe: '/usr/libexec/kf6/kioworker' })
  t.same((await programs.lineageOf(20))[0]?.arguments, [])
  writeFileSync(join(proc, '20', 'cmdline'), 'kioworker\0/kio/thumbnail.so\0')
  t.same((await programs.lineageOf(20))[0]?.arguments, ['/kio/thumbnail.so'])
})

t.test('a program whose memory is locked is not waited for', async t => {
  const proc = t.testdir({ 20: { stat: '20 (kioworker) S 1 0 0', status: 'Tgid:\t20\n' } })
  // Opening a pipe that nobody writes to takes for ever, as reading a locked command line does.
  const pipe = join(proc, '20', 'cmdline')
  await once(spawn('mkfifo', [pipe]), 'exit')
  const clock: Clock = { now: () => 0, sleep: () => Promise.resolve() }
  const programs = new ProcPrograms({ proc, clock, needsArguments: () => true })
  t.match(await programs.lineageOf(20), [{ comm: 'kioworker', arguments: [] }])
  // The thread of the pool goes on when somebody writes.
  await once(spawn('/bin/sh', ['-c', 'echo > "$0"', pipe]), 'exit')
})

t.test('a real program is recognised, and quickly', { skip: process.platform !== 'linux' }, async t => {
  const path = join(t.testdir(), 'tumblerd')
  copyFileSync('/bin/sleep', path)
  chmodSync(path, 0o755)
  const child = spawn(path, ['60'])
  t.teardown(() => child.kill('SIGKILL'))
  await once(child, 'spawn')
  const programs = new ProcPrograms({ clock: systemClock, needsArguments: () => false })
  const lineage = await programs.lineageOf(child.pid ?? 0)
  t.match(lineage[0], { name: 'tumblerd', path })
  t.match(lineage[1]?.path, process.execPath)
  const started = performance.now()
  for (let i = 0; i < 1_000; i++) await programs.lineageOf(child.pid ?? 0)
  const each = performance.now() - started
  t.comment(`${each.toFixed(1)} microseconds each`)
  t.ok(each < 1_000, 'less than a millisecond each')
})

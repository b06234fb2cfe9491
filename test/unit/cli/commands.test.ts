import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { pathsFor } from '../../../src/control/paths.js'
import { identityOf, isAlive } from '../../../src/control/process-life.js'
import { stopDaemon } from '../../../src/control/stop-daemon.js'
import { Fault } from '../../../src/model/fault.js'
import { openHome } from './run.js'

t.test('a new user signs in, adds, mounts, looks and unmounts', async t => {
  const home = openHome(t)
  const drive = join(home.directory, 'drive')

  t.match(await home.run('whoami'), {
    exitCode: 3,
    stderr: 'b2bmount: Nobody is signed in.\nRun:  b2bmount sign-in\n',
  })
  t.match(await home.run('sign-in'), { exitCode: 0, stdout: /^Signed in as ann@fabrikam\.example\.\n/ })
  t.same(await home.run('whoami'), {
    exitCode: 0,
    stdout: 'ann@fabrikam.example (Ann Other)\nHome tenant 11111111-2222-3333-4444-555555555555\n',
    stderr: '',
  })
  t.match(await home.run('add', 'https://contoso.sharepoint.com/sites/Projects'), {
    exitCode: 0,
    stdout: 'Added Contoso/Projects - Documents.\nYou may only read it.\n',
  })
  t.match(await home.run('mount', drive), { exitCode: 0, stdout: `Mounted at ${drive}.\n` })
  t.match((await home.run('status')).stdout.split('\n'), [
    'Signed in as ann@fabrikam.example',
    `Mounted at ${drive}`,
    '',
    /^Contoso\/Projects - Documents {2}up to date {2}1,234 items {2}12 MB local {2}checked [\d,]+ days ago$/,
    '',
  ])
  t.match((await home.run('status', join(drive, 'file'))).stdout, /^State +Online-only$/m)
  t.match(await home.run('unmount', drive), { exitCode: 0, stdout: `Unmounted ${drive}.\n` })
  t.match(await home.run('unmount'), { exitCode: 1, stderr: 'b2bmount: The drive is not mounted.\n' })
  t.match(await home.run('sign-out'), { exitCode: 0, stdout: 'Signed out ann@fabrikam.example.\n' })
  t.match(await home.run('stop'), { exitCode: 0, stdout: 'Stopped.\n' })
  t.match(await home.run('stop'), { exitCode: 0, stdout: 'It was not running.\n' })
})

const never = new AbortController().signal

t.test('stop ends a daemon whose socket somebody has removed', async t => {
  const home = openHome(t)
  t.equal((await home.run('list')).exitCode, 0)
  const { pid } = JSON.parse((await home.run('--json', 'status')).stdout) as { pid: number }
  const daemon = await identityOf(pid)
  rmSync(pathsFor('test', home.environment).socket)
  t.match(await home.run('stop'), { exitCode: 0, stdout: 'Stopped.\n' })
  t.notOk(await isAlive(daemon))
})

t.test('stop kills a daemon that does nothing any more, and says so', async t => {
  const home = openHome(t)
  const { pid } = JSON.parse((await home.run('--json', 'status')).stdout) as { pid: number }
  const daemon = await identityOf(pid)
  process.kill(pid, 'SIGSTOP')
  const patience = { answer: 200, end: 300, kill: 10_000 }
  t.equal(await stopDaemon(pathsFor('test', home.environment), never, patience), 'killed')
  t.notOk(await isAlive(daemon))
})

t.test('--json prints one document on standard output, whatever happens', async t => {
  const home = openHome(t)
  const json = async (...args: string[]) => JSON.parse((await home.run('--json', ...args)).stdout) as unknown

  t.same(await json('list'), [])
  t.same(await json('whoami'), {
    error: { code: 'not-signed-in', message: 'Nobody is signed in', nextStep: 'Run:  b2bmount sign-in' },
  })
  t.match(await json('status'), { cloud: 'test', version: /^\d/, mounts: [], libraries: [] })
  t.match(await json('mout'), { error: { code: 'usage', message: "unknown command 'mout'" } })
  t.match(await json('add'), { error: { code: 'usage', message: "missing required argument 'address'" } })
  t.same(await json('stop'), { stopped: true })
})

t.test('sign-in opens $BROWSER and prints the address as well', async t => {
  const home = openHome(t)
  const browser = join(home.directory, 'browser')
  writeFileSync(browser, '#!/bin/sh\necho "$1" >> "$HOME/opened"\n', { mode: 0o755 })
  home.environment['BROWSER'] = browser

  const { stderr } = await home.run('--quiet', 'sign-in')
  t.match(stderr, 'https://login.example/authorize?state=x')
  const opened = join(home.environment['HOME'] ?? '', 'opened')
  await until(() => existsSync(opened) && readFileSync(opened, 'utf8').endsWith('\n'))
  t.equal(readFileSync(opened, 'utf8'), 'https://login.example/authorize?state=x\n')
})

t.test('what came by a symbolic link leaves by it', async t => {
  const home = openHome(t)
  const drive = join(home.directory, 'B2B')
  const link = join(home.directory, 'link')
  mkdirSync(drive)
  symlinkSync('B2B', link)
  t.match(await home.run('mount', link), { exitCode: 0, stdout: `Mounted at ${drive}.\n` })
  t.equal((await home.run('status', drive)).exitCode, 0)
  t.equal((await home.run('status', link)).exitCode, 0)
  t.match(await home.run('unmount', link), { exitCode: 0, stdout: `Unmounted ${drive}.\n` })
})

t.test('no command is wrong usage, also for programs', async t => {
  const home = openHome(t)
  t.match(await home.run('--quiet'), { exitCode: 2, stderr: /^Usage: .*b2bmount: No command was given\.\n/s })
  const { exitCode, stdout } = await home.run('--json')
  t.equal(exitCode, 2)
  t.match(JSON.parse(stdout), { error: { code: 'usage', message: 'No command was given' } })
})

t.test('open shows an item in the browser, or prints where it is', async t => {
  const home = openHome(t)
  const drive = join(home.directory, 'drive')
  await home.run('mount', drive)
  const page = 'https://contoso.sharepoint.com/sites/Projects/Shared%20Documents/file'
  const browser = join(home.directory, 'browser')
  writeFileSync(browser, '#!/bin/sh\necho "$1" >> "$HOME/opened"\n', { mode: 0o755 })
  const opened = join(home.environment['HOME'] ?? '', 'opened')

  t.same(await home.run('open', join(drive, 'file')), {
    exitCode: 0,
    stdout: `${page}\n`,
    stderr: 'There is no browser here: open this address where there is one, or set BROWSER.\n',
  })
  home.environment['BROWSER'] = browser
  t.match(await home.run('open', '--print', join(drive, 'file')), { stdout: `${page}\n`, stderr: '' })
  const { stdout } = await home.run('open', '--json', join(drive, 'file'))
  t.same(JSON.parse(stdout), { path: join(drive, 'file'), webUrl: page, opened: true })
  await until(() => existsSync(opened) && readFileSync(opened, 'utf8').endsWith('\n'))
  t.equal(readFileSync(opened, 'utf8'), `${page}\n`)

  t.match(await home.run('open', join(drive, 'hostile')), {
    exitCode: 1,
    stderr: /Contoso gives an address for .*hostile that is not at contoso\.sharepoint\.com/,
  })
  t.equal(readFileSync(opened, 'utf8'), `${page}\n`, 'nothing else was opened')
})

t.test('find shows what is called so, and says when that is not all', async t => {
  const home = openHome(t)
  await home.run('mount', join(home.directory, 'drive'))
  t.same(await home.run('find', 'annual', 'budget'), {
    exitCode: 0,
    stdout: `online-only  20 bytes  ${join(home.directory, 'drive/Contoso/Projects/annual budget.docx')}\n`,
    stderr: '',
  })
  t.match(await home.run('find', 'nothing'), {
    exitCode: 0,
    stdout: '',
    stderr: /^Nothing that the drive knows/,
  })
  t.match(await home.run('find', 'many', '--limit', '7'), { stdout: / 7 bytes /, stderr: /There are more/ })
  t.match(await home.run('find', 'early'), { stderr: /try again in a moment/ })
  const { stdout } = await home.run('find', 'budget', '--json')
  t.match(JSON.parse(stdout), {
    items: [{ kind: 'file', state: 'online-only' }],
    more: false,
    complete: true,
  })
  for (const limit of ['0', '1001', 'x'])
    t.match(await home.run('find', 'x', '--limit', limit), { exitCode: 2 })
})

t.test('sign-in --device-code prints the code and opens nothing', async t => {
  const { stderr } = await openHome(t).run('sign-in', '--device-code')
  t.equal(
    stderr,
    'To sign in, open https://login.example/device in any browser and enter the code  ABC-123\n',
  )
})

t.test('Ctrl-C cancels a command that waits', async t => {
  const home = openHome(t)
  await home.run('list')
  const interrupted = new AbortController()
  const waiting = home.runUntil(interrupted.signal, '--verbose', 'add', 'wait')
  interrupted.abort(new Fault('cancelled', 'Cancelled'))
  t.match(await waiting, { exitCode: 130, stderr: /b2bmount: Cancelled\.\n$/ })
})

t.test('Ctrl-C ends doctor, too, and is no finding', async t => {
  const home = openHome(t)
  const interrupted = new AbortController()
  const waiting = home.runUntil(interrupted.signal, 'doctor')
  interrupted.abort(new Fault('cancelled', 'Cancelled'))
  t.match(await waiting, { exitCode: 130, stdout: '', stderr: 'b2bmount: Cancelled.\n' })
})

t.test('a bug in the daemon is an internal error, without its message or stack', async t => {
  const home = openHome(t)
  const { exitCode, stderr } = await home.run('add', 'bug')
  t.equal(exitCode, 1)
  const log = join(home.directory, 'state/b2bmount/test/daemon.log')
  t.equal(stderr, `b2bmount: An internal error occurred.\nPlease report it, with the end of ${log}.\n`)
  t.match(readFileSync(log, 'utf8'), /"event":"bug".*TypeError: secret of the daemon\\n +at /)
})

t.test('a daemon that cannot start says why', async t => {
  const home = openHome(t, { FAKE_DAEMON: 'store-corrupt' })
  t.match(await home.run('list'), { exitCode: 6, stderr: 'b2bmount: The store is damaged.\nMove it away.\n' })
})

t.test('a daemon that dies while it starts is reported at once', async t => {
  const home = openHome(t, { FAKE_DAEMON: 'crash' })
  t.match(await home.run('list'), {
    exitCode: 6,
    stderr: /could not be started\.\nThe end of .*daemon\.log says why\.\n$/,
  })
})

t.test('two commands at once start one daemon', async t => {
  const home = openHome(t)
  const [one, other] = await Promise.all([home.run('--json', 'status'), home.run('--json', 'status')])
  const pid = ({ stdout }: { stdout: string }) => (JSON.parse(stdout) as { pid: number }).pid
  t.equal(pid(one), pid(other))
})

t.test('a daemon that was killed leaves nothing in the way of the next', async t => {
  const home = openHome(t)
  const { pid } = JSON.parse((await home.run('--json', 'status')).stdout) as { pid: number }
  process.kill(pid, 'SIGKILL')
  await until(() => !existsSync(`/proc/${pid}`) || readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z '))
  t.match(await home.run('list'), { exitCode: 0 })
})

t.test('mounting at no name is not mounting at the current directory', async t => {
  t.match(await openHome(t).run('mount', ''), { exitCode: 2, stderr: /^b2bmount: DIR is empty\./ })
})

t.test('mounting at a directory that is not empty is refused', async t => {
  const home = openHome(t)
  const full = join(home.directory, 'full')
  mkdirSync(full)
  writeFileSync(join(full, 'precious'), 'I exist to be in the way')
  t.match(await home.run('mount', full), { exitCode: 6, stderr: `b2bmount: ${full} is not empty.\n` })
})

t.test('without an app registration, the next step is to register one', async t => {
  const home = openHome(t, { B2BMOUNT_CLOUD: 'global' })
  const { exitCode, stderr } = await home.run('list')
  t.equal(exitCode, 2)
  t.match(stderr, /No app registration is configured\.\nRegister an app .*config\.json\.\n$/)
})

t.test('doctor goes on after what fails and exits with 1', async t => {
  const home = openHome(t, { FAKE_DAEMON: 'store-corrupt' })
  const { exitCode, stdout } = await home.run('doctor', '--json')
  const { ok, checks } = JSON.parse(stdout) as { ok: boolean; checks: { name: string }[] }
  t.equal(exitCode, 1)
  t.equal(ok, false)
  t.match(
    checks.find(({ name }) => name === 'Node.js'),
    { verdict: 'ok' },
  )
  t.match(
    checks.find(({ name }) => name === 'Daemon'),
    { verdict: 'fail', found: 'The store is damaged' },
  )
})

t.test('doctor includes what the daemon has checked', async t => {
  const { stdout } = await openHome(t).run('doctor')
  t.match(stdout, /^ok +graph\.example +reachable$/m)
})

t.test('help has an example for each command that takes an argument', async t => {
  const home = openHome(t)
  for (const command of ['sign-in', 'add', 'remove', 'mount', 'status']) {
    const { exitCode, stdout } = await home.run(command, '--help')
    t.equal(exitCode, 0)
    t.match(stdout, /Examples:\n +b2bmount/, command)
  }
})

/** What another process does is seen by looking; tap's own time limit ends it. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(resolve => setTimeout(resolve, 10))
}

t.test('pins are set, ended and freed for each path that is given', async t => {
  const home = openHome(t)
  const drive = join(home.directory, 'drive')
  await home.run('mount', drive)
  const [one, other] = [join(drive, 'one'), join(drive, 'other')]
  t.match(await home.run('pin', one, other), {
    exitCode: 0,
    stdout:
      `Always available: ${one} (3 files downloaded, 1.5 MB)\n` +
      `Always available: ${other} (3 files downloaded, 1.5 MB)\n`,
  })
  const failed = await home.run('pin', join(drive, 'unreachable'))
  t.equal(failed.exitCode, 1)
  t.match(failed.stdout, /unreachable\/plan\.docx: There is no connection\.\n/)
  t.match(failed.stdout, /^To be always available, and not all here yet: .*unreachable/)
  t.notMatch(failed.stdout, /Always available/)
  t.match(await home.run('unpin', one), { exitCode: 0, stdout: `No longer always available: ${one}\n` })
  t.match(await home.run('free-up', one), {
    exitCode: 0,
    stdout: `Freed 3.0 MB of 2 files: ${one}; 1 file kept, open or pinned\n`,
  })
  t.match(JSON.parse((await home.run('--json', 'free-up', one, other)).stdout), [
    { path: one, files: 2, bytes: 3_000_000, kept: 1 },
    { path: other },
  ])
})

t.test('who has downloaded what is shown, with names that are safe for a terminal', async t => {
  const home = openHome(t)
  const { stdout } = await home.run('status', '--hydrations')
  t.match(
    stdout,
    /^Downloaded:\n[\d,]+ days ago +soffice\.bin +1\.5 MB +\/home\/ann\/.*\ufffd\[2Jplan\.docx\n/,
  )
  t.match(stdout, /\nNot allowed to download:\n[\d,]+ days ago +tumblerd +2,000 times +local-only +last: /)
  t.match(JSON.parse((await home.run('--json', 'status', '--hydrations')).stdout), {
    hydrations: [{ at: 0, program: 'soffice.bin', bytes: 1_500_000, verdict: 'full' }],
    refusals: [{ at: 0, program: 'tumblerd', count: 2_000, verdict: 'local-only' }],
  })
  t.match(await home.run('status', '--hydrations', '/x'), { exitCode: 2 })
})

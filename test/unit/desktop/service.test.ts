import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { serviceUnit } from '../../../src/desktop/service-unit.js'
import { openHome } from '../cli/run.js'

const hasAnalyze = spawnSync('systemd-analyze', ['--version']).status === 0

/** A home with a systemctl that writes down what it is asked. */
function serviceHome(t: Test, systemctl: string) {
  const home = openHome(t)
  const user = home.environment['HOME'] ?? ''
  const programs = join(home.directory, 'programs')
  mkdirSync(programs)
  writeFileSync(join(programs, 'systemctl'), `#!/bin/sh\n${systemctl}\n`, { mode: 0o755 })
  home.environment['PATH'] = `${programs}:${home.environment['PATH'] ?? ''}`
  return {
    home,
    unit: join(user, '.config/systemd/user/b2bmount.service'),
    asked: () => readFileSync(join(user, 'asked'), 'utf8').split('\n').filter(Boolean),
  }
}

const LISTENING = 'echo "$*" >> "$HOME/asked"; [ "$2" != is-system-running ] || echo running'

t.test('the service is written, enabled and started; and stopped, disabled and removed', async t => {
  const { home, unit, asked } = serviceHome(t, LISTENING)
  t.match(await home.run('service', 'install', '/mnt/partners'), { exitCode: 0, stderr: '' })
  t.match(readFileSync(unit, 'utf8'), / mount --foreground -- \/mnt\/partners\n/)
  t.match(readFileSync(unit, 'utf8'), ` --cloud ${home.environment['B2BMOUNT_CLOUD'] ?? ''} mount`)
  t.same(asked(), [
    '--user is-system-running',
    '--user daemon-reload',
    '--user enable --now b2bmount.service',
  ])
  t.match(await home.run('service', 'uninstall'), { exitCode: 0 })
  t.notOk(existsSync(unit))
  t.same(asked().slice(3), [
    '--user is-system-running',
    '--user disable --now b2bmount.service',
    '--user is-system-running',
    '--user daemon-reload',
  ])
})

t.test('a drive that is mounted is not taken from under its user', async t => {
  const { home, asked } = serviceHome(t, LISTENING)
  await home.run('mount', join(home.directory, 'drive'))
  t.match(await home.run('service', 'install'), {
    exitCode: 0,
    stderr: /mounted already; .*\n.*b2bmount stop && systemctl --user start b2bmount\.service/,
  })
  t.equal(asked().at(-1), '--user enable b2bmount.service')
})

t.test('without systemd the unit is written, and what to do later is said', async t => {
  const { home, unit } = serviceHome(t, 'echo "Failed to connect to bus" >&2; exit 1')
  t.match(await home.run('service', 'install'), {
    exitCode: 0,
    stderr:
      /no systemd for this session.*\n +systemctl --user daemon-reload && systemctl --user enable --now/,
  })
  t.ok(existsSync(unit))
  const { stdout } = await home.run('service', 'install', '--json')
  t.match(JSON.parse(stdout), { files: [{ path: unit, outcome: 'unchanged' }], systemd: false })
  t.match(await home.run('service', 'uninstall'), { exitCode: 0 })
  t.notOk(existsSync(unit))
})

t.test('what systemd refuses is said, with one JSON document', async t => {
  const { home } = serviceHome(
    t,
    '[ "$2" = is-system-running ] && echo degraded && exit 1; echo "Unit is masked." >&2; exit 1',
  )
  const { exitCode, stdout } = await home.run('service', 'install', '--json')
  t.equal(exitCode, 6)
  t.match(JSON.parse(stdout), { error: { code: 'local-io', message: /Unit is masked/ } })
})

t.test('a unit that the user has changed stays', async t => {
  const { home, unit } = serviceHome(t, LISTENING)
  await home.run('service', 'install')
  writeFileSync(unit, '[Service]\nExecStart=/bin/true\n')
  t.match(await home.run('service', 'install'), {
    exitCode: 2,
    stderr: /stays as it is: you have changed it/,
  })
  t.match((await home.run('service', 'uninstall')).stdout, /^kept .*you have changed it/)
  t.ok(existsSync(unit))
})

t.test(
  'systemd reads the unit, whatever the paths are called',
  { skip: !hasAnalyze && 'no systemd-analyze' },
  t => {
    const folder = t.testdir()
    const file = join(folder, 'b2bmount.service')
    const program = [process.execPath, '/home/ann/my $x %h "q" \\n/main.js']
    const environment = {
      XDG_STATE_HOME: '/srv/a b/$s %u',
      NODE_EXTRA_CA_CERTS: '/etc/ca.pem',
      PATH: '/secret',
    }
    const unit = serviceUnit({ program, drive: '/home/ann/My "B2B"', environment })
    t.notMatch(unit, /secret/)
    writeFileSync(file, unit)
    const env = { ...process.env, XDG_RUNTIME_DIR: folder }
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--user', file], {
      env,
      encoding: 'utf8',
    })
    t.equal(status, 0)
    // Of other units of this machine it may complain.
    t.notMatch(stderr, /b2bmount\.service/)
    t.end()
  },
)

t.test('nothing in the unit hides the mount or keeps fusermount3 from mounting', t => {
  const unit = serviceUnit({ program: ['/usr/bin/node'], drive: '/mnt', environment: {} })
  t.notMatch(
    unit,
    /^(Private|Protect|ReadOnly|ReadWrite|Inaccessible|NoNew|SystemCall|Restrict|Lock|Memory)/m,
  )
  t.match(unit, /^Type=notify$/m)
  t.end()
})

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { openHome } from './run.js'

const LINK = 'odopen://sync?webUrl=https%3A%2F%2Fcontoso.sharepoint.com%2Fsites%2FX&webTitle=Trust%20me'

/** A desktop whose question is answered by a script, and whose notifications are written down. */
function openDesktop(t: Test, answer: 'yes' | 'no' | 'nobody asks', canNotify = true) {
  const home = openHome(t)
  const bin = join(home.directory, 'bin')
  mkdirSync(bin)
  const script = (name: string, text: string) =>
    writeFileSync(
      join(bin, name),
      `#!/bin/sh\nfor word in "$@"; do echo "$word"; done >> "$HOME/${name}"\n${text}\n`,
      {
        mode: 0o755,
      },
    )
  if (canNotify) script('notify-send', '')
  if (answer !== 'nobody asks') script('zenity', answer === 'yes' ? 'exit 0' : 'exit 1')
  // Nothing of this machine but what the scripts need.
  home.environment['PATH'] = bin
  const said = (name: string) => {
    const file = join(home.environment['HOME'] ?? '', name)
    return existsSync(file) ? readFileSync(file, 'utf8') : ''
  }
  const notified = async () => {
    while (said('notify-send') === '') await setTimeout(10)
    return said('notify-send')
  }
  const drive = join(home.directory, 'drive')
  const open = (...more: string[]) => home.run('open-link', '--drive', drive, ...more)
  return { home, drive, open, said, notified }
}

t.test('the Sync button adds and mounts, after the host was confirmed', async t => {
  const { home, drive, open, said, notified } = openDesktop(t, 'yes')
  const { exitCode, stdout } = await open(LINK, '--json')
  t.equal(exitCode, 0, stdout)
  t.match(JSON.parse(stdout), {
    library: { organization: 'Contoso', name: 'Projects - Documents' },
    notes: ['You may only read it.'],
    directory: drive,
  })
  t.match(said('zenity'), /add a library of contoso\.sharepoint\.com to your drive/)
  t.match(said('zenity'), /^--default-cancel$/m)
  t.notMatch(said('zenity'), /Trust/, 'nothing that the page has made up')
  t.match(await notified(), /Added Contoso\/Projects - Documents\. Your drive is at .*drive/)
  t.match((await home.run('status')).stdout, `Mounted at ${drive}`)

  t.match(await open(LINK), { exitCode: 0, stdout: /is on your drive already/ }, 'once more')
  t.equal(said('zenity').split('contoso').length, 2, 'and nobody was asked: the organization is known')
})

t.test('whoever says no has added nothing, and hears nothing of it', async t => {
  const { home, open, said } = openDesktop(t, 'no')
  const { exitCode, stdout } = await open(LINK, '--json')
  t.equal(exitCode, 130)
  t.match(JSON.parse(stdout), { error: { code: 'cancelled', message: /contoso\.sharepoint\.com/ } })
  t.equal((await home.run('list', '--json')).stdout, '[]\n')
  t.equal(said('notify-send'), '')
})

t.test('where nobody can be asked nothing is added, and the way to do it is said', async t => {
  const { home, open, notified } = openDesktop(t, 'nobody asks')
  t.match(await open(LINK), { exitCode: 1, stderr: /no program here can ask you\.\n.*b2bmount add ADDRESS/ })
  t.match(await notified(), /b2bmount add ADDRESS/)
  t.equal((await home.run('list', '--json')).stdout, '[]\n')
})

t.test('other addresses than those of the Sync button are refused', async t => {
  const { open, said, notified } = openDesktop(t, 'yes')
  for (const address of ['odopen://openFile?x=1', 'https://contoso.sharepoint.com/sites/X', '/etc/passwd'])
    t.equal((await open(address)).exitCode, 2, address)
  t.equal(said('zenity'), '')
  t.match(await notified(), /not an address of the Sync button/)
})

for (const canNotify of [true, false]) {
  t.test(`a terminal hears of everything once, ${canNotify ? 'with' : 'without'} notifications`, async t => {
    const { drive, open } = openDesktop(t, 'yes', canNotify)
    const times = (text: string, words: string) => text.split(words).length - 1
    const refused = await open('/etc/passwd')
    t.equal(times(refused.stdout + refused.stderr, 'not an address of the Sync button'), 1, refused.stderr)
    const added = await open(LINK)
    t.equal(times(added.stdout + added.stderr, `Your drive is at ${drive}`), 1, added.stderr)
  })
}

import { mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { openSandbox } from '../../scripts/sandbox.js'
import type { AddedLibrary, DaemonStatus } from '../../src/control/answers.js'
import { cannotMount } from '../helpers/can-mount.js'
import { eventually } from '../helpers/desktop-session.js'

interface World {
  readonly addresses: Readonly<Record<string, string>>
}

interface Counters {
  readonly routes: Readonly<Record<string, number>>
  readonly content: { readonly bytes: number }
}

t.test('a library that may be seen and not downloaded', { skip: cannotMount }, async t => {
  const sandbox = await openSandbox()
  t.teardown(() => sandbox.close())
  const { addresses } = await sandbox.admin<World>('GET', '/world')
  const address = addresses['contoso documents'] ?? 'no such library'
  const site = /^https:\/\/[^/]+\/sites\/[^/]+/.exec(address)?.[0]
  const block = (blocked: boolean) =>
    sandbox.admin('POST', '/people', { do: 'block-download', site, blocked })
  await block(true)
  await sandbox.json('sign-in')
  const { library } = await sandbox.json<AddedLibrary>('add', address)
  const drive = join(sandbox.home, 'B2B')
  await mkdir(drive)
  await sandbox.json('mount', drive)
  const folder = join(drive, library.organization, library.name)
  const state = async () => (await sandbox.json<DaemonStatus>('status')).libraries[0]?.state
  await eventually('it is listed', async () => (await state()) === 'up-to-date')

  const file = join(folder, 'Read me first.txt')
  t.ok((await readdir(folder)).includes('Read me first.txt'))
  const { size } = await stat(file)
  t.ok(size > 0)

  await sandbox.admin('DELETE', '/counters')
  const times = 3
  for (let i = 0; i < times; i++) await t.rejects(readFile(file), { code: 'EACCES' })
  const counters = () => sandbox.admin<Counters>('GET', '/counters')
  const { routes, content } = await counters()
  // The first refusal could also be of a guest whom SharePoint has forgotten, which is looked into once.
  t.ok((routes['content'] ?? 0) <= 2 * times, `asked for each reader only: ${JSON.stringify(routes)}`)
  t.equal(content.bytes, 0)
  t.equal(await state(), 'up-to-date', 'nothing is wrong with the library')
  t.match(await sandbox.json('status', file), { state: 'online-only', size })
  t.equal((await counters()).routes['content'], routes['content'], 'and by nobody later')

  await block(false)
  t.equal((await readFile(file)).length, size, 'allowed again, it is read, without a remount')
})

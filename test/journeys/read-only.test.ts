import { access, constants, mkdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { openSandbox } from '../../scripts/sandbox.js'
import type { AddedLibrary } from '../../src/control/answers.js'
import { cannotMount } from '../helpers/can-mount.js'
import { REFUSED_TO_WRITE } from '../helpers/refused.js'
import { eventually } from '../helpers/desktop-session.js'

interface World {
  readonly addresses: Readonly<Record<string, string>>
}

t.test('a guest whom only SharePoint tells what may be done', { skip: cannotMount }, async t => {
  const sandbox = await openSandbox()
  t.teardown(() => sandbox.close())
  const { addresses } = await sandbox.admin<World>('GET', '/world')
  const address = addresses['contoso documents'] ?? 'no such library'
  const site = /^https:\/\/[^/]+\/sites\/[^/]+/.exec(address)?.[0]
  const people = (body: object) =>
    sandbox.admin('POST', '/people', { tenant: 'contoso', user: 'ann@fabrikam.example', site, ...body })
  const mayOnly = async (role: 'read' | 'write') => {
    await people({ do: 'revoke-access' })
    await people({ do: 'grant', role })
  }
  await sandbox.json('sign-in')
  const first = await sandbox.json<AddedLibrary>('add', address)
  await sandbox.json('remove', address)
  const { drive: id } = first.library.root
  await sandbox.admin('PUT', '/libraries', { drive: id, guestPermissions: 'none', viewpoint: false })
  await mayOnly('read')
  const { library, notes } = await sandbox.json<AddedLibrary>('add', address)
  t.equal(library.access, 'read')
  t.match(notes.join(' '), /lets you read this, not change it/)

  const drive = join(sandbox.home, 'B2B')
  await mkdir(drive)
  await sandbox.json('mount', drive)
  const folder = join(drive, library.organization, library.name)
  const file = join(folder, 'Read me first.txt')
  const bits = async () =>
    (await Promise.all([stat(folder), stat(file)])).map(({ mode }) => (mode & 0o777).toString(8))
  await eventually('it is listed', async () => (await stat(file)).size > 0)
  t.same(await bits(), ['555', '444'])
  await t.rejects(writeFile(file, 'x'), { code: REFUSED_TO_WRITE })
  await t.rejects(writeFile(join(folder, 'new.txt'), 'x'), { code: REFUSED_TO_WRITE })

  // A sign-in makes everything be asked again; otherwise it is minutes.
  await mayOnly('write')
  await sandbox.json('sign-in')
  await eventually('it may be changed, without a remount', async () => (await bits()).join() === '755,644')
  await access(file, constants.W_OK)
  await writeFile(join(folder, 'new.txt'), 'x')
  await sandbox.json('sync', '--wait')

  await mayOnly('read')
  await sandbox.json('sign-in')
  await eventually('it may not any more', async () => (await bits()).join() === '555,444')
})

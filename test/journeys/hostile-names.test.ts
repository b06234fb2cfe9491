import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { openSandbox } from '../../scripts/sandbox.js'
import type { AddedLibrary } from '../../src/control/answers.js'
import { HOSTILE_NAMES } from '../../src/emulator/world/populate-hostile.js'
import { cannotMount } from '../helpers/can-mount.js'
import { mkdir } from 'node:fs/promises'

t.test(
  'names from a hostile organization neither escape the drive nor hide a file',
  { skip: cannotMount },
  async t => {
    const sandbox = await openSandbox({ emulator: ['--world', 'hostile'] })
    t.teardown(() => sandbox.close())
    await sandbox.json('sign-in')
    const { addresses } = await sandbox.admin<{ addresses: Record<string, string> }>('GET', '/world')
    const { library } = await sandbox.json<AddedLibrary>('add', addresses['hostile site'] ?? 'no address')
    const drive = join(sandbox.home, 'B2B')
    await mkdir(drive)
    await sandbox.json('mount', drive)

    const [organization, ...others] = await readdir(drive)
    t.same(others, [], 'one folder for the organization')
    t.notMatch(organization, '/')
    const [site] = await readdir(join(drive, organization ?? ''))
    const root = join(drive, organization ?? '', site ?? '')
    t.equal(typeof library.name, 'string')

    const names = await readdir(root)
    t.equal(new Set(names).size, names.length, 'every name is there once')
    const contents = new Set<string>()
    for (const name of names) {
      t.notMatch(name, /[\0/\u0001-\u001f\u007f]/, JSON.stringify(name))
      t.notOk(['.', '..', ''].includes(name))
      t.ok(Buffer.byteLength(name) <= 255, 'fits into 255 bytes')
      const path = join(root, name)
      t.ok(path.startsWith(`${root}/`), 'stays below the library')
      if ((await stat(path)).isFile()) contents.add(await readFile(path, 'utf8'))
      else for (const inner of await readdir(path)) contents.add(await readFile(join(path, inner), 'utf8'))
    }
    const expected = [
      ...HOSTILE_NAMES.map((_, i) => `hostile file ${i}\n`),
      'inside a hostile folder\n',
      'below a folder named dot dot\n',
    ]
    t.same([...contents].sort(), expected.sort(), 'every file is there, under a name of its own')
  },
)

import { cp, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { Check, DaemonStatus, Mount } from '../../src/control/answers.js'
import { cannotMountByFuseNative as skip } from '../helpers/can-mount.js'
import { mountDirectory, temporaryDirectory } from '../helpers/mounted-directory.js'

const MIB = 1024 * 1024
const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const MAIN = 'dist/src/cli/main.js'

/** Where it is said, why it is so, and what to do. */
const READ_ONLY =
  /^Mounted at .* by fuse-native, read-only\.?\n.*because the native addon cannot be loaded.*scripts\/setup --run-only.*b2bmount mount$/m

t.test(
  'where the native addon was not built, fuse-native mounts and JavaScript hashes',
  { skip },
  async t => {
    // A copy of the program as it is without the addon, beside the same packages.
    const copy = await temporaryDirectory(t)
    await cp(join(ROOT, 'dist'), join(copy, 'dist'), { recursive: true })
    await cp(join(ROOT, 'package.json'), join(copy, 'package.json'))
    await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
    const content = Buffer.alloc(3 * MIB + 5, 'I exist to be hashed. ')
    const { sandbox, library, drive } = await mountDirectory(
      t,
      async directory => {
        await writeFile(join(directory, 'file.bin'), content)
        await writeFile(join(directory, 'other.bin'), Buffer.alloc(3 * MIB, 'I exist to arrive broken. '))
      },
      [],
      join(copy, MAIN),
    )
    t.match((await sandbox.json<DaemonStatus>('status')).mounts, [{ transport: 'fuse-native' }])
    t.match((await sandbox.cli('status')).stdout, READ_ONLY)
    t.ok(content.equals(await readFile(join(library, 'file.bin'))))
    const { checks } = JSON.parse((await sandbox.cli('doctor', '--json')).stdout) as { checks: Check[] }
    t.match(
      checks.find(({ name }) => name === 'Transport'),
      { verdict: 'warn', found: /fuse-native.*read-only/, nextStep: /scripts\/setup/ },
    )
    await sandbox.json<readonly Mount[]>('unmount')
    t.match((await sandbox.cli('mount', drive)).stdout, READ_ONLY)
    await sandbox.json<readonly Mount[]>('unmount')
    const { status, stderr } = await sandbox.cli('mount', drive, '--transport', 'kernel')
    t.equal(status, 6)
    t.match(stderr, /scripts\/setup/)

    await t.test('and wrong bytes are found out', async t => {
      await sandbox.json('mount', drive)
      await sandbox.admin('POST', '/faults', { match: { route: 'download' }, action: { corruptAt: MIB } })
      await t.rejects(readFile(join(library, 'other.bin')), { code: 'EIO' })
    })
  },
)

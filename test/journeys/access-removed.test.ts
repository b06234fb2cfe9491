import { execFile } from 'node:child_process'
import { access, open, readFile, stat, writeFile } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import t from 'tap'
import { DEMO_USER } from '../../scripts/sandbox.js'
import type { DaemonStatus } from '../../src/control/answers.js'
import { cannotMount } from '../helpers/can-mount.js'
import { missingPrograms } from '../helpers/missing-programs.js'
import { mountWritable } from '../helpers/writable-library.js'

const run = promisify(execFile)

interface World {
  readonly tenants: readonly { slug: string; sites: readonly { id: string; title: string }[] }[]
}

/** What other people do to one's access, and what is said of it then. */
const WAYS = {
  'the site is not shared any more': { do: 'revoke-access', says: /no longer shares Design - Documents/ },
  'the guest is removed': { do: 'remove-guest', says: /no longer (shares|knows your account as a guest)/ },
} as const

for (const [way, { do: what, says }] of Object.entries(WAYS)) {
  // "A refusal that may mean so makes the drive ask at once."
  t.test(
    `${way}: a program that is refused, and everybody else, sees it within seconds`,
    { skip: cannotMount || missingPrograms('getfattr') },
    async t => {
      const library = await mountWritable(t)
      const { sandbox, driveId } = library
      await sandbox.admin('POST', '/items', {
        do: 'create-file',
        drive: driveId,
        path: '',
        name: 'online.bin',
        generated: { seed: 1, size: 5_000_000 },
      })
      const online = library.on('online.bin')
      const until = async (is: () => Promise<boolean>, seconds: number) => {
        for (const end = performance.now() + seconds * 1_000; !(await is());) {
          if (performance.now() > end) return false
          await setTimeout(100)
        }
        return true
      }
      t.ok(
        await until(
          () =>
            access(online).then(
              () => true,
              () => false,
            ),
          60,
        ),
      )
      await writeFile(library.on('local.txt'), 'local')
      await library.sync()
      const attribute = async (path: string) =>
        (await run('getfattr', ['--only-values', '--absolute-names', '-n', 'user.b2bmount.access', path]))
          .stdout
      t.equal(await attribute(library.path), 'write')
      t.equal((await stat(library.path)).mode & 0o222, 0o200)

      const { tenants } = await sandbox.admin<World>('GET', '/world')
      const contoso = tenants.find(({ slug }) => slug === 'contoso')
      const site = contoso?.sites.find(({ title }) => title === 'Design')?.id
      const person = { tenant: 'contoso', user: DEMO_USER }
      await sandbox.admin('POST', '/people', {
        do: what,
        ...person,
        ...(what === 'revoke-access' && { site }),
      })
      if (what === 'remove-guest') await sandbox.admin('PUT', '/clock', { advanceSeconds: 2 * 3600 })

      const refused = await readFile(online).then(
        () => undefined,
        (failure: unknown) => (failure as NodeJS.ErrnoException).code,
      )
      t.equal(refused, 'EACCES')
      t.ok(await until(async () => (await attribute(online)) === 'removed', 10), 'within seconds')
      t.equal(await attribute(library.path), 'removed')
      for (const path of [library.path, online, library.on('local.txt')]) {
        t.equal((await stat(path)).mode & 0o222, 0, `${path} is shown as what cannot be written`)
      }
      t.equal(await readFile(library.on('local.txt'), 'utf8'), 'local', 'what is local stays readable')
      // Also root, whom permission bits do not keep from anything.
      await t.rejects(writeFile(library.on('new.txt'), 'x'), { code: /^(EACCES|EROFS)$/ })
      await t.rejects(open(library.on('local.txt'), 'r+'), { code: /^(EACCES|EROFS)$/ })

      const { libraries } = await sandbox.json<DaemonStatus>('status')
      t.match(
        libraries.find(({ root }) => root.drive === driveId),
        { state: 'access-removed', problem: { message: says } },
      )
      const { stdout } = await sandbox.cli('status')
      t.notMatch(stdout, /[Aa]ccept/, 'nobody is told to accept an invitation')
    },
  )
}

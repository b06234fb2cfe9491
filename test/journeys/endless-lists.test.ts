import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { DaemonStatus, LibraryStatus } from '../../src/control/answers.js'
import { cannotMount } from '../helpers/can-mount.js'
import { PROGRAM_WITH_CLOCK_AHEAD, putClockAhead } from '../helpers/clock-ahead.js'
import { eventually } from '../helpers/desktop-session.js'
import { mountDirectories, temporaryDirectory } from '../helpers/mounted-directory.js'

// As long as the longest pause: see SEMANTICS.md, "Freshness".
const LONGEST_PAUSE_SECONDS = 11 * 60

/** What the lists of changes are, and how many of their pages are asked for at most, in one round or two. */
const KINDS = { empty: 2_100, same: 2_100, circle: 20 } as const

t.test('an organization whose lists never end', { skip: cannotMount }, async t => {
  const sources = { contoso: await temporaryDirectory(t), northwind: await temporaryDirectory(t) }
  for (const source of Object.values(sources))
    for (const name of Object.keys(KINDS)) await writeFile(join(source, name), name)
  const { sandbox, libraries } = await mountDirectories(t, sources, [], PROGRAM_WITH_CLOCK_AHEAD)
  const [contoso = '', northwind = ''] = libraries.map(({ path }) => path)
  const libraryOf = async (name: string) =>
    (await sandbox.json<DaemonStatus>('status')).libraries.find(({ organization }) => organization === name)
  const allAreWell = async () =>
    (await sandbox.json<LibraryStatus[]>('list')).every(({ state }) => state === 'up-to-date')
  await eventually('both are listed', allAreWell)

  for (const [kind, mostPages] of Object.entries(KINDS)) {
    await t.test(kind, async t => {
      const before = await readdir(contoso)
      const match = { route: 'delta', drive: libraries[0]?.driveId }
      await sandbox.admin('PUT', '/faults', { match, action: { endless: kind } })
      await sandbox.admin('DELETE', '/counters')
      const news = `made while ${kind}`
      for (const source of Object.values(sources)) await writeFile(join(source, news), news.repeat(2))
      putClockAhead(sandbox.home, LONGEST_PAUSE_SECONDS)
      await eventually('the other organization is followed', async () =>
        (await readdir(northwind)).includes(news),
      )
      t.equal((await readFile(join(contoso, kind))).toString(), kind, 'what is online only is read')
      await eventually(
        'status says so',
        async () => (await libraryOf('Contoso'))?.state === 'needs-attention',
      )
      t.match(await libraryOf('Contoso'), {
        problem: { code: 'protocol-error', message: /list/, nextStep: /asked for again in ten minutes/ },
      })
      const names = await readdir(contoso)
      t.ok(
        before.every(name => names.includes(name)),
        'nothing is gone',
      )
      t.match(await libraryOf('Northwind Traders'), { state: 'up-to-date', problem: undefined })
      const { routes } = await sandbox.admin<{ routes: Record<string, number> }>('GET', '/counters')
      t.ok((routes['delta'] ?? 0) <= mostPages, `${routes['delta']} pages`)

      await sandbox.admin('DELETE', '/faults')
      putClockAhead(sandbox.home, LONGEST_PAUSE_SECONDS)
      await eventually('all is well again', allAreWell)
      t.same((await readdir(contoso)).sort(), (await readdir(sources.contoso)).sort())
    })
  }
})

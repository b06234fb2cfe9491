import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { DEMO_USER, openSandbox, type Sandbox } from '../../scripts/sandbox.js'
import { EXIT } from '../../src/cli/exit-code.js'
import type { AddedLibrary, DaemonStatus, LibraryStatus } from '../../src/control/answers.js'
import { cannotMount } from '../helpers/can-mount.js'
import { eventually } from '../helpers/desktop-session.js'

const CONTOSO = '22222222-2222-4222-8222-222222222222'
const NORTHWIND = '33333333-3333-4333-8333-333333333333'

async function libraryOf(sandbox: Sandbox, organization: string): Promise<LibraryStatus | undefined> {
  const { libraries } = await sandbox.json<DaemonStatus>('status')
  return libraries.find(library => library.organization === organization)
}

/** The arguments of the command that status names. */
const commandIn = (status: LibraryStatus | undefined) =>
  /^Run: b2bmount (.*)$/.exec(status?.problem?.nextStep ?? '')?.[1]?.split(' ') ?? ['no command']

t.test('organizations that want the user again', { skip: cannotMount }, async t => {
  const sandbox = await openSandbox()
  t.teardown(() => sandbox.close())
  const { addresses } = await sandbox.admin<{ addresses: Record<string, string> }>('GET', '/world')
  const people = (body: object) => sandbox.admin('POST', '/people', { user: DEMO_USER, ...body })
  await sandbox.json('sign-in')
  const drive = join(sandbox.home, 'B2B')
  await mkdir(drive)
  const folders: string[] = []
  for (const name of ['contoso documents', 'northwind catalogue']) {
    const { library } = await sandbox.json<AddedLibrary>('add', addresses[name] ?? name)
    folders.push(join(drive, library.organization, library.name))
  }
  const [contoso = '', northwind = ''] = folders
  await sandbox.json('mount', drive)
  const allAre = async (state: LibraryStatus['state']) =>
    (await sandbox.json<LibraryStatus[]>('list')).every(library => library.state === state)
  await eventually('they are listed', () => allAre('up-to-date'))
  const [local, ...remote] = ['Price list.csv', 'Project plan.docx', 'Read me first.txt', 'Archive.zip']
  const read = async (folder: string, name = local ?? '') => (await readFile(join(folder, name))).length
  const names = await readdir(contoso)
  t.ok(
    remote.every(name => names.includes(name)),
    names.join(),
  )
  for (const folder of folders) await read(folder)

  await t.test('SharePoint forgets the guest: nobody notices', async t => {
    await people({ do: 'set-state', tenant: CONTOSO, sharePointKnows: false })
    t.ok((await read(contoso, 'Archive.zip')) > 0)
  })

  await t.test('one is challenged in the middle: local files stay, and the other goes on', async t => {
    await people({ do: 'challenge', tenant: CONTOSO })
    await t.rejects(read(contoso, remote[0]), { code: 'EACCES' })
    t.match(await libraryOf(sandbox, 'Contoso'), {
      state: 'sign-in-needed',
      problem: { code: 'sign-in-required', message: /Contoso/, nextStep: `Run: b2bmount sign-in ${CONTOSO}` },
    })
    t.ok((await read(contoso)) > 0, 'what is local stays readable')
    t.same(await readdir(contoso), names)
    t.ok((await read(northwind, remote[0])) > 0, 'the other is read')
    t.ok((await readdir(join(northwind, 'Reports'))).length > 0, 'and listed')
    t.match(await libraryOf(sandbox, 'Northwind Traders'), { state: 'up-to-date', problem: undefined })

    await sandbox.admin('DELETE', '/counters')
    for (let i = 0; i < 5; i++) await t.rejects(read(contoso, remote[0]), { code: 'EACCES' })
    const { routes } = await sandbox.admin<{ routes: Record<string, number> }>('GET', '/counters')
    t.equal(routes['token'] ?? 0, 0, 'the sign-in service is not asked for each of them')

    const command = commandIn(await libraryOf(sandbox, 'Contoso'))
    const { stdout, stderr, status } = await sandbox.cli(...command)
    t.equal(status, EXIT.ok, stderr)
    t.match(stdout, /Signed in as ann@fabrikam\.example for 2222/)
    // MSAL has claims of its own in every address.
    t.match(
      decodeURIComponent(stderr),
      /claims=.*"capolids"/,
      'what the organization wants proven is asked for',
    )
    t.ok((await read(contoso, remote[0])) > 0, 'and it is read again, without a remount')
    await eventually('it is followed', () => allAre('up-to-date'))
  })

  await t.test(
    'the sign-in at home ends: everything local stays, all organizations say the same',
    async t => {
      await people({ do: 'revoke-tokens' })
      await sandbox.admin('PUT', '/clock', { advanceSeconds: 2 * 60 * 60 })
      for (const folder of folders) {
        await t.rejects(read(folder, remote[1]), { code: 'EACCES' })
        t.ok((await read(folder)) > 0)
        t.ok((await readdir(folder)).length > 0)
      }
      const expired = { state: 'sign-in-needed', problem: { nextStep: 'Run: b2bmount sign-in' } }
      for (const organization of ['Contoso', 'Northwind Traders'])
        t.match(await libraryOf(sandbox, organization), expired, organization)
      t.equal((await sandbox.cli(...commandIn(await libraryOf(sandbox, 'Contoso')))).status, EXIT.ok)
      for (const folder of folders) t.ok((await read(folder, remote[1])) > 0)
    },
  )

  await t.test(
    'consent is withdrawn: status has the page of the administrators, the other goes on',
    async t => {
      await people({ do: 'consent', tenant: NORTHWIND, consent: 'admin' })
      await sandbox.admin('PUT', '/clock', { advanceSeconds: 2 * 60 * 60 })
      const page = new RegExp(`https://login\\.microsoftonline\\.com/${NORTHWIND}/adminconsent\\?client_id=`)
      await t.rejects(read(northwind, remote[2]), { code: 'EACCES' })
      t.match(await libraryOf(sandbox, 'Northwind Traders'), {
        state: 'needs-attention',
        problem: { code: 'consent-required', nextStep: page },
      })
      t.ok((await read(northwind)) > 0)
      t.ok((await readdir(join(contoso, 'Reports'))).length > 0)
      t.match((await libraryOf(sandbox, 'Contoso'))?.problem, undefined)
    },
  )
})

import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { DEMO_USER, type Sandbox } from '../../scripts/sandbox.js'
import { MEANING } from '../../src/auth/entra-fault.js'
import { EXIT } from '../../src/cli/exit-code.js'
import type { DaemonStatus, LibraryState, LibraryStatus } from '../../src/control/answers.js'
import type { FaultCode } from '../../src/model/fault.js'
import { cannotMount } from '../helpers/can-mount.js'
import { PROGRAM_WITH_CLOCK_AHEAD, putClockAhead } from '../helpers/clock-ahead.js'
import { eventually } from '../helpers/desktop-session.js'
import { mountDirectories, temporaryDirectory } from '../helpers/mounted-directory.js'

const CONTOSO = '22222222-2222-4222-8222-222222222222'
// A program waits no longer than that for what nobody answers: see SEMANTICS.md.
const LONGEST_READ_MILLISECONDS = 60_000
const LONGER_THAN_A_TOKEN_SECONDS = 2 * 60 * 60
// A library of which the service tells us when something changes is asked every ten minutes all the same.
const LONGEST_BETWEEN_PULLS_SECONDS = 11 * 60
// By one program that reads, by both libraries, and by those that have waited since the clock was put ahead; for a token and,
// where a token was refused, another one.
const MOST_REQUESTS = 8
// What may pass at once is tried again for as long as a program waits.
const MOST_REQUESTS_IN_A_READ = 24

/** What the numbers of Entra become: the fault, the library's state, what a program is told, and what status says to do. */
const OUTCOMES: readonly (readonly [
  codes: string,
  fault: FaultCode,
  state: LibraryState,
  errno: string,
  nextStep: RegExp,
])[] = [
  [
    '50020 50034 51004 90072 16000 16003',
    'not-a-guest',
    'access-removed',
    'EACCES',
    /invite this very account again/,
  ],
  ['50014', 'invitation-pending', 'needs-attention', 'EACCES', /link of the invitation mail/],
  ['500212', 'blocked-by-policy', 'needs-attention', 'EACCES', /outbound access to Contoso/],
  ['500213', 'blocked-by-policy', 'needs-attention', 'EACCES', /contact at Contoso to allow inbound/],
  ['500021 500022', 'blocked-by-policy', 'needs-attention', 'EACCES', /tenant restrictions/],
  [
    '50072 50074 50076 50078 50079 50158',
    'sign-in-required',
    'sign-in-needed',
    'EACCES',
    new RegExp(`^Run: b2bmount sign-in ${CONTOSO}$`),
  ],
  [
    '50005 50097 50131 53000 53001 53002 53003 53011 530032',
    'blocked-by-policy',
    'needs-attention',
    'EACCES',
    /exception for guests/,
  ],
  ['65001 65005 90094 90095', 'consent-required', 'needs-attention', 'EACCES', /approve it here: https:/],
  ['650052 700016 500011', 'consent-required', 'needs-attention', 'EACCES', /add it here: https:/],
  ['7000112', 'blocked-by-policy', 'needs-attention', 'EACCES', /administrator of Contoso to enable the app/],
  ['500014', 'blocked-by-policy', 'needs-attention', 'EACCES', /administrator of Contoso/],
  ['50105', 'consent-required', 'needs-attention', 'EACCES', /assign the app to you/],
  ['65004 70016 70018 70019', 'sign-in-failed', 'needs-attention', 'EACCES', /b2bmount sign-in/],
  ['50194 7000218', 'app-misconfigured', 'needs-attention', 'EACCES', /multi-tenant/],
  ['90002 900023', 'tenant-not-found', 'needs-attention', 'EACCES', /address/],
  [
    '50058 50132 50133 50173 70000 70008 70043 700082',
    'sign-in-required',
    'sign-in-needed',
    'EACCES',
    /^Run: b2bmount sign-in$/,
  ],
  [
    '50053 50055 50057 500571',
    'account-problem',
    'needs-attention',
    'EACCES',
    /IT department|browser|administrator/,
  ],
  ['1000104', 'blocked-by-policy', 'needs-attention', 'EACCES', /an account of theirs/],
  ['90033', 'server-error', 'needs-attention', 'EIO', /few minutes/],
  ['50196', 'throttled', 'needs-attention', 'EBUSY', /few minutes/],
]

/** Numbers that only the OAuth error beside them gives a meaning. */
const BY_ERROR_ALONE = [70000, 70016]

/** Continuous access evaluation: the service refuses a token before its time, and says what it wants proven. */
type How = 'expired' | 'challenged'

const ROWS = OUTCOMES.flatMap(([codes, fault, state, errno, nextStep]) =>
  codes.split(' ').flatMap(number => {
    const row = { code: Number(number), fault, state, errno, nextStep }
    const isChallenge = fault === 'sign-in-required' || fault === 'blocked-by-policy'
    const ways: readonly How[] = isChallenge ? ['expired', 'challenged'] : ['expired']
    return ways.map(how => ({ ...row, how, file: `${number} ${how}.txt`, here: `here/${number} ${how}` }))
  }),
)

async function fill(directory: string, organization: string): Promise<void> {
  // No two of one size: a library that is a directory knows its files by size and time.
  for (const [i, { file, here }] of ROWS.entries()) {
    await writeFile(join(directory, file), `${file} of ${organization}\n`.repeat(2 * i + 1))
    await mkdir(join(directory, here), { recursive: true })
    await writeFile(join(directory, here, 'local.txt'), `${here} of ${organization}\n`.repeat(2 * i + 2))
  }
}

const text = async (directory: string, file: string) => (await readFile(join(directory, file))).toString()

async function librariesOf(sandbox: Sandbox) {
  const { libraries } = await sandbox.json<DaemonStatus>('status')
  const of = (name: string) => libraries.find(({ organization }) => organization === name)
  return { contoso: of('Contoso'), northwind: of('Northwind Traders') }
}

t.test('the table has every number that is known', t => {
  const here = new Set(ROWS.map(({ code }) => code))
  t.same(
    [...here].sort((one, other) => one - other),
    [...Object.keys(MEANING).map(Number), ...BY_ERROR_ALONE].sort((one, other) => one - other),
  )
  t.end()
})

t.test('every refusal of the sign-in service, met by programs', { skip: cannotMount }, async t => {
  const [contosoSource, northwindSource] = [await temporaryDirectory(t), await temporaryDirectory(t)]
  await fill(contosoSource, 'Contoso')
  await fill(northwindSource, 'Northwind')
  const sources = { contoso: contosoSource, northwind: northwindSource }
  const { sandbox, libraries } = await mountDirectories(t, sources, [], PROGRAM_WITH_CLOCK_AHEAD)
  const [contoso = '', northwind = ''] = libraries.map(({ path }) => path)
  const contosoDrive = libraries[0]?.driveId
  const allAreWell = async () =>
    (await sandbox.json<LibraryStatus[]>('list')).every(
      ({ state, problem }) => state === 'up-to-date' && problem === undefined,
    )
  await eventually('both are listed', allAreWell)
  // By a pin: what a program has read or listed before could be the kernel's answer.
  await sandbox.json('pin', join(contoso, 'here'))
  await eventually('what is pinned is local', async () => {
    const { state } = await sandbox.json<{ state: string }>('status', join(contoso, 'here'))
    return state === 'always-available'
  })
  const people = (body: object) => sandbox.admin('POST', '/people', { tenant: CONTOSO, ...body })

  for (const { code, how, fault, state, errno, nextStep, file, here } of ROWS) {
    await t.test(`AADSTS${code}, ${how}`, async t => {
      await people({ do: 'refuse', code, user: DEMO_USER })
      if (how === 'expired') {
        await sandbox.admin('PUT', '/clock', { advanceSeconds: LONGER_THAN_A_TOKEN_SECONDS })
      } else {
        const match = { host: 'graph.microsoft.com', drive: contosoDrive }
        await sandbox.admin('PUT', '/faults', { match, action: { unauthorized: 'claims-challenge' } })
      }
      await sandbox.admin('DELETE', '/counters')

      const began = performance.now()
      await t.rejects(text(contoso, file), { code: errno }, 'what is not here')
      t.ok(performance.now() - began < LONGEST_READ_MILLISECONDS, 'in time')
      t.same(await readdir(join(contoso, here)), ['local.txt'], 'what is here is listed')
      const local = join(here, 'local.txt')
      t.equal(await text(contoso, local), await text(contosoSource, local), 'and read')
      t.equal(await text(northwind, file), await text(northwindSource, file), 'the other organization')
      let { contoso: ofContoso, northwind: ofNorthwind } = await librariesOf(sandbox)
      const before = ofNorthwind?.checked ?? Infinity
      putClockAhead(sandbox.home, LONGEST_BETWEEN_PULLS_SECONDS)
      await eventually('both are asked for changes', async () => {
        ;({ contoso: ofContoso, northwind: ofNorthwind } = await librariesOf(sandbox))
        return ofContoso?.problem !== undefined && (ofNorthwind?.checked ?? 0) > before
      })
      t.match(ofContoso, { state, problem: { code: fault, nextStep } })
      t.match(ofNorthwind, { state: 'up-to-date', problem: undefined })
      const { routes } = await sandbox.admin<{ routes: Record<string, number> }>('GET', '/counters')
      const { token = 0 } = routes
      t.ok(
        token > 0 && token <= (fault === 'server-error' ? MOST_REQUESTS_IN_A_READ : MOST_REQUESTS),
        `asked ${token} times`,
      )

      await sandbox.admin('DELETE', '/faults')
      const command = /^Run: b2bmount (.*)$/.exec(ofContoso?.problem?.nextStep ?? '')?.[1]
      // A second factor, or agreeing to terms, is what the sign-in there settles by itself.
      if (command === undefined || !command.endsWith(CONTOSO)) await people({ do: 'allow', user: DEMO_USER })
      const isRight = async () => (await text(contoso, file)) === (await text(contosoSource, file))
      if (command !== undefined) {
        t.equal((await sandbox.cli(...command.split(' '))).status, EXIT.ok, command)
        t.ok(await isRight(), 'at once')
      } else putClockAhead(sandbox.home, LONGEST_BETWEEN_PULLS_SECONDS)
      await eventually('it is followed again', allAreWell)
      t.ok(await isRight(), 'by itself')
    })
    if (!t.passing()) break
  }
})

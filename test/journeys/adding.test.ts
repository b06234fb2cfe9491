import t from 'tap'
import { openSandbox } from '../../scripts/sandbox.js'
import { EXIT } from '../../src/cli/exit-code.js'
import type { AddedLibrary } from '../../src/control/answers.js'
import type { FaultCode } from '../../src/model/fault.js'

interface Refusal {
  readonly code: FaultCode
  readonly exit: number
  /** What the sentence must name. */
  readonly says: RegExp
}

/** Names of addresses in the emulator's world. */
const REFUSED: Readonly<Record<string, Refusal>> = {
  'contoso single file link (refused)': { code: 'single-file', exit: EXIT.refused, says: /single file/ },
  'contoso anyone link (refused)': { code: 'anyone-link', exit: EXIT.refused, says: /Anyone/ },
  'adatum site': { code: 'not-a-guest', exit: EXIT.refused, says: /adatum/i },
  'litware site': { code: 'invitation-pending', exit: EXIT.refused, says: /invitation/ },
  'proseware site': { code: 'consent-required', exit: EXIT.refused, says: /proseware/i },
  'wingtip site': { code: 'sign-in-required', exit: EXIT.signIn, says: /wingtip/i },
}

const ACCEPTED: Readonly<Record<string, string>> = {
  'contoso site': 'Contoso/Design - Documents',
  'contoso media view': 'Contoso/Design - Media',
  'northwind catalogue link': 'Northwind Traders/Supply - Catalogue',
  'northwind world names sync': 'Northwind Traders/Supply - World names',
  'tailspin folder link': 'Tailspin Toys/Models - Documents - Reports',
  'tailspin ten thousand library id': 'Tailspin Toys/Archive - Ten thousand',
  'contoso people link to redeem': 'Contoso/Launch - Documents - Photos',
  // Graph refuses this guest until SharePoint has seen it once.
  'fourth site': 'Fourth Coffee/Fourth Coffee Team - Documents',
}

t.test('what other organizations share is added by its address, or refused with a sentence', async t => {
  const sandbox = await openSandbox()
  t.teardown(() => sandbox.close())
  const { addresses } = await sandbox.admin<{ addresses: Record<string, string> }>('GET', '/world')
  const addressOf = (name: string) => addresses[name] ?? `no address "${name}"`

  await t.test('before anybody has signed in', async t => {
    const { status, stderr } = await sandbox.cli('add', addressOf('contoso site'))
    t.equal(status, EXIT.signIn)
    t.match(stderr, /b2bmount sign-in/)
  })

  await sandbox.json('sign-in')

  for (const [name, expected] of Object.entries(ACCEPTED)) {
    await t.test(`${name} is added`, async t => {
      const { library } = await sandbox.json<AddedLibrary>('add', addressOf(name))
      t.equal(`${library.organization}/${library.name}`, expected)
    })
  }

  await t.test('twice is refused', async t => {
    const { status, stderr } = await sandbox.cli('add', addressOf('contoso site'))
    t.equal(status, EXIT.failed)
    t.match(stderr, /already/)
  })

  for (const [name, { code, exit, says }] of Object.entries(REFUSED)) {
    await t.test(`${name} is refused: ${code}`, async t => {
      const { status, stdout, stderr } = await sandbox.cli('add', addressOf(name), '--json')
      t.equal(status, exit)
      const { error } = JSON.parse(stdout || stderr) as {
        error: { code: string; message: string; nextStep?: string }
      }
      t.equal(error.code, code)
      t.match(error.message, says)
      t.ok(error.nextStep, 'says what to do next')
      t.notMatch(stdout + stderr, /\bat .*\.js:\d+/, 'shows no stack')
    })
  }

  await t.test('who signs in where more is asked for proves what is asked for, and can add', async t => {
    for (const organization of ['nobody.example', 'nobody'])
      t.equal((await sandbox.cli('sign-in', organization)).status, EXIT.failed, organization)
    const { status, stderr } = await sandbox.cli('sign-in', 'wingtip.example')
    t.equal(status, EXIT.ok, stderr)
    t.match(stderr, /claims=[^&]*capolids/)
    const { library } = await sandbox.json<AddedLibrary>('add', addressOf('wingtip site'))
    t.equal(library.organization, 'Wingtip Toys')
  })

  for (const address of [
    'not an address',
    'https://example.com/',
    'https://contoso.sharepoint.com.example.com/sites/x',
    'ftp://contoso.sharepoint.com/',
  ]) {
    await t.test(`"${address}" is no address`, async t => {
      const { status, stderr } = await sandbox.cli('add', address)
      t.equal(status, EXIT.usage)
      t.notMatch(stderr, /\bat .*\.js:\d+/)
    })
  }

  await t.test('a host that does not exist', async t => {
    const { status } = await sandbox.cli('add', 'https://nobody.sharepoint.com/sites/x')
    t.not(status, 0)
  })
})

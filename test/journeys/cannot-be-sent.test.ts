import { randomBytes } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { DaemonStatus, UnsentItem } from '../../src/control/answers.js'
import { cannotMount } from '../helpers/can-mount.js'
import { PROGRAM_WITH_CLOCK_AHEAD, putClockAhead } from '../helpers/clock-ahead.js'
import { eventually } from '../helpers/desktop-session.js'
import { temporaryDirectory } from '../helpers/mounted-directory.js'
import { run } from '../helpers/programs.js'
import { mountWritable } from '../helpers/writable-library.js'

const CONTOSO = '22222222-2222-4222-8222-222222222222'
const MINUTE = 60

t.test('what the other organization does not take for now', { skip: cannotMount }, async t => {
  const library = await mountWritable(t, [], PROGRAM_WITH_CLOCK_AHEAD)
  const { sandbox, driveId } = library
  const people = (body: object) => sandbox.admin('POST', '/people', { tenant: 'contoso', ...body })
  const status = () => sandbox.json<DaemonStatus>('status')
  const pass = (seconds: number) => putClockAhead(sandbox.home, seconds)

  async function unsent(name: string): Promise<UnsentItem | undefined> {
    return (await status()).unsent?.items.find(({ path }) => path === library.on(name))
  }

  /** Nobody asks for it: no `b2bmount sync` here. */
  async function staysHere(t: Test, name: string, bytes: Buffer, code: string): Promise<UnsentItem> {
    let left: UnsentItem | undefined
    await eventually(`${name} could not be sent`, async () => {
      left = await unsent(name)
      return left?.problem !== undefined && left.state === 'waiting'
    })
    t.match(left, { path: library.on(name), problem: { code } })
    t.same(await readFile(library.on(name)), bytes, 'it is read here as it was written')
    const exported = join(await temporaryDirectory(t), 'unsent')
    t.equal((await sandbox.cli('export', exported)).status, 0)
    const found = await run('find', exported, '-type', 'f', '-name', name)
    t.same(await readFile(found.trim()), bytes, 'and exported')
    if (left === undefined) throw new Error('in vain')
    return left
  }

  async function arrives(t: Test, contents: ReadonlyMap<string, Buffer>): Promise<void> {
    await eventually('everything has gone by itself', async () => (await status()).unsent?.total === 0)
    for (const [name, bytes] of contents) {
      if (!bytes.equals(await library.bytesThere(name))) t.fail(`${name} is not there as it was written`)
    }
    t.pass('everything is there as it was written')
  }

  /** A file that is there, and changed here while something keeps it. */
  async function changed(name: string, keep: object): Promise<Buffer> {
    await writeFile(library.on(name), 'before\n')
    await library.sync()
    await library.edit({ path: name, ...keep })
    const bytes = Buffer.from(`I am written while ${name} cannot be sent.\n`)
    await writeFile(library.on(name), bytes)
    pass(3)
    return bytes
  }

  for (const [what, keep] of Object.entries({
    'open for editing': { do: 'lock' },
    'checked out by somebody else': { do: 'check-out', user: 'megan@contoso.example' },
  })) {
    await t.test(`a file that is ${what}`, async t => {
      const name = `${keep.do}.txt`
      const bytes = await changed(name, keep)
      const { id } = await library.there(name)
      const { nextAttempt = 0 } = await staysHere(t, name, bytes, 'locked')
      t.ok(nextAttempt > 0)
      t.equal((await library.bytesThere(name)).toString(), 'before\n')
      await library.edit({ do: 'unlock', path: name })
      pass(1.3 * MINUTE)
      await arrives(t, new Map([[name, bytes]]))
      t.match(await library.there(name), { id, versions: 2 })
    })
  }

  await t.test('a library that is full', async t => {
    const name = 'too much.bin'
    await sandbox.admin('PUT', '/libraries', { drive: driveId, quotaBytes: 1_000 })
    const bytes = randomBytes(100_000)
    await writeFile(library.on(name), bytes)
    pass(3)
    await staysHere(t, name, bytes, 'quota-full')
    t.match((await sandbox.cli('status', library.on(name))).stdout, /attention/)
    await sandbox.admin('PUT', '/libraries', { drive: driveId, quotaBytes: null })
    pass(6.5 * MINUTE)
    await arrives(t, new Map([[name, bytes]]))
  })

  await t.test('a name that the service does not want, and we do not know of', async t => {
    const bytes = Buffer.from('I exist to have a bad name.\n')
    // Only in the root of a library.
    await writeFile(library.on('Forms'), bytes)
    pass(3)
    await staysHere(t, 'Forms', bytes, 'name-refused')
    await rename(library.on('Forms'), library.on('Forms to fill in'))
    pass(3)
    await arrives(t, new Map([['Forms to fill in', bytes]]))
  })

  await t.test('an organization that wants a new sign-in while files go there', async t => {
    const names = Array.from({ length: 200 }, (_, i) => `of many ${i}.bin`)
    const contents = new Map(names.map(name => [name, randomBytes(20_000)]))
    await sandbox.admin('PUT', '/link', { latencyMilliseconds: 400 })
    t.teardown(() => sandbox.admin('DELETE', '/link'))
    for (const [name, bytes] of contents) await writeFile(library.on(name), bytes)
    pass(3)
    const total = async () => (await status()).unsent?.total ?? 0
    await eventually('the first have arrived', async () => (await total()) < names.length)
    await people({ do: 'challenge', user: 'ann@fabrikam.example' })
    await sandbox.admin('DELETE', '/link')
    await eventually('those under way have ended', async () =>
      ((await status()).unsent?.items ?? []).every(({ state, problem }) => state === 'waiting' && problem),
    )
    const left = (await status()).unsent?.items ?? []
    t.ok(left.length > 0 && left.length < names.length, `${left.length} are left`)
    const name = left[0]?.path.split('/').at(-1) ?? ''
    await staysHere(t, name, contents.get(name) ?? Buffer.of(), 'sign-in-required')
    t.match((await status()).libraries, [
      { state: 'sign-in-needed', problem: { nextStep: `Run: b2bmount sign-in ${CONTOSO}` } },
    ])
    t.equal((await sandbox.cli('sign-in', CONTOSO)).status, 0)
    await arrives(t, contents)
  })
})

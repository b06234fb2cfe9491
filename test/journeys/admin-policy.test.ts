import { execFile, spawn, spawnSync } from 'node:child_process'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { openSandbox, type Sandbox } from '../../scripts/sandbox.js'
import type { AuditEntry } from '../../src/control/audit-trail.js'
import type { DaemonStatus, LibraryStatus } from '../../src/control/answers.js'
import { cannotMount } from '../helpers/can-mount.js'
import { temporaryDirectory } from '../helpers/mounted-directory.js'

const execute = promisify(execFile)
const LIMITS = { timeout: 60_000, killSignal: 'SIGKILL' as const }
const LONGEST = 30_000
const MEGABYTE = 1_000_000

/** Only there can a test have an /etc/b2bmount of its own, at the very path that users cannot move. */
const noNamespace =
  process.getuid?.() !== 0
    ? 'only root may make a mount namespace everywhere'
    : spawnSync('unshare', ['-m', 'true']).status === 0
      ? false
      : 'no mount namespace can be made here'
const skip = cannotMount || noNamespace

// What /etc had is still there; all of it is gone with the namespace.
const SETUP = `set -e
etc=$(mktemp -d)
mount -t tmpfs none "$etc"
cp -a /etc/. "$etc/"
mkdir -p "$etc/b2bmount"
mount --bind "$1" "$etc/b2bmount"
mount --move "$etc" /etc
rmdir "$etc"
echo ready
exec sleep 300`

/** A mount namespace in which `directory` is /etc/b2bmount. @returns what runs a program there */
async function namespaceWith(t: Test, directory: string): Promise<readonly string[]> {
  const child = spawn('unshare', ['-m', '--propagation', 'private', 'sh', '-c', SETUP, 'sh', directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === 'ready') break
  }
  if (child.exitCode !== null) throw new Error('the namespace was not made')
  return ['nsenter', '-t', String(child.pid), '-m', '--']
}

/** What comes after a while of its own accord. */
async function eventually<Value>(find: () => Promise<Value | undefined>): Promise<Value> {
  for (const end = Date.now() + LONGEST; Date.now() < end; await setTimeout(250)) {
    const found = await find()
    if (found !== undefined) return found
  }
  throw new Error('it did not come')
}

interface World {
  readonly addresses: Readonly<Record<string, string>>
}

t.test("an administrator's policy, from the file to the programs", { skip }, async t => {
  const etc = await temporaryDirectory(t)
  await chmod(etc, 0o755)
  const decide = (policy: unknown) => writeFile(join(etc, 'policy.json'), JSON.stringify(policy))
  const source = await temporaryDirectory(t)
  await writeFile(join(source, 'local.txt'), 'this is here')
  await writeFile(join(source, 'remote.txt'), 'this is there')
  const film = Buffer.alloc(3 * MEGABYTE, 'frame')
  await writeFile(join(source, 'film.bin'), film)
  const within = await namespaceWith(t, etc)
  const sandbox: Sandbox = await openSandbox({
    emulator: ['--library', `contoso/Projects=${source}`],
    within,
  })
  t.teardown(() => sandbox.close())
  const [nsenter = '', ...into] = within
  const inside = (...command: readonly string[]) => execute(nsenter, [...into, ...command], LIMITS)
  const read = (path: string) => inside('cat', path).then(({ stdout }) => stdout)
  const { addresses } = await sandbox.admin<World>('GET', '/world')
  const address = addresses['contoso projects'] ?? ''

  await decide({ BlockExternalSync: true })
  await sandbox.json('sign-in')
  const refused = await sandbox.cli('add', address)
  t.equal(refused.status, 4)
  t.match(refused.stderr, /administrator of this machine does not allow.*\nAsk your administrator\./s)

  await decide({ EnableODIgnoreListFromGPO: ['*.tmp'] })
  const { library } = await sandbox.json<{ library: LibraryStatus }>('add', address)
  const drive = join(sandbox.home, 'B2B')
  await mkdir(drive)
  await sandbox.json('mount', drive)
  const folder = join(drive, library.organization, library.name)
  const [here, there] = [join(folder, 'local.txt'), join(folder, 'remote.txt')]
  t.equal(await read(here), 'this is here')

  await t.test('a change counts without a new mount', async t => {
    await decide({ BlockTenantList: [library.root.tenant] })
    const [blocked] = await sandbox.json<LibraryStatus[]>('list')
    t.match(blocked, {
      state: 'blocked-by-policy',
      problem: { code: 'blocked-by-policy', nextStep: 'Ask your administrator.' },
    })
    await t.rejects(read(there), /Permission denied/)
    t.equal(await read(here), 'this is here')
  })

  await t.test('what cannot be understood closes, and says why', async t => {
    await decide({ BlockExternalSynk: true })
    const { stdout } = await sandbox.cli('status')
    t.match(stdout, /blocked by policy/)
    t.match(stdout, /\/etc\/b2bmount\/policy\.json has an unknown key, "BlockExternalSynk".* Ask your admin/)
    t.match((await sandbox.cli('doctor')).stdout, /FAIL +Policy .*BlockExternalSynk/)
    t.equal(await read(here), 'this is here')
    await t.rejects(read(there), /Permission denied/)
  })

  await t.test('a library that an administrator wants is there by itself', async t => {
    await sandbox.json('remove', folder)
    await decide({ TenantAutoMount: { Projects: libraryIdOf(library) } })
    const found = await eventually(async () => {
      const { libraries } = await sandbox.json<DaemonStatus>('status')
      return libraries[0]
    })
    t.match(found, { organization: library.organization, name: library.name, root: library.root })
    t.equal(await read(there), 'this is there')
  })

  await t.test('downloads are no faster than they may be, over real connections', async t => {
    await decide({ DownloadBandwidthLimit: 1_000 })
    await sandbox.json('list')
    const start = performance.now()
    const copy = join(sandbox.home, 'copy')
    await inside('cp', join(folder, 'film.bin'), copy)
    const seconds = (performance.now() - start) / 1000
    // The first second's worth may come as a burst.
    t.ok(seconds >= 1.8, `${seconds} s for 3 MB at 1 MB/s`)
    t.equal(Buffer.compare(await readFile(copy), film), 0)
  })

  await t.test('who has opened what is told, also without the daemon', async t => {
    const { cloud } = await sandbox.json<DaemonStatus>('status')
    await sandbox.json('stop')
    const entries = await sandbox.json<AuditEntry[]>('audit', folder, '--since', '1h')
    t.match(entries, [
      { outcome: 'opened', program: 'cat', executable: /\/cat$/, uid: 0, path: /\/local\.txt$/ },
      { outcome: 'refused', fault: 'blocked-by-policy', program: 'cat', path: /\/remote\.txt$/ },
      { outcome: 'opened', path: /\/local\.txt$/ },
      { outcome: 'opened', path: /\/local\.txt$/ },
      { outcome: 'refused', path: /\/remote\.txt$/ },
      { outcome: 'opened', path: /\/remote\.txt$/ },
      { outcome: 'opened', program: 'cp', path: /\/film\.bin$/ },
    ])
    t.equal(entries.length, 7)
    t.match(
      (await sandbox.cli('audit', there)).stdout,
      /^\d{4}-.* refused +cat \(\d+\) .*remote\.txt \(blocked-by-policy\)$/m,
    )
    const file = join(sandbox.home, '.local/state/b2bmount', cloud, 'audit.jsonl')
    t.notMatch(await readFile(file, 'utf8'), /https?:|eyJ/)
  })
})

/** "Copy library ID", whose ids are those that a drive id is made of: site, web, list. */
function libraryIdOf({ root, webUrl }: LibraryStatus): string {
  const bytes = Buffer.from(root.drive.replace(/^b!/, ''), 'base64url')
  const [siteId = '', webId = '', listId = ''] = [0, 16, 32].map(start =>
    guidIn(bytes.subarray(start, start + 16)),
  )
  const parameters = { tenantId: root.tenant, siteId, webId, listId, webUrl, version: '1' }
  return Object.entries(parameters)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join('&')
}

/** As Microsoft writes them into bytes: the first three parts backwards. */
function guidIn(bytes: Buffer): string {
  const part = (start: number, end: number) => bytes.subarray(start, end)
  const backwards = [part(0, 4), part(4, 6), part(6, 8)].map(each => Buffer.from(each).reverse())
  return [...backwards, part(8, 10), part(10, 16)].map(each => each.toString('hex')).join('-')
}

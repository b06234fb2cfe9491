import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { auditFile, readAuditTrail, type AuditEntry } from '../../src/control/audit-trail.js'
import { toErrno } from '../../src/fs/errno.js'
import { Fault } from '../../src/model/fault.js'
import { aWhile, fileItem, forever, pattern, program } from './drive-world.js'
import { startPolicyWorld, type PolicyWorld } from './policy-world.js'

const KIB = 1024
const MIB = 1024 * KIB
const MINUTE = 60_000
const EACCES = 13
const ENETUNREACH = 101
const ELSEWHERE = '33333333-3333-4333-8333-333333333333'

const BYTES = pattern(MIB)

function policyWorld(t: Test, policy: unknown, config = {}): PolicyWorld {
  const made = startPolicyWorld(t, policy, config)
  const { remote } = made.world
  for (const name of ['local', 'remote', 'other']) remote.put(fileItem(name, `${name}.bin`, BYTES), BYTES)
  return made
}

const isSame = (found: Uint8Array, wanted: Uint8Array) => Buffer.compare(found, wanted) === 0

const whole = { start: 0, end: MIB }

async function readWhole({ world }: PolicyWorld, name: string): Promise<Uint8Array> {
  const file = await world.open(name)
  try {
    return await world.read(file, whole)
  } finally {
    world.drive.release(file.handle)
    await world.hydrator.settled()
  }
}

const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (failure: unknown) => failure,
  )

async function trail({ world, audit }: PolicyWorld, filter = {}): Promise<AuditEntry[]> {
  audit.flush()
  const entries: AuditEntry[] = []
  for await (const entry of readAuditTrail(join(world.directory, 'audit'), filter)) entries.push(entry)
  return entries
}

// "What is local of it stays, and can be read where all of a file is local; a file that is not local as a whole does not open."
t.test(
  'of an organization that is not allowed any more, what is local can be read and nothing else',
  async t => {
    const made = policyWorld(t, {})
    const { world, decide } = made
    await readWhole(made, 'local.bin')
    const open = await world.open('other.bin')
    await world.read(open, { start: 0, end: 64 * KIB })

    decide({ AllowTenantList: [ELSEWHERE] })
    const before = world.remote.downloads.length
    t.ok(isSame(await readWhole(made, 'local.bin'), BYTES))
    const failure = await failureOf(world.open('remote.bin'))
    t.match(failure, { code: 'blocked-by-policy', message: /Contoso/, nextStep: 'Ask your administrator.' })
    t.equal(toErrno(failure), EACCES)
    await t.rejects(world.read(open, whole), { code: 'blocked-by-policy' }, 'also what was open already')
    t.ok(isSame(await world.read(open, { start: 0, end: 64 * KIB }), BYTES.subarray(0, 64 * KIB)))
    t.equal(world.remote.downloads.length, before, 'nothing was asked for')

    decide({ AllowTenantList: [ELSEWHERE], BlockExternalSync: false })
    await t.rejects(world.open('remote.bin'), { code: 'blocked-by-policy' })
    decide({})
    t.ok(isSame(await readWhole(made, 'remote.bin'), BYTES), 'without a new mount')
  },
)

// "A policy that cannot be understood … allows no organization but the account's own."
t.test('a policy that cannot be understood closes, and loses nothing', async t => {
  const made = policyWorld(t, {})
  const { world, decide, account } = made
  await readWhole(made, 'local.bin')
  decide({ BlockExternalSynk: true })
  t.match(await failureOf(world.open('remote.bin')), {
    code: 'blocked-by-policy',
    message: /policy\.json has an unknown key, "BlockExternalSynk"/,
  })
  t.ok(isSame(await readWhole(made, 'local.bin'), BYTES))
  account.home = 'tenant-contoso' as typeof account.home
  t.ok(isSame(await readWhole(made, 'remote.bin'), BYTES), 'of the own organization')
})

// "a file opens only if its organization has answered within the last 15 minutes, and lets us in."
t.test('without offline mode a local file opens only while its organization can be reached', async t => {
  const made = policyWorld(t, { DisableOfflineModeForExternalLibraries: true })
  const { world, clock, synced, asked, decide, account } = made
  synced.checked = clock.now()
  await readWhole(made, 'local.bin')
  asked.failure = new Fault('offline', 'There is no connection')
  clock.advance(15 * MINUTE)
  t.ok(isSame(await readWhole(made, 'local.bin'), BYTES))
  t.equal(asked.count, 0, 'synchronisation had asked')
  const open = await world.open('local.bin')

  clock.advance(1)
  const failure = await failureOf(world.open('local.bin'))
  t.match(failure, { code: 'offline-not-allowed', message: /Contoso.*There is no connection/ })
  t.equal(toErrno(failure), ENETUNREACH)
  await t.rejects(world.open('local.bin'), { code: 'offline-not-allowed' })
  t.equal(asked.count, 1, 'a walk through a folder asks once')
  t.ok(isSame(await world.read(open, whole), BYTES), 'what is open stays readable')

  asked.failure = undefined
  clock.advance(5_000)
  t.ok(isSame(await readWhole(made, 'local.bin'), BYTES), 'it is asked, and answers')
  asked.failure = new Fault('offline', 'There is no connection')
  clock.advance(15 * MINUTE)
  await readWhole(made, 'local.bin')
  synced.problem = new Fault('access-removed', 'Contoso no longer shares it')
  asked.failure = synced.problem
  t.match(
    await failureOf(world.open('local.bin')),
    { message: /no longer shares/ },
    'whatever it said before',
  )

  account.home = 'tenant-contoso' as typeof account.home
  t.ok(isSame(await readWhole(made, 'local.bin'), BYTES), 'the own organization is not external')
  account.home = 'tenant-fabrikam' as typeof account.home
  decide({})
  t.ok(isSame(await readWhole(made, 'local.bin'), BYTES))
})

// "nothing is downloaded that would leave less free, with `disk-full`; what was not used for long is freed first."
t.test('downloads stop where too little is free, after the cache has freed what it may', async t => {
  const made = policyWorld(t, { MinDiskSpaceLimitInMB: 100 })
  const { world } = made
  await readWhole(made, 'local.bin')
  world.freeBytes = 100_000_000
  t.match(await failureOf(readWhole(made, 'remote.bin')), {
    code: 'disk-full',
    message: /less than 100 MB/i,
  })
  t.equal(world.store.content.totalBytes(), 0, 'what was not used was freed')
  world.freeBytes = 100_000_000 + 2 * MIB
  t.ok(isSame(await readWhole(made, 'remote.bin'), BYTES))
})

t.test("the user's own limit may only be stricter", async t => {
  const made = policyWorld(t, { MinDiskSpaceLimitInMB: 100 }, { minimumFreeSpaceInMB: 50 })
  const { world } = made
  await readWhole(made, 'local.bin')
  world.freeBytes = 60_000_000
  await world.limits.enforce()
  t.equal(world.store.content.totalBytes(), 0)
})

// "all downloads of content together are no faster, over some seconds. The first 64 KiB of each come at once"
t.test('downloads are no faster than they may be, and their beginnings come at once', async t => {
  const made = policyWorld(t, { DownloadBandwidthLimit: 100 })
  const { world, clock, decide } = made
  const file = await world.open('remote.bin')
  const first = await world.read(file, { start: 0, end: 16 * KIB })
  t.ok(isSame(first, BYTES.subarray(0, 16 * KIB)), 'without any time having passed')
  let isDone = false
  const start = clock.now()
  const reading = world.read(file, whole).then(bytes => {
    isDone = true
    return bytes
  })
  while (!isDone && clock.now() - start < 60_000) {
    await aWhile()
    clock.advance(20)
  }
  t.ok(isSame(await reading, BYTES))
  const seconds = (clock.now() - start) / 1000
  t.ok(seconds >= 8 && seconds <= 12, `${seconds} s for 1 MiB at 100 KB/s`)

  const other = await world.open('other.bin')
  await world.read(other, { start: 0, end: 16 * KIB })
  const rest = world.read(other, whole)
  await aWhile()
  decide({})
  clock.advance(3_000)
  t.ok(isSame(await rest, BYTES), 'the limit is gone at once')
})

t.test('what is not limited goes past us, and the limit ends that', async t => {
  const made = policyWorld(t, { DownloadBandwidthLimit: 100 })
  const { world, clock } = made
  let asked = 0
  const fetch = world.remote.fetch.bind(world.remote)
  world.remote.fetch = (item, version, range, sink, signal) => {
    if (sink.direct?.(range.start, 10)) asked++
    return fetch(item, version, range, sink, signal)
  }
  const file = await world.open('remote.bin')
  await world.read(file, { start: 0, end: 16 * KIB })
  t.equal(asked, 0)
  made.decide({})
  clock.advance(10_000)
  await world.read(await world.open('other.bin'), { start: 0, end: 16 * KIB })
  t.equal(asked, 1)
})

// "Programs of `HydrationDisallowedApps`, and whatever they start, are *local-only*, whatever `config.json` says"
t.test('a program that may not hydrate does not, whatever the user has configured', async t => {
  const config = { hydration: { full: ['cloud-backup', 'cat'], deny: ['scanner'] } }
  const made = policyWorld(t, {}, config)
  const { world, decide } = made
  await readWhole(made, 'local.bin')
  const [BACKUP, CHILD, SCANNER] = [21, 22, 23]
  world.programs.set(BACKUP, [program('cloud-backup')])
  world.programs.set(CHILD, [program('cat'), program('cloud-backup')])
  world.programs.set(SCANNER, [program('scanner')])
  await world.openAs(BACKUP, 'remote.bin')
  decide({ HydrationDisallowedApps: [{ ApplicationId: 'cloud-backup' }, { ApplicationId: 'scanner' }] })
  for (const pid of [BACKUP, CHILD]) {
    await t.rejects(world.openAs(pid, 'remote.bin'), { code: 'hydration-refused' })
    await world.openAs(pid, 'local.bin')
  }
  await t.rejects(world.openAs(SCANNER, 'local.bin'), { code: 'hydration-refused' }, 'deny is stricter')
})

// "Every open of a file is written down: when, by which program, process and user, and whether it was refused."
t.test('who opens what is written down', async t => {
  const made = policyWorld(t, {})
  const { world, decide, clock } = made
  const bytes = pattern(10)
  world.remote.put(fileItem('hostile', 'a\u001b[2J\u202efdp.exe', bytes), bytes)
  world.programs.set(7, [{ ...program('soffice.bin'), pid: 70 }])
  world.programs.set(8, [program('tumblerd')])
  const node = await world.node('local.bin')
  await world.drive.open(node, 0, { pid: 7, uid: 1000 }, forever)
  await failureOf(world.openAs(8, 'remote.bin'))
  const between = clock.now() + 1
  clock.advance(1_000)
  decide({ BlockExternalSync: true })
  await failureOf(world.openAs(9, 'other.bin'))
  await failureOf(world.openAs(9, '..'))
  await failureOf(world.openAs(9, 'a␛[2J\u202efdp.exe'))

  const entries = await trail(made)
  t.match(entries, [
    {
      at: between - 1,
      event: 'open',
      outcome: 'opened',
      program: 'soffice.bin',
      executable: '/usr/bin/soffice.bin',
      pid: 70,
      uid: 1000,
      organization: 'Contoso',
      library: 'Team - Projects',
      path: 'Contoso/Team - Projects/local.bin',
      tenant: 'tenant-contoso',
      drive: 'b!projects',
      item: 'local',
    },
    { outcome: 'refused', fault: 'hydration-refused', program: 'tumblerd', pid: 8, item: 'remote' },
    { outcome: 'refused', fault: 'blocked-by-policy', program: 'unknown', pid: 9, item: 'other' },
    { outcome: 'refused', item: 'hostile' },
  ])
  t.equal(entries.length, 4)
  t.equal((await trail(made, { since: between })).length, 2)
  t.equal((await trail(made, { path: '/home/ann/B2B/Contoso/Team - Projects' })).length, 4)
  t.equal((await trail(made, { path: '/home/ann/B2B/Contoso/Team - Projects/local.bin' })).length, 1)
  t.equal((await trail(made, { path: '/home/ann/B2B/Contoso/Team' })).length, 0)

  const file = auditFile(join(world.directory, 'audit'))
  t.equal(statSync(file).mode & 0o777, 0o600)
  const text = readFileSync(file, 'utf8')
  t.notMatch(text, /\u001b|\u202e/, 'no name moves the cursor of who looks at the file')
  t.notMatch(text, /https?:/)
})

t.test('nothing is written of what nobody opens', async t => {
  const made = policyWorld(t, {})
  const { world } = made
  world.drive.getattr(await world.node('local.bin'))
  t.same(await trail(made), [])
  t.same(readdirSync(join(world.directory, 'audit')), ['audit.jsonl'])
})

import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { constants } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { getSystemErrorName } from 'node:util'
import t from 'tap'
import { Random } from '../../scripts/crash/random.js'
import { openSandbox } from '../../scripts/sandbox.js'
import { cannotMount } from '../helpers/can-mount.js'
import { mountDirectory } from '../helpers/mounted-directory.js'

const SEED = 20_261_128
const STORM_ROUNDS = 60
// A program waits no longer than that for what nobody answers: see SEMANTICS.md.
const LONGEST_READ_MILLISECONDS = 60_000

/** The status codes of Graph and SharePoint that a read can meet, and what a program is told. See SEMANTICS.md, "Errors". */
const REFUSALS: readonly (readonly [status: number, code: string, errno: RegExp])[] = [
  [400, 'invalidRequest', /^EPROTO$/],
  [403, 'accessDenied', /^EACCES$/],
  [403, 'malwareDetected', /^EACCES$/],
  [404, 'itemNotFound', /^ENOENT$/],
  [405, 'notSupported', /^ENOTSUP$/],
  [409, 'nameAlreadyExists', /^EEXIST$/],
  [412, 'resourceModified', /^ESTALE$/],
  [416, 'invalidRange', /^ESTALE$/],
  [422, 'unprocessableEntity', /^ENOTSUP$/],
  [423, 'notAllowed', /^EBUSY$/],
  [429, 'activityLimitReached', /^EBUSY$/],
  [500, 'generalException', /^EIO$/],
  [501, 'notSupported', /^ENOTSUP$/],
  [502, 'badGateway', /^EIO$/],
  [503, 'serviceNotAvailable', /^EBUSY$/],
  [504, 'gatewayTimeout', /^EIO$/],
  [507, 'quotaLimitReached', /^EDQUOT$/],
  [509, 'bandwidthLimitExceeded', /^EBUSY$/],
]

let copies = 1_000

/** No two of one size: a library that is a directory knows its files by size and time. */
function bytesOf(name: string): Buffer {
  return Buffer.from(`${name}\n`.repeat(copies++))
}

const names = REFUSALS.map(([status, code]) => `${status} ${code}.txt`)

async function fill(directory: string): Promise<void> {
  for (const name of names) await writeFile(join(directory, name), bytesOf(name))
  for (let folder = 0; folder < 8; folder++) {
    await mkdir(join(directory, `folder ${folder}`))
    for (let file = 0; file < 12; file++) {
      const name = join(`folder ${folder}`, `file ${file}.txt`)
      await writeFile(join(directory, name), bytesOf(name))
    }
  }
}

/** The error's name; Node.js knows numbers of some only. */
async function errnoOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'nothing'
  } catch (failure) {
    const { code, errno } = failure as NodeJS.ErrnoException
    if (code === undefined || errno === undefined || /^E[A-Z]+$/.test(code)) return code ?? String(failure)
    const [name] = Object.entries(constants.errno).find(([, number]) => number === -errno) ?? []
    return name ?? getSystemErrorName(errno)
  }
}

/** All paths with sizes and times, and of files their bytes. */
async function treeOf(directory: string): Promise<Record<string, string>> {
  const tree: Record<string, string> = {}
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    const { size, mtimeMs } = await stat(path)
    tree[path.slice(directory.length + 1)] = entry.isDirectory()
      ? 'folder'
      : `${size} ${Math.floor(mtimeMs / 1000)} ${(await readFile(path)).toString('base64').slice(0, 100)}`
  }
  return tree
}

t.test('every refusal of the service, one by one and in storms', { skip: cannotMount }, async t => {
  const { sandbox, library, source, driveId: drive } = await mountDirectory(t, fill)
  t.teardown(() => sandbox.admin('DELETE', '/faults').catch(() => undefined))
  await readdir(library)

  // Together: those that may pass are tried again for as long as a program waits.
  await t.test('a program is told which', { jobs: REFUSALS.length }, async t => {
    for (const [i, [status, code, errno]] of REFUSALS.entries()) {
      const name = names[i] ?? ''
      void t.test(`${status} ${code}`, async t => {
        const query = new URLSearchParams({ drive, path: name })
        const { id } = await sandbox.admin<{ id: string }>('GET', `/item?${query.toString()}`)
        const rules = await Promise.all(
          ['item', 'download'].map(route =>
            sandbox.admin<{ id: string }>('POST', '/faults', {
              match: { route, item: id },
              action: { status, code },
            }),
          ),
        )
        const began = performance.now()
        t.match(await errnoOf(readFile(join(library, name))), errno)
        t.ok(performance.now() - began < LONGEST_READ_MILLISECONDS, 'in time')
        for (const rule of rules) await sandbox.admin('DELETE', `/faults/${rule.id}`)
      })
    }
  })
  for (const name of names) {
    const [here, there] = await Promise.all(
      [library, source].map(async directory => (await readFile(join(directory, name))).toString()),
    )
    t.equal(here, there, `${name}: right as soon as that has ended`)
  }

  await t.test('a storm, while the other side changes things', async t => {
    const random = new Random(SEED)
    const routes = ['delta', 'children', 'item', 'download', 'permissions', 'subscription-socketio'] as const
    const actions: readonly object[] = [
      ...REFUSALS.map(([status, code]) => ({ status, code })),
      { status: 429, code: 'activityLimitReached', retryAfterSeconds: 1 },
      { unauthorized: 'expired' },
      { resync: 'resyncRequired' },
      { resync: 'resyncChangesUploadDifferences' },
      { resetAfterBytes: 40 },
      { endAfterBytes: 40 },
      { lengthOff: 7 },
      { body: '<html>not what you think</html>' },
      { body: '{"value": 7}' },
      { body: '{"value": [null, 7, {"id": "x"}], "@odata.nextLink": "https://elsewhere.example/"}' },
      { emptyPage: true },
      { duplicate: true },
      { reverse: true },
      { loseAnswer: true },
      { corruptAt: 10 },
    ]
    const at = () => join(`folder ${random.below(8)}`, `file ${random.below(12)}.txt`)
    const told = new Set<string>()
    for (let round = 0; round < STORM_ROUNDS; round++) {
      const match = { route: random.of(routes) }
      const times = 1 + random.below(3)
      await sandbox.admin('POST', '/faults', { match, times, action: random.of(actions) })
      const [path, other] = [at(), at()]
      const deeds = [
        () => writeFile(join(source, path), bytesOf(`${path} ${round}`)),
        () => rename(join(source, path), join(source, other)).catch(() => undefined),
        () => rm(join(source, path), { force: true }),
        () => mkdir(join(source, `new folder ${round}`)),
      ]
      await random.of(deeds)()
      told.add(await errnoOf(readFile(join(library, at()))))
      await setTimeout(random.below(50))
    }
    told.delete('nothing')
    t.comment(`programs were told ${[...told].join(', ')}`)
    await sandbox.admin('DELETE', '/faults')
    const there = await treeOf(source)
    const began = performance.now()
    await sandbox.json('sync')
    for (;;) {
      const here = await treeOf(library).catch(() => ({}))
      if (JSON.stringify(sorted(here)) === JSON.stringify(sorted(there))) break
      if (performance.now() - began > LONGEST_READ_MILLISECONDS) {
        t.same(here, there, `as over there, in time (seed ${SEED})`)
        break
      }
      await setTimeout(200)
    }

    const fresh = await openSandbox({ cloud: sandbox.cloud })
    t.teardown(() => fresh.close())
    await fresh.json('sign-in')
    const { addresses } = await fresh.admin<{ addresses: Record<string, string> }>('GET', '/world')
    await fresh.json('add', addresses['contoso projects'] ?? 'no such library')
    await mkdir(join(fresh.home, 'B2B'))
    await fresh.json('mount', join(fresh.home, 'B2B'))
    const elsewhere = join(fresh.home, library.slice(sandbox.home.length))
    t.same(await treeOf(library), await treeOf(elsewhere), 'the same as for somebody who has just added it')
  })
})

function sorted(tree: Record<string, string>): [string, string][] {
  return Object.entries(tree).sort(([one], [other]) => (one < other ? -1 : 1))
}

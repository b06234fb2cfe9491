import { mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Sandbox } from '../sandbox.js'
import type { AddedLibrary, DaemonStatus } from '../../src/control/answers.js'
import { openGuestSandbox } from './guest-sandbox.js'
import { median } from './measure.js'
import type { Row } from './row.js'

const ROUNDS = 10
const REACH_MILLISECONDS = 2_000
const MANY = 1_000
const REACH_FOR_MANY_MILLISECONDS = 5_000
const AT_ONCE = 8
const LONGEST_MILLISECONDS = 60_000

const LIBRARIES = 20
const IDLE_MILLISECONDS = 10 * 60_000
// What was listed a moment ago is asked for a little more often at first.
const SETTLE_MILLISECONDS = 60_000
const TICKS_PER_SECOND = 100

interface Followed {
  readonly sandbox: Sandbox
  /** On the drive. */
  readonly folder: string
  readonly drive: string
}

/** A mounted drive of so many libraries, all of them listed. */
async function following<Result>(
  libraries: number,
  isPushed: boolean,
  measure: (followed: Followed) => Promise<Result>,
): Promise<Result> {
  const names = Array.from({ length: libraries }, (_, i) => `Library ${i + 1}`)
  const { sandbox, addressOf } = await openGuestSandbox(names.map(name => ({ name, populate: 'team' })))
  try {
    if (!isPushed) {
      const action = { status: 400 }
      await sandbox.admin('POST', '/faults', { id: 'no', match: { route: 'subscription-socketio' }, action })
    }
    let last: AddedLibrary['library'] | undefined
    for (const name of names) last = (await sandbox.json<AddedLibrary>('add', addressOf(name))).library
    if (last === undefined) throw new RangeError('no libraries')
    const mount = join(sandbox.home, 'B2B')
    await mkdir(mount)
    await sandbox.json('mount', mount)
    await until('the libraries are followed', async () => {
      const status = await sandbox.json<DaemonStatus>('status')
      return status.libraries.every(({ state, pushed }) => state === 'up-to-date' && pushed === isPushed)
    })
    const folder = join(mount, last.organization, last.name)
    return await measure({ sandbox, folder, drive: last.root.drive })
  } finally {
    await sandbox.close()
  }
}

/** @returns milliseconds that it took */
async function until(what: string, holds: () => Promise<boolean>, every = 10): Promise<number> {
  const start = performance.now()
  while (!(await holds())) {
    if (performance.now() - start > LONGEST_MILLISECONDS) throw new Error(`in vain: ${what}`)
    await setTimeout(every)
  }
  return performance.now() - start
}

/** A change at the emulator until it is seen through the mount, from the moment that the emulator has it. */
export function push(): Promise<Row> {
  return following(1, true, async ({ sandbox, folder, drive }) => {
    const edit = (body: object) => sandbox.admin('POST', '/items', { drive, path: '', ...body })
    const isThere = (name: string) => () =>
      stat(join(folder, name)).then(
        () => true,
        () => false,
      )
    await readdir(folder)
    const times: number[] = []
    for (let i = 0; i < ROUNDS; i++) {
      await edit({ do: 'create-file', name: `new ${i}.txt`, text: 'x' })
      times.push(await until('a new file', isThere(`new ${i}.txt`)))
    }
    await edit({ do: 'create-folder', name: 'many' })
    await until('a new folder', isThere('many'))
    let next = 0
    const work = async () => {
      for (let i = next++; i < MANY; i = next++)
        await edit({ do: 'create-file', path: 'many', name: `${i}.txt`, text: 'x' })
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
    const many = await until('a thousand', async () => (await readdir(join(folder, 'many'))).length === MANY)
    const value = median(times)
    return {
      id: 'push',
      value,
      unit: 'ms',
      reach: `seen through the mount within ${REACH_MILLISECONDS} ms, ${MANY} changes within ${REACH_FOR_MANY_MILLISECONDS} ms`,
      met: value <= REACH_MILLISECONDS && many <= REACH_FOR_MANY_MILLISECONDS,
      beside: {},
      notes: [
        `median of ${ROUNDS}, the slowest ${Math.max(...times).toFixed(0)} ms`,
        `${MANY} changes: ${many.toFixed(0)} ms after the last of them`,
      ],
    }
  })
}

/** Ten minutes in which nothing happens, where the service does not tell of changes. */
export function idle(): Promise<Row> {
  return following(LIBRARIES, false, async ({ sandbox }) => {
    const { pid } = await sandbox.json<DaemonStatus>('status')
    await setTimeout(SETTLE_MILLISECONDS)
    await sandbox.admin('DELETE', '/counters')
    const before = await processorSeconds(pid)
    const start = performance.now()
    await setTimeout(IDLE_MILLISECONDS)
    const seconds = (performance.now() - start) / 1000
    const percent = (100 * ((await processorSeconds(pid)) - before)) / seconds
    const { routes } = await sandbox.admin<{ routes: Record<string, number> }>('GET', '/counters')
    const requests = Object.values(routes).reduce((sum, count) => sum + count, 0)
    const rate = requests / LIBRARIES / (seconds / 60)
    return {
      id: 'idle',
      value: percent,
      unit: '% of a core',
      reach: 'at most 0.5 % of a core, at most one request for each library a minute',
      met: percent <= 0.5 && rate <= 1,
      beside: {},
      notes: [
        `${LIBRARIES} libraries, ${(seconds / 60).toFixed(1)} minutes, without push: ${requests} requests, ` +
          `${rate.toFixed(2)} for each library a minute`,
      ],
    }
  })
}

/** Of a process so far, all its threads. */
async function processorSeconds(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { lock } from 'proper-lockfile'
import { Fault } from '../model/fault.js'
import type { Milliseconds } from '../model/ids.js'

const STALE: Milliseconds = 10_000
// Together a little longer than that.
const MOST_RETRIES = 30
const SHORTEST_WAIT: Milliseconds = 20
const LONGEST_WAIT: Milliseconds = 500

export interface DaemonLock {
  release(): Promise<void>
}

interface Holder {
  readonly pid: number
  /** Start time of the process: a pid alone may have been given to another one. */
  readonly processStart: string | undefined
}

/**
 * One daemon per state directory.
 *
 * `daemon.lock` names its holder. It counts for as long as that very process lives, so a daemon that was killed or a
 * machine that lost power leaves nothing to clean up. It is looked at and replaced only while `daemon.lock.lock` is
 * held, which takes milliseconds (and is given up after ten seconds, should a process die just then).
 *
 * @throws {Fault} `already-running`
 */
export async function acquireDaemonLock(stateDirectory: string): Promise<DaemonLock> {
  const file = join(stateDirectory, 'daemon.lock')
  const release = await lockPatiently(file)
  try {
    const holder = await readHolder(file)
    if (holder !== undefined && (await isAlive(holder))) {
      throw new Fault('already-running', `A b2bmount daemon is already running (process ${holder.pid})`, {
        nextStep: 'To end it, run:  b2bmount stop',
      })
    }
    const me: Holder = { pid: process.pid, processStart: await processStart(process.pid) }
    await writeFile(`${file}.new`, JSON.stringify(me), { mode: 0o600 })
    await rename(`${file}.new`, file)
  } finally {
    await release()
  }
  return { release: () => rm(file, { force: true }) }
}

/** Not by the package's own retries: they also wait for a disk that is full or cannot be written. */
async function lockPatiently(file: string): Promise<() => Promise<void>> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await lock(file, { realpath: false, stale: STALE })
    } catch (failure) {
      if ((failure as NodeJS.ErrnoException).code !== 'ELOCKED' || attempt === MOST_RETRIES) throw failure
    }
    await setTimeout(Math.min(SHORTEST_WAIT * 2 ** attempt, LONGEST_WAIT))
  }
}

async function readHolder(file: string): Promise<Holder | undefined> {
  try {
    const { pid, processStart } = JSON.parse(await readFile(file, 'utf8')) as Holder
    return Number.isInteger(pid) && pid > 0 ? { pid, processStart } : undefined
  } catch {
    // Missing; or torn by a power loss, and then nobody holds it.
    return undefined
  }
}

async function isAlive(holder: Holder): Promise<boolean> {
  if (holder.processStart !== undefined) return (await processStart(holder.pid)) === holder.processStart
  try {
    process.kill(holder.pid, 0)
    return true
  } catch (failure) {
    return (failure as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/**
 * Start time in clock ticks since boot; `undefined` without such a process or without /proc. A zombie has ended:
 * in a container without an init process nobody may ever reap it.
 *
 * @see proc_pid_stat(5)
 */
async function processStart(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    // From the third field on: the second, the program's name in parentheses, may hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const state = fields[3 - 3]
    return state === 'Z' || state === 'X' ? undefined : fields[22 - 3]
  } catch {
    return undefined
  }
}

import { readFile } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import type { Milliseconds } from '../model/ids.js'

const INTERVAL: Milliseconds = 25

/** One process for ever: its number alone may be given to another one. */
export interface ProcessIdentity {
  readonly pid: number
  /** In clock ticks since boot; `undefined` without /proc. */
  readonly processStart: string | undefined
}

export async function identityOf(pid: number): Promise<ProcessIdentity> {
  return { pid, processStart: await processStart(pid) }
}

export async function isAlive({ pid, processStart: start }: ProcessIdentity): Promise<boolean> {
  if (start !== undefined) return (await processStart(pid)) === start
  try {
    process.kill(pid, 0)
    return true
  } catch (failure) {
    return (failure as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** @returns whether it has ended within `limit` @throws the signal's reason */
export async function hasEnded(
  identity: ProcessIdentity,
  limit: Milliseconds,
  signal: AbortSignal,
): Promise<boolean> {
  const deadline = performance.now() + limit
  while (await isAlive(identity)) {
    if (performance.now() > deadline) return false
    await setTimeout(INTERVAL, undefined, { signal })
  }
  return true
}

/**
 * `undefined` without such a process or without /proc. A zombie has ended: in a container without an init process
 * nobody may ever reap it.
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

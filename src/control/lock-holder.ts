import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ProcessIdentity } from './process-life.js'

/** What the daemon writes into the file that it holds the lock of. */
export interface LockHolder extends ProcessIdentity {
  /** The machine's name: a home may be on several. */
  readonly host: string
}

export function lockFileOf(stateDirectory: string): string {
  return join(stateDirectory, 'daemon.lock')
}

/** The last one that held the lock, dead or alive; `undefined` where the file is missing, or torn by a power loss. */
export async function readHolder(stateDirectory: string): Promise<LockHolder | undefined> {
  try {
    const { pid, processStart, host } = JSON.parse(
      await readFile(lockFileOf(stateDirectory), 'utf8'),
    ) as LockHolder
    return Number.isInteger(pid) && pid > 0 && typeof host === 'string'
      ? { pid, processStart, host }
      : undefined
  } catch {
    return undefined
  }
}

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const execute = promisify(execFile)
const LIMITS = { timeout: 120_000, killSignal: 'SIGKILL' as const, maxBuffer: 16 << 20 }

/** Runs a program that nobody here wrote. @returns what it printed @throws with it when it fails */
export async function run(program: string, ...args: readonly string[]): Promise<string> {
  return (await execute(program, args, LIMITS)).stdout
}

/** As Ann, whatever the configuration of this machine. */
export function git(...args: readonly string[]): Promise<string> {
  const settings = ['user.name=Ann', 'user.email=ann@fabrikam.example', 'safe.directory=*']
  return run('git', ...settings.flatMap(setting => ['-c', setting]), ...args)
}

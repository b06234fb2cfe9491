import { spawn, spawnSync, type StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readdirSync, readlinkSync } from 'node:fs'
import type { Milliseconds } from '../model/ids.js'

/**
 * Runs one of the system's programs to its end, without its output.
 *
 * @returns its exit code; `undefined` when it was killed for taking longer than `deadline`
 * @throws {Error} `ENOENT` when there is no such program
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  deadline: Milliseconds,
): Promise<number | undefined> {
  return await withPrivateDescriptors(async stdio => {
    const child = spawn(program, args, { stdio, timeout: deadline, killSignal: 'SIGKILL' })
    const [code] = (await once(child, 'exit')) as [number | null]
    return code ?? undefined
  })
}

/** The same for a process that is about to exit. Never throws. */
export function runProgramNow(
  program: string,
  args: readonly string[],
  deadline: Milliseconds,
): number | undefined {
  return withPrivateDescriptors(
    stdio =>
      spawnSync(program, args, { stdio, timeout: deadline, killSignal: 'SIGKILL' }).status ?? undefined,
  )
}

/**
 * libfuse 2 does not mark its descriptor of /dev/fuse as ours alone. A program that inherits it keeps the mount alive when
 * we are killed, and can wait for ever for what nobody will answer. So it gets /dev/null in its place.
 */
function withPrivateDescriptors<Result>(work: (stdio: StdioOptions) => Result): Result {
  const inherited = fuseDescriptors()
  const stdio: ('ignore' | number)[] = ['ignore', 'ignore', 'ignore']
  if (inherited.length === 0) return work(stdio)
  const nothing = openSync('/dev/null', 'r')
  try {
    for (const fd of inherited) {
      // Those between have been marked: they are closed by themselves.
      while (stdio.length <= fd) stdio.push('ignore')
      stdio[fd] = nothing
    }
    // Both kinds of spawn have started their program when they return.
    return work(stdio)
  } finally {
    closeSync(nothing)
  }
}

/** Those that every program that we start would inherit. */
export function fuseDescriptors(): number[] {
  try {
    return readdirSync('/proc/self/fd').flatMap(name => (isFuse(name) ? [Number(name)] : []))
  } catch {
    return [] // no /proc
  }
}

function isFuse(name: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${name}`) === '/dev/fuse'
  } catch {
    return false // closed meanwhile
  }
}

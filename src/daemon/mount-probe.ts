import type { Milliseconds } from '../model/ids.js'
import { runProgram, runProgramNow } from './run-program.js'

/** `dead`: its daemon has gone (ENOTCONN). `silent`: its daemon may live, and does not answer. */
export type MountHealth = 'answers' | 'dead' | 'silent'

const PROBE_DEADLINE: Milliseconds = 5_000
const DETACH_DEADLINE: Milliseconds = 10_000
const DEAD = 3

/** Run by another process: asking a mount whose daemon hangs would cost us a thread for ever. */
const PROBE = `require('node:fs').statfs(process.argv[1], failure => process.exit(failure?.code === 'ENOTCONN' ? ${DEAD} : 0))`

/** Asks whether anybody serves the FUSE mount at `directory`. */
export async function probeMount(directory: string): Promise<MountHealth> {
  const code = await runProgram(process.execPath, ['-e', PROBE, '--', directory], PROBE_DEADLINE)
  if (code === 0) return 'answers'
  return code === DEAD ? 'dead' : 'silent'
}

/** Unmounts lazily, with the system's own programs: a mount of a process that has gone, or one without a native addon. */
export async function detachMount(directory: string): Promise<void> {
  for (const [program, args] of detachCommands(directory)) {
    if ((await runProgram(program, args, DETACH_DEADLINE).catch(unlessMissing)) === 0) return
  }
  throw new Error(`${directory} cannot be unmounted`)
}

/**
 * The same for a process that is about to exit. Never throws. None of the programs asks the mount anything: who would
 * have to answer waits here.
 */
export function detachMountNow(directory: string): void {
  for (const [program, args] of detachCommands(directory)) {
    if (runProgramNow(program, args, DETACH_DEADLINE) === 0) return
  }
}

function unlessMissing(failure: unknown): undefined {
  if ((failure as NodeJS.ErrnoException).code !== 'ENOENT') throw failure
}

/** To be tried in this order. */
function detachCommands(directory: string): readonly (readonly [program: string, args: readonly string[]])[] {
  if (process.platform === 'darwin') return [['umount', ['-f', directory]]]
  const byAnybody = ['-u', '-z', '--', directory]
  return [
    ['fusermount3', byAnybody],
    // Of FUSE 2, where that is what there is.
    ['fusermount', byAnybody],
    ...(process.getuid?.() === 0 ? [['umount', ['--lazy', '--', directory]] as const] : []),
  ]
}

import { execFile, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'
import type { Milliseconds } from '../model/ids.js'

/** `dead`: its daemon has gone (ENOTCONN). `silent`: its daemon may live, and does not answer. */
export type MountHealth = 'answers' | 'dead' | 'silent'

const PROBE_DEADLINE: Milliseconds = 5_000
const DETACH_DEADLINE: Milliseconds = 10_000
const DEAD = 3

/** Run by another process: asking a mount whose daemon hangs would cost us a thread for ever. */
const PROBE = `require('node:fs').statfs(process.argv[1], failure => process.exit(failure?.code === 'ENOTCONN' ? ${DEAD} : 0))`

const run = promisify(execFile)

/** Asks whether anybody serves the FUSE mount at `directory`. */
export async function probeMount(directory: string): Promise<MountHealth> {
  try {
    await run(process.execPath, ['-e', PROBE, '--', directory], {
      timeout: PROBE_DEADLINE,
      killSignal: 'SIGKILL',
    })
    return 'answers'
  } catch (failure) {
    return (failure as { code?: unknown }).code === DEAD ? 'dead' : 'silent'
  }
}

/** Unmounts lazily, with the system's own programs: a mount of a process that has gone, or one without a native addon. */
export async function detachMount(directory: string): Promise<void> {
  let failure: unknown
  for (const [program, args] of detachCommands(directory)) {
    try {
      await run(program, args, { timeout: DETACH_DEADLINE, killSignal: 'SIGKILL' })
      return
    } catch (refusal) {
      failure ??= refusal
    }
  }
  throw failure
}

/**
 * The same for a process that is about to exit. Never throws. None of the programs asks the mount anything: who would
 * have to answer waits here.
 */
export function detachMountNow(directory: string): void {
  for (const [program, args] of detachCommands(directory)) {
    const options = { timeout: DETACH_DEADLINE, killSignal: 'SIGKILL', stdio: 'ignore' } as const
    if (spawnSync(program, args, options).status === 0) return
  }
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

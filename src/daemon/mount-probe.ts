import { execFile } from 'node:child_process'
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

/** Unmounts lazily, with the system's own programs: it is a mount of a process that has gone. */
export async function detachMount(directory: string): Promise<void> {
  const limits = { timeout: DETACH_DEADLINE, killSignal: 'SIGKILL' } as const
  try {
    await run('fusermount3', ['-u', '-z', '--', directory], limits)
  } catch (failure) {
    if (process.getuid?.() !== 0) throw failure
    await run('umount', ['--lazy', '--', directory], limits)
  }
}

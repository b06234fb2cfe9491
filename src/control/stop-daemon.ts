import { hostname } from 'node:os'
import { Fault, isFault } from '../model/fault.js'
import type { Milliseconds } from '../model/ids.js'
import type { ControlClient } from './control-client.js'
import { connectToRunningDaemon } from './daemon-connection.js'
import { readHolder } from './lock-holder.js'
import type { Paths } from './paths.js'
import { hasEnded, identityOf, isAlive, type ProcessIdentity } from './process-life.js'

/** How long each way to end a daemon is tried. */
export interface StopPatience {
  /** To say hello, and to say that it stops. One that is stuck does neither, and is told by a signal. */
  readonly answer: Milliseconds
  /** The daemon takes 5 s at most; a busy machine some more. */
  readonly end: Milliseconds
  /** The kernel ends a process at once, unless a disk holds one of its threads. */
  readonly kill: Milliseconds
}

const PATIENCE: StopPatience = { answer: 3_000, end: 10_000, kill: 5_000 }

export type StopOutcome = 'was-not-running' | 'ended' | 'killed'

/**
 * Ends the daemon, whatever it is doing, and returns when its process has ended.
 *
 * @throws {Fault} `already-running` (on another machine, with the same home), `local-io` (nothing ends it); the signal's reason
 */
export async function stopDaemon(
  paths: Paths,
  signal: AbortSignal,
  patience: StopPatience = PATIENCE,
): Promise<StopOutcome> {
  const client = await reach(paths, patience, signal)
  try {
    const daemon = client ? await identityOf(client.hello.pid) : await holderOf(paths.stateDirectory)
    if (daemon === undefined) return 'was-not-running'
    if (client === undefined || !(await hasAgreed(client, patience, signal))) tell(daemon, 'SIGTERM')
    if (await hasEnded(daemon, patience.end, signal)) return 'ended'
    tell(daemon, 'SIGKILL')
    if (await hasEnded(daemon, patience.kill, signal)) return 'killed'
    throw new Fault(
      'local-io',
      `The b2bmount daemon (process ${daemon.pid}) does not end although it was killed`,
      {
        nextStep:
          'A disk or a network file system does not answer it; it ends when that does. Nothing that is unsent is lost.',
      },
    )
  } finally {
    client?.close()
  }
}

async function reach(
  paths: Paths,
  { answer }: StopPatience,
  signal: AbortSignal,
): Promise<ControlClient | undefined> {
  const late = AbortSignal.timeout(answer)
  try {
    return await connectToRunningDaemon(paths, AbortSignal.any([signal, late]))
  } catch (failure) {
    signal.throwIfAborted()
    if (!late.aborted && !isFault(failure, 'daemon-unreachable')) throw failure
    return undefined
  }
}

/** Somebody may have removed its socket, or it does not listen any more. */
async function holderOf(stateDirectory: string): Promise<ProcessIdentity | undefined> {
  const holder = await readHolder(stateDirectory)
  if (holder === undefined) return undefined
  if (holder.host === hostname()) return (await isAlive(holder)) ? holder : undefined
  throw new Fault('already-running', `If a b2bmount daemon is running, then on ${holder.host}`, {
    nextStep: 'Run there:  b2bmount stop',
  })
}

/** One of another version may not understand the request, but every version understands a signal. */
async function hasAgreed(
  client: ControlClient,
  { answer }: StopPatience,
  signal: AbortSignal,
): Promise<boolean> {
  if (!client.compatible) return false
  const late = AbortSignal.timeout(answer)
  try {
    await client.request('stop', {}, AbortSignal.any([signal, late]))
    return true
  } catch (failure) {
    signal.throwIfAborted()
    if (!late.aborted && !isFault(failure)) throw failure
    return false
  }
}

function tell({ pid }: ProcessIdentity, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (failure) {
    // It has ended meanwhile.
    if ((failure as NodeJS.ErrnoException).code !== 'ESRCH') throw failure
  }
}

import { lstat } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import { isFault } from '../model/fault.js'
import type { Milliseconds } from '../model/ids.js'
import { ControlClient } from './control-client.js'
import { checkPrivateDirectory, ensurePrivateDirectory } from './private-directory.js'
import { spawnDaemon, type SpawnDaemonOptions } from './spawn-daemon.js'

/** A daemon that is ending holds its lock until its drive is unmounted. */
const PREDECESSOR_DEADLINE: Milliseconds = 30_000
const PREDECESSOR_INTERVAL: Milliseconds = 100

/** `undefined`: none is running. @throws {Fault} `daemon-unreachable`, `configuration-invalid` */
export async function connectToRunningDaemon(
  { runDirectory, socket }: { readonly runDirectory: string; readonly socket: string },
  signal: AbortSignal,
): Promise<ControlClient | undefined> {
  const exists = await lstat(runDirectory).then(
    () => true,
    () => false,
  )
  if (!exists) return undefined
  // In /tmp, anybody could have put a socket there that looks like our daemon's.
  await checkPrivateDirectory(runDirectory)
  return ControlClient.connect(socket, signal)
}

/** Connects to the daemon, after starting it if need be. */
export async function connectToDaemon(
  options: SpawnDaemonOptions,
  signal: AbortSignal,
): Promise<ControlClient> {
  const { paths } = options
  await ensurePrivateDirectory(paths.stateDirectory)
  const deadline = AbortSignal.timeout(PREDECESSOR_DEADLINE)
  for (;;) {
    const client = await connectToRunningDaemon(paths, signal)
    if (client !== undefined) return client
    try {
      await spawnDaemon(options, signal)
    } catch (failure) {
      // Somebody else has just started one, or its predecessor is about to end.
      if (!isFault(failure, 'already-running') || deadline.aborted) throw failure
      await setTimeout(PREDECESSOR_INTERVAL, undefined, { signal })
    }
  }
}

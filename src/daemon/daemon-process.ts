import { systemClock } from '../concurrency/clock.js'
import type { Config } from '../control/config.js'
import { machineFault } from '../control/machine-fault.js'
import type { Paths } from '../control/paths.js'
import { ensurePrivateDirectory } from '../control/private-directory.js'
import { productVersion } from '../control/version.js'
import type { Cloud } from '../model/cloud.js'
import type { TransportName } from '../model/transport-name.js'
import { runDaemon } from './daemon.js'
import type { ActiveMount, OpenServices } from './daemon-services.js'
import { JsonLog } from './json-log.js'
import { LastMountFile } from './last-mount.js'
import type { Log } from './log.js'
import { MountPoints } from './mount-point.js'
import { detachMount, probeMount } from './mount-probe.js'
import { readMountTable } from './mount-table.js'
import { beginEnding, limitEnding } from './process-end.js'

export interface DaemonProcessOptions {
  readonly cloud: Cloud
  readonly config: Config
  readonly paths: Paths
  readonly openServices: OpenServices
  /** As in {@link runDaemon}. */
  readonly directory?: string
  readonly transport?: TransportName
  readonly onReady: (mount: ActiveMount | undefined, log: Log) => void
}

/** By which a terminal, a session or a service manager asks a process to end. */
const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Makes this process the daemon: its log, its signals, the system's mounts and clock.
 * Returns when the daemon has ended in good order.
 */
export async function runDaemonProcess(options: DaemonProcessOptions): Promise<void> {
  const { cloud, config, paths, onReady, ...rest } = options
  await ensurePrivateDirectory(paths.stateDirectory)
  const log = new JsonLog({ file: paths.logFile, level: config.logLevel ?? 'info', clock: systemClock })
  const ending = new AbortController()
  const end = () => ending.abort()
  // A bug somewhere must not leave a mount behind: say what it was and end in good order.
  const onBug = (failure: unknown) => {
    log.error('bug', { failure })
    process.exitCode = 1
    ending.abort()
  }
  for (const name of ENDING_SIGNALS) process.on(name, end)
  limitEnding()
  process.on('uncaughtException', onBug)
  process.on('unhandledRejection', onBug)
  try {
    await runDaemon(
      {
        ...rest,
        environment: { cloud, config, paths, log, clock: systemClock },
        version: productVersion(),
        mountPoints: new MountPoints({
          mountTable: readMountTable,
          probe: probeMount,
          detach: detachMount,
          lastMount: new LastMountFile(paths.stateDirectory),
        }),
        onReady: mount => onReady(mount, log),
        onEnding: beginEnding,
      },
      ending.signal,
    )
  } catch (failure) {
    log.error('daemon-failed', { failure })
    throw machineFault(failure, paths.stateDirectory)
  } finally {
    for (const name of ENDING_SIGNALS) process.off(name, end)
    process.off('uncaughtException', onBug)
    process.off('unhandledRejection', onBug)
    log.close()
  }
}

import type { Cloud } from '../model/cloud.js'
import type { TransportName } from '../model/transport-name.js'
import type { Mount } from './answers.js'
import type { Config } from './config.js'
import type { Paths } from './paths.js'

export interface ForegroundOptions {
  readonly cloud: Cloud
  readonly config: Config
  readonly paths: Paths
  /** Absolute. */
  readonly directory: string
  /** Absent: whichever this machine has. */
  readonly transport?: TransportName
  readonly onMounted: (mount: Mount) => void
}

/**
 * What `src/daemon/foreground.ts` exports. The command line loads that module only when it becomes the daemon
 * itself: everything else it does through the socket.
 */
export interface ForegroundModule {
  /**
   * Runs the daemon in this process until the drive is unmounted or SIGINT, SIGTERM or SIGHUP arrives, and ends the process.
   * @throws {Fault} `already-running` and whatever keeps the drive from being mounted
   */
  readonly mountInForeground: (options: ForegroundOptions) => Promise<void>
}

import { rmdir } from 'node:fs/promises'
import { ControlServer } from '../control/control-server.js'
import { ensurePrivateDirectory } from '../control/private-directory.js'
import { Fault } from '../model/fault.js'
import type { Milliseconds } from '../model/ids.js'
import type { TransportName } from '../model/transport-name.js'
import { commandHandlers } from './command-handlers.js'
import { acquireDaemonLock, type DaemonLock } from './daemon-lock.js'
import type { ActiveMount, DaemonEnvironment, DaemonServices, OpenServices } from './daemon-services.js'
import { untilIdle } from './idle.js'
import type { Log } from './log.js'
import type { MountPoints } from './mount-point.js'

const IDLE_LIMIT: Milliseconds = 60_000
const IDLE_INTERVAL: Milliseconds = 5_000
/** Somebody may remove the lock's file and the socket; commands wait for longer than this. */
const PRESENCE_INTERVAL: Milliseconds = 5_000
/**
 * A mount that is in use is unmounted lazily, so closing never waits for other programs. What has not ended by then is as safe as
 * when the process is killed, and `process-end.ts` has a second left.
 */
const CLOSE_DEADLINE: Milliseconds = 3_500

export interface DaemonOptions {
  readonly environment: DaemonEnvironment
  readonly version: string
  readonly openServices: OpenServices
  readonly mountPoints: MountPoints
  /** Mounts here before it is ready and ends when that mount is gone; absent: ends when there is nothing to do. */
  readonly directory?: string
  /** For that mount; absent: whichever this machine has. */
  readonly transport?: TransportName
  /** Commands are answered from now on. */
  readonly onReady: (mount: ActiveMount | undefined) => void
  /** It is decided that this process ends. */
  readonly onEnding?: () => void
}

/**
 * The daemon, from its lock to its end.
 *
 *   locked ─▶ services open ─▶ listening ─▶ (mounted) ─▶ ready ─▶ draining ─▶ services closed ─▶ unlocked
 *                                                                └─▶ some still work: the process's end unlocks
 *
 * Returns after `stop`, when idle, or when `signal` aborts; the mount is gone then.
 *
 * @throws {Fault} `already-running` and whatever keeps it from becoming ready
 */
export async function runDaemon(options: DaemonOptions, signal: AbortSignal): Promise<void> {
  const { paths, log } = options.environment
  await ensurePrivateDirectory(paths.stateDirectory)
  const lock = await acquireDaemonLock(paths.stateDirectory)
  let isInUse = false
  try {
    await ensurePrivateDirectory(paths.cacheDirectory)
    await ensurePrivateDirectory(paths.runDirectory)
    log.info('daemon-started', { version: options.version, pid: process.pid })
    const services = await options.openServices(options.environment)
    isInUse = true
    const stop = new AbortController()
    const server = openServer(options, services, () => stop.abort())
    let presence = Promise.resolve()
    try {
      await server.listen()
      presence = keepPresent(options, lock, server, stop)
      await serve(options, services, server, AbortSignal.any([signal, stop.signal]))
    } finally {
      options.onEnding?.()
      stop.abort()
      await presence
      // Clients see the end of their connection only after the drive is gone: that is what `stop` waits for.
      server.drain()
      isInUse = !(await areClosed(services, log))
      await server.close()
      // One in /tmp would outlive us; one with somebody else's file in it stays.
      await rmdir(paths.runDirectory).catch(() => undefined)
    }
    log.info('daemon-stopped')
  } finally {
    if (!isInUse) lock.release()
  }
}

/** Until it ends, others find the lock and the socket. Never rejects. */
async function keepPresent(
  { environment: { clock, log, paths } }: DaemonOptions,
  lock: DaemonLock,
  server: ControlServer,
  stop: AbortController,
): Promise<void> {
  for (;;) {
    try {
      await clock.sleep(PRESENCE_INTERVAL, stop.signal)
    } catch {
      return
    }
    try {
      if (!lock.renew()) {
        log.error('lock-lost')
        return stop.abort()
      }
      await ensurePrivateDirectory(paths.runDirectory)
      await server.renew()
    } catch (failure) {
      // Of a run directory that is gone until the next login, above all.
      log.debug('not-present', { failure })
    }
  }
}

function openServer(options: DaemonOptions, services: DaemonServices, stop: () => void): ControlServer {
  const { environment, mountPoints, version } = options
  const { cloud, clock, log, paths } = environment
  const about = { version, pid: process.pid, cloud: cloud.name, started: clock.now() }
  return new ControlServer({
    socket: paths.socket,
    version,
    handlers: commandHandlers({ services, mountPoints, about, stop }),
    onFailure: (command, failure) => {
      if (failure instanceof Fault) log.warn('command-failed', { command, failure })
      else log.error('bug', { command, failure })
    },
  })
}

/** Returns when it is time to end. */
async function serve(
  options: DaemonOptions,
  services: DaemonServices,
  server: ControlServer,
  signal: AbortSignal,
): Promise<void> {
  const { directory, transport, environment, mountPoints, onReady } = options
  try {
    if (directory === undefined) {
      void removeLeftover(mountPoints, environment.log)
      onReady(undefined)
      const isBusy = () => server.clientCount > 0 || services.isBusy()
      await untilIdle(
        { clock: environment.clock, isBusy, limit: IDLE_LIMIT, interval: IDLE_INTERVAL },
        signal,
      )
      environment.log.info('daemon-idle')
    } else {
      const how = transport === undefined ? {} : { transport }
      const mount = await mountPoints.mount(directory, path =>
        services.mount({ ...how, directory: path }, signal),
      )
      onReady(mount)
      await Promise.race([mount.gone, aborted(signal)])
    }
  } catch (failure) {
    if (!signal.aborted) throw failure
  }
}

/** Never rejects. */
async function removeLeftover(mountPoints: MountPoints, log: Log): Promise<void> {
  try {
    const directory = await mountPoints.detachLeftover()
    if (directory !== undefined) log.info('leftover-mount-removed', { directory })
  } catch (failure) {
    log.warn('leftover-mount-stays', { failure })
  }
}

/** @returns whether nothing of them works any more. Never rejects. */
async function areClosed(services: DaemonServices, log: Log): Promise<boolean> {
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(), CLOSE_DEADLINE)
  try {
    await Promise.race([services.close(), aborted(late.signal)])
    if (late.signal.aborted) log.warn('close-too-slow')
    return !late.signal.aborted
  } catch (failure) {
    log.error('close-failed', { failure })
    return false
  } finally {
    clearTimeout(timer)
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

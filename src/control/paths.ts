import { createHash } from 'node:crypto'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import type { Bytes } from '../model/ids.js'

/** Where b2bmount keeps things. The directories exist with mode 0700 once the daemon runs. */
export interface Paths {
  /** `~/.config/b2bmount/config.json`: written by the user only, may be missing. */
  readonly configFile: string
  /** `~/.local/state/b2bmount/<cloud>`: store, account and whatever exists nowhere else. */
  readonly stateDirectory: string
  /** `~/.cache/b2bmount/<cloud>`: content that can be fetched again. */
  readonly cacheDirectory: string
  /** `~/.cache/thumbnails`: what the file managers of this user share. Not ours, so it may not exist. */
  readonly thumbnailDirectory: string
  /** The daemon's log; older ones are `<logFile>.1`, … */
  readonly logFile: string
  /** Holds the socket and nothing else. */
  readonly runDirectory: string
  /** Unix socket of the daemon, at most {@link LONGEST_SOCKET_PATH} bytes long. */
  readonly socket: string
}

export type Environment = Readonly<Record<string, string | undefined>>

// sun_path has 108 bytes on Linux and 104 on macOS, with the NUL. @see unix(7)
export const LONGEST_SOCKET_PATH: Bytes = 100

/**
 * @param cloud name of the cloud: each has its own state, cache, log and daemon
 * @see https://specifications.freedesktop.org/basedir-spec/latest/
 */
export function pathsFor(cloud: string, environment: Environment): Paths {
  const stateDirectory = join(base(environment, 'XDG_STATE_HOME', '.local/state'), 'b2bmount', cloud)
  const runDirectory = runDirectoryFor(stateDirectory)
  return {
    configFile: configFileFor(environment),
    stateDirectory,
    cacheDirectory: join(base(environment, 'XDG_CACHE_HOME', '.cache'), 'b2bmount', cloud),
    thumbnailDirectory: join(base(environment, 'XDG_CACHE_HOME', '.cache'), 'thumbnails'),
    logFile: join(stateDirectory, 'daemon.log'),
    runDirectory,
    socket: join(runDirectory, SOCKET_NAME),
  }
}

export function configFileFor(environment: Environment): string {
  return join(baseDirectories(environment).config, 'b2bmount', 'config.json')
}

/** Where this user's programs keep what is theirs. @see https://specifications.freedesktop.org/basedir-spec/latest/ */
export interface BaseDirectories {
  readonly home: string
  readonly config: string
  readonly data: string
  readonly state: string
  /** Of the whole machine, the most important first. */
  readonly systemConfig: readonly string[]
}

export function baseDirectories(environment: Environment): BaseDirectories {
  return {
    home: homeOf(environment),
    config: base(environment, 'XDG_CONFIG_HOME', '.config'),
    data: base(environment, 'XDG_DATA_HOME', '.local/share'),
    state: base(environment, 'XDG_STATE_HOME', '.local/state'),
    systemConfig: (environment['XDG_CONFIG_DIRS'] ?? '/etc/xdg').split(':').filter(isAbsolute),
  }
}

const SOCKET_NAME = 'control.sock'

/**
 * Beside the state and not in XDG_RUNTIME_DIR: that one differs between a desktop session and a login by
 * ssh, su or cron, and all of them must find the one daemon that owns this state.
 */
function runDirectoryFor(stateDirectory: string): string {
  const wanted = join(stateDirectory, 'run')
  if (Buffer.byteLength(join(wanted, SOCKET_NAME)) <= LONGEST_SOCKET_PATH) return wanted
  const digest = createHash('sha256').update(wanted).digest('hex').slice(0, 16)
  return join('/tmp', `b2bmount-${process.getuid?.() ?? 0}-${digest}`)
}

function base(environment: Environment, variable: string, fallback: string): string {
  const set = environment[variable]
  // "If an implementation encounters a relative path in any of these variables it should … ignore it."
  return set !== undefined && isAbsolute(set) ? set : join(homeOf(environment), fallback)
}

function homeOf(environment: Environment): string {
  return environment['HOME'] ?? homedir()
}

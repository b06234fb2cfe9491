/** Where b2bmount keeps things. All directories exist with mode 0700 once the daemon runs. */
export interface Paths {
  /** `~/.config/b2bmount/config.json`: written by the user only, may be missing. */
  readonly configFile: string
  /** `~/.local/state/b2bmount/<cloud>`: store, account and whatever exists nowhere else. */
  readonly stateDirectory: string
  /** `~/.cache/b2bmount/<cloud>`: content that can be fetched again. */
  readonly cacheDirectory: string
  /** The daemon's log; older ones are `<logFile>.1`, … */
  readonly logFile: string
  /** Unix socket of the daemon, at most 100 bytes long. */
  readonly socket: string
}

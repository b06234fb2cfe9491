import type { Environment } from '../control/paths.js'
import { systemdAssignment, systemdExec, type Command } from './command-words.js'

export const UNIT = 'b2bmount.service'

export interface ServiceUnitOptions {
  readonly program: Command
  /** Where to mount. Absolute. */
  readonly drive: string
  readonly environment: Environment
}

/** Where the drive's state is, and whom it trusts: a service does not have the terminal's environment. */
const PASSED_ON = ['XDG_CONFIG_HOME', 'XDG_STATE_HOME', 'XDG_CACHE_HOME', 'NODE_EXTRA_CA_CERTS'] as const

/**
 * A systemd user service that mounts the drive at login.
 *
 * What hardens other services cannot be used here. Everything that gives a service its own view of the file system
 * (PrivateTmp, ProtectHome, ReadOnlyPaths, …) would mount the drive where nobody else sees it. NoNewPrivileges, and
 * all filters that imply it for a user (SystemCallFilter, RestrictAddressFamilies, LockPersonality, …), keep fusermount3
 * from mounting, because it is set-uid root. MemoryDenyWriteExecute ends every JavaScript engine.
 *
 * @see systemd.exec(5)
 */
export function serviceUnit({ program, drive, environment }: ServiceUnitOptions): string {
  const passedOn = PASSED_ON.flatMap(name => {
    const value = environment[name]
    return value === undefined || value === '' ? [] : [`Environment=${systemdAssignment(name, value)}`]
  })
  return `${[
    '# Written by `b2bmount service install`; taken away by `b2bmount service uninstall`, unless you change it.',
    '[Unit]',
    'Description=Drive of shared SharePoint libraries',
    'Documentation=man:fusermount3(1)',
    // Needs no network: what is local is there without one, and the rest comes when there is one.
    'StartLimitIntervalSec=300',
    'StartLimitBurst=10',
    '',
    '[Service]',
    'Type=notify',
    // Readiness is told by systemd-notify, a child.
    'NotifyAccess=all',
    `ExecStart=${systemdExec([...program, 'mount', '--foreground', '--', drive])}`,
    // After a crash: programs get "not found" rather than "Transport endpoint is not connected".
    `ExecStopPost=-fusermount3 -u -z -q -- ${systemdExec([drive])}`,
    'Restart=on-failure',
    'RestartSec=3',
    // Wrong usage or configuration does not get better.
    'RestartPreventExitStatus=2',
    'TimeoutStartSec=90',
    'TimeoutStopSec=45',
    ...passedOn,
    '# What is open to it: see docs/DESKTOP.md before adding more, most of it would hide the drive.',
    'UMask=0077',
    // Tokens and contents are in its memory.
    'LimitCORE=0',
    'LimitNOFILE=65536',
    'OOMPolicy=continue',
    '',
    '[Install]',
    'WantedBy=default.target',
  ].join('\n')}\n`
}

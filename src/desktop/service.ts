import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { baseDirectories, type Environment } from '../control/paths.js'
import { Installer, type Change } from './installer.js'
import { serviceUnit, UNIT, type ServiceUnitOptions } from './service-unit.js'

const SYSTEMCTL_DEADLINE_MILLISECONDS = 60_000

export interface ServiceChange {
  readonly unit: Change
  /** `false`: this session has no systemd that could be asked, so the unit begins to count at the next login at best. */
  readonly systemd: boolean
  /** What systemd refused, in its words. */
  readonly trouble?: string
}

/**
 * Writes the unit and enables it.
 *
 * @param isStarted start it at once as well
 * @throws {Fault} `local-io`, `disk-full`
 */
export async function installService(
  options: ServiceUnitOptions,
  isStarted: boolean,
): Promise<ServiceChange> {
  const { environment } = options
  const path = join(baseDirectories(environment).config, 'systemd', 'user', UNIT)
  const [unit = { path, outcome: 'unchanged' as const }] = await installer(environment).install({
    files: [{ path, content: serviceUnit(options), mode: 0o644 }],
    insertions: [],
  })
  if (unit.outcome === 'kept') return { unit, systemd: await hasSystemd(environment) }
  const enable = isStarted ? ['enable', '--now', UNIT] : ['enable', UNIT]
  return { unit, ...(await tellSystemd(environment, [['daemon-reload'], enable])) }
}

/** Stops it, which unmounts the drive, and takes the unit away. @throws {Fault} `local-io` */
export async function uninstallService(environment: Environment): Promise<ServiceChange> {
  const path = join(baseDirectories(environment).config, 'systemd', 'user', UNIT)
  // While its file is there: systemd finds out from it what to disable.
  const told = await tellSystemd(environment, [['disable', '--now', UNIT]])
  const [unit = { path, outcome: 'unchanged' as const }] = await installer(environment).uninstall()
  await tellSystemd(environment, [['daemon-reload']])
  return { unit, ...(unit.outcome === 'unchanged' ? { systemd: told.systemd } : told) }
}

function installer(environment: Environment): Installer {
  return new Installer({
    recordFile: join(baseDirectories(environment).state, 'b2bmount', 'service.json'),
    kinds: [],
  })
}

async function hasSystemd(environment: Environment): Promise<boolean> {
  // Answers "degraded" with an exit code of 1, and on standard error when nobody answers.
  const { stdout } = await systemctl(environment, ['is-system-running'])
  return stdout.trim() !== '' && stdout.trim() !== 'offline'
}

async function tellSystemd(
  environment: Environment,
  commands: readonly (readonly string[])[],
): Promise<{ systemd: boolean; trouble?: string }> {
  if (!(await hasSystemd(environment))) return { systemd: false }
  for (const command of commands) {
    const { isDone, stderr } = await systemctl(environment, command)
    if (!isDone) return { systemd: true, trouble: stderr.trim().split('\n')[0] ?? '' }
  }
  return { systemd: true }
}

async function systemctl(environment: Environment, args: readonly string[]) {
  try {
    const { stdout, stderr } = await promisify(execFile)('systemctl', ['--user', ...args], {
      env: environment,
      timeout: SYSTEMCTL_DEADLINE_MILLISECONDS,
      killSignal: 'SIGKILL',
    })
    return { isDone: true, stdout, stderr }
  } catch (failure) {
    const { stdout = '', stderr = '' } = failure as { stdout?: string; stderr?: string }
    return { isDone: false, stdout, stderr }
  }
}

import { utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { baseDirectories, type Environment } from '../control/paths.js'
import type { Command } from './command-words.js'
import { DESKTOP_KINDS, desktopPlan, iconTheme } from './desktop-plan.js'
import { Installer, type Change } from './installer.js'

export interface DesktopOptions {
  readonly environment: Environment
  readonly program: Command
  readonly drive: string
}

/** @throws {Fault} `local-io`, `disk-full`, `configuration-invalid` (a damaged record) */
export async function installDesktop({
  environment,
  ...options
}: DesktopOptions): Promise<readonly Change[]> {
  const directories = baseDirectories(environment)
  const plan = await desktopPlan({ directories, ...options })
  const changes = await installer(environment).install(plan)
  await touchIcons(environment, changes)
  return changes
}

/** @throws {Fault} as {@link installDesktop} */
export async function uninstallDesktop(environment: Environment): Promise<readonly Change[]> {
  const changes = await installer(environment).uninstall()
  await touchIcons(environment, changes)
  return changes
}

function installer(environment: Environment): Installer {
  const recordFile = join(baseDirectories(environment).state, 'b2bmount', 'desktop.json')
  return new Installer({ recordFile, kinds: DESKTOP_KINDS })
}

/** Programs that run look for new icons when the theme's directory has changed, and only then. */
async function touchIcons(environment: Environment, changes: readonly Change[]): Promise<void> {
  if (changes.every(({ outcome }) => outcome === 'unchanged')) return
  const now = new Date()
  await utimes(iconTheme(baseDirectories(environment)), now, now).catch(() => undefined)
}

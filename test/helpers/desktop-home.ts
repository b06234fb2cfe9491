import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { DesktopSession } from './desktop-session.js'
import { mountDirectory, type MountedDirectory } from './mounted-directory.js'

export interface DesktopHome extends MountedDirectory {
  readonly session: DesktopSession
  /** A file with a line for each address that the browser was to show. */
  readonly opened: string
}

/** A library with one file, mounted, in a home where `desktop install` has run. */
export async function desktopHome(t: Test): Promise<DesktopHome> {
  const world = await mountDirectory(t, async directory => {
    await writeFile(join(directory, 'Budget 2026.txt'), 'Not much.\n'.repeat(10_000))
  })
  const { sandbox } = world
  // A browser that writes down what it is to show.
  const opened = join(sandbox.home, 'opened')
  const browser = join(sandbox.home, 'recording-browser')
  await writeFile(browser, `#!/bin/sh\necho "$1" >> '${opened}'\n`)
  await chmod(browser, 0o755)
  await sandbox.json('desktop', 'install')
  const session = await DesktopSession.open(t, { ...sandbox.env, BROWSER: browser })
  return { ...world, opened, session }
}

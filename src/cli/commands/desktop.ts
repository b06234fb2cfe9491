import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { Argument, Command } from 'commander'
import type { Mount } from '../../control/answers.js'
import { installDesktop, uninstallDesktop } from '../../desktop/desktop.js'
import type { Change } from '../../desktop/installer.js'
import { isFault } from '../../model/fault.js'
import { table } from '../format.js'
import { ownProgram } from '../own-program.js'
import type { RunCommand } from '../program.js'
import type { Session } from '../session.js'

export function desktopCommand(run: RunCommand): Command {
  return new Command('desktop')
    .summary('put the drive into your file managers, or take it out')
    .description(
      'Puts the drive into your desktop: emblems for online-only, local and pinned files, menu entries, an icon among the applications, and a bookmark where the drive would not be in the sidebar by itself. For GNOME Files, Thunar and Dolphin.\n\n' +
        'Writes below your own XDG directories only, and takes away exactly what it has written; what you have changed stays.',
    )
    .addArgument(new Argument('<what>', 'what to do').choices(['install', 'uninstall']))
    .option('--drive <dir>', 'where the drive is mounted (default: where it is now, else ~/B2B)')
    .addHelpText(
      'after',
      `
Examples:
  b2bmount desktop install       again after b2bmount or Node.js has moved
  b2bmount desktop uninstall

File managers that run see it when they are started again:  nautilus -q;  thunar -q
Emblems in GNOME Files need the package python3-nautilus.`,
    )
    .action((what: 'install' | 'uninstall', { drive }: { drive?: string }) =>
      run(async session => {
        const { environment } = session
        const changes =
          what === 'uninstall'
            ? await uninstallDesktop(environment)
            : await installDesktop({
                environment,
                program: await ownProgram(session),
                drive: drive === undefined ? await driveDirectory(session) : resolve(drive),
              })
        session.output.answer({ files: changes }, changeLines(changes))
        if (what === 'install') {
          session.output.note(
            'File managers that run see it when they are started again:  nautilus -q;  thunar -q',
          )
        }
      }),
    )
}

/** Where the drive is, else where it is going to be. */
export async function driveDirectory(session: Session): Promise<string> {
  const [mount] = await runningMounts(session)
  return mount?.directory ?? join(session.environment['HOME'] ?? homedir(), 'B2B')
}

/** Of a daemon that runs; none is started. */
export async function runningMounts(session: Session): Promise<readonly Mount[]> {
  try {
    const daemon = await session.runningDaemon()
    if (daemon?.compatible !== true) return []
    return (await daemon.request('status', {}, session.signal)).mounts
  } catch (failure) {
    // Not configured yet: it may be mounted later.
    if (isFault(failure, 'configuration-invalid', 'daemon-unreachable')) return []
    throw failure
  }
}

export function changeLines(changes: readonly Change[]): readonly string[] {
  return table(
    changes.map(({ path, outcome, why }) => [outcome, path, ...(why === undefined ? [] : [`(${why})`])]),
  )
}

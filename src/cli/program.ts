import { Command } from 'commander'
import { productVersion } from '../control/version.js'
import { addCommand } from './commands/add.js'
import { auditCommand } from './commands/audit.js'
import { deletionsCommand } from './commands/deletions.js'
import { desktopActionCommand } from './commands/desktop-action.js'
import { desktopCommand } from './commands/desktop.js'
import { doctorCommand } from './commands/doctor.js'
import { exportCommand } from './commands/export.js'
import { findCommand } from './commands/find.js'
import { freeUpCommand } from './commands/free-up.js'
import { listCommand } from './commands/list.js'
import { mountCommand } from './commands/mount.js'
import { openLinkCommand } from './commands/open-link.js'
import { openCommand } from './commands/open.js'
import { pinCommand } from './commands/pin.js'
import { programBeside } from './commands/program-beside.js'
import { removeCommand } from './commands/remove.js'
import { serviceCommand } from './commands/service.js'
import { signInCommand } from './commands/sign-in.js'
import { signOutCommand } from './commands/sign-out.js'
import { statusCommand } from './commands/status.js'
import { stopCommand } from './commands/stop.js'
import { syncCommand } from './commands/sync.js'
import { thumbnailCommand, thumbnailerCommand } from './commands/thumbnail.js'
import { thumbnailsCommand } from './commands/thumbnails.js'
import { unmountCommand } from './commands/unmount.js'
import { unpinCommand } from './commands/unpin.js'
import { whoamiCommand } from './commands/whoami.js'
import type { Session } from './session.js'

/** Gives a command its session. */
export type RunCommand = (work: (session: Session) => Promise<void>) => Promise<void>

export interface GlobalOptions {
  readonly json?: true
  readonly quiet?: true
  readonly verbose?: true
  readonly cloud?: string
}

/** Programs beside this one, by path: the command line starts them and imports none of them. */
const EMULATOR = new URL('../emulator/main.js', import.meta.url)
const DEMO = new URL('../../scripts/demo.js', import.meta.url)
const FOREGROUND = new URL('../daemon/foreground.js', import.meta.url)

/** The command line, as a tree of commands; parsing `args` runs one of them. */
export function buildProgram(args: readonly string[], run: RunCommand): Command {
  const program = new Command('b2bmount')
    .description('One mounted drive of every SharePoint library that other organizations share with you.')
    .version(productVersion(), '--version', 'show the version')
    .helpOption('-h, --help', 'show help')
    .option('--json', 'print one JSON document, for programs')
    .option('-q, --quiet', 'print nothing but failures')
    .option('-v, --verbose', 'print every step')
    .option(
      '--cloud <cloud>',
      'name of a Microsoft cloud, or path of a cloud.json (default: B2BMOUNT_CLOUD, else "global")',
    )
    .showHelpAfterError(false)
    .showSuggestionAfterError()
    .addHelpText(
      'after',
      `
To begin:
  b2bmount sign-in
  b2bmount add 'https://contoso.sharepoint.com/sites/Projects'
  b2bmount mount                  your drive is at ~/B2B

Without an account:
  b2bmount demo

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 sign-in needed, 4 refused by the other organization, 5 network,
6 this machine, 130 cancelled.`,
    )
  const commands = [
    signInCommand(run),
    signOutCommand(run),
    whoamiCommand(run),
    addCommand(run),
    listCommand(run),
    removeCommand(run),
    mountCommand(run, FOREGROUND),
    unmountCommand(run),
    deletionsCommand(run),
    statusCommand(run),
    syncCommand(run),
    exportCommand(run),
    auditCommand(run),
    openCommand(run),
    findCommand(run),
    desktopCommand(run),
    serviceCommand(run),
    pinCommand(run),
    unpinCommand(run),
    freeUpCommand(run),
    thumbnailCommand(run),
    thumbnailsCommand(run),
    doctorCommand(run),
    stopCommand(run),
  ]
  for (const command of commands) program.addCommand(command.copyInheritedSettings(program))
  // For programs, not for people.
  program.addCommand(desktopActionCommand(run).copyInheritedSettings(program), { hidden: true })
  program.addCommand(openLinkCommand(run).copyInheritedSettings(program), { hidden: true })
  program.addCommand(thumbnailerCommand(run).copyInheritedSettings(program), { hidden: true })
  for (const command of [
    programBeside('emulator', 'run a small Microsoft 365 on this machine', EMULATOR, args, run),
    programBeside('demo', 'try everything with the emulator, without an account', DEMO, args, run),
  ]) {
    // Without our help option: theirs is to be shown.
    program.addCommand(command)
  }
  return program
}

import { resolve } from 'node:path'
import { Argument, Command } from 'commander'
import { installService, uninstallService, type ServiceChange } from '../../desktop/service.js'
import { UNIT } from '../../desktop/service-unit.js'
import { Fault } from '../../model/fault.js'
import { ownProgram } from '../own-program.js'
import type { RunCommand } from '../program.js'
import type { Session } from '../session.js'
import { changeLines, driveDirectory, runningMounts } from './desktop.js'

export function serviceCommand(run: RunCommand): Command {
  return new Command('service')
    .summary('mount the drive at every login')
    .description(
      'Makes a systemd user service of the drive: mounted at login, started again if it fails, unmounted at logout.',
    )
    .addArgument(new Argument('<what>', 'what to do').choices(['install', 'uninstall']))
    .argument('[dir]', 'where to mount (default: where it is now, else ~/B2B)')
    .addHelpText(
      'after',
      `
Examples:
  b2bmount service install
  systemctl --user status b2bmount
  loginctl enable-linger         also without a login, on a server`,
    )
    .action((what: 'install' | 'uninstall', dir: string | undefined) =>
      run(session => (what === 'install' ? install(session, dir) : uninstall(session))),
    )
}

async function install(session: Session, dir: string | undefined): Promise<void> {
  // A service of a drive that cannot be found would fail at every login.
  await session.cloud()
  const drive = dir === undefined ? await driveDirectory(session) : resolve(dir)
  // Two daemons cannot own one drive, and its user is not to lose it now.
  const isMounted = (await runningMounts(session)).length > 0
  const { environment } = session
  const options = { program: await ownProgram(session), drive, environment }
  const change = await installService(options, !isMounted)
  const { unit, systemd, trouble } = change
  if (unit.outcome === 'kept') {
    throw new Fault('configuration-invalid', `${unit.path} stays as it is: ${unit.why ?? ''}`, {
      nextStep: 'Delete it, then run the command again.',
    })
  }
  if (trouble !== undefined) {
    throw new Fault('local-io', `systemd does not start ${UNIT}: ${trouble}`, {
      nextStep: `See why:  systemctl --user status ${UNIT}`,
    })
  }
  session.output.answer(answerOf(change), changeLines([unit]))
  if (!systemd) {
    session.output.note(
      'There is no systemd for this session, so nothing was started. Where there is one, run:',
      `  systemctl --user daemon-reload && systemctl --user enable --now ${UNIT}`,
    )
  } else if (isMounted) {
    session.output.note(
      'The drive is mounted already; the service begins at the next login, or now with:',
      `  b2bmount stop && systemctl --user start ${UNIT}`,
    )
  }
}

async function uninstall(session: Session): Promise<void> {
  const change = await uninstallService(session.environment)
  session.output.answer(answerOf(change), changeLines([change.unit]))
  if (change.trouble !== undefined) session.output.note(`systemd says: ${change.trouble}`)
}

function answerOf({ unit, systemd, trouble }: ServiceChange) {
  return { files: [unit], systemd, ...(trouble === undefined ? {} : { trouble }) }
}

import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { Command, Option } from 'commander'
import type { Mount } from '../../control/answers.js'
import type { ForegroundModule } from '../../control/foreground.js'
import { TRANSPORT_NAMES, type TransportName } from '../../model/transport-name.js'
import { Fault } from '../../model/fault.js'
import type { RunCommand } from '../program.js'
import type { Session } from '../session.js'

interface How {
  readonly directory: string
  readonly transport?: TransportName
}

interface Options {
  readonly foreground?: boolean
  readonly transport?: TransportName
}

/** @param foregroundModule URL of the daemon's module: loaded only to become the daemon */
export function mountCommand(run: RunCommand, foregroundModule: URL): Command {
  return new Command('mount')
    .summary('mount the drive')
    .description(
      'Mounts one drive with everything you have added, at DIR. DIR must be empty; it is created if it does not exist.',
    )
    .argument('[dir]', 'where', join(homedir(), 'B2B'))
    .option('--foreground', 'stay in the foreground until the drive is unmounted, for systemd or a terminal')
    .addOption(
      new Option(
        '--transport <transport>',
        'how; by default "kernel", and "fuse-native" where that is not there',
      ).choices(TRANSPORT_NAMES),
    )
    .addHelpText(
      'after',
      `
Examples:
  b2bmount mount                        at ~/B2B
  b2bmount mount /mnt/partners
  b2bmount mount --foreground ~/B2B     Ctrl-C unmounts

At every login:  b2bmount service install`,
    )
    .action((dir: string, { foreground = false, transport }: Options) =>
      run(session => {
        // As an unset variable in a script gives it: not the current directory.
        if (dir === '') throw new Fault('usage', 'DIR is empty', { nextStep: 'Say where to mount.' })
        const how: How = { directory: resolve(dir), ...(transport === undefined ? {} : { transport }) }
        return foreground
          ? mountInForeground(session, how, foregroundModule)
          : mountInBackground(session, how)
      }),
    )
}

async function mountInBackground(session: Session, how: How): Promise<void> {
  const mount = await session.ask('mount', how)
  session.output.answer(mount, mountLines(mount, '.'))
}

async function mountInForeground(session: Session, how: How, foregroundModule: URL): Promise<void> {
  const { cloud, config } = await session.cloud()
  const { mountInForeground: run } = (await import(foregroundModule.href)) as ForegroundModule
  await run({
    cloud,
    config,
    ...how,
    paths: await session.paths(),
    onMounted: mount => session.output.answer(mount, mountLines(mount, '. Ctrl-C unmounts.')),
  })
}

/** The usual transport is not worth a word; what keeps everybody from writing is. @param end of the first line */
export function mountLines(
  { directory, transport, readOnly }: Pick<Mount, 'directory' | 'transport' | 'readOnly'>,
  end = '',
): readonly string[] {
  const by = transport === undefined || transport === 'kernel' ? '' : ` by ${transport}`
  if (readOnly === undefined) return [`Mounted at ${directory}${by}${end}`]
  const { why, nextStep } = readOnly
  return [`Mounted at ${directory}${by}, read-only${end}`, `    Read-only, because ${why}. ${nextStep}`]
}

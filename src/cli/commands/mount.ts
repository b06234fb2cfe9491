import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { Command } from 'commander'
import type { ForegroundModule } from '../../control/foreground.js'
import type { RunCommand } from '../program.js'
import type { Session } from '../session.js'

/** @param foregroundModule URL of the daemon's module: loaded only to become the daemon */
export function mountCommand(run: RunCommand, foregroundModule: URL): Command {
  return new Command('mount')
    .summary('mount the drive')
    .description(
      'Mounts one drive with everything you have added, at DIR. DIR must be empty; it is created if it does not exist.',
    )
    .argument('[dir]', 'where', join(homedir(), 'B2B'))
    .option('--foreground', 'stay in the foreground until the drive is unmounted, for systemd or a terminal')
    .addHelpText(
      'after',
      `
Examples:
  b2bmount mount                        at ~/B2B
  b2bmount mount /mnt/partners
  b2bmount mount --foreground ~/B2B     Ctrl-C unmounts

At every login:  b2bmount service install`,
    )
    .action((dir: string, { foreground = false }: { foreground?: boolean }) =>
      run(session => {
        const directory = resolve(dir)
        return foreground
          ? mountInForeground(session, directory, foregroundModule)
          : mountInBackground(session, directory)
      }),
    )
}

async function mountInBackground(session: Session, directory: string): Promise<void> {
  const mount = await session.ask('mount', { directory })
  session.output.answer(mount, [`Mounted at ${mount.directory}.`])
}

async function mountInForeground(session: Session, directory: string, foregroundModule: URL): Promise<void> {
  const { cloud, config } = await session.cloud()
  const { mountInForeground: run } = (await import(foregroundModule.href)) as ForegroundModule
  await run({
    cloud,
    config,
    directory,
    paths: await session.paths(),
    onMounted: mount => session.output.answer(mount, [`Mounted at ${mount.directory}. Ctrl-C unmounts.`]),
  })
}

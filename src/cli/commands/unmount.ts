import { resolve } from 'node:path'
import { Command } from 'commander'
import type { RunCommand } from '../program.js'

export function unmountCommand(run: RunCommand): Command {
  return new Command('unmount')
    .summary('unmount the drive')
    .description(
      'Unmounts the drive, also while programs use it: they get errors from then on. What a crash left mounted at DIR is removed as well.',
    )
    .argument('[dir]', 'where; by default wherever it is mounted')
    .action((dir: string | undefined) =>
      run(async session => {
        const unmounted =
          dir === undefined
            ? await session.ask('unmount', {})
            : await session.askAbout('unmount', resolve(dir), directory => ({ directory }))
        session.output.answer(
          unmounted,
          unmounted.map(({ directory }) => `Unmounted ${directory}.`),
        )
      }),
    )
}

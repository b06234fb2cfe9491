import { resolve } from 'node:path'
import { Command } from 'commander'
import type { RunCommand } from '../program.js'

export function removeCommand(run: RunCommand): Command {
  return new Command('remove')
    .summary('take a library off the drive')
    .description(
      'Takes a library off the drive and deletes its local content. The other organization notices nothing; add it again at any time.',
    )
    .argument(
      '<library>',
      'its name ("Contoso/Projects - Documents"), number in `b2bmount list`, address, or path on the drive',
    )
    .option('--discard-changes', 'also if something was changed there that has not been sent: it is lost')
    .addHelpText(
      'after',
      `
Examples:
  b2bmount remove 'Contoso/Projects - Documents'
  b2bmount remove 3`,
    )
    .action((library: string, { discardChanges: anyway = false }: { discardChanges?: boolean }) =>
      run(async session => {
        // A path relative to here means nothing to the daemon.
        const removed = /^(\/|\.\.?(\/|$))/.test(library)
          ? await session.askAbout('remove', resolve(library), path => ({ library: path, anyway }))
          : await session.ask('remove', { library, anyway })
        session.output.answer(removed, [`Removed ${removed.organization}/${removed.name}.`])
      }),
    )
}

import { Command } from 'commander'
import type { UnpinReport } from '../../control/answers.js'
import type { RunCommand } from '../program.js'
import { askAboutEach } from './on-drive.js'

export function unpinCommand(run: RunCommand): Command {
  return new Command('unpin')
    .summary('end what pin began')
    .description(
      'Files and folders need not be always on this machine any more. What is here stays until its room is needed, or until free-up.',
    )
    .argument('<path...>', 'files or folders of the drive')
    .action((paths: readonly string[]) =>
      run(async session => {
        const reports = await askAboutEach(session, 'unpin', paths)
        session.output.answer(reports, reports.map(unpinLine))
      }),
    )
}

export function unpinLine({ path }: UnpinReport): string {
  return `No longer always available: ${path}`
}

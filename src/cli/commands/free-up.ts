import { Command } from 'commander'
import type { FreeUpReport } from '../../control/answers.js'
import { count, formatBytes } from '../format.js'
import type { RunCommand } from '../program.js'
import { askAboutEach } from './on-drive.js'

export function freeUpCommand(run: RunCommand): Command {
  return new Command('free-up')
    .summary('make files or folders online-only')
    .description(
      'Deletes the local bytes of files, or of everything in folders; they stay on the drive and are downloaded again when they are read. Never of files that are open, and in folders never of what is pinned by itself.',
    )
    .argument('<path...>', 'files or folders of the drive')
    .action((paths: readonly string[]) =>
      run(async session => {
        const reports = await askAboutEach(session, 'free-up', paths)
        session.output.answer(reports, reports.map(freeUpLine))
      }),
    )
}

export function freeUpLine({ path, files, bytes, kept }: FreeUpReport): string {
  const rest = kept === 0 ? '' : `; ${count(kept, 'file')} kept, open or pinned`
  return `Freed ${formatBytes(bytes)} of ${count(files, 'file')}: ${path}${rest}`
}

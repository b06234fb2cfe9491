import { resolve } from 'node:path'
import { Command } from 'commander'
import type { ExportReport } from '../../control/answers.js'
import { EXIT } from '../exit-code.js'
import { count, formatBytes, sentence } from '../format.js'
import type { RunCommand } from '../program.js'

export function exportCommand(run: RunCommand): Command {
  return new Command('export')
    .summary('copy what has not been sent into a directory')
    .description(
      'Copies every file that you have changed and that has not been sent into a directory, by organization and library: also when you have lost access, are signed out or have no network. Nothing there is overwritten, and nothing is taken off the drive.',
    )
    .argument('<directory>', 'made if it is missing')
    .action((directory: string) =>
      run(async session => {
        const report = await session.ask('export', { directory: resolve(directory) })
        session.output.answer(report, exportLines(report))
        if (report.failures.length > 0 || report.incomplete.length > 0) session.exitCode = EXIT.failed
      }),
    )
}

export function exportLines({
  directory,
  files,
  bytes,
  incomplete,
  failures,
}: ExportReport): readonly string[] {
  return [
    files === 0 && failures.length === 0
      ? 'Everything has been sent: there is nothing to copy.'
      : `${count(files, 'file')} copied to ${directory}, ${formatBytes(bytes)}`,
    ...incomplete.map(
      path =>
        `    ${path} is incomplete: the rest of it is with the organization only. The note beside it says which bytes are missing.`,
    ),
    ...failures.map(({ path, problem }) =>
      `    ${path}: ${sentence(problem.message)} ${problem.nextStep ?? ''}`.trimEnd(),
    ),
  ]
}

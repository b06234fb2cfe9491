import { Command } from 'commander'
import type { PinReport } from '../../control/answers.js'
import { EXIT } from '../exit-code.js'
import { count, formatBytes, sentence } from '../format.js'
import type { RunCommand } from '../program.js'
import { askAboutEach } from './on-drive.js'

export function pinCommand(run: RunCommand): Command {
  return new Command('pin')
    .summary('keep files or folders always on this machine')
    .description(
      'Downloads files, or everything in folders, and keeps them on this machine: what is new or changes in them is downloaded by itself, and nothing of it makes room for other files. Waits until all is here; Ctrl-C ends the waiting, and the drive goes on by itself.',
    )
    .argument('<path...>', 'files or folders of the drive')
    .addHelpText(
      'after',
      `
Examples:
  b2bmount pin ~/B2B/Contoso/'Projects - Documents'/Plans
  b2bmount unpin ~/B2B/Contoso/'Projects - Documents'/Plans
  b2bmount free-up ~/B2B/Contoso`,
    )
    .action((paths: readonly string[]) =>
      run(async session => {
        const reports = await askAboutEach(session, 'pin', paths)
        session.output.answer(reports, reports.flatMap(pinLines))
        if (reports.some(({ failures }) => failures.length > 0)) session.exitCode = EXIT.failed
      }),
    )
}

export function pinLines({ path, files, bytes, failures }: PinReport): readonly string[] {
  const news =
    files === 0 ? 'nothing was missing' : `${count(files, 'file')} downloaded, ${formatBytes(bytes)}`
  const isComplete = failures.length === 0
  const head = isComplete
    ? `Always available: ${path} (${news})`
    : `To be always available, and not all here yet: ${path}${files === 0 ? '' : ` (${news})`}`
  return [
    head,
    ...failures.map(({ path: failed, problem }) => `    ${failed}: ${sentence(problem.message)}`),
    ...(isComplete ? [] : ['    The drive tries these again by itself.']),
  ]
}

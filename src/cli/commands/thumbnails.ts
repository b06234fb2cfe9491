import { Argument, Command } from 'commander'
import type { ThumbnailsAnswer } from '../../control/answers.js'
import { count, formatBytes, sentence, table } from '../format.js'
import type { RunCommand } from '../program.js'

export function thumbnailsCommand(run: RunCommand): Command {
  return new Command('thumbnails')
    .summary('show or delete the kept thumbnails')
    .description(
      'status: how many thumbnails are kept, and what is being made. clear: deletes those that b2bmount keeps; what file managers have copied stays theirs.',
    )
    .addArgument(new Argument('<action>', 'what to do').choices(['status', 'clear']))
    .action((action: string) =>
      run(async session => {
        if (action === 'status') {
          const status = await session.ask('thumbnails-status', {})
          session.output.answer(status, statusLines(status))
        } else {
          const cleared = await session.ask('thumbnails-clear', {})
          const what = `${count(cleared.images, 'thumbnail')}, ${formatBytes(cleared.bytes)}`
          session.output.answer(cleared, [`Deleted ${what}.`])
        }
      }),
    )
}

function statusLines({ images, bytes, none, waiting, problem }: ThumbnailsAnswer): readonly string[] {
  return [
    ...table([
      ['Kept', `${count(images, 'thumbnail')}, ${formatBytes(bytes)}`],
      ['Without', count(none, 'file')],
      ['To be made', `${count(waiting.files, 'file')} in ${count(waiting.folders, 'folder')}`],
    ]),
    ...(problem === undefined ? [] : [sentence(problem.message)]),
  ]
}

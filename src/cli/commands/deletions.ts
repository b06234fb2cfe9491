import { Command } from 'commander'
import type { DeletionsReport, HeldDeletions } from '../../control/answers.js'
import { count } from '../format.js'
import type { RunCommand } from '../program.js'

export function deletionsCommand(run: RunCommand): Command {
  const decide = (decision: 'accept' | 'reject', summary: string, description: string) =>
    new Command(decision)
      .summary(summary)
      .description(description)
      .argument('<library>', 'its number or name in `b2bmount list`, its address, or its folder on the drive')
      .action((library: string) =>
        run(async session => {
          const report = await session.ask('deletions', { library, decision })
          session.output.answer(report, [deletionsLine(report)])
        }),
      )
  return new Command('deletions')
    .summary('decide about very many deletions at once')
    .description(
      'When an organization deletes more than 200 items of a library at once, the drive shows them on and asks you first. When you delete so many on the drive, they are not deleted over there before you have been asked.',
    )
    .addCommand(
      decide(
        'accept',
        'they may go',
        'Removes them from the drive, with what of them is on this machine; or over there, what you have deleted here.',
      ),
    )
    .addCommand(
      decide(
        'reject',
        'they stay',
        'Shows them on: what of them is on this machine stays readable, the rest is gone. What you have deleted comes back.',
      ),
    )
}

export function heldItems({ items, orMore }: HeldDeletions): string {
  return `${orMore ? 'at least ' : ''}${count(items, 'item')}`
}

function deletionsLine({ library, decision, whose, items, orMore }: DeletionsReport): string {
  const what = `${heldItems({ items, orMore })} of ${library.organization}/${library.name}`
  if (whose === 'ours') {
    return decision === 'accept' ? `Deleting ${what}` : `Showing ${what} again`
  }
  return decision === 'accept' ? `Removing ${what}` : `Keeping ${what}`
}

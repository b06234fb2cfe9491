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
    .summary('remove or keep what an organization has deleted at once')
    .description(
      'When an organization deletes more than 200 items of a library at once, the drive shows them on and asks you first.',
    )
    .addCommand(
      decide('accept', 'they may go', 'Removes them from the drive, with what of them is on this machine.'),
    )
    .addCommand(
      decide(
        'reject',
        'they stay',
        'Shows them on. What of them is on this machine stays readable; the rest is gone.',
      ),
    )
}

export function heldItems({ items, orMore }: HeldDeletions): string {
  return `${orMore ? 'at least ' : ''}${count(items, 'item')}`
}

function deletionsLine({ library, decision, items, orMore }: DeletionsReport): string {
  const what = `${heldItems({ items, orMore })} of ${library.organization}/${library.name}`
  return decision === 'accept' ? `Removing ${what}` : `Keeping ${what}`
}

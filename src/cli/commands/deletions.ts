import { resolve } from 'node:path'
import { Command } from 'commander'
import type {
  DaemonStatus,
  DeletionsReport,
  HeldDeletions,
  LibraryStatus,
  NotDeleted,
  UnsentItem,
} from '../../control/answers.js'
import { shellQuote } from '../../control/shell-quote.js'
import { count, formatAge, problemText } from '../format.js'
import type { RunCommand } from '../program.js'

export function deletionsCommand(run: RunCommand): Command {
  const decide = (decision: 'accept' | 'reject', what: string, summary: string, description: string) =>
    new Command(decision)
      .summary(summary)
      .description(description)
      .argument('<library>', what)
      .action((library: string) =>
        run(async session => {
          const report = await session.ask('deletions', { library, path: resolve(library), decision })
          session.output.answer(report, [deletionsLine(report)])
        }),
      )
  const which = 'its number or name in `b2bmount list`, its address, or its folder on the drive'
  return new Command('deletions')
    .summary('show and decide about deletions that wait')
    .description(
      'When an organization deletes more than 200 items of a library at once, the drive shows them on and asks you first. When you delete so many on the drive, they are not deleted over there before you have been asked. Without more, this shows them, what of your deletions could not be carried out yet, and what has come back.',
    )
    .addHelpText(
      'after',
      `
Examples:
  b2bmount deletions
  b2bmount deletions accept 1
  b2bmount deletions reject ~/B2B/Contoso/'Projects - Documents'/Plans/draft.docx`,
    )
    .action(() =>
      run(async session => {
        const status = await session.ask('status', {})
        session.output.answer(waitingDeletions(status), deletionLines(status, Date.now()))
      }),
    )
    .addCommand(
      decide(
        'accept',
        which,
        'they may go',
        'Removes them from the drive, with what of them is on this machine; or over there, what you have deleted here.',
      ),
    )
    .addCommand(
      decide(
        'reject',
        `${which}; or the path of a single item that you have deleted`,
        'they stay',
        'Shows them on: what of them is on this machine stays readable, the rest is gone. What you have deleted comes back.',
      ),
    )
}

/** Of all that is known, what has to do with deletions. */
export interface WaitingDeletions {
  readonly libraries: readonly LibraryStatus[]
  readonly unsent: readonly UnsentItem[]
  readonly notDeleted: readonly NotDeleted[]
}

export function waitingDeletions({ libraries, unsent, notDeleted = [] }: DaemonStatus): WaitingDeletions {
  return {
    libraries: libraries.filter(each => each.heldDeletions !== undefined || each.ownDeletions !== undefined),
    unsent: (unsent?.items ?? []).filter(({ change, state }) => change === 'deletion' && state !== 'held'),
    notDeleted,
  }
}

export function deletionLines(status: DaemonStatus, now: number): readonly string[] {
  const { libraries, unsent, notDeleted } = waitingDeletions(status)
  const lines = [
    ...libraries.flatMap(({ id, organization, name, heldDeletions, ownDeletions }) => [
      `${organization}/${name}`,
      ...(heldDeletions === undefined ? [] : heldLines(id, organization, heldDeletions)),
      ...(ownDeletions === undefined ? [] : ownDeletionLines(id, organization, ownDeletions)),
    ]),
    ...unsent.flatMap(({ path, since, problem }) => [
      `To be deleted, ${formatAge(now - since)}: ${path}`,
      ...(problem === undefined ? [] : [`    ${problemText(problem)}`]),
      `    To have it back:  b2bmount deletions reject ${shellQuote(path)}`,
    ]),
    ...notDeleted.map(each => notDeletedLine(each, now)),
  ]
  return lines.length === 0 ? ['No deletion waits.'] : lines
}

export function heldLines(id: number, organization: string, held: HeldDeletions): readonly string[] {
  return [
    `    ${organization} has deleted ${heldItems(held)} at once. They are still shown. To remove them:  b2bmount deletions accept ${id}`,
    `    To keep them, as far as they are on this machine:  b2bmount deletions reject ${id}`,
  ]
}

export function ownDeletionLines(id: number, organization: string, items: number): readonly string[] {
  return [
    `    You have deleted ${count(items, 'item')} at once. ${organization} has them still. To delete them there, too:  b2bmount deletions accept ${id}`,
    `    To have them back:  b2bmount deletions reject ${id}`,
  ]
}

export function notDeletedLine({ at, path, problem }: NotDeleted, now: number): string {
  return `Not deleted, ${formatAge(now - at)}, and here again: ${path}: ${problemText(problem)}`
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

import { Command } from 'commander'
import type { OpenedBy, UnsentItem, UnsentReport } from '../../control/answers.js'
import { EXIT } from '../exit-code.js'
import { count, formatAge, formatBytes, problemText, table } from '../format.js'
import type { RunCommand } from '../program.js'
import { notDeletedLine } from './deletions.js'

// What fits on a screen; --json has more.
const MOST_SHOWN = 20

export function syncCommand(run: RunCommand): Command {
  return new Command('sync')
    .summary('send what was changed here')
    .description(
      'The drive sends what you change by itself. This tries everything at once, also what waits for its next attempt, and shows what is left.',
    )
    .option('--wait', 'wait until nothing is left; fails if something cannot be sent')
    .addHelpText(
      'after',
      `
Examples:
  b2bmount sync
  b2bmount sync --wait && shutdown now`,
    )
    .action(({ wait = false }: { wait?: boolean }) =>
      run(async session => {
        const report = await session.ask('sync', { wait })
        session.output.answer(report, unsentLines(report, Date.now()))
        if (wait && (report.total > 0 || report.notDeleted !== undefined)) session.exitCode = EXIT.failed
      }),
    )
}

export const CHANGE: Readonly<Record<UnsentItem['change'], string>> = {
  'new-file': 'new file',
  'new-folder': 'new folder',
  content: 'changed',
  name: 'moved',
  times: 'time changed',
  deletion: 'deleted',
}

export function unsentLines(report: UnsentReport, now: number): readonly string[] {
  const { notDeleted = [] } = report
  const refused = notDeleted.map(each => notDeletedLine(each, now))
  return [...(report.total === 0 && refused.length > 0 ? [] : owedLines(report, now)), ...refused]
}

function owedLines({ items, total, bytes }: UnsentReport, now: number): readonly string[] {
  if (total === 0) return ['Everything has been sent.']
  const shown = items.slice(0, MOST_SHOWN)
  const rows = table(
    shown.map(item => [CHANGE[item.change], sendingState(item, now), formatAge(now - item.since), item.path]),
  )
  return [
    `Not sent yet: ${count(total, 'change')}${bytes === 0 ? '' : `, ${formatBytes(bytes)}`}`,
    ...shown.flatMap(({ problem }, i) => [
      `  ${rows[i] ?? ''}`,
      ...(problem === undefined ? [] : [`      ${problemText(problem)}`]),
    ]),
    ...(total > shown.length ? [`  … and ${count(total - shown.length, 'change')} more`] : []),
    ...(items.some(({ state }) => state === 'held')
      ? ['So many deletions at once wait for you. See and decide:  b2bmount deletions']
      : []),
  ]
}

/** Of a file that a program has open for writing. */
export function openedLine({ program, pid, since }: OpenedBy): string {
  const time = new Date(since).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })
  return `open for writing by ${program}${pid === 0 ? '' : ` (${pid})`} since ${time}`
}

export function sendingState(
  { state, size, sentBytes, openedBy, nextAttempt }: UnsentItem,
  now: number,
): string {
  if (state === 'held') return 'held: you are asked first'
  if (state === 'sending') {
    return size === 0 ? 'sending' : `sending, ${formatBytes(sentBytes)} of ${formatBytes(size)}`
  }
  if (openedBy !== undefined) return openedLine(openedBy)
  if (nextAttempt === undefined || nextAttempt <= now) return 'waiting'
  return `waiting, again in ${count(Math.ceil((nextAttempt - now) / 1000), 'second')}`
}

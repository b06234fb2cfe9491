import { Command, InvalidArgumentError } from 'commander'
import type { FoundItems, ItemStatus } from '../../control/answers.js'
import { MOST_FOUND } from '../../control/protocol.js'
import { formatBytes, table } from '../format.js'
import type { RunCommand } from '../program.js'

export function findCommand(run: RunCommand): Command {
  return new Command('find')
    .summary('search names over all libraries')
    .description(
      'Finds files and folders by words of their names, over everything that you have added, also offline. Each word may be the beginning of one in the name; all of them must be there. Case and accents do not matter.',
    )
    .argument('<words...>', 'beginnings of words of the name')
    .option('-n, --limit <number>', `how many at most, up to ${MOST_FOUND}`, limitOf, 20)
    .addHelpText(
      'after',
      `
Examples:
  b2bmount find budget 2026
  b2bmount --json find invoice --limit 100 | jq -r '.items[].path'`,
    )
    .action((words: readonly string[], { limit }: { limit: number }) =>
      run(async session => {
        const found = await session.ask('find', { words: words.join(' '), limit })
        session.output.answer(found, foundLines(found))
        session.output.note(...notesOn(found))
      }),
    )
}

function limitOf(text: string): number {
  const limit = Number(text)
  if (Number.isInteger(limit) && limit >= 1 && limit <= MOST_FOUND) return limit
  throw new InvalidArgumentError(`Give a whole number from 1 to ${MOST_FOUND}.`)
}

export function foundLines({ items }: FoundItems): readonly string[] {
  return table(
    items.map(({ path, kind, state, size }) => [
      stateOf(kind, state),
      kind === 'file' ? formatBytes(size) : '',
      path,
    ]),
  )
}

function stateOf(kind: ItemStatus['kind'], state: ItemStatus['state']): string {
  return kind === 'folder' ? 'folder' : (state ?? '')
}

function notesOn({ items, more, complete }: FoundItems): readonly string[] {
  return [
    ...(items.length === 0 ? ['Nothing that the drive knows of is called so.'] : []),
    ...(more ? ['There are more: give more words, or a larger --limit.'] : []),
    ...(complete ? [] : ['Not everything has been looked through yet; try again in a moment.']),
  ]
}

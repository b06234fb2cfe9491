import { Command } from 'commander'
import { table } from '../format.js'
import type { RunCommand } from '../program.js'

export function listCommand(run: RunCommand): Command {
  return new Command('list')
    .summary('list the libraries you have added')
    .description('Lists the libraries and folders that you have added, in the order of the drive.')
    .action(() =>
      run(async session => {
        const libraries = await session.ask('list', {})
        session.output.answer(libraries, [
          ...table(
            libraries.map(({ id, organization, name, access, state, webUrl }) => [
              String(id),
              `${organization}/${name}`,
              state === 'blocked-by-policy' ? 'blocked by policy' : access === 'read' ? 'read only' : '',
              webUrl,
            ]),
          ),
          ...(libraries.length === 0 ? ['Nothing is added yet:  b2bmount add ADDRESS'] : []),
        ])
      }),
    )
}

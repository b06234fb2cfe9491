import { Command } from 'commander'
import type { RunCommand } from '../program.js'

export function whoamiCommand(run: RunCommand): Command {
  return new Command('whoami')
    .summary('show who is signed in')
    .description('Shows the account that is signed in; exits with 3 if there is none.')
    .action(() =>
      run(async session => {
        const account = await session.ask('whoami', {})
        const { username, displayName, homeTenant } = account
        session.output.answer(account, [
          displayName === undefined ? username : `${username} (${displayName})`,
          `Home tenant ${homeTenant}`,
        ])
      }),
    )
}

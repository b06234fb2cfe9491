import { Command } from 'commander'
import type { RunCommand } from '../program.js'

export function signOutCommand(run: RunCommand): Command {
  return new Command('sign-out')
    .summary('forget your account on this machine')
    .description(
      'Forgets your account and its tokens. Libraries stay added, and files that are local stay readable.',
    )
    .action(() =>
      run(async session => {
        const account = await session.ask('sign-out', {})
        session.output.answer(account, [`Signed out ${account.username}.`])
      }),
    )
}

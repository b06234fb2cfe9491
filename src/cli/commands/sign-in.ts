import { Command } from 'commander'
import type { RunCommand } from '../program.js'

export function signInCommand(run: RunCommand): Command {
  return new Command('sign-in')
    .summary('sign in with your work or school account')
    .description(
      'Signs in with the account of your own organization. One sign-in is enough for every organization that has invited you.\n\n' +
        'If one of them asks for more (multi-factor authentication, its terms of use), name it.',
    )
    .argument(
      '[organization]',
      'sign in again for this organization only: its name on the drive, or its domain',
    )
    .option('--device-code', 'use a browser on another machine: you get a code to type there')
    .addHelpText(
      'after',
      `
Examples:
  b2bmount sign-in                    opens your browser
  b2bmount sign-in --device-code      on a server, over ssh
  b2bmount sign-in contoso.example    when Contoso asks for more`,
    )
    .action((organization: string | undefined, { deviceCode = false }: { deviceCode?: boolean }) =>
      run(async session => {
        const account = await session.ask('sign-in', {
          deviceCode,
          ...(organization === undefined ? {} : { organization }),
        })
        session.output.answer(
          account,
          organization === undefined
            ? [
                `Signed in as ${account.username}.`,
                'Now add what another organization shares with you:  b2bmount add ADDRESS',
              ]
            : [`Signed in as ${account.username} for ${organization}.`],
        )
      }),
    )
}

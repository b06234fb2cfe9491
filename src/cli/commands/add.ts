import { Command } from 'commander'
import type { RunCommand } from '../program.js'

export function addCommand(run: RunCommand): Command {
  return new Command('add')
    .summary('add a library or folder that is shared with you')
    .description(
      'Adds a library, or a folder of one, that another organization shares with you. Quote the address: it may hold characters that the shell knows.\n\n' +
        'Single files, "Anyone" links and personal accounts cannot be added; ask for the folder or the site to be shared with your work account.',
    )
    .argument(
      '<address>',
      'the link from the invitation, or the address of the site, library or folder in your browser',
    )
    .addHelpText(
      'after',
      `
Examples:
  b2bmount add 'https://contoso.sharepoint.com/:f:/s/Projects/EkX…?e=abc'      the link in the mail
  b2bmount add 'https://contoso.sharepoint.com/sites/Projects'                a site: its documents
  b2bmount add 'https://contoso.sharepoint.com/sites/Projects/Shared Documents/2026'
  b2bmount add 'odopen://sync?siteId=…'                                       the browser's Sync button`,
    )
    .action((address: string) =>
      run(async session => {
        const added = await session.ask('add', { address })
        const { organization, name } = added.library
        session.output.answer(added, [`Added ${organization}/${name}.`, ...added.notes])
      }),
    )
}

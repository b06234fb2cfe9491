import { resolve } from 'node:path'
import { Command } from 'commander'
import type { ItemStatus } from '../../control/answers.js'
import { Fault } from '../../model/fault.js'
import { trustedPage } from '../../model/item-page.js'
import { openBrowser } from '../browser.js'
import type { RunCommand } from '../program.js'

export function openCommand(run: RunCommand): Command {
  return new Command('open')
    .summary('show a file or folder in the browser')
    .description(
      "Opens the page of a file or folder of the drive on the other organization's site, in your browser. Downloads nothing.",
    )
    .argument('<path>', 'a file or folder of the drive')
    .option('--print', 'print the address and open nothing')
    .addHelpText(
      'after',
      `
Examples:
  b2bmount open ~/B2B/Contoso/'Projects - Documents'/Budget.xlsx
  b2bmount open --print . | xclip      the address of this folder`,
    )
    .action((path: string, { print = false }: { print?: boolean }) =>
      run(async session => {
        const item = await session.askAbout('item-status', resolve(path), at => ({ path: at }))
        const webUrl = pageOf(item)
        const opened = !print && openBrowser(webUrl, session.environment)
        session.output.answer({ path: item.path, webUrl, opened }, opened ? [] : [webUrl])
        if (!opened && !print) {
          session.output.note(
            'There is no browser here: open this address where there is one, or set BROWSER.',
          )
        }
      }),
    )
}

/** @throws {Fault} `not-supported`: it has none; `protocol-error`: one that must not be opened */
export function pageOf({ path, webUrl, library }: ItemStatus): string {
  if (webUrl === undefined || library === undefined) {
    throw new Fault('not-supported', `${path} has no page in the browser`, {
      nextStep: 'Libraries, and what is in them, have one.',
    })
  }
  const page = trustedPage(webUrl, library.host)
  if (page === undefined) {
    throw new Fault(
      'protocol-error',
      `${library.organization} gives an address for ${path} that is not at ${library.host}, so it is not opened`,
      { nextStep: `Open its library instead:  ${library.webUrl}` },
    )
  }
  return page
}

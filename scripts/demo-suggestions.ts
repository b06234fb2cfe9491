import { shellQuote } from '../src/control/shell-quote.js'
import type { DemoDrive } from './demo-drive.js'

/** A command line for a person, and in a few words what comes of it. */
export interface Suggestion {
  readonly command: string
  readonly shows: string
  /** Wants a terminal or a desktop, and so is not run by the check. */
  readonly isInteractive?: boolean
}

/** What a new user tries first. Names are those of the emulator's world. */
export function suggestions({ directory, command }: DemoDrive): readonly Suggestion[] {
  const drive = shellQuote(directory)
  const media = shellQuote(`${directory}/Contoso/Design - Media`)
  const reports = shellQuote(`${directory}/Tailspin Toys/Models - Documents - Reports`)
  return [
    { command: `ls -R ${drive}`, shows: 'everything is there, nothing is downloaded' },
    { command: `xdg-open ${drive}`, shows: 'in the file manager', isInteractive: true },
    { command: `head -c 20 ${media}/*.img | od -c`, shows: 'downloads the beginning of 2 GiB only' },
    { command: `${command} status ${media}/*.img`, shows: 'how much of it is here' },
    { command: `echo hello > ${reports}/hello.txt`, shows: 'a file of yours' },
    { command: `${command} sync --wait`, shows: 'it is with the other organization' },
    { command: `${command} pin ${reports}/2026`, shows: 'always on this machine' },
    { command: `${command} find report 2026`, shows: 'in all libraries at once' },
    { command: `${command} status`, shows: 'how everything is' },
  ]
}

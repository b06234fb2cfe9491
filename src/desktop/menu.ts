import type { Command } from './command-words.js'

/** A command of ours that stands in the menus of file managers. */
export interface MenuEntry {
  readonly verb: 'pin' | 'unpin' | 'free-up' | 'open'
  readonly name: string
  readonly description: string
  readonly icon: string
  readonly files: 'one' | 'many'
}

export const MENU: readonly MenuEntry[] = [
  {
    verb: 'pin',
    name: 'Always keep on this device',
    description: 'Download these files and folders, and keep them up to date, for when there is no network',
    icon: 'emblem-b2bmount-always-available',
    files: 'many',
  },
  {
    verb: 'unpin',
    name: 'Do not always keep on this device',
    description: 'What is here stays until its space is needed',
    icon: 'emblem-b2bmount-locally-available',
    files: 'many',
  },
  {
    verb: 'free-up',
    name: 'Free up space',
    description: 'Remove the local copies of these files and folders; they stay on the drive, online-only',
    icon: 'emblem-b2bmount-online-only',
    files: 'many',
  },
  {
    verb: 'open',
    name: 'View online',
    description: "Show this file or folder on the other organization's site, in the browser",
    icon: 'web-browser',
    files: 'one',
  },
]

/**
 * What a menu entry runs: not the command itself, because nobody sees what that prints. File names follow.
 *
 * @param program `b2bmount` with what it needs to find this drive
 */
export function menuCommand(program: Command, verb: MenuEntry['verb'] | 'show'): Command {
  return [...program, 'desktop-action', verb]
}

import { pathToFileURL } from 'node:url'
import type { InsertionKind } from './insertion.js'

/**
 * `~/.config/gtk-3.0/bookmarks`, which GTK 4 and most file managers read too: a line for each place of the sidebar,
 * `URI label`. Whoever has a bookmark of the drive already has one.
 */
export const gtkBookmarks: InsertionKind = {
  name: 'gtk-bookmarks',
  insert(content, block) {
    if (content.split('\n').some(line => uriOf(line) === uriOf(block))) return content
    const separator = content === '' || content.endsWith('\n') ? '' : '\n'
    return `${content}${separator}${block}\n`
  },
  remove(content, block) {
    const lines = content.split('\n')
    const at = lines.indexOf(block)
    return at < 0 ? content : lines.toSpliced(at, 1).join('\n')
  },
}

/** @param directory absolute */
export function bookmarkOf(directory: string, label: string): string {
  // A space would end the URI; pathToFileURL has encoded it.
  return `${pathToFileURL(directory).href} ${label}`
}

function uriOf(line: string): string {
  return line.split(' ', 1)[0] ?? ''
}

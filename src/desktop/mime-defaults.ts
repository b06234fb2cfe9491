import type { InsertionKind } from './insertion.js'

const SECTION = '[Default Applications]'

/**
 * `~/.config/mimeapps.list`, where desktops and browsers look for the program of an address's scheme: a line for each
 * scheme, in a section. A program that the user has chosen for the scheme stays.
 * @see https://specifications.freedesktop.org/mime-apps-spec/latest/
 */
export const mimeDefaults: InsertionKind = {
  name: 'mime-defaults',
  insert(content, block) {
    const lines = content.split('\n')
    const start = lines.indexOf(SECTION)
    if (start < 0) {
      const separator = content === '' || content.endsWith('\n') ? '' : '\n'
      return `${content}${separator}${SECTION}\n${block}\n`
    }
    const taken = lines
      .slice(start + 1, endOfSection(lines, start))
      .some(line => keyOf(line) === keyOf(block))
    return taken ? content : lines.toSpliced(start + 1, 0, block).join('\n')
  },
  remove(content, block) {
    const lines = content.split('\n')
    const start = lines.indexOf(SECTION)
    if (start < 0) return content
    const end = endOfSection(lines, start)
    // GLib writes a list, also of one.
    const at = lines.findIndex((line, i) => i > start && i < end && [block, `${block};`].includes(line))
    if (at < 0) return content
    const isAlone = lines.slice(start + 1, end).every((line, i) => start + 1 + i === at || line === '')
    return (isAlone ? lines.toSpliced(start, 2) : lines.toSpliced(at, 1)).join('\n')
  },
}

/** @param entry name of a desktop entry */
export function defaultFor(scheme: string, entry: string): string {
  return `x-scheme-handler/${scheme}=${entry}`
}

function endOfSection(lines: readonly string[], start: number): number {
  const next = lines.findIndex((line, i) => i > start && line.startsWith('['))
  return next < 0 ? lines.length : next
}

function keyOf(line: string): string {
  return (line.split('=', 1)[0] ?? '').trim()
}

import { createHash } from 'node:crypto'
import type { ItemId } from './ids.js'

/** Longest name of the kernel's file systems (NAME_MAX), in bytes of UTF-8. */
export const LONGEST_NAME = 255

// An "extension" longer than this is a sentence with a full stop in it.
const LONGEST_EXTENSION = 32

/**
 * The name under which a remote item is shown. Pure; the rule is in docs/SEMANTICS.md, "Names".
 *
 * Whatever comes from the other side, the result is valid UTF-8 of 1 to 255 bytes without '/', NUL or control
 * characters, and never '.' or '..'. Two remote names may become one: see {@link distinctName}.
 */
export function shownName(remoteName: string, id: ItemId): string {
  const name = visible(remoteName)
  if (name === '') return `unnamed~${tag(id)}`
  // Full-width full stops: they look alike and lead nowhere.
  if (name === '.') return '\uFF0E'
  if (name === '..') return '\uFF0E\uFF0E'
  return byteLength(name) <= LONGEST_NAME ? name : distinctName(name, id)
}

/**
 * `name` with a tag of the item's id before the extension, for an item whose shown name is taken.
 *
 * @param attempt more than 0 when even that name is taken: the tag gets longer
 */
export function distinctName(name: string, id: ItemId, attempt = 0): string {
  const suffix = `~${tag(id, attempt)}`
  const { stem, extension } = split(name)
  return cut(stem, LONGEST_NAME - byteLength(suffix) - byteLength(extension)) + suffix + extension
}

/**
 * The name of a file that was changed here while the other side had its own way with it.
 *
 * @param host of this machine, made of what a name may have
 * @param attempt from 1 on; more where the name before is taken
 */
export function conflictName(name: string, host: string, attempt: number): string {
  const suffix = attempt === 1 ? `-${host}` : `-${host}-${attempt}`
  const { stem, extension } = split(name)
  return cut(stem, LONGEST_NAME - byteLength(suffix) - byteLength(extension)) + suffix + extension
}

/**
 * Whether the first of two items, both to be shown as `name`, gets it: the one that is really called so,
 * else the smaller id. The answer does not depend on who came first.
 */
export function hasBetterClaim(
  name: string,
  claimant: { readonly remoteName: string; readonly id: ItemId },
  other: { readonly remoteName: string; readonly id: ItemId },
): boolean {
  const claimantIsExact = claimant.remoteName === name
  if (claimantIsExact !== (other.remoteName === name)) return claimantIsExact
  return claimant.id < other.id
}

/** SharePoint takes names for the same that have the same folded name. */
export function foldedName(name: string): string {
  return name.normalize('NFC').toLowerCase()
}

function visible(remoteName: string): string {
  // Half a surrogate pair has no UTF-8: the way through bytes makes U+FFFD of it.
  const wellFormed = Buffer.from(remoteName, 'utf8').toString('utf8')

  return wellFormed.replace(/[/\u0000-\u001F\u007F-\u009F]/g, character => {
    const code = character.charCodeAt(0)
    if (character === '/') return '\uFF0F' // full-width solidus, as rclone shows it
    if (code <= 0x1f) return String.fromCharCode(0x2400 + code) // the control pictures
    return code === 0x7f ? '\u2421' : '\uFFFD'
  })
}

/** 8 hexadecimal digits; more with each attempt. */
function tag(id: ItemId, attempt = 0): string {
  return createHash('sha256')
    .update(id)
    .digest('hex')
    .slice(0, 8 + 8 * attempt)
}

function split(name: string): { stem: string; extension: string } {
  const dot = name.lastIndexOf('.')
  if (dot <= 0 || byteLength(name.slice(dot)) > LONGEST_EXTENSION) return { stem: name, extension: '' }
  return { stem: name.slice(0, dot), extension: name.slice(dot) }
}

/** The longest beginning of `text` that fits into `bytes`, without half a character at its end. */
function cut(text: string, bytes: number): string {
  let length = 0
  let end = 0
  for (const character of text) {
    length += byteLength(character)
    if (length > bytes) break
    end += character.length
  }
  return text.slice(0, end)
}

function byteLength(text: string): number {
  return Buffer.byteLength(text, 'utf8')
}

import { Fault } from './fault.js'

/**
 * Which names a file or folder can be given on this machine.
 * @see https://support.microsoft.com/office/restrictions-and-limitations-in-onedrive-and-sharepoint-64883a5d-228e-48f5-b3d2-eb39e07630fa
 */
const FORBIDDEN_CHARACTERS = /["*:<>?/\\|\u0000-\u001F\u007F]/
const RESERVED = /^(\.lock|con|prn|aux|nul|com[0-9]|lpt[0-9]|desktop\.ini)$/i
// "_vti_ cannot appear anywhere in a file name".
const RESERVED_WITHIN = /_vti_/i
// In UTF-16, as SharePoint counts.
const LONGEST_REMOTE_NAME = 255
// "The entire decoded file path … can't contain more than 400 characters."
export const LONGEST_REMOTE_PATH = 400

/** Locks, swap files and half-written ones of programs: nobody else wants to see them. */
const STAYS_HERE: readonly RegExp[] = [
  /^~\$/, // Microsoft Office: who has the document open
  /^\.~lock\..*#$/, // LibreOffice, the same
  /^\.goutputstream-/, // GLib: what is being saved
  /\.sw[a-p]x?$/, // vim: what was typed
  /^4913$/, // vim: may I write here?
  /^\.#/, // Emacs: lock
  /^\.fuse_hidden/,
  /^\.nfs[0-9a-f]+$/,
  /^\.~.*~$/, // rsync --delay-updates
  /^lu[0-9a-z]{6,}\.tmp$/, // LibreOffice: what is being saved
]

/** Whether it never travels to the other organization. */
export function staysHere(name: string): boolean {
  return STAYS_HERE.some(pattern => pattern.test(name))
}

/**
 * Refused when it is made, not when it is sent.
 * @throws {Fault} `name-refused`, `name-too-long`
 */
export function checkLocalName(name: string): void {
  if (name.length > LONGEST_REMOTE_NAME) throw new Fault('name-too-long', 'The name is too long')
  // A program's wastebasket would fill up at the other organization; its site has a recycle bin.
  if (/^\.Trash(-\d+)?$/.test(name)) throw refused('Wastebaskets stay out of the libraries of others')
  if (staysHere(name)) return
  if (FORBIDDEN_CHARACTERS.test(name)) throw refused('SharePoint allows none of " * : < > ? / \\ | in a name')
  if (name.startsWith(' ') || name.endsWith(' ') || name.endsWith('.')) {
    throw refused('SharePoint allows no name that begins or ends with a space, or ends with a full stop')
  }
  if (RESERVED.test(name) || RESERVED_WITHIN.test(name)) throw refused('SharePoint reserves this name')
}

function refused(message: string): Fault {
  return new Fault('name-refused', message)
}

/** Whether one of an administrator's names fits, in which `*` and `?` stand for anything, in any case. */
export function isIgnored(name: string, patterns: readonly string[]): boolean {
  return patterns.some(pattern => {
    const source = pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')
    return new RegExp(`^${source}$`, 'isu').test(name)
  })
}

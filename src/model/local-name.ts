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

/** Locks, swap files and half-written ones of programs: nobody else wants to see them. No person calls a file so. */
const STAYS_HERE: readonly RegExp[] = [
  /^~\$/, // Microsoft Office: who has the document open
  /^~WR[A-Z]\d{4}\.tmp$/, // Word: what is being saved
  /^\.~lock\..*#$/, // LibreOffice: who has the document open
  /^lu[0-9a-z]{6,}\.tmp$/, // LibreOffice: what is being saved
  /^\.goutputstream-/, // GLib: what is being saved
  /^\.xdp-/, // document portal of Flatpak and Snap, the same
  /^\.(.*\.)?sw[a-p]x?$/, // vim: what was typed; nano: lock
  /^4913$/, // vim: may I write here?
  /^\..*\.kate-swp$/, // Kate: what was typed
  /^\.#/, // Emacs: lock
  /^#.+#$/, // Emacs: what was typed
  /^\..+\.lock$/, // KeePassXC and others by Qt: lock
  /___jb_(tmp|old|bak)___$/, // JetBrains: what is being saved
  /^\.fuse_hidden/,
  /^\.nfs[0-9a-f]+$/,
  /^\.~.*~$/, // rsync --delay-updates
  /^(\.syncthing\.|~syncthing~).*\.tmp$/, // Syncthing: what is being downloaded
  /^\.unison\..*\.unison\.tmp$/, // Unison, the same
]

/** Whether it never travels to the other organization. */
export function staysHere(name: string): boolean {
  return STAYS_HERE.some(pattern => pattern.test(name))
}

// mkstemp(3) and Qt draw them from letters, mkstemp also from digits; small and capital ones come together in 32 of 33 names.
const DRAWN = '(?=[A-Z0-9]*[a-z])(?=[a-z0-9]*[A-Z])[A-Za-z0-9]{6}'

/** What programs call half-written files, and a person might call any file. */
const LOOKS_HALF_WRITTEN: readonly RegExp[] = [
  new RegExp(`\\.${DRAWN}$`), // QSaveFile: `pw.kdbx.Ab12Cd`; rsync: `.plan.odt.Ab12Cd`; Chromium: `.org.chromium.Chromium.Ab12Cd`
  new RegExp(`^(sed|zi|tmp)${DRAWN}$`), // sed -i, zip
  /\.(tmp\d*|temp|part|partial~?|filepart|crdownload|opdownload|download|aria2|ytdl)$/i, // 7-Zip, browsers, Thunar, WinSCP, …
  /\.!(qB|ut|bt)$/, // BitTorrent clients
  /_exiftool_tmp$/,
  /-tmp-\d+$/, // restic
]

/**
 * Whether it may be half of a file: it is given more time to get another name, or to go again, before it is sent. Not for ever,
 * because a person may call a file so.
 */
export function looksHalfWritten(name: string): boolean {
  return LOOKS_HALF_WRITTEN.some(pattern => pattern.test(name))
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

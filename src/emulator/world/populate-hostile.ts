import type { Drive } from './drive.js'

/** Names that no honest SharePoint would send. A client must neither escape its mount nor hide a file. */
export const HOSTILE_NAMES: readonly string[] = [
  '..',
  '.',
  '../escape.txt',
  '../../../../etc/passwd',
  '/etc/passwd',
  'a/b.txt',
  'back\\slash.txt',
  'nul\0byte.txt',
  'new\nline.txt',
  'escape\u001b[31mred.txt',
  'bell\u0007.txt',
  'delete\u007f.txt',
  'c1\u0085control.txt',
  'Twin.txt',
  'twin.txt',
  'TWIN.TXT',
  'normal\u0065\u0301.txt', // NFD
  'normal\u00e9.txt', // NFC
  'same.txt',
  'same.txt',
  '',
  ' ',
  ' leading space.txt',
  'trailing space ',
  'trailing dot.',
  'x'.repeat(300),
  'ü'.repeat(200), // 200 characters, 400 bytes
  '🚀'.repeat(100), // 200 UTF-16 units, 400 bytes
  'right\u202eto\u202cleft txt.exe',
  'zero\u200bwidth.txt',
  'lone \ud800 surrogate.txt',
  'CON',
  'desktop.ini',
  '~$lock.docx',
  'colon:stream.txt',
  'star*question?.txt',
  '<pipe|quote">.txt',
  '-rf',
  '%2e%2e%2fescape.txt',
  '..%2Fescape.txt',
]

export function populateHostile(drive: Drive): void {
  HOSTILE_NAMES.forEach((name, i) => drive.addFile(drive.root, name, `hostile file ${i}\n`))
  const folder = drive.addFolder(drive.root, 'folder/../with slashes')
  drive.addFile(folder, 'inside.txt', 'inside a hostile folder\n')
  const dots = drive.addFolder(drive.root, '..')
  drive.addFile(dots, 'below dot dot.txt', 'below a folder named dot dot\n')
}

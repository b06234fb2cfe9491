import { Fault } from './fault.js'

// stat(2)
const SET_USER = 0o4000
const SET_GROUP = 0o2000
const ALL_BITS = 0o7777

/**
 * The mode bits that an item is to have: of a folder all of them. A file with the right to run as somebody else would promise
 * what cannot be (the drive is mounted `nosuid`), and nobody would take the right away when it is written to.
 * @param mode bits, without the type
 * @throws {Fault} `not-permitted` for the set-user-ID or set-group-ID bit of a file
 */
export function keepable(kind: 'file' | 'folder', mode: number): number {
  if (kind === 'file' && (mode & (SET_USER | SET_GROUP)) !== 0)
    throw new Fault('not-permitted', 'Nothing on the drive can run as another user or group')
  return mode & ALL_BITS
}

/** What a new item has from the folder around it: folders inherit the set-group-ID bit, as on Linux's own file systems. */
export function inheritedMode(kind: 'file' | 'folder', parentMode: number | undefined): number {
  return kind === 'folder' ? (parentMode ?? 0) & SET_GROUP : 0
}

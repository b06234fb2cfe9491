import { setImmediate } from 'node:timers/promises'
import { Fault } from '../model/fault.js'
import type { Ino } from '../model/ids.js'
import type { Library } from '../model/library.js'
import { LONGEST_REMOTE_PATH } from '../model/local-name.js'
import { isDirectory, type ItemRecord } from '../store/item-record.js'
import type { Store } from '../store/store.js'

// A query of about a millisecond: others have their turn after each.
const CHILDREN_AT_ONCE = 200
// Of a library's page, where its address leads to that.
const LIBRARY_PAGE = /\/Forms\/[^/]+\.aspx$/i

type Places = {
  readonly items: Pick<Store['items'], 'byIno'>
  readonly libraries: Pick<Store['libraries'], 'byId'>
}

/**
 * How long the decoded path of an item is over there, in UTF-16 units as SharePoint counts: the site's and the library's part of
 * the address, and the names from there on, with a slash between two.
 * @see https://support.microsoft.com/office/restrictions-and-limitations-in-onedrive-and-sharepoint-64883a5d-228e-48f5-b3d2-eb39e07630fa "File name and path lengths"
 */
export function remotePathLength(store: Places, item: ItemRecord): number {
  if (item.kind === 'library') return libraryPathLength(store.libraries.byId(item.library))
  const parent = store.items.byIno(item.parent)
  return item.remoteName.length + (parent === undefined ? 0 : 1 + remotePathLength(store, parent))
}

/** @throws {Fault} `name-too-long` */
export function checkPathLength(length: number): void {
  if (length <= LONGEST_REMOTE_PATH) return
  throw new Fault(
    'name-too-long',
    `SharePoint takes no path of more than ${LONGEST_REMOTE_PATH} characters, and this would be one of ${length}`,
  )
}

/**
 * How much longer the longest path below a folder is than its own, as far as its names are known. Yields between small steps;
 * what changes meanwhile may be seen or not, and SharePoint has the last word on it.
 */
export async function longestBelow(
  items: Pick<Store['items'], 'childrenAfter'>,
  folder: Ino,
  signal: AbortSignal,
): Promise<number> {
  let longest = 0
  const pending = [{ folder, length: 0 }]
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    for (let after = ''; ;) {
      signal.throwIfAborted()
      const children = items.childrenAfter(at.folder, after, CHILDREN_AT_ONCE)
      for (const { ino, kind, name } of children) {
        const length = at.length + 1 + name.length
        longest = Math.max(longest, length)
        if (isDirectory(kind)) pending.push({ folder: ino, length })
      }
      const last = children.at(-1)
      if (last === undefined || children.length < CHILDREN_AT_ONCE) break
      after = last.name
      await setImmediate()
    }
    await setImmediate()
  }
  return longest
}

function libraryPathLength(library: Library | undefined): number {
  if (library === undefined || !URL.canParse(library.webUrl)) return 0
  const path = new URL(library.webUrl).pathname.replace(LIBRARY_PAGE, '')
  try {
    return decodeURIComponent(path).length - 1
  } catch {
    return path.length - 1
  }
}

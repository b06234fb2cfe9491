import type { Conflict, UnsentItem, UnsentReport } from '../control/answers.js'
import { MOST_UNSENT } from '../control/protocol.js'
import { isDirectory } from '../store/item-record.js'
import type { Store } from '../store/store.js'
import type { OwedStatus, Uploader } from '../uploads/uploader.js'
import type { RecentConflict } from './build-writing.js'

/** What was changed here and has not been sent. @param directory where the drive is mounted; '' where it is not */
export function unsentReport(
  { store, uploads }: { readonly store: Store; readonly uploads: Pick<Uploader, 'status'> },
  directory: string,
): UnsentReport {
  const owed = uploads.status().filter(({ waiting }) => waiting !== 'stays')
  const oldest = owed.toSorted((a, b) => a.since - b.since).slice(0, MOST_UNSENT)
  return {
    items: oldest.map(each => unsentItem(store, each, directory)),
    total: owed.length,
    bytes: owed.reduce((sum, { what, size }) => sum + (isContent(what) ? size : 0), 0),
  }
}

function unsentItem(store: Store, owed: OwedStatus, directory: string): UnsentItem {
  const { path, what, size, sent, waiting, hindrance, nextAttempt, since } = owed
  return {
    path: shown(directory, path),
    change: changeOf(store, owed),
    state: waiting === 'sending' ? 'sending' : waiting === 'held' ? 'held' : 'waiting',
    since,
    size: isContent(what) ? size : 0,
    sentBytes: sent,
    ...(hindrance === undefined ? {} : { problem: hindrance }),
    ...(nextAttempt === undefined ? {} : { nextAttempt }),
  }
}

/** As {@link RecentConflict}s are shown: of copies that are still there. */
export function conflictsOf(
  { store, conflicts }: { readonly store: Store; readonly conflicts: readonly RecentConflict[] },
  directory: string,
): Conflict[] {
  return conflicts.flatMap(({ at, ino, name }) => {
    const item = store.items.byIno(ino)
    const path = item && store.pathOf(item)
    return path === undefined ? [] : [{ at, name, copy: shown(directory, path) }]
  })
}

function shown(directory: string, path: readonly string[]): string {
  return [...(directory === '' ? [] : [directory]), ...path].join('/')
}

function changeOf(store: Store, { what, ino }: OwedStatus): UnsentItem['change'] {
  if (what !== 'new') return what
  const item = ino === undefined ? undefined : store.items.byIno(ino)
  return item !== undefined && isDirectory(item.kind) ? 'new-folder' : 'new-file'
}

function isContent(what: OwedStatus['what']): boolean {
  return what === 'new' || what === 'content'
}

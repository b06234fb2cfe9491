import type { Conflict, NotDeleted, OpenedBy, UnsentItem, UnsentReport } from '../control/answers.js'
import { MOST_UNSENT } from '../control/protocol.js'
import type { OpenForWriting } from '../model/open-for-writing.js'
import { isDirectory } from '../store/item-record.js'
import type { Store } from '../store/store.js'
import { isUnsent, type OwedStatus, type Uploader } from '../uploads/uploader.js'
import type { RecentConflict, RecentGivenBack } from './build-writing.js'

/** What was changed here and has not been sent. @param directory where the drive is mounted; '' where it is not */
export function unsentReport(
  { store, uploads }: { readonly store: Store; readonly uploads: Pick<Uploader, 'status'> },
  directory: string,
): UnsentReport {
  const owed = uploads.status().filter(isUnsent)
  const oldest = owed.toSorted((a, b) => a.since - b.since).slice(0, MOST_UNSENT)
  return {
    items: oldest.map(each => unsentItem(store, each, directory)),
    total: owed.length,
    bytes: owed.reduce((sum, { what, size }) => sum + (isContent(what) ? size : 0), 0),
  }
}

export function unsentItem(store: Store, owed: OwedStatus, directory: string): UnsentItem {
  const { path, what, size, sent, waiting, openedBy, hindrance, nextAttempt, since } = owed
  return {
    path: shown(directory, path),
    change: changeOf(store, owed),
    state: waiting === 'sending' ? 'sending' : waiting === 'held' ? 'held' : 'waiting',
    since,
    size: isContent(what) ? size : 0,
    sentBytes: sent,
    ...(openedBy === undefined ? {} : { openedBy: programOf(openedBy) }),
    ...(hindrance === undefined ? {} : { problem: hindrance }),
    ...(nextAttempt === undefined ? {} : { nextAttempt }),
  }
}

function programOf({ program, pid, since }: OpenForWriting): OpenedBy {
  return { program, pid, since }
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

/** Of what is still here: not what was deleted once more, by whoever it may be. */
export function notDeletedOf(
  { store, givenBack }: { readonly store: Store; readonly givenBack: readonly RecentGivenBack[] },
  directory: string,
): NotDeleted[] {
  return givenBack
    .filter(({ library, remoteId }) => store.items.byRemoteId(library, remoteId) !== undefined)
    .map(({ at, path, problem }) => ({ at, path: shown(directory, path), problem }))
}

export function shown(directory: string, path: readonly string[]): string {
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

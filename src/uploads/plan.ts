import type { Ino, ItemId, LibraryId, Milliseconds } from '../model/ids.js'
import { distinctName, foldedName } from '../model/item-name.js'
import { looksHalfWritten } from '../model/local-name.js'
import type { OpenForWriting } from '../model/open-for-writing.js'
import { nextVersionAt, QUIET, settledAt, wholeAt, type VersionPace } from '../model/save-pace.js'
import { isLocalId, type ItemRecord } from '../store/item-record.js'
import type { Owed, OwedDeletion } from '../store/owed-table.js'

/** What may be half of a file, by its name, is left alone for so long. */
export const HALF_WRITTEN: Milliseconds = 60_000

// The clock was set back: what seems to be so far ahead is not.
const LONGEST_WAIT: Milliseconds = 25 * 60 * 60_000

/** Something that may be sent now. */
export type Task =
  | {
      readonly kind: 'item'
      readonly owed: Owed
      readonly item: ItemRecord
      /** Only out of the way, because two items want each other's names. */
      readonly aside: boolean
    }
  | { readonly kind: 'deletion'; readonly deletion: OwedDeletion }

/**
 * Why something is not sent now.
 *
 * `sending`: it is being sent. `open`: a program has it open for writing, and has not said that it is whole, nor left it alone for
 * long. `sent`: it was sent as it is, and a program has it open for writing. `paced`: versions of it were sent just before.
 * `settling`: it has just been changed. `young`: the same, for longer, because a program may not have given it its name yet. `later`: it could not be sent, and will be tried again. `folder`: its folder goes first.
 * `name`: what has its name over there goes first. `order`: what was done before goes first. `held`: somebody is asked first,
 * because so many are to be deleted. `stays`: it never goes.
 */
export type Waiting =
  | 'sending'
  | 'open'
  | 'sent'
  | 'paced'
  | 'settling'
  | 'young'
  | 'later'
  | 'folder'
  | 'name'
  | 'order'
  | 'held'
  | 'stays'

export interface Situation {
  /** The longest owed first. */
  readonly owed: readonly Owed[]
  /** In the order in which they were made. */
  readonly deletions: readonly OwedDeletion[]
  readonly itemOf: (ino: Ino) => ItemRecord | undefined
  /** Whether a new file stands where the service has this one, which is to go elsewhere. */
  readonly hasHeir: (item: ItemRecord) => boolean
  readonly now: Milliseconds
  /** See {@link SETTLING}; 0 when somebody waits. */
  readonly settling: Milliseconds
  /** `undefined`: no program has it open for writing. */
  readonly openForWriting: (ino: Ino) => OpenForWriting | undefined
  /** The service has the bytes that it has here, although programs have had it open for writing since. */
  readonly isSent: (ino: Ino) => boolean
  /** How many copies of an open file in a row were in vain, because it was written to meanwhile. */
  readonly abandoned: (ino: Ino) => number
  /** Another file is needed with it, which programs change with it: it is sent when it is closed. */
  readonly isInParts: (ino: Ino) => boolean
  readonly paceOf: (item: ItemRecord) => VersionPace | undefined
  readonly isSending: (ino: Ino) => boolean
  readonly isDeleting: (deletion: number) => boolean
  /** Until when nothing of a library can be sent; or nothing that needs space there. */
  readonly closedUntil: (library: LibraryId, needsSpace: boolean) => Milliseconds | undefined
  /** So many deletions are owed that somebody is asked. */
  readonly isHeld: (library: LibraryId) => boolean
  /** No more tasks than this are wanted. */
  readonly limit: number
}

export interface Plan {
  /** In the order in which they should begin. None of them has to wait for another. */
  readonly tasks: readonly Task[]
  readonly waiting: ReadonlyMap<Ino, Waiting>
  readonly waitingDeletions: ReadonlyMap<number, Waiting>
  /** When more may be sent although nothing else happens. */
  readonly next: Milliseconds | undefined
}

/** What may be sent now. Pure. */
export function planOf(situation: Situation): Plan {
  return new Planner(situation).plan()
}

/** Of one place over there, whatever its capital letters. */
type Key = string

class Planner {
  readonly #situation: Situation
  readonly #items = new Map<Ino, ItemRecord | undefined>()
  readonly #rows: ReadonlyMap<Ino, Owed>
  /** Items that are to leave a name. */
  readonly #leaving = new Map<Key, Ino>()
  /** One of the items that go elsewhere, by the folder that they leave. */
  readonly #leavers = new Map<Key, Ino>()
  /** Something in them is deleted by itself. */
  readonly #foldersOfDeleted = new Set<Key>()
  readonly #deletedNames = new Map<Key, OwedDeletion>()
  /** Names that backups have here: one that was deleted there is the earlier backup, and gets a new version. */
  readonly #backups = new Set<Key>()
  /** Names that something waits for. */
  readonly #wanted = new Set<Key>()
  readonly #waiting = new Map<Ino, Waiting>()
  readonly #waitingDeletions = new Map<number, Waiting>()
  /** Who waits for which other item. */
  readonly #blockers = new Map<Ino, Ino>()
  readonly #tasks: Task[] = []
  /** Since when the oldest of what can go without waiting for anything else is owed. */
  readonly #pendingSince = new Map<LibraryId, Milliseconds>()
  #next: Milliseconds | undefined

  constructor(situation: Situation) {
    this.#situation = situation
    this.#rows = new Map(situation.owed.map(row => [row.ino, row]))
    for (const { ino, library, isNew, place, base } of situation.owed) {
      if (isNew || !place || base.parent === undefined || base.name === undefined) continue
      this.#leaving.set(keyOf(library, base.parent, base.name), ino)
      this.#leavers.set(folderKey(library, base.parent), ino)
      this.#noteBackup(library, ino)
    }
    for (const deletion of situation.deletions) {
      this.#deletedNames.set(keyOf(deletion.library, deletion.parent, deletion.name), deletion)
      this.#foldersOfDeleted.add(folderKey(deletion.library, deletion.parent))
    }
  }

  plan(): Plan {
    for (const row of this.#situation.owed) this.#judge(row)
    this.#stepAside()
    for (const deletion of this.#situation.deletions) this.#judgeDeletion(deletion)
    return {
      tasks: this.#tasks,
      waiting: this.#waiting,
      waitingDeletions: this.#waitingDeletions,
      next: this.#next,
    }
  }

  #judge(row: Owed): void {
    const waiting = this.#waitingOf(row)
    if (waiting !== undefined) this.#waiting.set(row.ino, waiting)
    if (waiting === undefined || waiting === 'sending' || waiting === 'settling') {
      const since = this.#pendingSince.get(row.library) ?? Infinity
      this.#pendingSince.set(row.library, Math.min(since, row.since))
    }
    if (waiting === undefined) this.#push(row, false)
  }

  #push(owed: Owed, aside: boolean): void {
    if (this.#tasks.length >= this.#situation.limit) return
    const item = this.#itemOf(owed.ino)
    if (item !== undefined) this.#tasks.push({ kind: 'item', owed, item, aside })
  }

  #waitingOf(row: Owed): Waiting | undefined {
    const { isSending, limit } = this.#situation
    const { ino } = row
    if (row.staysHere) return 'stays'
    if (isSending(ino)) return 'sending'
    const changing = this.#isChanging(row)
    if (changing !== undefined) return changing
    const isLater = this.#isLater(row, row.isNew || row.content)
    // Enough is known.
    if (!isLater && this.#tasks.length >= limit) return undefined
    const item = this.#itemOf(ino)
    // It goes nowhere: the new file gets what the service has of it, and then nothing keeps it here.
    if (item !== undefined && row.place && this.#situation.hasHeir(item))
      return isLater ? 'later' : this.#waitsForLeaver(row, item)
    const unfinished = item && this.#isHalfWritten(row, item)
    if (unfinished !== undefined) return unfinished
    const folder = item && this.#folderOf(row, item)
    if (item === undefined || folder === undefined) return 'folder'
    if (folder === 'stays') return 'stays'
    if (isLater) return 'later'
    if (folder === 'waits') return 'folder'
    if (this.#isPaced(row, item)) return 'paced'
    return row.isNew || row.place ? this.#waitsForName(row, item) : undefined
  }

  /** By its name it may be. Who waits for everything to be sent waits for these no longer than for others. */
  #isHalfWritten(row: Owed, item: ItemRecord): 'open' | 'young' | undefined {
    const { settling, openForWriting } = this.#situation
    if (item.kind !== 'file' || !(row.isNew || row.place) || settling === 0) return undefined
    if (!looksHalfWritten(item.name)) return undefined
    // Also when it was synced, or left alone: a download pauses.
    if (openForWriting(row.ino) !== undefined) return 'open'
    return this.#isBefore(row.changed + HALF_WRITTEN, HALF_WRITTEN) ? 'young' : undefined
  }

  /** Programs are at work on it. */
  #isChanging(row: Owed): 'open' | 'sent' | 'settling' | undefined {
    const { settling, openForWriting, isSent, isInParts, abandoned, now } = this.#situation
    if (!row.content) return this.#isBefore(row.changed + settling, settling) ? 'settling' : undefined
    const use = openForWriting(row.ino)
    if (use !== undefined && !row.place && isSent(row.ino)) {
      // Nobody tells of what is written from now on, before the program says that it is whole.
      this.#isBefore(now + QUIET, QUIET)
      return 'sent'
    }
    const changed = Math.max(row.changed, use?.writtenAt ?? 0)
    if (this.#isBefore(settledAt(changed, row.since, settling), settling)) return 'settling'
    if (use === undefined) return undefined
    const isHalf = isInParts(row.ino) && this.#isBefore(now + QUIET, QUIET)
    return isHalf || this.#isBefore(wholeAt(use, abandoned(row.ino)), QUIET) ? 'open' : undefined
  }

  /** Nobody needs every one of the versions that a program saves by itself. */
  #isPaced({ ino, content, changed, isNew }: Owed, item: ItemRecord): boolean {
    const { settling, openForWriting, isSent, paceOf } = this.#situation
    // Somebody waits; or nothing would be sent.
    if (settling === 0 || !content || isNew || isSent(ino)) return false
    const pace = paceOf(item)
    if (pace === undefined) return false
    const use = openForWriting(ino)
    const next = nextVersionAt(pace, Math.max(changed, use?.writtenAt ?? 0), use !== undefined)
    return this.#isBefore(next, LONGEST_WAIT)
  }

  /** Whether the folders that lead to it are there. */
  #folderOf(row: Owed, item: ItemRecord): 'ready' | 'waits' | 'stays' | undefined {
    let answer: 'ready' | 'waits' = 'ready'
    const parent = this.#itemOf(item.parent)
    const seen = new Set<Ino>([row.ino])
    for (let folder = parent; folder?.kind === 'folder'; folder = this.#itemOf(folder.parent)) {
      if (seen.has(folder.ino)) return undefined
      seen.add(folder.ino)
      const owed = this.#rows.get(folder.ino)
      if (owed === undefined) continue
      if (owed.staysHere) return 'stays'
      // A folder into one that goes elsewhere: it may still be inside of what is to go into it.
      const goesElsewhere = owed.place && owed.base.parent !== this.#itemOf(folder.parent)?.remoteId
      const isMovedFolder = row.place && item.kind === 'folder'
      if (answer === 'ready' && (owed.isNew || (goesElsewhere && isMovedFolder))) {
        answer = 'waits'
        this.#blockers.set(row.ino, folder.ino)
      }
    }
    if (parent === undefined || (answer === 'ready' && isLocalId(parent.remoteId))) return undefined
    return answer
  }

  #noteBackup(library: LibraryId, ino: Ino): void {
    const item = this.#itemOf(ino)
    const parent = item && this.#itemOf(item.parent)
    if (item === undefined || parent === undefined || !this.#situation.hasHeir(item)) return
    this.#backups.add(keyOf(library, parent.remoteId, item.name))
  }

  /** What has been called so goes on first, under its next name: in a row of renames only the first name was given to a new file. */
  #waitsForLeaver(row: Owed, item: ItemRecord): Waiting | undefined {
    const parent = this.#itemOf(item.parent)
    const leaver = parent && this.#leaving.get(keyOf(row.library, parent.remoteId, item.name))
    if (leaver === undefined || leaver === row.ino) return undefined
    this.#blockers.set(row.ino, leaver)
    return 'name'
  }

  #waitsForName(row: Owed, item: ItemRecord): Waiting | undefined {
    const parent = this.#itemOf(item.parent)
    if (parent === undefined) return 'folder'
    const key = keyOf(row.library, parent.remoteId, item.name)
    const holder = this.#leaving.get(key)
    const isHeldByOther = holder !== undefined && holder !== row.ino
    const deletion = this.#deletedNames.get(key)
    if (!isHeldByOther && deletion === undefined) return undefined
    this.#wanted.add(key)
    // A folder is deleted when everything has left it.
    const leaver = deletion && this.#leavers.get(folderKey(row.library, deletion.remoteId))
    const blocker = isHeldByOther ? holder : leaver
    if (blocker !== undefined) this.#blockers.set(row.ino, blocker)
    return 'name'
  }

  /** Where items wait for each other in a ring, one of them leaves its name. */
  #stepAside(): void {
    const settled = new Set<Ino>()
    for (const [start] of this.#blockers) {
      if (settled.has(start) || this.#waiting.get(start) !== 'name') continue
      const path: Ino[] = []
      for (
        let at: Ino | undefined = start;
        at !== undefined && !path.includes(at);
        at = this.#blockers.get(at)
      ) {
        path.push(at)
      }
      const last = path.at(-1)
      if (last === undefined || this.#blockers.get(last) !== start) continue
      for (const ino of path) settled.add(ino)
      const leaver = path.map(ino => this.#rows.get(ino)).find(owed => owed?.place === true)
      if (leaver !== undefined && !this.#isAside(leaver)) this.#push(leaver, true)
    }
  }

  /** Once is enough: it would go on for ever where that does not help. */
  #isAside({ ino, base }: Owed): boolean {
    const item = this.#itemOf(ino)
    return item !== undefined && base.name === distinctName(item.name, item.remoteId)
  }

  #judgeDeletion(deletion: OwedDeletion): void {
    const waiting = this.#deletionWaits(deletion)
    if (waiting !== undefined) this.#waitingDeletions.set(deletion.number, waiting)
    else if (this.#tasks.length < this.#situation.limit) this.#tasks.push({ kind: 'deletion', deletion })
  }

  #deletionWaits(deletion: OwedDeletion): Waiting | undefined {
    const { isDeleting, isHeld, settling } = this.#situation
    const { library, remoteId, parent, name, since } = deletion
    if (isDeleting(deletion.number)) return 'sending'
    if (!deletion.consented && isHeld(library)) return 'held'
    if (this.#isBefore(since + settling, settling)) return 'settling'
    if (this.#isLater(deletion, false)) return 'later'
    if (deletion.isFolder && this.#isInUse(folderKey(library, remoteId))) return 'order'
    if (!deletion.isFolder && this.#backups.has(keyOf(library, parent, name))) return 'order'
    if (this.#wanted.has(keyOf(library, parent, name))) return undefined
    return (this.#pendingSince.get(library) ?? Infinity) <= since ? 'order' : undefined
  }

  /** Something is still to go elsewhere from it, or to be deleted in it. */
  #isInUse(folder: Key): boolean {
    return this.#leavers.has(folder) || this.#foldersOfDeleted.has(folder)
  }

  #isLater({ library, notBefore }: Pick<Owed, 'library' | 'notBefore'>, needsSpace: boolean): boolean {
    const closed = this.#situation.closedUntil(library, needsSpace)
    return this.#isBefore(Math.max(closed ?? 0, notBefore), LONGEST_WAIT)
  }

  /** @param longest more than this ahead it cannot be, unless the clock was set */
  #isBefore(time: Milliseconds, longest: Milliseconds): boolean {
    const { now } = this.#situation
    if (time <= now || time - now > longest) return false
    this.#next = Math.min(this.#next ?? Infinity, time)
    return true
  }

  #itemOf(ino: Ino): ItemRecord | undefined {
    if (!this.#items.has(ino)) this.#items.set(ino, this.#situation.itemOf(ino))
    return this.#items.get(ino)
  }
}

function keyOf(library: LibraryId, parent: ItemId, name: string): Key {
  return `${library}\0${parent}\0${foldedName(name)}`
}

function folderKey(library: LibraryId, folder: ItemId): Key {
  return `${library}\0${folder}`
}

import { LRUCache } from 'lru-cache'
import type { DriveItem } from '../model/drive-item.js'
import type { FaultCode } from '../model/fault.js'
import type { Bytes, Ino, ItemId, LibraryId, Milliseconds } from '../model/ids.js'
import type { UploadSession } from '../model/remote.js'
import { isOfSent, type SentBytes } from '../model/sent-bytes.js'
import type { Database } from './database.js'
import { isLocalId } from './item-record.js'
import { LatelySettled } from './lately-settled.js'

/** Why it could not be sent the last time. */
export interface Hindrance {
  readonly code: FaultCode
  readonly message: string
  /** What a person can do about it. */
  readonly nextStep?: string
}

/** How often sending was tried, and when it may be tried again. */
export interface Attempts {
  readonly attempts: number
  readonly notBefore: Milliseconds
  readonly hindrance: Hindrance | undefined
}

/** What the service has not been told of one item. */
export interface Owed extends Attempts {
  readonly ino: Ino
  readonly library: LibraryId
  /** The service has never seen it. */
  readonly isNew: boolean
  readonly content: boolean
  /** Name or folder. */
  readonly place: boolean
  readonly times: boolean
  /** It never travels: a program's lock file, or one that is only half written. */
  readonly staysHere: boolean
  readonly base: Base
  /** Counts the changes. */
  readonly revision: number
  readonly since: Milliseconds
  /** When it was last changed. */
  readonly changed: Milliseconds
  readonly session: UploadSession | undefined
  /** The bytes that were sent last; it is not known what became of them. */
  readonly sent: JournaledBytes | undefined
  /**
   * The other side has told something of it that is not shown because of what is owed. It is told once, and what we were
   * answered may be older: when nothing else is owed any more, `times` stays, and the service is asked.
   */
  readonly missed: boolean
}

export interface JournaledBytes extends SentBytes {
  /** Base64: who has the same goes on where the upload was. */
  readonly sha256: string
}

/** What the item was at the service when it began to differ. */
export interface Base {
  readonly eTag: string | undefined
  readonly size: Bytes
  readonly parent: ItemId | undefined
  readonly name: string | undefined
  readonly modified: Milliseconds | undefined
}

/** Where an item is at the service. */
export interface RemotePlace {
  readonly parent: ItemId
  readonly name: string
}

/** Of an item that the service has never seen. */
export const NO_BASE: Base = {
  eTag: undefined,
  size: 0,
  parent: undefined,
  name: undefined,
  modified: undefined,
}

export type NewOwed = Pick<
  Owed,
  'ino' | 'library' | 'isNew' | 'content' | 'place' | 'times' | 'staysHere' | 'base'
>

/** For who adds what is owed. */
export const NOTHING_OWED = {
  isNew: false,
  content: false,
  place: false,
  times: false,
  staysHere: false,
} as const

/** An item that is gone here, and not there. */
export interface OwedDeletion extends Attempts {
  readonly number: number
  readonly library: LibraryId
  /** Ours, of something that was being sent when it was deleted: it is not known whether it has arrived. */
  readonly remoteId: ItemId
  readonly isFolder: boolean
  readonly eTag: string | undefined
  readonly parent: ItemId
  readonly name: string
  /** Of the content that is not wanted any more, as the next three. */
  readonly quickXorHash: string | undefined
  readonly cTag: string | undefined
  readonly size: Bytes | undefined
  readonly modified: Milliseconds | undefined
  /** Somebody wants it to go, although many go with it. */
  readonly consented: boolean
  /** What was being sent of it when it was deleted; it is not known whether that has arrived. */
  readonly sent: SentBytes | undefined
  /** The number that it had here, where that may have been sent. */
  readonly ino: Ino | undefined
  /** The upload that may still bring it there. A secret. */
  readonly sessionUrl: string | undefined
  readonly since: Milliseconds
}

/** An upload session that nobody wants any more, and that the service may still have. */
export interface LeftSession extends UploadSession {
  readonly library: LibraryId
  /** Of the item that it was for, which may be gone. */
  readonly ino: Ino
}

/** Whether it is this item that was being sent when it was deleted here. */
export function mayBe({ remoteId, isFolder, sent }: OwedDeletion, item: DriveItem): boolean {
  if (!isLocalId(remoteId)) return false
  return isFolder ? item.kind === 'folder' : isOfSent(item, sent)
}

export type NewDeletion = Pick<
  OwedDeletion,
  'library' | 'remoteId' | 'isFolder' | 'eTag' | 'parent' | 'name' | 'quickXorHash' | 'modified'
> &
  Partial<Pick<OwedDeletion, 'cTag' | 'size' | 'consented' | 'sent' | 'sessionUrl' | 'ino'>>

interface AttemptRow {
  readonly attempts: number
  readonly not_before: number
  readonly reason: string | null
  readonly message: string | null
  readonly next_step: string | null
}

interface Row extends AttemptRow {
  readonly ino: number
  readonly library: number
  readonly is_new: number
  readonly content: number
  readonly place: number
  readonly times: number
  readonly stays_here: number
  readonly base_etag: string | null
  readonly base_size: number
  readonly base_parent: string | null
  readonly base_name: string | null
  readonly base_modified: number | null
  readonly sent_hash: string | null
  readonly sent_size: number | null
  readonly sent_modified: number | null
  readonly sent_sha256: string | null
  readonly missed: number
  readonly revision: number
  readonly since: number
  readonly changed: number
  readonly session_url: string | null
  readonly session_expires: number | null
}

interface DeletionRow extends AttemptRow {
  readonly number: number
  readonly library: number
  readonly remote_id: string
  readonly is_folder: number
  readonly etag: string | null
  readonly parent: string
  readonly name: string
  readonly hash: string | null
  readonly ctag: string | null
  readonly size: number | null
  readonly modified: number | null
  readonly consented: number
  readonly sent_hash: string | null
  readonly sent_size: number | null
  readonly sent_modified: number | null
  readonly session_url: string | null
  readonly ino: number | null
  readonly since: number
}

const ROWS = 1_000

/** The upload journal. Its rows are written in the transactions that change the items. */
export class OwedTable {
  readonly lately = new LatelySettled()
  readonly #get
  readonly #all
  readonly #put
  readonly #remove
  readonly #setSession
  readonly #dropSession
  readonly #leave
  readonly #left
  readonly #leftOf
  readonly #forgetLeft
  readonly #setSent
  readonly #setMissed
  readonly #setAttempts
  readonly #deletion
  readonly #deletionsAt
  readonly #sentTo
  readonly #deletions
  readonly #putDeletion
  readonly #removeDeletion
  readonly #setDeletionAttempts
  readonly #consent
  readonly #allInos
  readonly #countDeletions
  readonly #inosOf
  readonly #countDeletionsOf
  readonly #removeOf
  readonly #removeDeletionsOf
  /** All numbers of items of which something is owed: nearly always none, or a few. */
  readonly #inos = new Set<Ino>()
  /** Some rows: those of the files that a program works on are asked for again and again. */
  readonly #rows = new LRUCache<Ino, Owed>({ max: ROWS })
  #deletionCount = 0

  constructor(database: Database) {
    this.#get = database.prepare<[Ino], Row>('SELECT * FROM owed WHERE ino = ?')
    this.#all = database.prepare<[], Row>('SELECT * FROM owed ORDER BY since, ino')
    this.#put = database.prepare<
      [
        ino: Ino,
        library: LibraryId,
        isNew: number,
        content: number,
        place: number,
        times: number,
        staysHere: number,
        baseETag: string | null,
        baseSize: Bytes,
        baseParent: string | null,
        baseName: string | null,
        baseModified: Milliseconds | null,
        since: Milliseconds,
        changed: Milliseconds,
      ]
    >(
      `INSERT INTO owed (ino, library, is_new, content, place, times, stays_here, base_etag, base_size, base_parent,
                         base_name, base_modified, revision, since, changed, attempts, not_before)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, 0, 0)
       ON CONFLICT (ino) DO UPDATE SET is_new = excluded.is_new, content = excluded.content, place = excluded.place,
         times = excluded.times, stays_here = excluded.stays_here, base_etag = excluded.base_etag,
         base_size = excluded.base_size, base_parent = excluded.base_parent, base_name = excluded.base_name,
         base_modified = excluded.base_modified, revision = revision + 1, changed = excluded.changed, attempts = 0, not_before = 0,
         reason = NULL, message = NULL, next_step = NULL, session_url = NULL, session_expires = NULL`,
    )
    this.#remove = database.prepare<[Ino]>('DELETE FROM owed WHERE ino = ?')
    this.#setSession = database.prepare<[string | null, number | null, Ino]>(
      'UPDATE owed SET session_url = ?, session_expires = ? WHERE ino = ?',
    )
    this.#dropSession = database.prepare<[Ino, string]>(
      'UPDATE owed SET session_url = NULL, session_expires = NULL WHERE ino = ? AND session_url = ?',
    )
    this.#leave = database.prepare<[string, LibraryId, Ino, Milliseconds]>(
      'INSERT OR IGNORE INTO left_session (url, library, ino, expires) VALUES (?, ?, ?, ?)',
    )
    this.#left = database.prepare<[], LeftSession>('SELECT * FROM left_session ORDER BY expires')
    this.#leftOf = database.prepare<[Ino], LeftSession>(
      'SELECT * FROM left_session WHERE ino = ? ORDER BY expires',
    )
    this.#forgetLeft = database.prepare<[string]>('DELETE FROM left_session WHERE url = ?')
    this.#setSent = database.prepare<
      [
        hash: string | null,
        size: Bytes | null,
        modified: Milliseconds | null,
        sha256: string | null,
        baseParent: string | null,
        baseName: string | null,
        Ino,
      ]
    >(
      `UPDATE owed SET sent_hash = ?, sent_size = ?, sent_modified = ?, sent_sha256 = ?, base_parent = coalesce(?, base_parent), base_name = coalesce(?, base_name)
       WHERE ino = ?`,
    )
    this.#setMissed = database.prepare<[number, Ino]>('UPDATE owed SET missed = ? WHERE ino = ?')
    this.#setAttempts = database.prepare<[...AttemptColumns, Ino]>(
      'UPDATE owed SET attempts = ?, not_before = ?, reason = ?, message = ?, next_step = ? WHERE ino = ?',
    )
    this.#deletion = database.prepare<[LibraryId, ItemId], DeletionRow>(
      'SELECT * FROM owed_deletion WHERE library = ? AND remote_id = ?',
    )
    this.#deletionsAt = database.prepare<[LibraryId, ItemId, string], DeletionRow>(
      'SELECT * FROM owed_deletion WHERE library = ? AND parent = ? AND name = ?',
    )
    this.#sentTo = database.preparePluck<[ItemId, string], Ino>(
      'SELECT ino FROM owed WHERE base_parent = ? AND base_name = ? AND is_new = 1 AND base_parent IS NOT NULL',
    )
    this.#deletions = database.prepare<[], DeletionRow>('SELECT * FROM owed_deletion ORDER BY number')
    this.#putDeletion = database.prepare<
      [
        LibraryId,
        ItemId,
        isFolder: number,
        eTag: string | null,
        ItemId,
        name: string,
        hash: string | null,
        cTag: string | null,
        size: Bytes | null,
        modified: Milliseconds | null,
        consented: number,
        sentHash: string | null,
        sentSize: Bytes | null,
        sentModified: Milliseconds | null,
        sessionUrl: string | null,
        ino: Ino | null,
        since: Milliseconds,
      ]
    >(
      `INSERT INTO owed_deletion (library, remote_id, is_folder, etag, parent, name, hash, ctag, size, modified, consented,
                                  sent_hash, sent_size, sent_modified, session_url, ino, since, attempts, not_before)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0) ON CONFLICT DO NOTHING`,
    )
    this.#removeDeletion = database.prepare<[LibraryId, ItemId]>(
      'DELETE FROM owed_deletion WHERE library = ? AND remote_id = ?',
    )
    this.#setDeletionAttempts = database.prepare<[...AttemptColumns, number]>(
      'UPDATE owed_deletion SET attempts = ?, not_before = ?, reason = ?, message = ?, next_step = ? WHERE number = ?',
    )
    this.#consent = database.prepare<[LibraryId]>('UPDATE owed_deletion SET consented = 1 WHERE library = ?')
    this.#allInos = database.preparePluck<[], Ino>('SELECT ino FROM owed')
    this.#inosOf = database.preparePluck<[LibraryId], Ino>(
      'SELECT ino FROM owed WHERE library = ? ORDER BY ino',
    )
    this.#countDeletionsOf = database.preparePluck<[LibraryId], number>(
      'SELECT count(*) FROM owed_deletion WHERE library = ?',
    )
    this.#removeOf = database.prepare<[LibraryId]>('DELETE FROM owed WHERE library = ?')
    this.#removeDeletionsOf = database.prepare<[LibraryId]>('DELETE FROM owed_deletion WHERE library = ?')
    this.#countDeletions = database.preparePluck<[], number>('SELECT count(*) FROM owed_deletion')
    this.reload()
  }

  get deletionCount(): number {
    return this.#deletionCount
  }

  /** Nothing is owed of any item. */
  get isEmpty(): boolean {
    return this.#inos.size === 0
  }

  of(ino: Ino): Owed | undefined {
    if (!this.#inos.has(ino)) return undefined
    const known = this.#rows.get(ino)
    if (known !== undefined) return known
    const row = this.#get.get(ino)
    const owed = row && owedOf(row)
    if (owed !== undefined) this.#rows.set(ino, owed)
    return owed
  }

  /**
   * Of the content that the cache has, or may have: where it was changed here that is the one that the change began with.
   * @param shown of the item
   */
  contentSize(ino: Ino, shown: Bytes): Bytes {
    const owed = this.of(ino)
    return owed?.content === true ? owed.base.size : shown
  }

  /** The longest owed first. */
  all(): Owed[] {
    return this.isEmpty ? [] : this.#all.all().map(owedOf)
  }

  inos(): ReadonlySet<Ino> {
    return this.#inos
  }

  /** In place of what was owed before. */
  owe(owed: NewOwed, now: Milliseconds): void {
    const { base } = owed
    this.#rows.delete(owed.ino)
    this.#put.run(
      owed.ino,
      owed.library,
      Number(owed.isNew),
      Number(owed.content),
      Number(owed.place),
      Number(owed.times),
      Number(owed.staysHere),
      base.eTag ?? null,
      base.size,
      base.parent ?? null,
      base.name ?? null,
      base.modified ?? null,
      now,
      now,
    )
    this.#inos.add(owed.ino)
  }

  /** As {@link owe}, where the service has refused it as it was: how often it was tried is not forgotten. */
  oweAgain(owed: Owed, now: Milliseconds): void {
    this.owe(owed, now)
    this.setAttempts(owed.ino, { ...owed, notBefore: 0 })
  }

  /** What is left of it, in place of what was owed before: perhaps nothing. */
  leave(owed: NewOwed, now: Milliseconds): void {
    const times = owed.times || this.of(owed.ino)?.missed === true
    if (owed.isNew || owed.content || owed.place || times) {
      this.owe({ ...owed, times }, now)
      this.lately.item(owed.ino)
    } else this.settle(owed.ino)
  }

  settle(ino: Ino): void {
    this.#rows.delete(ino)
    this.#remove.run(ino)
    this.#inos.delete(ino)
    this.lately.item(ino)
  }

  /** An upload goes through it; one that was there before is left. `undefined`: it is not gone on with. */
  setSession(ino: Ino, session: UploadSession | undefined): void {
    this.#rows.delete(ino)
    this.#setSession.run(session?.url ?? null, session?.expires ?? null, ino)
    if (session !== undefined) this.#forgetLeft.run(session.url)
  }

  /** The service has it no more. */
  sessionEnded(ino: Ino, url: string): void {
    this.#rows.delete(ino)
    this.#dropSession.run(ino, url)
    this.#forgetLeft.run(url)
  }

  /** One that was opened for an item and is not wanted already. */
  leaveSession({ url, library, ino, expires }: LeftSession): void {
    this.#leave.run(url, library, ino, expires)
  }

  /** All that were taken from an item, by whatever changed it, and that may not have ended; the first to expire first. */
  leftSessions(): LeftSession[] {
    return this.#left.all()
  }

  leftSessionsOf(ino: Ino): LeftSession[] {
    return this.#leftOf.all(ino)
  }

  /**
   * It is about to be sent.
   * @param sent `undefined`: it is a folder
   * @param place of a new item: where it will be
   */
  setSent(ino: Ino, sent: JournaledBytes | undefined, place: RemotePlace | undefined): void {
    this.#rows.delete(ino)
    this.#setSent.run(
      sent?.hash ?? null,
      sent?.size ?? null,
      sent?.modified ?? null,
      sent?.sha256 ?? null,
      place?.parent ?? null,
      place?.name ?? null,
      ino,
    )
  }

  /** See {@link Owed.missed}. */
  setMissed(ino: Ino, missed: boolean): void {
    this.#rows.delete(ino)
    this.#setMissed.run(Number(missed), ino)
  }

  /** New items that were sent to this place, whatever became of it, and whatever they are called by now. */
  sentTo({ parent, name }: RemotePlace): Owed[] {
    if (this.isEmpty) return []
    return this.#sentTo
      .all(parent, name)
      .map(ino => this.of(ino))
      .filter(owed => owed !== undefined)
  }

  setAttempts(ino: Ino, attempts: Attempts): void {
    this.#rows.delete(ino)
    this.#setAttempts.run(...columnsOf(attempts), ino)
  }

  deletion(library: LibraryId, remoteId: ItemId): OwedDeletion | undefined {
    if (this.#deletionCount === 0) return undefined
    const row = this.#deletion.get(library, remoteId)
    return row && deletionOf(row)
  }

  /** What has this name at the service, or may have it, and is gone here. */
  deletionsAt(library: LibraryId, { parent, name }: RemotePlace): OwedDeletion[] {
    if (this.#deletionCount === 0) return []
    return this.#deletionsAt.all(library, parent, name).map(deletionOf)
  }

  deletions(): OwedDeletion[] {
    return this.#deletionCount === 0 ? [] : this.#deletions.all().map(deletionOf)
  }

  oweDeletion(deletion: NewDeletion, now: Milliseconds): void {
    const { library, remoteId, isFolder, eTag, parent, name, quickXorHash, cTag, size, modified } = deletion
    const { consented = false, sent, sessionUrl, ino } = deletion
    this.#deletionCount += this.#putDeletion.run(
      library,
      remoteId,
      Number(isFolder),
      eTag ?? null,
      parent,
      name,
      quickXorHash ?? null,
      cTag ?? null,
      size ?? null,
      modified ?? null,
      Number(consented),
      sent?.hash ?? null,
      sent?.size ?? null,
      sent?.modified ?? null,
      sessionUrl ?? null,
      ino ?? null,
      now,
    ).changes
  }

  /** What is to be deleted is this item, as it is now. */
  oweDeletionOf(
    deletion: OwedDeletion,
    item: Pick<DriveItem, 'id' | 'eTag' | 'cTag' | 'size' | 'modified' | 'quickXorHash'>,
    now: Milliseconds,
  ): void {
    const { id: remoteId, eTag, cTag, size, modified, quickXorHash } = item
    this.settleDeletion(deletion.library, deletion.remoteId)
    const asItIs = { remoteId, eTag, cTag, size, modified, quickXorHash, sessionUrl: undefined }
    this.oweDeletion({ ...deletion, ...asItIs }, now)
    // What was tried in vain so often has not become another thing.
    const row = this.deletion(deletion.library, remoteId)
    if (row !== undefined) this.setDeletionAttempts(row.number, deletion)
  }

  settleDeletion(library: LibraryId, remoteId: ItemId): void {
    this.#deletionCount -= this.#removeDeletion.run(library, remoteId).changes
    this.lately.deletion(library, remoteId)
  }

  setDeletionAttempts(number: number, attempts: Attempts): void {
    this.#setDeletionAttempts.run(...columnsOf(attempts), number)
  }

  /** Of a library: numbers of items, and how many deletions. */
  ofLibrary(library: LibraryId): { readonly inos: readonly Ino[]; readonly deletions: number } {
    if (this.isEmpty && this.#deletionCount === 0) return { inos: [], deletions: 0 }
    return { inos: this.#inosOf.all(library), deletions: this.#countDeletionsOf.get(library) ?? 0 }
  }

  /** Nothing of a library will be told. */
  settleLibrary(library: LibraryId): void {
    this.#removeOf.run(library)
    this.#removeDeletionsOf.run(library)
    this.reload()
  }

  /** All deletions of the library that are owed now may be carried out. */
  consent(library: LibraryId): void {
    this.#consent.run(library)
  }

  /** After a transaction that was rolled back. */
  reload(): void {
    this.#inos.clear()
    this.#rows.clear()
    for (const ino of this.#allInos.all()) this.#inos.add(ino)
    this.#deletionCount = this.#countDeletions.get() ?? 0
  }
}

function owedOf(row: Row): Owed {
  return {
    ino: row.ino as Ino,
    library: row.library as LibraryId,
    isNew: row.is_new === 1,
    content: row.content === 1,
    place: row.place === 1,
    times: row.times === 1,
    staysHere: row.stays_here === 1,
    base: {
      eTag: row.base_etag ?? undefined,
      size: row.base_size,
      parent: (row.base_parent ?? undefined) as ItemId | undefined,
      name: row.base_name ?? undefined,
      modified: row.base_modified ?? undefined,
    },
    revision: row.revision,
    since: row.since,
    changed: row.changed,
    sent: journaledOf(row),
    missed: row.missed === 1,
    session:
      row.session_url === null ? undefined : { url: row.session_url, expires: row.session_expires ?? 0 },
    ...attemptsOf(row),
  }
}

function deletionOf(row: DeletionRow): OwedDeletion {
  return {
    number: row.number,
    library: row.library as LibraryId,
    remoteId: row.remote_id as ItemId,
    isFolder: row.is_folder === 1,
    eTag: row.etag ?? undefined,
    parent: row.parent as ItemId,
    name: row.name,
    quickXorHash: row.hash ?? undefined,
    cTag: row.ctag ?? undefined,
    size: row.size ?? undefined,
    modified: row.modified ?? undefined,
    consented: row.consented === 1,
    sent: sentOf(row),
    sessionUrl: row.session_url ?? undefined,
    ino: (row.ino ?? undefined) as Ino | undefined,
    since: row.since,
    ...attemptsOf(row),
  }
}

function sentOf(
  row: Pick<Row | DeletionRow, 'sent_hash' | 'sent_size' | 'sent_modified'>,
): SentBytes | undefined {
  const { sent_hash: hash, sent_size: size, sent_modified: modified } = row
  return hash === null || size === null || modified === null ? undefined : { hash, size, modified }
}

function journaledOf(row: Row): JournaledBytes | undefined {
  const sent = sentOf(row)
  return sent && { ...sent, sha256: row.sent_sha256 ?? '' }
}

type AttemptColumns = [
  attempts: number,
  notBefore: Milliseconds,
  reason: string | null,
  message: string | null,
  nextStep: string | null,
]

function columnsOf({ attempts, notBefore, hindrance }: Attempts): AttemptColumns {
  const { code = null, message = null, nextStep = null } = hindrance ?? {}
  return [attempts, notBefore, code, message, nextStep]
}

function attemptsOf(row: AttemptRow): Attempts {
  const { attempts, not_before: notBefore, reason, message, next_step: nextStep } = row
  return {
    attempts,
    notBefore,
    hindrance:
      reason === null
        ? undefined
        : { code: reason as FaultCode, message: message ?? '', ...(nextStep !== null && { nextStep }) },
  }
}

import { ByteRanges } from '../model/byte-ranges.js'
import type { DriveItem } from '../model/drive-item.js'
import type { Bytes, Ino, LibraryId, Milliseconds } from '../model/ids.js'
import { distinctName } from '../model/item-name.js'
import { compareContents } from '../model/same-content.js'
import { isSameSecond, moreExact } from '../model/same-second.js'
import type { ContentTable } from './content-table.js'
import type { Database } from './database.js'
import { appeared, attributesChanged, vanished, type ItemChange } from './item-change.js'
import { storedWebUrl, type ItemEdit, type ItemStatements } from './item-edit.js'
import { isDirectory, isLocalId, type ItemRecord } from './item-record.js'
import type { ItemTable } from './item-table.js'
import type { LocalStatements } from './local-edit.js'
import {
  mayBe,
  NO_BASE,
  NOTHING_OWED,
  type NewOwed,
  type Owed,
  type OwedDeletion,
  type OwedTable,
  type RemotePlace,
} from './owed-table.js'
import type { VersionPaceTable } from './version-pace-table.js'

/** The statements that only {@link SentEdit} has, prepared once. */
export class SentStatements {
  readonly setContent
  readonly setRemote
  readonly moveKnown

  constructor(database: Database) {
    this.setContent = database.prepare<
      [
        size: Bytes,
        modified: Milliseconds,
        changed: Milliseconds,
        hash: string | null,
        cTag: string | null,
        eTag: string | null,
        webUrl: string | null,
        Ino,
      ]
    >(
      `UPDATE item SET size = ?, modified = ?, changed = ?, hash = ?, ctag = ?, etag = ?, web_url = ?,
                       generation = generation + 1
       WHERE ino = ?`,
    )
    this.setRemote = database.prepare<[eTag: string | null, cTag: string | null, webUrl: string | null, Ino]>(
      'UPDATE item SET etag = ?, ctag = ?, web_url = ? WHERE ino = ?',
    )
    this.moveKnown = database.prepare<[Ino, name: string, remoteName: string | null, Ino]>(
      'UPDATE item SET parent = ?, name = ?, remote_name = ? WHERE ino = ?',
    )
  }
}

/** What the service has answered of a content that it was sent while programs had it open. */
export type AnswerOfContent = Pick<DriveItem, 'id' | 'size' | 'modified' | 'quickXorHash' | 'cTag'>

/** One item's content, as the service has taken it. */
export interface SentContent {
  readonly ino: Ino
  readonly library: LibraryId
  /** Where it was sent to. */
  readonly place: RemotePlace
  /** It was sent as a new file. */
  readonly wasNew: boolean
  readonly answer: DriveItem
  /** Of the row when its bytes were read; `undefined`: they have changed since. */
  readonly revision: number | undefined
  /** The service has the bytes that were sent, and not what it has made of them. */
  readonly isVerbatim: boolean
  /** A program had the file open for writing; `undefined`: no version was made. */
  readonly whileOpen?: boolean
}

/** What an answer about a place is worth. */
export interface SentPlace {
  readonly place: RemotePlace
  readonly answer: DriveItem
  /** The content there is the one that the change began with. */
  readonly isAsBase: boolean
  /** The time that was sent with it; `undefined`: none was. */
  readonly modified: Milliseconds | undefined
}

export interface SentEditParts {
  readonly items: ItemTable
  readonly owed: OwedTable
  readonly content: ContentTable
  readonly versionPaces: VersionPaceTable
  readonly statements: SentStatements
  readonly local: LocalStatements
  readonly remoteStatements: ItemStatements
  readonly remote: ItemEdit
  readonly now: Milliseconds
}

/**
 * Writes what the service has answered to what it was sent, within one transaction. Everything may have changed here since it
 * was sent: what differs from what the service has now stays owed.
 */
export class SentEdit {
  /** What the other side says of anything else. */
  readonly remote: ItemEdit
  readonly #items: ItemTable
  readonly #owed: OwedTable
  readonly #content: ContentTable
  readonly #versionPaces: VersionPaceTable
  readonly #statements: SentStatements
  readonly #local: LocalStatements
  readonly #remoteStatements: ItemStatements
  readonly #now: Milliseconds

  constructor(parts: SentEditParts) {
    this.remote = parts.remote
    this.#items = parts.items
    this.#owed = parts.owed
    this.#content = parts.content
    this.#versionPaces = parts.versionPaces
    this.#statements = parts.statements
    this.#local = parts.local
    this.#remoteStatements = parts.remoteStatements
    this.#now = parts.now
  }

  get changes(): ItemChange[] {
    return this.remote.changes
  }

  /**
   * The folder is there.
   * @param wasThere by somebody else, with whatever is in it
   */
  madeFolder(ino: Ino, library: LibraryId, place: RemotePlace, answer: DriveItem, wasThere: boolean): void {
    const item = this.#items.byIno(ino)
    const owed = this.#owed.of(ino)
    if (item === undefined) return this.#goesAgain(library, place, answer)
    if (owed?.isNew !== true) return
    this.#identify(item, answer)
    if (wasThere) this.remote.setListing(ino, { kind: 'unlisted' })
    this.#settleInto(item, { ...owed, isNew: false }, place, answer.eTag)
    this.#takeName(item, place, answer)
  }

  /** @returns the generation of which the bytes that were sent are the content now, if they are */
  contentSent(sent: SentContent): number | undefined {
    const { ino, library, answer, place, wasNew, whileOpen } = sent
    // A file has one first version, and there may be very many new files.
    if (whileOpen !== undefined && !wasNew) this.#versionPaces.sent(library, answer.id, this.#now, whileOpen)
    const item = this.#items.byIno(ino)
    const owed = this.#owed.of(ino)
    const isStill = item !== undefined && (wasNew ? isLocalId(item.remoteId) : item.remoteId === answer.id)
    if (!isStill || owed?.content !== true) {
      this.#sentInVain(sent)
      return undefined
    }
    if (wasNew) this.#identify(item, answer)
    if (owed.revision !== sent.revision) {
      this.#rebase(item, owed, place, answer)
      return undefined
    }
    return this.#settleContent(item, owed, sent)
  }

  /**
   * Programs have closed a file that was sent while they had it open, and have not changed a byte since.
   *
   * @param sentTime that was sent with them: it may have been set anew
   * @returns the generation of which these bytes are the content now
   */
  closedAsSent(
    ino: Ino,
    answer: AnswerOfContent,
    sentTime: Milliseconds,
    isVerbatim: boolean,
  ): number | undefined {
    const item = this.#items.byIno(ino)
    const owed = this.#owed.of(ino)
    if (item?.remoteId !== answer.id || owed?.content !== true || owed.isNew) return undefined
    const isSame = isSameSecond(item.modified, answer.modified)
    const times = item.modified !== sentTime && !isSame
    const generation = this.#newContent(
      item,
      answer.size,
      isSame || times ? item.modified : answer.modified,
      {
        hash: answer.quickXorHash,
        cTag: answer.cTag,
        eTag: owed.base.eTag,
        webUrl: item.webUrl,
      },
    )
    if (isVerbatim) this.#listContent(ino, generation, answer.size)
    this.#owed.leave({ ...owed, content: false, times }, this.#now)
    return generation
  }

  /** The bytes are those that the service has: only their time may differ. */
  contentIsAsBase(ino: Ino, revision: number): number | undefined {
    const item = this.#items.byIno(ino)
    const owed = this.#owed.of(ino)
    if (item === undefined || owed?.content !== true || owed.revision !== revision) return undefined
    const generation = this.#newContent(item, item.size, item.modified, {
      hash: item.quickXorHash,
      cTag: item.cTag,
      eTag: owed.base.eTag,
      webUrl: item.webUrl,
    })
    this.#listContent(ino, generation, item.size)
    const times = !isSameSecond(item.modified, owed.base.modified)
    this.#owed.leave({ ...owed, content: false, times }, this.#now)
    return generation
  }

  placeSent(ino: Ino, sent: SentPlace): void {
    const item = this.#items.byIno(ino)
    if (item === undefined) return
    // Nothing is owed any more where it had its old place back before this was answered.
    const owed = this.#owed.of(ino) ?? this.#nothingOwed(item)
    if (owed.isNew) return
    const { answer, isAsBase, modified, place } = sent
    const before = owed.base.parent && this.#items.byRemoteId(item.library, owed.base.parent)
    if (before) this.remote.nameLeft(before.ino)
    const times = this.#timesLeft(item, owed, modified, answer)
    // Of a content that is not known here yet the tag must not be: by it ours would replace or delete that unseen.
    if (!owed.content && isAsBase) this.#adoptTags(item, answer)
    this.#settleInto(item, { ...owed, times }, place, isAsBase ? answer.eTag : owed.base.eTag)
    this.changes.push(attributesChanged(item))
    if (isAsBase) this.#takeName(item, place, answer)
  }

  /**
   * @param modified that was sent
   * @param isAsBase the content there is the one that is known here
   */
  timesSent(ino: Ino, modified: Milliseconds, answer: DriveItem, isAsBase: boolean): void {
    const item = this.#items.byIno(ino)
    const owed = this.#owed.of(ino)
    if (item === undefined || owed === undefined || owed.isNew) return
    if (!owed.content && isAsBase) this.#adoptTags(item, answer)
    this.#owed.leave({ ...owed, times: this.#timesLeft(item, owed, modified, answer) }, this.#now)
  }

  /**
   * Whether a time is still owed: only one that was set after the time that was `sent`. What the service has made of that counts, and
   * is shown, because the service would make the same of it again.
   */
  #timesLeft(
    item: ItemRecord,
    { times, content }: Pick<Owed, 'times' | 'content'>,
    sent: Milliseconds | undefined,
    answer: DriveItem,
  ): boolean {
    if (!times || sent === undefined || item.modified !== sent) return times
    const shown = moreExact(item.modified, answer.modified)
    if (!content && shown !== item.modified) {
      this.#local.setModified.run(shown, this.#now, item.ino)
      this.changes.push(attributesChanged(item))
    }
    return false
  }

  /** What the service has of it now, after something that it told was not shown. */
  isNow(ino: Ino, theirs: DriveItem): void {
    const item = this.#items.byIno(ino)
    const owed = this.#owed.of(ino)
    if (item === undefined || owed === undefined || owed.isNew) return
    this.#owed.setMissed(ino, false)
    // Another content has a time of its own, and a folder has the service's.
    const times =
      item.kind === 'file' &&
      (owed.content ||
        (compareContents(item, theirs) !== 'other' && !isSameSecond(item.modified, theirs.modified)))
    this.#owed.leave({ ...owed, times }, this.#now)
    this.#putTheirs(item.library, theirs)
  }

  /** There is another content over there, with a time of its own. */
  timesDropped(ino: Ino): void {
    const owed = this.#owed.of(ino)
    if (owed !== undefined) this.#owed.leave({ ...owed, times: false }, this.#now)
  }

  /** The service has another version by now, and ours may take its place: it is known, or was made of ours. */
  baseIs(ino: Ino, theirs: DriveItem): void {
    const item = this.#items.byIno(ino)
    const owed = this.#owed.of(ino)
    if (item === undefined || owed === undefined) return
    const { eTag, modified } = theirs
    // Nothing of the old content is needed any more: what is sent is whole.
    this.remote.identify(ino, theirs)
    this.#owed.oweAgain({ ...owed, base: { ...owed.base, eTag, modified } }, this.#now)
  }

  /** The service has a file of this name that we have sent before; what was changed since makes a new version of it. */
  foundOurs(ino: Ino, theirs: DriveItem, place: RemotePlace): void {
    const item = this.#items.byIno(ino)
    const owed = this.#owed.of(ino)
    if (item === undefined || owed?.isNew !== true) return
    this.#identify(item, theirs)
    this.#rebase(item, owed, place, theirs)
  }

  /** The other side has deleted it. Who changes a file wins over who deletes it: it is new again. */
  comesAgain(ino: Ino): void {
    const owed = this.#owed.of(ino)
    const item = this.#items.byIno(ino)
    if (item === undefined || (owed === undefined && item.kind !== 'folder')) return
    const row = owed ?? { ...NOTHING_OWED, ino, library: item.library }
    const base = { ...NO_BASE, size: owed?.base.size ?? 0 }
    this.#owed.owe({ ...row, isNew: true, place: false, times: false, base }, this.#now)
    this.remote.becomesOurs(ino)
  }

  /**
   * Both sides have a file of this name, or have changed it: theirs keeps the name, ours goes on as a new one.
   * @param copy a free name in the same folder
   * @param theirs if it is known, and in a folder that is
   */
  both(ino: Ino, copy: string, theirs: DriveItem | undefined): void {
    const item = this.#items.byIno(ino)
    const owed = this.#owed.of(ino)
    if (item === undefined || owed === undefined) return
    this.#rename(item, copy)
    if (owed.isNew) this.#owed.owe(owed, this.#now)
    else this.comesAgain(ino)
    if (theirs !== undefined) this.#putTheirs(item.library, theirs)
  }

  /** The name is taken over there: ours gets another one, and is the same item. */
  placeTaken(ino: Ino, other: string, theirs: DriveItem | undefined): void {
    const item = this.#items.byIno(ino)
    const owed = this.#owed.of(ino)
    if (item === undefined || owed === undefined) return
    this.#rename(item, other)
    this.#owed.owe({ ...owed, place: !owed.isNew }, this.#now)
    if (theirs !== undefined) this.#putTheirs(item.library, theirs)
  }

  deletionSent({ library, remoteId, parent }: OwedDeletion): void {
    this.#owed.settleDeletion(library, remoteId)
    const folder = this.#items.byRemoteId(library, parent)
    if (folder !== undefined) this.remote.nameLeft(folder.ino)
  }

  /** It is back. @param theirs `undefined`: its folder is to be listed again */
  deletionRefused({ library, remoteId, parent }: OwedDeletion, theirs: DriveItem | undefined): void {
    this.#owed.settleDeletion(library, remoteId)
    if (theirs !== undefined) return this.#putTheirs(library, theirs)
    const folder = this.#items.byRemoteId(library, parent)
    if (folder !== undefined) this.remote.setListing(folder.ino, { kind: 'unlisted' })
  }

  /** It is to be deleted after all, as it is now. */
  deletionOf(deletion: OwedDeletion, theirs: DriveItem): void {
    this.#owed.oweDeletionOf(deletion, theirs, this.#now)
    // It came before anybody could tell that it was ours.
    const shown = this.#items.byRemoteId(deletion.library, theirs.id)
    if (shown !== undefined) this.remote.removeAlone(shown.ino)
  }

  /** The content is the one that is known here: from now on it is known by these. */
  #adoptTags(item: ItemRecord, answer: DriveItem): void {
    // What was asked for after an answer was lost may have been changed in between.
    const isFile = item.kind === 'file'
    if (isFile && compareContents(item, answer) === 'other') return
    // A folder's is of when it was listed.
    const cTag = (isFile ? answer.cTag : undefined) ?? item.cTag
    this.#statements.setRemote.run(answer.eTag ?? null, cTag ?? null, storedWebUrl(answer), item.ino)
  }

  #putTheirs(library: LibraryId, theirs: DriveItem): void {
    const parent = theirs.parentId && this.#items.byRemoteId(library, theirs.parentId)
    if (parent) this.remote.put(library, parent.ino, theirs, { kind: 'unlisted' })
  }

  #rename(item: ItemRecord, name: string): void {
    this.#local.move.run(item.parent, name, this.#now, item.ino)
    this.remote.nameLeft(item.parent)
    this.changes.push(vanished(item), appeared({ ...item, name }), attributesChanged(item))
  }

  #settleContent(item: ItemRecord, owed: Owed, { answer, place, wasNew, isVerbatim }: SentContent): number {
    const modified = moreExact(item.modified, answer.modified)
    const generation = this.#newContent(item, answer.size, modified, {
      hash: answer.quickXorHash,
      cTag: answer.cTag,
      eTag: answer.eTag,
      webUrl: storedWebUrl(answer) ?? undefined,
    })
    if (isVerbatim) this.#listContent(item.ino, generation, answer.size)
    const left = { ...owed, isNew: false, content: false, times: false }
    if (wasNew) {
      this.#settleInto(item, left, place, answer.eTag)
      this.#takeName(item, place, answer)
    } else this.#owed.leave({ ...left, base: { ...left.base, eTag: answer.eTag } }, this.#now)
    return generation
  }

  /** Somebody else has made it with other capitals, or the service keeps such names otherwise. */
  #takeName({ ino, library }: ItemRecord, place: RemotePlace, answer: DriveItem): void {
    if (answer.name !== place.name && this.#owed.of(ino) === undefined) this.#putTheirs(library, answer)
  }

  #newContent(
    item: ItemRecord,
    size: Bytes,
    modified: Milliseconds,
    { hash, cTag, eTag, webUrl }: Readonly<Record<'hash' | 'cTag' | 'eTag' | 'webUrl', string | undefined>>,
  ): number {
    const { ino, generation, parent, name } = item
    const local = this.#remoteStatements.removeContent.run(ino).changes > 0
    this.#statements.setContent.run(
      size,
      modified,
      this.#now,
      hash ?? null,
      cTag ?? null,
      eTag ?? null,
      webUrl ?? null,
      ino,
    )
    this.changes.push({ kind: 'content', ino, generation, parent, name, local })
    return generation + 1
  }

  #nothingOwed({ ino, library, size, modified }: ItemRecord): NewOwed {
    return { ...NOTHING_OWED, ino, library, base: { ...NO_BASE, size, modified } }
  }

  #listContent(ino: Ino, generation: number, size: Bytes): void {
    if (size === 0) return
    const present = new ByteRanges([{ start: 0, end: size }])
    this.#content.save({ ino, generation, present, verified: true, accessed: this.#now })
  }

  /** Changed since it was sent: what is there now is what the next version replaces. */
  #rebase(item: ItemRecord, owed: Owed, place: RemotePlace, answer: DriveItem): void {
    const { eTag, modified } = answer
    this.remote.identify(item.ino, answer)
    const base = { ...owed.base, eTag, modified }
    if (owed.isNew) this.#settleInto(item, { ...owed, isNew: false, base }, place, eTag)
    else this.#owed.oweAgain({ ...owed, base }, this.#now)
  }

  /** It was deleted here, or replaced, while it was under way. */
  #sentInVain({ library, answer, place, wasNew }: SentContent): void {
    const heir = this.#items.byRemoteId(library, answer.id)
    const owed = heir && this.#owed.of(heir.ino)
    if (heir && owed?.content === true) return this.#rebase(heir, owed, place, answer)
    const deletion = this.#owed.deletion(library, answer.id)
    if (deletion !== undefined) this.deletionOf(deletion, answer)
    else if (wasNew && heir === undefined) this.#goesAgain(library, place, answer)
  }

  #goesAgain(library: LibraryId, place: RemotePlace, answer: DriveItem): void {
    const { parent, name } = place
    const { id: remoteId, eTag, cTag, size, quickXorHash, modified } = answer
    for (const deletion of this.#owed.deletionsAt(library, place)) {
      if (mayBe(deletion, answer)) this.#owed.settleDeletion(library, deletion.remoteId)
    }
    const isFolder = isDirectory(answer.kind)
    this.#owed.oweDeletion(
      { library, remoteId, isFolder, eTag, cTag, size, parent, name, quickXorHash, modified },
      this.#now,
    )
  }

  /** It is at `place` now: whatever else was owed is still. */
  #settleInto(item: ItemRecord, row: NewOwed, at: RemotePlace, eTag: string | undefined): void {
    const current = this.#items.byIno(item.ino) ?? item
    const parent = this.#items.byIno(current.parent)?.remoteId
    const place = parent !== at.parent || current.name !== at.name
    this.#owed.leave({ ...row, place, base: { ...row.base, ...at, eTag } }, this.#now)
  }

  /** What the service has told of it meanwhile, as of another item, is of this one. */
  #identify(item: ItemRecord, answer: DriveItem): void {
    const twin = this.#items.byRemoteId(item.library, answer.id)
    if (twin !== undefined && twin.ino !== item.ino) this.#absorb(twin, item)
    this.remote.identify(item.ino, answer)
  }

  #absorb(twin: ItemRecord, item: ItemRecord): void {
    for (const ino of this.#items.childInos(twin.ino)) {
      const child = this.#items.byIno(ino)
      if (child !== undefined) this.#moveInto(child, item.ino)
    }
    // It has been changed under the name that it was shown by meanwhile.
    if (this.#owed.of(twin.ino)?.content === true) return this.comesAgain(twin.ino)
    const local = this.#remoteStatements.removeContent.run(twin.ino).changes > 0
    this.#owed.settle(twin.ino)
    this.#remoteStatements.remove.run(twin.ino)
    const { ino, generation } = twin
    this.remote.nameLeft(twin.parent)
    this.changes.push(vanished(twin), { kind: 'vanished', ino, generation, local })
  }

  #moveInto(child: ItemRecord, folder: Ino): void {
    const isTaken = this.#items.byName(folder, child.name) !== undefined
    const name = isTaken ? distinctName(child.name, child.remoteId) : child.name
    const remoteName = name === child.remoteName ? null : child.remoteName
    this.#statements.moveKnown.run(folder, name, remoteName, child.ino)
    this.changes.push(vanished(child), appeared({ parent: folder, name, kind: child.kind }))
  }
}

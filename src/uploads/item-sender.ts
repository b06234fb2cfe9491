import type { DirtyFiles } from '../dirty/dirty-files.js'
import { contentVersion, type DriveItem } from '../model/drive-item.js'
import { Fault, isFault } from '../model/fault.js'
import type { Bytes, Ino, ItemKey, Milliseconds } from '../model/ids.js'
import type { OpenForWriting } from '../model/open-for-writing.js'
import { conflictName, distinctName } from '../model/item-name.js'
import { accessRemoved } from '../model/library.js'
import { isRewritten } from '../model/rewritten.js'
import { isWhole } from '../model/save-pace.js'
import type { ItemUpdate, RemoteWriter, UploadSession } from '../model/remote.js'
import { compareContents, type ContentEvidence } from '../model/same-content.js'
import { looksAsSent } from '../model/sent-bytes.js'
import { needsAttention, patienceWith } from '../model/upload-patience.js'
import type { ItemChange } from '../store/item-change.js'
import { isLocalId, type ItemRecord } from '../store/item-record.js'
import { heirOf } from '../store/local-edit.js'
import type { LibraryRecord } from '../store/library-table.js'
import type { JournaledBytes, Owed, RemotePlace } from '../store/owed-table.js'
import type { AnswerOfContent, SentEdit } from '../store/sent-edit.js'
import type { Store } from '../store/store.js'
import { areEqual } from './equal-bytes.js'
import type { SentOpen, SentWhileOpen } from './sent-while-open.js'
import { NeverWhole, type BaseContents, type UnsentBytes, type UnsentContent } from './unsent-bytes.js'
import { verdictOn, WAITS_FOR_HASH, type Verdict } from './verdict.js'

// Name, content, and each once more because something was found out.
const MOST_STEPS = 8

/** Two versions of one file, both of which are kept. */
export interface Conflict {
  readonly ino: Ino
  /** What the other side's is called. */
  readonly name: string
  /** What ours is called from now on, in the same folder. */
  readonly copy: string
}

export interface ItemSenderDeps {
  readonly store: Store
  readonly dirty: DirtyFiles
  readonly bytes: UnsentBytes
  readonly base: BaseContents
  readonly writer: RemoteWriter
  /** Of this machine; what a name can have of it. */
  readonly hostName: string
  readonly now: () => Milliseconds
  /** Where the content of a generation belongs in the cache. */
  readonly cachePath: (ino: Ino, generation: number) => string
  /** See `UploadsOwner`. */
  readonly ownContent: (ino: Ino, signal: AbortSignal) => Promise<void>
  /** `undefined`: no program has it open for writing. */
  readonly openForWriting: (ino: Ino) => OpenForWriting | undefined
  readonly sentOpen: SentWhileOpen
  readonly onChanges: (changes: readonly ItemChange[]) => void
  readonly onConflict: (conflict: Conflict) => void
  readonly onTrouble: (event: string, failure: unknown) => void
}

/** One item under way. */
export interface Sending {
  /** The item is changing, or the drive is closing. */
  readonly signal: AbortSignal
  /** Whether a change of the bytes ends it. */
  readsFile: boolean
  /** The item is changing: what is sent is of earlier bytes. */
  readonly isOutdated: boolean
  sent(bytes: Bytes, total: Bytes): void
}

/** Where an item belongs at the service. */
interface Target {
  readonly library: LibraryRecord
  readonly parent: ItemKey
  readonly place: RemotePlace
}

/** Sends what is owed of one item, step by step. Each step is settled in the store before the next begins. */
export class ItemSender {
  readonly #deps: ItemSenderDeps

  constructor(deps: ItemSenderDeps) {
    this.#deps = deps
  }

  /**
   * @param aside only out of the way: another item waits for its name
   * @throws {Fault} why something is still owed that could not be sent; the signal's reason
   */
  async send(ino: Ino, aside: boolean, sending: Sending): Promise<void> {
    for (let step = 0; step < MOST_STEPS; step++) {
      sending.signal.throwIfAborted()
      const item = this.#deps.store.items.byIno(ino)
      const owed = this.#deps.store.owed.of(ino)
      if (item === undefined || owed === undefined || owed.staysHere) return
      if (aside) return await this.#stepAside(item, owed, sending)
      let barrier: Fault | undefined
      if (heirOf(this.#deps.store.items, this.#deps.store.owed, item) !== undefined) {
        barrier = await this.#handOver(item, sending)
        if (barrier === undefined) return
      }
      const target = this.#targetOf(item)
      if (target === undefined && barrier !== undefined) throw barrier
      // Its folder has become another one meanwhile.
      if (target === undefined) return
      const goesOn = await this.#step(item, owed, target, sending)
      if (!goesOn || this.#isOpen(ino)) return
    }
    throw new Fault('stale-content', 'It is being changed at the other organization all the time')
  }

  /** @returns whether the next step may follow at once */
  async #step(item: ItemRecord, owed: Owed, target: Target, sending: Sending): Promise<boolean> {
    if (owed.isNew) {
      return item.kind === 'folder'
        ? await this.#makeFolder(item, owed, target, sending)
        : await this.#sendNew(item, owed, target, sending)
    }
    if (owed.place) return await this.#sendPlace(item, owed, target, sending)
    if (owed.content) return await this.#sendVersion(item, owed, target, sending)
    if (owed.times) return await this.#sendTimes(item, owed, target, sending)
    return false
  }

  #targetOf(item: ItemRecord): Target | undefined {
    const { libraries, items } = this.#deps.store
    const library = libraries.byId(item.library)
    const parent = items.byIno(item.parent)
    if (library === undefined || parent === undefined || isLocalId(parent.remoteId)) return undefined
    const key = { ...library.root, item: parent.remoteId }
    return { library, parent: key, place: { parent: parent.remoteId, name: item.name } }
  }

  // --- new items ---

  async #makeFolder(item: ItemRecord, owed: Owed, target: Target, { signal }: Sending): Promise<boolean> {
    const { writer, store } = this.#deps
    const { parent, place } = target
    if (await this.#folderArrivedBefore(item, owed, target, signal)) return true
    store.owed.setSent(item.ino, undefined, place)
    let wasThere = false
    let answer: DriveItem
    try {
      answer = await writer.createFolder(parent, place.name, signal)
    } catch (failure) {
      if (isFault(failure, 'item-not-found'))
        return await this.#withoutFolder(item, owed, target, failure, signal)
      if (!isFault(failure, 'name-taken')) throw failure
      const theirs = await this.#whoHas(target, place.name, failure, signal)
      if (this.#hasLeft(item)) return true
      if (theirs.kind !== 'folder') return this.#keepBoth(item, theirs)
      answer = theirs
      wasThere = true
    }
    this.#change(edit => edit.madeFolder(item.ino, item.library, place, answer, wasThere))
    return true
  }

  /** It was to be made elsewhere before, and may be there although nobody heard of it. */
  async #folderArrivedBefore(
    { ino, library }: ItemRecord,
    { base }: Owed,
    { parent, place }: Target,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (base.parent === undefined || base.name === undefined) return false
    if (base.parent === place.parent && base.name === place.name) return false
    const { writer, store } = this.#deps
    const theirs = await writer.child({ ...parent, item: base.parent }, base.name, signal)
    if (theirs?.kind !== 'folder' || store.items.byRemoteId(library, theirs.id) !== undefined) return false
    const at = { parent: base.parent, name: base.name }
    this.#change(edit => edit.madeFolder(ino, library, at, theirs, true))
    return true
  }

  async #sendNew(item: ItemRecord, owed: Owed, target: Target, sending: Sending): Promise<boolean> {
    const { writer, store } = this.#deps
    const { parent, place } = target
    const content = await this.#open(item, owed, sending)
    if (content === undefined) return await this.#bytesAreGone(item, target, sending.signal)
    try {
      if (await this.#arrivedBefore(item, owed, content, target, sending.signal)) return true
      const sent = journaled(content)
      store.owed.setSent(item.ino, sent, place)
      let answer: DriveItem
      try {
        const to = { kind: 'new', parent, name: place.name } as const
        answer = await writer.upload(
          to,
          content.source,
          this.#progress(owed, content, sending),
          sending.signal,
        )
      } catch (failure) {
        if (isFault(failure, 'item-not-found')) {
          return await this.#withoutFolder(item, owed, target, failure, sending.signal)
        }
        if (!isFault(failure, 'name-taken')) throw failure
        const theirs = await this.#whoHas(target, place.name, failure, sending.signal)
        if (this.#hasLeft(item)) return true
        const verdict = theirs.kind === 'file' ? this.#verdict(theirs, item, owed, sent) : 'other'
        if (verdict === 'unknown' && owed.attempts < WAITS_FOR_HASH) throw failure
        if (verdict !== 'earlier') return this.#keepBoth(item, theirs)
        // Whether it has our bytes, and not only their hash, is found out in the next step.
        this.#change(edit => edit.foundOurs(item.ino, theirs, place))
        return true
      }
      return this.#settle(item, owed, place, content, answer, true)
    } finally {
      content.close()
    }
  }

  /** What was sent before, and perhaps to another place, may be there although nobody heard of it. */
  async #arrivedBefore(
    item: ItemRecord,
    { base, sent }: Owed,
    { sha256, source }: UnsentContent,
    { parent, place }: Target,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (sent === undefined || base.parent === undefined || base.name === undefined) return false
    const isSamePlace = base.parent === place.parent && base.name === place.name
    // An empty file is like any other one.
    if ((isSamePlace && sent.sha256 === sha256) || (!isSamePlace && source.size === 0)) return false
    const { writer, store } = this.#deps
    const theirs = await writer.child({ ...parent, item: base.parent }, base.name, signal)
    if (theirs === undefined || !looksAsSent(theirs, sent)) return false
    const known = store.items.byRemoteId(item.library, theirs.id)
    // Known before ours was made: somebody else's, with the same bytes.
    if (known !== undefined && (known.ino < item.ino || store.owed.of(known.ino) !== undefined)) return false
    const at = { parent: base.parent, name: base.name }
    this.#change(edit => edit.foundOurs(item.ino, theirs, at))
    return true
  }

  /** @throws {Fault} `failure`: who has the name is about to leave it */
  async #whoHas(
    { library, parent }: Target,
    name: string,
    failure: Fault,
    signal: AbortSignal,
  ): Promise<DriveItem> {
    const { store, writer } = this.#deps
    const theirs = await writer.child(parent, name, signal)
    if (theirs === undefined || store.owed.deletion(library.id, theirs.id) !== undefined) throw failure
    const known = store.items.byRemoteId(library.id, theirs.id)
    const owed = known && store.owed.of(known.ino)
    if (owed?.place === true && owed.base.name === theirs.name) throw failure
    return theirs
  }

  /** A folder that the service does not know cannot take anything: it is made again, around what was changed in it. */
  async #withoutFolder(
    item: ItemRecord,
    owed: Owed,
    { library, parent }: Target,
    failure: Fault,
    signal: AbortSignal,
  ): Promise<boolean> {
    // "Not found" comes and goes, above all of what is new.
    if (owed.hindrance?.code !== 'item-not-found') throw failure
    if (parent.item === library.root.item) throw accessRemoved(library, failure)
    if (!(await this.#isGone(parent, signal))) throw failure
    if (this.#hasLeft(item)) return true
    this.#change(edit => edit.comesAgain(item.parent))
    return false
  }

  // --- names that new files have taken ---

  /**
   * The new file that has its name gets what the service has of it; see {@link LocalEdit.handOver}.
   * @returns why not: its bytes cannot be had, so it keeps what the service has, and takes that along
   */
  async #handOver({ ino }: ItemRecord, sending: Sending): Promise<Fault | undefined> {
    const { store, ownContent } = this.#deps
    try {
      await ownContent(ino, sending.signal)
      const item = store.items.byIno(ino)
      const owed = store.owed.of(ino)
      if (item === undefined || owed?.content !== true) return undefined
      const content = await this.#open(item, owed, sending)
      if (content === undefined)
        return new Fault('local-io', 'What was written here is not on the disk any more')
      try {
        if (content.isUnchanged()) this.#giveName(ino)
      } finally {
        content.close()
      }
      return undefined
    } catch (failure) {
      const attempts = (store.owed.of(ino)?.attempts ?? 0) + 1
      if (isFault(failure) && !isPassing(failure, attempts)) return failure
      throw failure
    }
  }

  /** Unless it has the name again, or nobody has, by now. */
  #giveName(ino: Ino): void {
    const { store, now, onChanges } = this.#deps
    const item = store.items.byIno(ino)
    const heir = item && heirOf(store.items, store.owed, item)
    if (item === undefined || heir === undefined) return
    const pin = store.pins.saidOf(ino)
    onChanges(store.changeHere(now(), edit => edit.handOver(item, heir.ino)))
    if (pin === undefined) return
    // It was said of what has this name.
    store.setPin(ino, undefined)
    store.setPin(heir.ino, pin)
  }

  // --- places and times ---

  async #sendPlace(
    item: ItemRecord,
    owed: Owed,
    { library, place }: Target,
    sending: Sending,
  ): Promise<boolean> {
    // Of a folder, and of what the other side has told something of, `times` only says that the service is to be asked.
    const withTimes = owed.times && !owed.content && !owed.missed && item.kind === 'file'
    try {
      await this.#moveTo(item, owed, library, place, withTimes, sending.signal)
      return true
    } catch (failure) {
      if (isFault(failure, 'item-not-found'))
        return await this.#isGoneThere(item, owed, library, failure, sending.signal)
      if (!isFault(failure, 'name-taken')) throw failure
      const target = { library, parent: { ...library.root, item: place.parent }, place }
      const theirs = await this.#whoHas(target, place.name, failure, sending.signal)
      if (this.#hasLeft(item)) return true
      if (theirs.id === item.remoteId) throw failure
      const other = this.#freeName(item)
      this.#change(edit => edit.placeTaken(item.ino, other, theirs))
      this.#deps.onConflict({ ino: item.ino, name: theirs.name, copy: other })
      return false
    }
  }

  async #stepAside(item: ItemRecord, owed: Owed, { signal }: Sending): Promise<void> {
    const library = this.#deps.store.libraries.byId(item.library)
    // The folder that it is to go to may not be there yet, because it waits for its name.
    const parent = this.#targetOf(item)?.place.parent ?? owed.base.parent
    if (library === undefined || parent === undefined) return
    const name = distinctName(item.name, item.remoteId)
    await this.#moveTo(item, owed, library, { parent, name }, false, signal)
  }

  /** Both sides may give it another name at once: the last one counts, and no byte is at stake. */
  async #moveTo(
    item: ItemRecord,
    owed: Owed,
    library: LibraryRecord,
    place: RemotePlace,
    withTimes: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const { writer } = this.#deps
    const key = { ...library.root, item: item.remoteId }
    // Where the other side has moved it since, neither may be what it was.
    const update: ItemUpdate = {
      ...((owed.missed || owed.base.name !== place.name) && { name: place.name }),
      ...((owed.missed || owed.base.parent !== place.parent) && { parent: place.parent }),
    }
    const eTag = owed.content ? owed.base.eTag : item.eTag
    let answer: DriveItem
    let isAsBase = true
    let modified = withTimes ? item.modified : undefined
    try {
      answer = await writer.update(
        key,
        { ...update, ...(modified !== undefined && { modified }) },
        eTag,
        signal,
      )
    } catch (failure) {
      if (!isFault(failure, 'stale-content')) throw failure
      // Sent once more without them: what has changed there may have a time of its own.
      modified = undefined
      const theirs = await writer.item(key, signal)
      isAsBase = item.kind !== 'file' || this.#isStillBase(theirs, item, owed)
      const isThere = theirs.name === place.name && theirs.parentId === place.parent
      answer = isThere
        ? theirs
        : await writer.update(key, { name: place.name, parent: place.parent }, theirs.eTag, signal)
    }
    this.#change(edit => edit.placeSent(item.ino, { place, answer, isAsBase, modified }))
  }

  async #sendTimes(item: ItemRecord, owed: Owed, { library }: Target, { signal }: Sending): Promise<boolean> {
    const { writer } = this.#deps
    const key = { ...library.root, item: item.remoteId }
    if (owed.missed) return await this.#lookAgain(item, key, signal)
    let answer: DriveItem
    let isAsBase = true
    try {
      answer = await writer.update(key, { modified: item.modified }, item.eTag, signal)
    } catch (failure) {
      if (isFault(failure, 'item-not-found'))
        return await this.#isGoneThere(item, owed, library, failure, signal)
      if (!isFault(failure, 'stale-content')) throw failure
      const theirs = await writer.item(key, signal)
      const verdict = this.#verdict(theirs, item, owed)
      // Of another content: it has its own time.
      if (verdict === 'other' || verdict === 'unknown') {
        this.#change(edit => edit.timesDropped(item.ino))
        return false
      }
      isAsBase = this.#isStillBase(theirs, item, owed)
      answer = await writer.update(key, { modified: item.modified }, theirs.eTag, signal)
    }
    this.#change(edit => edit.timesSent(item.ino, item.modified, answer, isAsBase))
    return false
  }

  /** Something that the other side told was not shown while more was owed. */
  async #lookAgain({ ino }: ItemRecord, key: ItemKey, signal: AbortSignal): Promise<boolean> {
    const theirs = await this.#deps.writer.item(key, signal)
    this.#change(edit => edit.isNow(ino, theirs))
    return true
  }

  // --- versions ---

  async #sendVersion(item: ItemRecord, owed: Owed, target: Target, sending: Sending): Promise<boolean> {
    const { writer, store, sentOpen } = this.#deps
    const key = { ...target.library.root, item: item.remoteId }
    const before = sentOpen.of(item.ino)
    if (before !== undefined) return this.#isOpen(item.ino) ? false : this.#settleClosed(item, before)
    let content: UnsentContent | undefined
    try {
      content = await this.#open(item, owed, sending)
    } catch (failure) {
      if (failure instanceof NeverWhole)
        return await this.#keepParts(item, owed, key, failure, sending.signal)
      throw failure
    }
    if (content === undefined) return await this.#bytesAreGone(item, target, sending.signal)
    try {
      const sent = journaled(content)
      let answer: DriveItem
      try {
        // Another upload ended nobody knows how, of other bytes: before it is forgotten it is looked for.
        if (owed.sent !== undefined && owed.sent.sha256 !== content.sha256) {
          const theirs = await writer.item(key, sending.signal)
          const isEarlier = this.#verdict(theirs, item, owed) === 'earlier'
          if (isEarlier && theirs.eTag !== owed.base.eTag) {
            this.#change(edit => edit.baseIs(item.ino, theirs))
            return true
          }
        }
        if (await this.#hasSuch(item, owed, content, key, sending.signal)) {
          return this.#settleAsBase(item, owed, content)
        }
        store.owed.setSent(item.ino, sent, undefined)
        const to = { kind: 'version', item: key, eTag: owed.base.eTag } as const
        answer = await writer.upload(
          to,
          content.source,
          this.#progress(owed, content, sending),
          sending.signal,
        )
      } catch (failure) {
        if (isFault(failure, 'item-not-found')) {
          return await this.#isGoneThere(item, owed, target.library, failure, sending.signal)
        }
        if (!isFault(failure, 'stale-content')) throw failure
        const theirs = await writer.item(key, sending.signal)
        const verdict = this.#verdict(theirs, item, owed, sent)
        if (verdict === 'unknown' && owed.attempts < WAITS_FOR_HASH) throw failure
        if (verdict === 'other' || verdict === 'unknown') return this.#keepBoth(item, theirs)
        // Nothing has changed: it is a moment in which the service does not take it.
        if (theirs.eTag !== undefined && theirs.eTag === owed.base.eTag) throw failure
        this.#change(edit => edit.baseIs(item.ino, theirs))
        return true
      }
      return this.#settle(item, owed, target.place, content, answer, false)
    } finally {
      content.close()
    }
  }

  /**
   * Whether the service has these very bytes as what the change began with: a file was written anew with what it had, or what
   * was sent has arrived. The hash tells where it is worth comparing them: with what is here of that content, else with what
   * the service has. What cannot be compared is sent.
   */
  async #hasSuch(
    item: ItemRecord,
    { base, sent }: Owed,
    { hash, source }: UnsentContent,
    key: ItemKey,
    signal: AbortSignal,
  ): Promise<boolean> {
    // Empty files may come without a hash.
    if (source.size > 0 && hash !== item.quickXorHash) return false
    // Otherwise what is here may not be what is there any more.
    if (sent === undefined && base.eTag !== undefined && base.eTag === item.eTag) {
      const opened = this.#deps.base.open(item, base.size)
      try {
        if (opened.isHere && opened.size === source.size) return await areEqual(source, opened, signal)
      } finally {
        opened.close()
      }
    }
    const version = contentVersion({ ...item, eTag: base.eTag })
    return await this.#deps.writer.holds(key, version, source, signal)
  }

  /** @returns `undefined`: the journal says that there are bytes, and there are none */
  async #open(item: ItemRecord, owed: Owed, sending: Sending): Promise<UnsentContent | undefined> {
    if (!this.#deps.dirty.has(item.ino)) return undefined
    sending.readsFile = true
    const checkStill = () => {
      sending.signal.throwIfAborted()
      const use = this.#deps.openForWriting(item.ino)
      if (use !== undefined && !isWhole(use, 0, this.#deps.now())) {
        throw new Fault('cancelled', 'A program is writing to the file')
      }
    }
    return await this.#deps.bytes.open(item, owed, {
      signal: sending.signal,
      isOpen: () => this.#isOpen(item.ino),
      checkStill,
      detached: () => {
        sending.readsFile = false
      },
    })
  }

  #isOpen(ino: Ino): boolean {
    return this.#deps.openForWriting(ino) !== undefined
  }

  #progress(row: Owed, { sha256, source }: UnsentContent, sending: Sending) {
    const { ino, library, revision, sent, session } = row
    const { owed } = this.#deps.store
    const isSame = sent?.sha256 === sha256
    const left = (unwanted: UploadSession) => {
      if (owed.of(ino)?.session?.url === unwanted.url) owed.setSession(ino, undefined)
      else owed.leaveSession({ ...unwanted, library, ino })
    }
    return {
      session: isSame ? session : undefined,
      outdated: [...(isSame || session === undefined ? [] : [session]), ...owed.leftSessionsOf(ino)],
      setSession: (opened: UploadSession) => {
        // What goes through it is of other bytes than the next attempt's.
        if (sending.isOutdated || owed.of(ino)?.revision !== revision) left(opened)
        else owed.setSession(ino, opened)
      },
      left,
      ended: (over: UploadSession) => owed.sessionEnded(ino, over.url),
      sent: (bytes: Bytes) => sending.sent(bytes, source.size),
    }
  }

  /** The service has taken it. */
  #settle(
    item: ItemRecord,
    owed: Owed,
    place: RemotePlace,
    content: UnsentContent,
    answer: DriveItem,
    wasNew: boolean,
  ): boolean {
    const { store, cachePath, onTrouble } = this.#deps
    const { ino, library } = item
    const isVerbatim =
      answer.size === content.source.size && (answer.quickXorHash ?? content.hash) === content.hash
    if (!isVerbatim && !isRewritten(item.name)) return this.#refuse(item, place, answer, wasNew)
    const isUnchanged = content.isUnchanged()
    const whileOpen = this.#isOpen(ino)
    // As long as a program may go on writing, the file is the dirty one, and its node the same.
    const revision = isUnchanged && !whileOpen ? owed.revision : undefined
    let generation: number | undefined
    const changes = store.changeSent(this.#deps.now(), edit => {
      const sent = { ino, library, place, wasNew, answer, revision, isVerbatim, whileOpen }
      generation = edit.contentSent(sent)
    })
    if (isUnchanged && whileOpen) this.#keepOpen(ino, content, answer, isVerbatim)
    if (!isVerbatim) onTrouble('rewritten-by-service', new Fault('corrupt-content', item.name))
    if (generation !== undefined) this.#keepLocal(ino, generation, isVerbatim && answer.size > 0, cachePath)
    this.#deps.onChanges(changes)
    return generation !== undefined
  }

  #settleAsBase(item: ItemRecord, owed: Owed, content: UnsentContent): boolean {
    const { store, cachePath, onChanges, now } = this.#deps
    if (!content.isUnchanged()) return false
    if (this.#isOpen(item.ino)) {
      const { remoteId: id, size, modified, quickXorHash, cTag } = item
      const answer = { id, size, modified: owed.base.modified ?? modified, quickXorHash, cTag }
      this.#keepOpen(item.ino, content, answer, true)
      return false
    }
    let generation: number | undefined
    const changes = store.changeSent(now(), edit => {
      generation = edit.contentIsAsBase(item.ino, owed.revision)
    })
    if (generation !== undefined) this.#keepLocal(item.ino, generation, content.source.size > 0, cachePath)
    onChanges(changes)
    return generation !== undefined
  }

  /** The service has what the file has, and programs have it open still. */
  #keepOpen(
    ino: Ino,
    { opened, writes, source }: UnsentContent,
    answer: AnswerOfContent,
    isVerbatim: boolean,
  ): void {
    this.#deps.sentOpen.keep(ino, { opened, writes, answer, isVerbatim, sentTime: source.modified })
  }

  /** What was sent while programs had it open is closed, and was not changed since: nothing is sent again. */
  #settleClosed({ ino }: ItemRecord, { answer, sentTime, isVerbatim }: SentOpen): boolean {
    const { store, cachePath, sentOpen, onChanges, now } = this.#deps
    let generation: number | undefined
    const changes = store.changeSent(now(), edit => {
      generation = edit.closedAsSent(ino, answer, sentTime, isVerbatim)
    })
    if (generation !== undefined) this.#keepLocal(ino, generation, isVerbatim && answer.size > 0, cachePath)
    sentOpen.drop(ino)
    onChanges(changes)
    return generation !== undefined
  }

  /** In the same turn as the store was told: nobody begins another change in between. */
  #keepLocal(ino: Ino, generation: number, isContent: boolean, cachePath: ItemSenderDeps['cachePath']): void {
    const { dirty, store, onTrouble } = this.#deps
    try {
      if (!isContent) dirty.discard(ino)
      else if (!dirty.moveTo(ino, cachePath(ino, generation))) store.content.remove(ino, generation)
    } catch (failure) {
      onTrouble('sent-bytes-not-kept', failure)
    }
  }

  /** What the service has is neither what it was sent nor what it makes of such files: it is sent again. */
  #refuse(item: ItemRecord, place: RemotePlace, answer: DriveItem, wasNew: boolean): never {
    this.#change(edit => (wasNew ? edit.foundOurs(item.ino, answer, place) : edit.baseIs(item.ino, answer)))
    throw new Fault('corrupt-content', 'The service has other bytes than it was sent', {
      nextStep: 'It is sent again by itself; what was written here is safe.',
    })
  }

  /** Both survive: theirs under the name, ours beside it. */
  #keepBoth({ ino }: ItemRecord, theirs: DriveItem): boolean {
    // It may have been moved while we waited.
    const item = this.#deps.store.items.byIno(ino)
    if (item === undefined) return false
    const copy = this.#freeName(item)
    this.#change(edit => edit.both(ino, copy, theirs))
    this.#deps.onConflict({ ino, name: theirs.name, copy })
    return false
  }

  /**
   * What the changes are over is nowhere any more: theirs gets the name at once, and what was written here stays
   * beside it. Where it has gaps it cannot be read, and it is not sent.
   */
  async #keepParts(
    item: ItemRecord,
    owed: Owed,
    key: ItemKey,
    failure: NeverWhole,
    signal: AbortSignal,
  ): Promise<boolean> {
    const theirs = await this.#deps.writer.item(key, signal)
    const verdict = this.#verdict(theirs, item, owed, undefined)
    if (theirs.kind !== 'file' || (verdict !== 'other' && verdict !== 'unknown')) throw failure
    return this.#keepBoth(item, theirs)
  }

  /** It has another name or folder by now: who has that one is no matter any more. */
  #hasLeft({ ino, parent, name }: ItemRecord): boolean {
    const now = this.#deps.store.items.byIno(ino)
    return now?.parent !== parent || now.name !== name
  }

  async #isGoneThere(
    item: ItemRecord,
    owed: Owed,
    library: LibraryRecord,
    failure: Fault,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (owed.hindrance?.code !== 'item-not-found') throw failure
    if (!(await this.#isGone({ ...library.root, item: item.remoteId }, signal))) {
      // Then it is the folder that it is to go to.
      const target = this.#targetOf(item)
      if (target === undefined) return false
      return await this.#withoutFolder(item, owed, target, failure, signal)
    }
    // Of an item that was only renamed the other side's deletion counts, when it is told.
    if (!owed.content && item.kind !== 'folder') throw failure
    this.#change(edit => edit.comesAgain(item.ino))
    return false
  }

  async #isGone(key: ItemKey, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#deps.writer.item(key, signal)
      return false
    } catch (failure) {
      if (isFault(failure, 'item-not-found')) return true
      throw failure
    }
  }

  /**
   * After a power cut the disk may have forgotten that something was settled, and not that its file was moved away; or somebody
   * has emptied our folder.
   */
  async #bytesAreGone(
    item: ItemRecord,
    { library, parent, place }: Target,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { writer, onTrouble } = this.#deps
    const isNew = isLocalId(item.remoteId)
    const theirs = isNew
      ? await writer.child(parent, place.name, signal)
      : await writer.item({ ...library.root, item: item.remoteId }, signal)
    onTrouble('unsent-bytes-missing', new Fault('local-io', item.name))
    if (theirs?.kind !== 'file') {
      throw new Fault('local-io', 'What was written here is not on the disk any more')
    }
    const { ino } = item
    const at = { parent: theirs.parentId ?? place.parent, name: theirs.name }
    const changes = this.#deps.store.changeSent(this.#deps.now(), edit => {
      const revision = this.#deps.store.owed.of(ino)?.revision
      const sent = { ino, library: item.library, place: at, wasNew: isNew, answer: theirs, revision }
      edit.contentSent({ ...sent, isVerbatim: false })
    })
    this.#deps.onChanges(changes)
    return true
  }

  /** @param sent just now, of which the row does not say yet */
  #verdict(theirs: DriveItem, item: ItemRecord, owed: Owed, sent?: JournaledBytes): Verdict {
    return verdictOn(theirs, { name: item.name, base: baseOf(item, owed), sent: [owed.sent, sent] })
  }

  /** The content there is the one that ours was made of, or what we have of it. */
  #isStillBase(theirs: DriveItem, item: ItemRecord, owed: Owed): boolean {
    // What is here is not to be taken for the bytes of another version.
    if (!owed.content) return compareContents(baseOf(item, owed), theirs) === 'same'
    return ['base', 'rewritten'].includes(this.#verdict(theirs, item, owed))
  }

  /** For ours, in its folder. */
  #freeName({ parent, name }: ItemRecord): string {
    const { twins } = this.#deps.store
    for (let attempt = 1; ; attempt++) {
      const copy = conflictName(name, this.#deps.hostName, attempt)
      // Its own name, too, is taken: by theirs.
      if (twins.of(parent, copy, []) === undefined) return copy
    }
  }

  #change(work: (edit: SentEdit) => void): void {
    this.#deps.onChanges(this.#deps.store.changeSent(this.#deps.now(), work))
  }
}

/** Whether bytes that could not be had may be had later, without anybody doing anything. */
function isPassing({ code }: Fault, attempts: number): boolean {
  if (code === 'cancelled') return true
  if (code === 'stale-content' || code === 'item-not-found') return false
  return patienceWith(code).reach !== 'item' || !needsAttention(code, attempts)
}

/** What is known of the content that the change began with. */
function baseOf({ quickXorHash, cTag, eTag, size }: ItemRecord, owed: Owed): ContentEvidence {
  if (owed.isNew) return NOTHING_KNOWN
  const { modified } = owed.base
  if (!owed.content) return { size, quickXorHash, cTag, eTag, modified }
  // Of what has taken another one's place the size is not known.
  return { size: owed.base.size || undefined, quickXorHash, cTag, eTag: owed.base.eTag, modified }
}

function journaled({ hash, sha256, source: { size, modified } }: UnsentContent): JournaledBytes {
  return { hash, sha256, size, modified }
}

const NOTHING_KNOWN: ContentEvidence = {
  size: undefined,
  quickXorHash: undefined,
  cTag: undefined,
  eTag: undefined,
  modified: undefined,
}

import type { DriveItem } from '../model/drive-item.js'
import { TIRED_AFTER } from '../model/attempts.js'
import { Fault, isFault, type FaultCode } from '../model/fault.js'
import type { ItemId, ItemKey, LibraryId, Milliseconds } from '../model/ids.js'
import type { RemoteFolder, RemoteWriter } from '../model/remote.js'
import { isOfSent } from '../model/sent-bytes.js'
import type { ItemChange } from '../store/item-change.js'
import { isLocalId } from '../store/item-record.js'
import type { LibraryRecord } from '../store/library-table.js'
import { mayBe, type OwedDeletion } from '../store/owed-table.js'
import type { SentEdit } from '../store/sent-edit.js'
import type { Store } from '../store/store.js'
import { DeletedTree } from './deleted-tree.js'
import { verdictOn, WAITS_FOR_HASH } from './verdict.js'

const WAITS_FOR_COUNT = 3
// Whoever changes it that often wants to keep it.
const MOST_TRIES = 3

/** A deletion that was not carried out: the item is shown again. */
export interface GivenBack {
  readonly library: LibraryId
  readonly remoteId: ItemId
  /** From the root of the drive. */
  readonly path: readonly string[]
  readonly fault: Fault
}

// Refused for good: who waits for these waits for somebody who does not know of it.
const REFUSED: readonly FaultCode[] = ['access-denied', 'not-supported', 'malware-detected', 'name-refused']
// Each may be a misunderstanding; five of them are none. What has failed, or not answered, has refused nothing.
const REFUSED_WHEN_TIRED: readonly FaultCode[] = ['locked', 'protocol-error', 'stale-content', 'name-taken']

export interface DeletionSenderDeps {
  readonly store: Store
  readonly writer: RemoteWriter
  readonly folders: RemoteFolder
  readonly now: () => Milliseconds
  readonly onChanges: (changes: readonly ItemChange[]) => void
  /** Something is here again. */
  readonly onGivenBack: (given: GivenBack) => void
  readonly onTrouble: (event: string, failure: unknown) => void
}

/** Deletes at the other organization what was deleted here, unless it is not what it was any more. */
export class DeletionSender {
  readonly #deps: DeletionSenderDeps

  constructor(deps: DeletionSenderDeps) {
    this.#deps = deps
  }

  /**
   * What the service does not let us delete comes back.
   * @throws {Fault} why it is not deleted yet; the signal's reason
   */
  async send(deletion: OwedDeletion, signal: AbortSignal): Promise<void> {
    const library = this.#deps.store.libraries.byId(deletion.library)
    if (library === undefined) return
    try {
      await this.#send(library, deletion, signal)
    } catch (failure) {
      signal.throwIfAborted()
      if (isLocalId(deletion.remoteId) || !isFault(failure, ...refusalsAfter(deletion.attempts + 1)))
        throw failure
      await this.#giveBack(library, deletion, failure, signal)
    }
  }

  async #send(
    library: LibraryRecord,
    { library: id, remoteId }: OwedDeletion,
    signal: AbortSignal,
  ): Promise<void> {
    const key = { ...library.root, item: remoteId }
    if (isLocalId(remoteId)) return await this.#findOut(library, remoteId, signal)
    for (let tries = 0; ; tries++) {
      const deletion = this.#deps.store.owed.deletion(id, remoteId)
      if (deletion === undefined) return
      if (deletion.isFolder && !(await this.#isEmptied(deletion, key, signal))) {
        const holds = new Fault('not-empty', `Something in ${deletion.name} has not been deleted`)
        return await this.#giveBack(library, deletion, holds, signal)
      }
      try {
        await this.#deps.writer.delete(key, deletion.eTag, signal)
        return this.#change(edit => edit.deletionSent(deletion))
      } catch (failure) {
        if (!isFault(failure, 'stale-content')) throw failure
        const theirs = await this.#itemNow(key, signal)
        if (theirs === undefined) continue
        // Nothing has changed: it is a moment in which the service does not do it.
        if (tries > 0 && theirs.eTag === deletion.eTag) throw failure
        if (tries >= MOST_TRIES || !isAsDeleted(deletion, theirs)) {
          const changed = new Fault('stale-content', `${deletion.name} was changed there meanwhile`)
          return await this.#giveBack(library, deletion, changed, signal)
        }
        this.#change(edit => edit.deletionOf(deletion, theirs))
      }
    }
  }

  /**
   * It was being sent when it was deleted. What has arrived of it is to be deleted from now on.
   * @throws {Fault} `server-error`: the service does not say yet what the bytes are
   */
  async #findOut({ id, root }: LibraryRecord, localId: ItemId, signal: AbortSignal): Promise<void> {
    const { store, writer } = this.#deps
    const deletion = store.owed.deletion(id, localId)
    if (deletion === undefined) return
    const { parent, name, sessionUrl } = deletion
    // After this nothing arrives any more.
    if (sessionUrl !== undefined) await writer.endUpload(root.tenant, sessionUrl, signal)
    const theirs = await writer.child({ ...root, item: parent }, name, signal)
    const known = theirs && store.items.byRemoteId(id, theirs.id)
    const wasBefore = known !== undefined && known.ino < (deletion.ino ?? 0)
    if (theirs === undefined || wasBefore || !isWhatWasSent(deletion, theirs)) {
      return this.#change(edit => edit.deletionSent(deletion))
    }
    const isInUse = known !== undefined && store.owed.of(known.ino) !== undefined
    this.#change(edit => (isInUse ? edit.deletionSent(deletion) : edit.deletionOf(deletion, theirs)))
  }

  /**
   * The service deletes folders with everything in them, so what is in them is looked at before. What is not understood
   * is there all the same; so is what the folder counts and its listing does not have.
   *
   * @throws {Fault} `not-empty`: what is in it is still to be deleted by itself, or is only counted
   */
  async #isEmptied(deletion: OwedDeletion, key: ItemKey, signal: AbortSignal): Promise<boolean> {
    const { folders, store } = this.#deps
    const { library, attempts } = deletion
    try {
      for await (const { items, notUnderstood } of folders.children(key, signal)) {
        if (notUnderstood.length > 0) return false
        for (const child of items) {
          if (store.owed.deletion(library, child.id) === undefined) return false
          throw new Fault('not-empty', 'What is in the folder has not been deleted yet')
        }
      }
    } catch (failure) {
      if (!isFault(failure, 'item-not-found')) throw failure
    }
    const counted = (await this.#itemNow(key, signal))?.childCount ?? 0
    if (counted === 0) return true
    // A count may be late.
    if (attempts >= WAITS_FOR_COUNT) return false
    throw new Fault('not-empty', 'The folder counts something that its list does not show')
  }

  async #itemNow(key: ItemKey, signal: AbortSignal): Promise<DriveItem | undefined> {
    try {
      return await this.#deps.writer.item(key, signal)
    } catch (failure) {
      if (isFault(failure, 'item-not-found')) return undefined
      throw failure
    }
  }

  /** It is here again, and the folders around it that were to go with it. */
  async #giveBack(
    library: LibraryRecord,
    deletion: OwedDeletion,
    fault: Fault,
    signal: AbortSignal,
  ): Promise<void> {
    const { store, onGivenBack, onTrouble } = this.#deps
    const tree = new DeletedTree(store)
    const path = tree.pathOf(deletion)
    const downwards = [...tree.ancestorsOf(deletion).toReversed(), deletion]
    const found = new Map<OwedDeletion, DriveItem | undefined>()
    for (const each of downwards) {
      found.set(each, await this.#itemIfTold({ ...library.root, item: each.remoteId }, signal))
    }
    this.#change(edit => found.forEach((theirs, each) => edit.deletionRefused(each, theirs)))
    onTrouble('not-deleted', fault)
    onGivenBack({ library: library.id, remoteId: deletion.remoteId, path, fault })
  }

  /** `undefined` also where the service does not say: its folder is asked for then. */
  async #itemIfTold(key: ItemKey, signal: AbortSignal): Promise<DriveItem | undefined> {
    try {
      return await this.#itemNow(key, signal)
    } catch (failure) {
      signal.throwIfAborted()
      if (!isFault(failure)) throw failure
      return undefined
    }
  }

  #change(work: (edit: SentEdit) => void): void {
    this.#deps.onChanges(this.#deps.store.changeSent(this.#deps.now(), work))
  }
}

function refusalsAfter(attempts: number): readonly FaultCode[] {
  return attempts >= TIRED_AFTER ? [...REFUSED, ...REFUSED_WHEN_TIRED] : REFUSED
}

/** @throws {Fault} `server-error` */
function isWhatWasSent(deletion: OwedDeletion, theirs: DriveItem): boolean {
  const isHashLate = theirs.kind === 'file' && theirs.quickXorHash === undefined && !deletion.isFolder
  if (isHashLate && deletion.attempts < WAITS_FOR_HASH) {
    throw new Fault('server-error', 'The service does not know yet what has arrived')
  }
  // The service finds names whatever their capitals, and keeps them as they were sent.
  return theirs.name === deletion.name && mayBe(deletion, theirs)
}

/** Whether only what does not matter has changed since. */
function isAsDeleted(deletion: OwedDeletion, theirs: DriveItem): boolean {
  const { name, parent, sent } = deletion
  if (deletion.isFolder) return theirs.name === name && theirs.parentId === parent
  if (isOfSent(theirs, sent)) return true
  const verdict = verdictOn(theirs, { name, base: deletion, sent: [] })
  return verdict === 'base' || verdict === 'rewritten'
}

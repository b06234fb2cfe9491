import { read as readFile, constants, statfsSync } from 'node:fs'
import { promisify } from 'node:util'
import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../concurrency/clock.js'
import type { CacheLimits } from '../hydration/cache-limits.js'
import type { ContentCache } from '../hydration/content-cache.js'
import type { HydrationOwner, Hydrator } from '../hydration/hydrator.js'
import { localFault } from '../hydration/local-fault.js'
import type { OfflineMemory } from '../hydration/offline-memory.js'
import type { ByteRange } from '../model/byte-ranges.js'
import { Fault } from '../model/fault.js'
import {
  inoOf,
  nodeId,
  type Bytes,
  type Ino,
  type LibraryId,
  type Milliseconds,
  type NodeId,
} from '../model/ids.js'
import { LONGEST_NAME } from '../model/item-name.js'
import { accessRemoved, type Library, type NewLibrary } from '../model/library.js'
import type { Pin } from '../model/pin.js'
import type { RemoteFolder } from '../model/remote.js'
import type { ItemChange } from '../store/item-change.js'
import { isDirectory, type ItemRecord } from '../store/item-record.js'
import type { Store } from '../store/store.js'
import { attributesOf, blocksOf, type Rights } from './attributes.js'
import { withDeadline } from '../concurrency/deadline.js'
import { extendedAttribute, INHERITED, pinFromAttribute } from './extended-attributes.js'
import type {
  Attributes,
  Caller,
  Entry,
  FileSystem,
  FileSystemStatistics,
  KernelView,
  OpenFile,
} from './file-system.js'
import { FolderLister, type RemovalGuard } from './folder-lister.js'
import { freeUp, type Freed } from './free-up.js'
import { HandleTable } from './handle-table.js'
import type { HydrationGate } from './hydration-gate.js'
import { KernelCaches } from './kernel-caches.js'
import type { PinKeeper } from './pin-keeper.js'

const readAt = promisify(readFile)

// Where no delta tells of changes, a folder that is opened again after so long is asked for once more.
const LISTING_GROWS_OLD: Milliseconds = 2 * 60_000
// A reader whose file has the wrong checksum waits for this before it is told.
const RECHECK_DEADLINE: Milliseconds = 10_000
// One transaction of a removal: about a millisecond.
const PURGED_AT_ONCE = 200

/** Who wants to know what people look at. Called after the store has the state; returns at once and never throws. */
export interface DriveWatcher {
  /** A program reads the names in a folder. */
  opened(folder: Ino): void
  changed(changes: readonly ItemChange[]): void
  /** All bytes of this content are local and verified. */
  localNow(ino: Ino, generation: number): void
}

export interface MountedDriveDeps {
  readonly store: Store
  readonly cache: ContentCache
  readonly hydrator: Hydrator
  readonly gate: HydrationGate
  readonly keeper: PinKeeper
  readonly limits: CacheLimits
  readonly folders: RemoteFolder
  readonly guard: RemovalGuard
  readonly clock: Clock
  readonly offline: OfflineMemory
  /** Its disk is the one that `df` shows. Absolute; exists. */
  readonly cacheDirectory: string
  /** Something went wrong that nobody waits for. `event` in kebab case. */
  readonly onTrouble: (event: string, failure: unknown) => void
  readonly watcher?: DriveWatcher
  /** Whether files can be changed here at all. Not yet: then every library is as if it were shared for reading. */
  readonly writable?: boolean
}

/** The drive: the libraries of the store, with content as it is needed. Knows no kernel. */
export class MountedDrive implements FileSystem, HydrationOwner {
  readonly #deps: MountedDriveDeps
  readonly #lister: FolderLister
  readonly #kernels: KernelCaches
  readonly #handles = new HandleTable()
  readonly #closed = new AbortController()

  constructor(deps: MountedDriveDeps) {
    this.#deps = deps
    const { store, folders, guard, clock, offline, onTrouble } = deps
    this.#kernels = new KernelCaches(store, item => this.#attributes(item))
    const onChanges = (changes: readonly ItemChange[]) => this.#carryOut(changes)
    this.#lister = new FolderLister({ store, folders, guard, clock, offline, onTrouble, onChanges })
    deps.hydrator.belongsTo(this)
    deps.keeper.belongsTo(this)
    deps.limits.belongsTo(this)
  }

  // --- what a kernel asks ---

  async lookup(parent: NodeId, name: string, signal: AbortSignal): Promise<Attributes | undefined> {
    const { items } = this.#deps.store
    const directory = this.#directory(parent)
    if (Buffer.byteLength(name) > LONGEST_NAME) throw new Fault('name-too-long', 'The name is too long')
    const known = items.byName(directory.ino, name)
    if (known) return this.#attributes(known)
    if (this.#deps.store.isListed(directory)) return undefined
    this.#refuseRemoved(directory)
    await this.#lister.list(directory.ino, signal)
    const found = items.byName(directory.ino, name)
    return found && this.#attributes(found)
  }

  getattr(node: NodeId): Attributes {
    const item = this.#deps.store.items.byIno(inoOf(node))
    if (item && isOfNode(item, node)) return this.#attributes(item)
    // Replaced or deleted; who has it open still sees what he opened.
    for (const { attributes } of this.#handles) if (attributes.node === node) return attributes
    throw staleNode()
  }

  async opendir(node: NodeId, signal: AbortSignal): Promise<void> {
    const directory = this.#directory(node)
    if (!this.#deps.store.isListed(directory)) {
      this.#refuseRemoved(directory)
      return this.#lister.list(directory.ino, signal)
    }
    if (this.#hasGrownOld(directory)) this.#lister.refreshLater(directory.ino)
  }

  readdir(node: NodeId): readonly Entry[] {
    const directory = this.#directory(node)
    this.#deps.watcher?.opened(directory.ino)
    return this.#listing(directory)
  }

  listingKnown(node: NodeId): readonly Entry[] | undefined {
    const directory = this.#deps.store.items.byIno(inoOf(node))
    if (directory === undefined || !isDirectory(directory.kind) || !isOfNode(directory, node))
      return undefined
    return this.#deps.store.isListed(directory) ? this.#listing(directory) : undefined
  }

  listingRead(node: NodeId): void {
    const directory = this.#deps.store.items.byIno(inoOf(node))
    if (directory === undefined || !isDirectory(directory.kind)) return
    this.#deps.watcher?.opened(directory.ino)
    if (this.#hasGrownOld(directory)) this.#lister.refreshLater(directory.ino)
  }

  #listing(directory: ItemRecord): readonly Entry[] {
    const opened = this.#openedBytes()
    const rights = this.#rightsIn(directory.library)
    return this.#deps.store.items.children(directory.ino).map(child => {
      const localBytes = opened.size === 0 ? child.localBytes : (opened.get(child.ino) ?? child.localBytes)
      return { name: child.name, attributes: attributesOf(child, localBytes, rights) }
    })
  }

  parentOf(node: NodeId): NodeId {
    return nodeId(this.#deps.store.parentOf(this.#item(node)), 0)
  }

  async open(node: NodeId, flags: number, caller: Caller, signal: AbortSignal): Promise<OpenFile> {
    if (isDirectory(this.#item(node).kind)) throw new Fault('is-a-directory', 'This is a folder')
    if ((flags & (constants.O_WRONLY | constants.O_RDWR | constants.O_TRUNC)) !== 0) {
      throw new Fault('read-only', 'Files on this drive cannot be changed yet')
    }
    const admission = await this.#deps.gate.admit(caller, flags)
    signal.throwIfAborted()
    const wanted = this.#item(node)
    await this.#deps.gate.permit(wanted, this.#isLocal(wanted), admission, signal)
    signal.throwIfAborted()
    const item = this.#item(node)
    const reader = await this.#deps.gate.open(item, this.#isLocal(item), admission)
    const handle = this.#handles.add({ reader, admission, attributes: this.#attributes(item) })
    return { handle, content: reader.file }
  }

  async ensurePresent(handle: number, range: ByteRange, signal: AbortSignal): Promise<void> {
    const { reader, admission } = this.#handles.get(handle)
    await this.#deps.gate.ensure(reader, admission, range, signal)
  }

  async read(handle: number, range: ByteRange, signal: AbortSignal): Promise<Uint8Array> {
    await this.ensurePresent(handle, range, signal)
    const { reader } = this.#handles.get(handle)
    const { fd, size } = reader.file
    const length = Math.max(0, Math.min(range.end, size) - range.start)
    const bytes = Buffer.allocUnsafe(length)
    try {
      for (let done = 0; done < length;) {
        const { bytesRead } = await readAt(fd, bytes, done, length - done, range.start + done)
        if (bytesRead === 0) throw new Fault('local-io', 'A file of the content cache is shorter than it was')
        done += bytesRead
      }
    } catch (failure) {
      throw localFault(failure)
    }
    return bytes
  }

  release(handle: number): void {
    const { reader, attributes } = this.#handles.remove(handle)
    const { ino, generation, size, present } = reader.file
    const blocks = blocksOf(size, present.size)
    this.#deps.hydrator.release(reader)
    if (blocks === attributes.blocks) return
    this.#kernels.attributesChanged(ino, generation)
    if (reader.file.verified) this.#deps.watcher?.localNow(ino, generation)
  }

  statistics(): FileSystemStatistics {
    const { cacheDirectory } = this.#deps
    try {
      const { bsize, blocks, bavail } = statfsSync(cacheDirectory)
      return { totalBytes: bsize * blocks, freeBytes: bsize * bavail, items: this.#deps.store.items.count() }
    } catch (failure) {
      throw localFault(failure)
    }
  }

  /** Programs that show the file are to look at it again: something that belongs to it is there now. */
  lookAgain(ino: Ino): void {
    const item = this.#deps.store.items.byIno(ino)
    if (item) this.#kernels.lookAgain(ino, item.generation)
  }

  getxattr(node: NodeId, name: string): Uint8Array {
    const item = this.#item(node)
    return extendedAttribute(this.#deps, item, name, this.#localBytes(item.ino, item.generation))
  }

  setxattr(node: NodeId, name: string, value: string): void {
    this.pin(this.#item(node).ino, pinFromAttribute(name, value))
  }

  removexattr(node: NodeId, name: string): void {
    this.pin(this.#item(node).ino, pinFromAttribute(name, INHERITED))
  }

  listxattr(node: NodeId): readonly string[] {
    this.#item(node)
    return []
  }

  // --- what the daemon does ---

  /** The kernel's caches are kept right from now on, until the returned function is called. */
  attach(view: KernelView): () => void {
    return this.#kernels.attach(view)
  }

  /** @throws {Fault} `already-added`, `disk-full` */
  addLibrary(library: NewLibrary): Library {
    const added = this.#deps.store.addLibrary(library, this.#deps.clock.now())
    this.#carryOut(added.changes)
    return added.library
  }

  /**
   * Takes the library off the drive at once. What it leaves behind in the store and the cache is deleted by
   * {@link deleteRemoved}.
   * @throws {Fault} `not-added`
   */
  removeLibrary(id: LibraryId): void {
    this.#carryOut(this.#deps.store.removeLibrary(id, this.#deps.clock.now()))
  }

  /** Deletes what libraries left behind that were removed, now or before a crash. Yields between small steps. */
  async deleteRemoved(): Promise<void> {
    const { store, clock } = this.#deps
    for (;;) {
      if (this.#closed.signal.aborted) return
      const changes = store.purge(PURGED_AT_ONCE, clock.now())
      if (changes.length === 0) return
      this.#carryOut(changes)
      await setImmediate()
    }
  }

  /** To be told of everything that somebody else, the synchronisation, has changed in the store; right after it. */
  changed(changes: readonly ItemChange[]): void {
    this.#lister.noteChanges(changes)
    this.#carryOut(changes)
  }

  /** Asks the service for the children of a folder again. @throws {Fault} as {@link FolderLister.list} */
  async refreshFolder(folder: Ino, signal: AbortSignal): Promise<void> {
    await this.#lister.list(folder, signal)
  }

  /** What we may do with a library has changed. */
  rightsChanged(): void {
    this.#kernels.everythingChanged()
  }

  /**
   * Says what is wanted of an item and of everything in it; carried out in the background.
   * @param pin `undefined`: as its folder
   */
  pin(ino: Ino, pin: Pin | undefined): void {
    const { store, keeper, onTrouble } = this.#deps
    store.setPin(ino, pin)
    keeper.wake()
    if (pin !== 'online-only') return
    this.freeUp(ino, this.#closed.signal).catch((failure: unknown) => {
      if (!this.#closed.signal.aborted) onTrouble('not-freed', failure)
    })
  }

  /** An item, and what is in it and nothing else was said of, need not be local any more. */
  unkeep(ino: Ino): void {
    this.#deps.store.unkeep(ino)
  }

  /** Makes everything in an item online-only that is neither open nor always to be local. */
  freeUp(ino: Ino, signal: AbortSignal): Promise<Freed> {
    const { store, cache } = this.#deps
    return freeUp({ store, cache }, ino, signal, (freed, generation) =>
      this.localBytesChanged(freed, generation),
    )
  }

  /** The same, whatever was said of it and of what is in it. */
  purge(ino: Ino): Promise<Freed> {
    this.#deps.store.setPin(ino, undefined)
    return this.freeUp(ino, this.#closed.signal)
  }

  /** Ends all opens; resolves when what was downloaded is on the disk and in the store. The store stays open. */
  async close(): Promise<void> {
    this.#closed.abort(new Fault('cancelled', 'The drive is closing'))
    this.#lister.close()
    for (const handle of this.#handles.numbers()) this.release(handle)
    await this.#deps.hydrator.settled()
  }

  // --- what hydration asks ---

  async recheck(ino: Ino): Promise<void> {
    const item = this.#deps.store.items.byIno(ino)
    if (item === undefined) return
    const { clock, onTrouble } = this.#deps
    const { signal } = this.#closed
    const late = () => new Fault('timed-out', 'The service did not say whether the file has changed')
    try {
      await withDeadline(this.#lister.list(item.parent, signal), clock, RECHECK_DEADLINE, signal, late)
    } catch (failure) {
      onTrouble('content-not-rechecked', failure)
    }
  }

  refuted(ino: Ino, generation: number): void {
    const { store, clock, onTrouble } = this.#deps
    onTrouble('content-refuted', new Fault('corrupt-content', `inode ${ino}, generation ${generation}`))
    try {
      this.#carryOut(store.change(clock.now(), edit => edit.discardContent(ino, generation)))
    } catch (failure) {
      onTrouble('content-not-discarded', failure)
    }
  }

  outdated(ino: Ino): void {
    const item = this.#deps.store.items.byIno(ino)
    if (item) this.#lister.refreshLater(item.parent)
  }

  /** More or less of a content is local than the kernel was told. */
  localBytesChanged(ino: Ino, generation: number): void {
    this.#kernels.attributesChanged(ino, generation)
  }

  // --- inside ---

  /** Content first: the kernel must not be sent to bytes of a version that is over. */
  #carryOut(changes: readonly ItemChange[]): void {
    for (const change of changes) {
      if (change.kind === 'content' || change.kind === 'vanished') {
        this.#deps.cache.supersede(change.ino, change.generation, change.local)
      }
    }
    this.#kernels.tell(changes)
    this.#deps.keeper.changed(changes)
    this.#deps.watcher?.changed(changes)
  }

  /** @throws {Fault} `stale-node` */
  #item(node: NodeId): ItemRecord {
    const item = this.#deps.store.items.byIno(inoOf(node))
    if (item === undefined || !isOfNode(item, node)) throw staleNode()
    return item
  }

  /** @throws {Fault} `stale-node`, `not-a-directory` */
  #directory(node: NodeId): ItemRecord {
    const item = this.#item(node)
    if (!isDirectory(item.kind)) throw new Fault('not-a-directory', 'This is a file')
    return item
  }

  #attributes(item: ItemRecord): Attributes {
    return attributesOf(item, this.#localBytes(item.ino, item.generation), this.#rightsIn(item.library))
  }

  #rightsIn(library: LibraryId): Rights {
    if (this.#deps.writable !== true) return 'read'
    const { access, accessRemoved: removed } = this.#deps.store.libraries.byId(library) ?? {}
    // Unknown: it is tried, and what the service refuses is refused.
    return access === undefined || access === 'read' || removed !== undefined ? 'read' : 'write'
  }

  #localBytes(ino: Ino, generation: number): Bytes {
    const { cache, store } = this.#deps
    return cache.opened(ino, generation)?.present.size ?? store.content.localBytes(ino, generation)
  }

  /** Also while its hash is still being compared. */
  #isLocal({ ino, generation, size }: ItemRecord): boolean {
    const { cache, store } = this.#deps
    const opened = cache.opened(ino, generation)
    if (opened) return opened.unwritten({ start: 0, end: size }).length === 0
    return store.content.localBytes(ino, generation) >= size
  }

  #openedBytes(): Map<Ino, Bytes> {
    const bytes = new Map<Ino, Bytes>()
    for (const { reader } of this.#handles) {
      const { ino, present, end } = reader.file
      if (end === undefined) bytes.set(ino, present.size)
    }
    return bytes
  }

  /** Synchronisation finds out when it is shared again; until then nobody waits for a refusal. */
  #refuseRemoved(directory: ItemRecord): void {
    const library = this.#deps.store.libraries.byId(directory.library)
    if (library?.accessRemoved !== undefined) throw accessRemoved(library)
  }

  #hasGrownOld(directory: ItemRecord): boolean {
    if (directory.listing.kind !== 'listed') return false
    if (this.#deps.store.libraries.byId(directory.library)?.enumerated !== undefined) return false
    return this.#deps.clock.now() - directory.listing.at >= LISTING_GROWS_OLD
  }
}

/** Folders have one node for ever; a file has one for each content. */
function isOfNode(item: ItemRecord, node: NodeId): boolean {
  return node === nodeId(item.ino, isDirectory(item.kind) ? 0 : item.generation)
}

function staleNode(): Fault {
  return new Fault('stale-node', 'The item was replaced or deleted')
}

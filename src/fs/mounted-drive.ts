import { statfsSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../concurrency/clock.js'
import type { CacheLimits } from '../hydration/cache-limits.js'
import type { ContentCache } from '../hydration/content-cache.js'
import type { HydrationOwner, Hydrator } from '../hydration/hydrator.js'
import { localFault } from '../hydration/local-fault.js'
import type { OfflineMemory } from '../hydration/offline-memory.js'
import type { ByteRange } from '../model/byte-ranges.js'
import type { DirtyFile } from '../model/dirty-file.js'
import { Fault, isFault } from '../model/fault.js'
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
import type { OpenForWriting } from '../model/open-for-writing.js'
import type { Pin } from '../model/pin.js'
import type { RemoteFolder } from '../model/remote.js'
import type { ItemChange } from '../store/item-change.js'
import { isDirectory, type ItemRecord } from '../store/item-record.js'
import type { Store } from '../store/store.js'
import { withDeadline } from '../concurrency/deadline.js'
import { DriveNodes, staleNode } from './drive-nodes.js'
import { extendedAttribute, INHERITED, pinFromAttribute } from './extended-attributes.js'
import type {
  AttributeChanges,
  Attributes,
  Caller,
  Created,
  Entry,
  FileSystem,
  FileSystemStatistics,
  KernelView,
  OpenFile,
} from './file-system.js'
import { FolderLister, type RemovalGuard } from './folder-lister.js'
import { freeUp, type Freed } from './free-up.js'
import type { HydrationGate } from './hydration-gate.js'
import { KernelCaches } from './kernel-caches.js'
import { LocalChanges } from './local-changes.js'
import type { LocalWriter } from './local-writer.js'
import { OpenFiles } from './open-files.js'
import type { PinKeeper } from './pin-keeper.js'
import { RemovedFolders } from './removed-folders.js'

// Where no delta tells of changes, a folder that is opened again after so long is asked for once more.
const LISTING_GROWS_OLD: Milliseconds = 2 * 60_000
// A reader whose file has the wrong checksum waits for this before it is told.
const RECHECK_DEADLINE: Milliseconds = 10_000
// One transaction of a removal: about a millisecond.
const PURGED_AT_ONCE = 200
// Between two of these the wait can be given up.
const OWNED_AT_ONCE: Bytes = 8 * 1024 * 1024

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
  /** See {@link OpenFilesDeps}; a MiB where it is not said. */
  readonly smallBase?: Bytes
  readonly writer: LocalWriter
}

// A download of it is one request.
const SMALL_BASE: Bytes = 1024 * 1024

/** The drive: the libraries of the store, with content as it is needed. Knows no kernel. */
export class MountedDrive implements FileSystem, HydrationOwner {
  readonly #deps: MountedDriveDeps
  readonly #lister: FolderLister
  readonly #kernels: KernelCaches
  readonly #nodes: DriveNodes
  readonly #files: OpenFiles
  readonly #removed = new RemovedFolders()
  readonly #local: LocalChanges
  readonly #closed = new AbortController()

  constructor(deps: MountedDriveDeps) {
    this.#deps = deps
    const { store, cache, gate, hydrator, writer, folders, guard, clock, offline, onTrouble } = deps
    const nodes = new DriveNodes({ store, cache, dirty: writer.dirty })
    this.#nodes = nodes
    this.#kernels = new KernelCaches(store, item => nodes.attributes(item))
    const onLocalChanges = (changes: readonly ItemChange[]) => this.#carryOutHere(changes)
    this.#files = new OpenFiles({
      store,
      nodes,
      gate,
      hydrator,
      cache,
      writer,
      smallBase: deps.smallBase ?? SMALL_BASE,
      now: () => deps.clock.now(),
      isPassedThrough: node => this.#kernels.isPassedThrough(node),
      onChanges: onLocalChanges,
      onDirty: (node, file) => this.#kernels.contentDirty(node, file),
      onBytes: (node, byMapping) => this.#kernels.pagesChanged(node, byMapping),
      onHydrated: (ino, generation, isVerified) => {
        this.#kernels.attributesChanged(ino, generation)
        if (isVerified) deps.watcher?.localNow(ino, generation)
      },
      onTrouble,
    })
    this.#local = new LocalChanges({
      store,
      nodes,
      files: this.#files,
      removed: this.#removed,
      gate,
      writer,
      listed: (directory, signal) => this.#listed(directory, signal),
      listedAgain: (directory, signal) => this.#listedAgain(directory, signal),
      onChanges: onLocalChanges,
    })
    const onChanges = (changes: readonly ItemChange[]) => this.#carryOut(changes)
    this.#lister = new FolderLister({ store, folders, guard, clock, offline, onTrouble, onChanges })
    deps.hydrator.belongsTo(this)
    deps.keeper.belongsTo(this)
    deps.limits.belongsTo(this)
  }

  // --- what a kernel asks ---

  async lookup(parent: NodeId, name: string, signal: AbortSignal): Promise<Attributes | undefined> {
    const { items } = this.#deps.store
    const directory = this.#nodes.directory(parent)
    if (Buffer.byteLength(name) > LONGEST_NAME) throw new Fault('name-too-long', 'The name is too long')
    const known = items.byName(directory.ino, name)
    if (known) return this.#nodes.attributes(known)
    await this.#listed(directory, signal)
    const found = items.byName(directory.ino, name)
    return found && this.#nodes.attributes(found)
  }

  getattr(node: NodeId): Attributes {
    const item = this.#nodes.find(node)
    // Replaced or deleted; who has it open still sees what he opened.
    const attributes = item
      ? this.#nodes.attributes(item)
      : (this.#files.attributesOf(node) ?? this.#removed.attributesOf(node))
    if (attributes === undefined) throw staleNode()
    return attributes
  }

  async opendir(node: NodeId, signal: AbortSignal): Promise<void> {
    const directory = this.#nodes.directory(node)
    await this.#listed(directory, signal)
    if (this.#hasGrownOld(directory)) this.#lister.refreshLater(directory.ino)
  }

  readdir(node: NodeId): readonly Entry[] {
    const directory = this.#nodes.directory(node)
    this.#deps.watcher?.opened(directory.ino)
    return this.#listing(directory)
  }

  listingKnown(node: NodeId): readonly Entry[] | undefined {
    const directory = this.#nodes.find(node)
    if (directory === undefined || !isDirectory(directory.kind)) return undefined
    return this.#deps.store.isListed(directory) ? this.#listing(directory) : undefined
  }

  listingRead(node: NodeId): void {
    const directory = this.#deps.store.items.byIno(inoOf(node))
    if (directory === undefined || !isDirectory(directory.kind)) return
    this.#deps.watcher?.opened(directory.ino)
    if (this.#hasGrownOld(directory)) this.#lister.refreshLater(directory.ino)
  }

  #listing(directory: ItemRecord): readonly Entry[] {
    return this.#nodes.listing(directory)
  }

  parentOf(node: NodeId): NodeId {
    return nodeId(this.#deps.store.parentOf(this.#nodes.item(node)), 0)
  }

  async open(node: NodeId, flags: number, caller: Caller, signal: AbortSignal): Promise<OpenFile> {
    return await this.#files.open(node, flags, caller, signal)
  }

  async ensurePresent(handle: number, range: ByteRange, signal: AbortSignal): Promise<void> {
    await this.#files.ensurePresent(handle, range, signal)
  }

  async read(handle: number, range: ByteRange, signal: AbortSignal): Promise<Uint8Array> {
    return await this.#files.read(handle, range, signal)
  }

  release(handle: number): void {
    this.#files.release(handle)
  }

  async create(
    parent: NodeId,
    name: string,
    permissions: number,
    flags: number,
    caller: Caller,
    signal: AbortSignal,
  ): Promise<Created> {
    return await this.#local.create(parent, name, permissions, flags, caller, signal)
  }

  async mkdir(
    parent: NodeId,
    name: string,
    permissions: number,
    _: Caller,
    signal: AbortSignal,
  ): Promise<Attributes> {
    return await this.#local.mkdir(parent, name, permissions, signal)
  }

  async unlink(parent: NodeId, name: string, _: Caller, signal: AbortSignal): Promise<void> {
    await this.#local.remove(parent, name, 'file', signal)
  }

  async rmdir(parent: NodeId, name: string, _: Caller, signal: AbortSignal): Promise<void> {
    await this.#local.remove(parent, name, 'folder', signal)
  }

  async rename(
    parent: NodeId,
    name: string,
    newParent: NodeId,
    newName: string,
    flags: number,
    _: Caller,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#local.rename(parent, name, newParent, newName, flags, signal)
  }

  async setattr(
    node: NodeId,
    changes: AttributeChanges,
    handle: number | undefined,
    _caller: Caller,
    _signal: AbortSignal,
  ): Promise<Attributes> {
    return await this.#local.setattr(node, changes, handle)
  }

  async beginWrite(handle: number, signal: AbortSignal): Promise<DirtyFile> {
    return await this.#files.beginWrite(handle, signal)
  }

  async write(handle: number, offset: Bytes, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    await this.#files.write(handle, offset, bytes, signal)
  }

  async fsync(handle: number | undefined): Promise<void> {
    await this.#files.fsync(handle)
  }

  statistics(): FileSystemStatistics {
    const { cacheDirectory } = this.#deps
    try {
      const { bsize, blocks, bfree, bavail } = statfsSync(cacheDirectory)
      return { totalBytes: bsize * blocks, freeBytes: bsize * bfree, availableBytes: bsize * bavail }
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
    const item = this.#nodes.item(node)
    const source = { ...this.#deps, uploads: this.#deps.writer.uploads }
    return extendedAttribute(source, item, name, this.#nodes.localBytes(item))
  }

  setxattr(node: NodeId, name: string, value: string): void {
    this.pin(this.#nodes.item(node).ino, pinFromAttribute(name, value))
  }

  removexattr(node: NodeId, name: string): void {
    this.pin(this.#nodes.item(node).ino, pinFromAttribute(name, INHERITED))
  }

  listxattr(node: NodeId): readonly string[] {
    this.#nodes.item(node)
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

  /** @throws {Fault} `unsent-changes` */
  checkNothingUnsent(id: LibraryId): void {
    const { owed } = this.#deps.store
    const { inos, deletions } = owed.ofLibrary(id)
    refuseUnsent(inos.filter(ino => owed.of(ino)?.staysHere !== true).length + deletions)
  }

  /**
   * Takes the library off the drive at once. What it leaves behind in the store and the cache is deleted by
   * {@link deleteRemoved}.
   * @param anyway also where something was not sent yet, which is lost then
   * @throws {Fault} `not-added`, `unsent-changes`
   */
  removeLibrary(id: LibraryId, anyway = false): void {
    const { store, writer, clock } = this.#deps
    if (!anyway) this.checkNothingUnsent(id)
    const { inos } = store.owed.ofLibrary(id)
    this.#carryOut(store.removeLibrary(id, clock.now()))
    for (const ino of inos) writer.forget(ino)
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

  /** See {@link OpenFiles.openForWriting}. */
  openForWriting(ino: Ino): OpenForWriting | undefined {
    return this.#files.openForWriting(ino)
  }

  /** See {@link OpenFiles.noteWritten}. */
  noteWritten(ino: Ino): void {
    const item = this.#deps.store.items.byIno(ino)
    if (item !== undefined) this.#files.noteWritten(item)
  }

  /** See `UploadsOwner` in `uploads/uploader.ts`. */
  async ownContent(ino: Ino, signal: AbortSignal): Promise<void> {
    const { store, hydrator } = this.#deps
    const item = store.items.byIno(ino)
    if (item?.kind !== 'file' || store.owed.of(ino)?.content === true) return
    const { generation, size } = item
    const reader = hydrator.open(ino, generation, size, 'exact')
    try {
      for (let start = 0; start < size; start += OWNED_AT_ONCE) {
        await hydrator.ensure(reader, { start, end: Math.min(size, start + OWNED_AT_ONCE) }, signal)
      }
      const now = store.items.byIno(ino)
      // Replaced, or changed here, meanwhile: then that is what counts.
      if (now?.generation === generation && store.owed.of(ino)?.content !== true) this.#files.own(now)
    } finally {
      hydrator.release(reader)
    }
  }

  /** Ends all opens; resolves when what was downloaded is on the disk and in the store. The store stays open. */
  async close(): Promise<void> {
    this.#closed.abort(new Fault('cancelled', 'The drive is closing'))
    this.#lister.close()
    this.#files.releaseAll()
    this.#deps.cache.end()
    await this.#files.settled()
    await this.#deps.writer.settled()
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
    this.#supersede(changes)
    this.#kernels.tell(changes)
    this.#deps.keeper.changed(changes)
    this.#deps.watcher?.changed(changes)
  }

  /** The same of what was done on this machine. */
  #carryOutHere(changes: readonly ItemChange[]): void {
    this.#lister.noteChanges(changes)
    this.#supersede(changes)
    this.#kernels.tellOthers(changes)
    this.#deps.keeper.changed(changes)
    this.#deps.watcher?.changed(changes)
  }

  #supersede(changes: readonly ItemChange[]): void {
    for (const change of changes) {
      if (change.kind === 'content' || change.kind === 'vanished') {
        this.#deps.cache.supersede(change.ino, change.generation, change.local)
      }
    }
  }

  /** Resolves when all names in a folder are known. */
  async #listed(directory: ItemRecord, signal: AbortSignal): Promise<void> {
    if (this.#deps.store.isListed(directory)) return
    this.#refuseRemoved(directory)
    try {
      await this.#lister.list(directory.ino, signal)
    } catch (failure) {
      // What is known of it may be old in places: that is more than nothing.
      if (directory.listing.kind !== 'doubted' || !isFault(failure)) throw failure
      if (isFault(failure, 'stale-node', 'cancelled')) throw failure
    }
  }

  async #listedAgain(directory: ItemRecord, signal: AbortSignal): Promise<void> {
    try {
      await this.#lister.list(directory.ino, signal)
    } catch (failure) {
      if (!isFault(failure) || isFault(failure, 'stale-node', 'cancelled')) throw failure
    }
  }

  /** Synchronisation finds out when it is shared again; until then nobody waits for a refusal. */
  #refuseRemoved(directory: ItemRecord): void {
    const library = this.#deps.store.libraries.byId(directory.library)
    if (library?.accessRemoved !== undefined) throw accessRemoved(library)
  }

  #hasGrownOld(directory: ItemRecord): boolean {
    if (directory.listing.kind !== 'listed') return false
    const { libraries, notUnderstood } = this.#deps.store
    // What was not understood may be by now, and delta does not tell it again.
    const isWhole = notUnderstood.countIn(directory.library, directory.remoteId) === 0
    if (isWhole && libraries.byId(directory.library)?.enumerated !== undefined) return false
    return this.#deps.clock.now() - directory.listing.at >= LISTING_GROWS_OLD
  }
}

function refuseUnsent(changes: number): void {
  if (changes === 0) return
  throw new Fault('unsent-changes', `${changes} changes in this library have not been sent yet`, {
    nextStep: 'Wait for them with:  b2bmount sync --wait   or save them elsewhere with:  b2bmount export DIR',
  })
}

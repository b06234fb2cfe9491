import { constants } from 'node:fs'
import type { OpenDirty } from '../dirty/dirty-files.js'
import type { ContentCache } from '../hydration/content-cache.js'
import type { ContentReader, Hydrator } from '../hydration/hydrator.js'
import { readRange } from '../hydration/read-range.js'
import { ByteRanges, type ByteRange } from '../model/byte-ranges.js'
import type { DirtyFile } from '../model/dirty-file.js'
import { Fault, isFault } from '../model/fault.js'
import { checkFileSize } from '../model/file-size.js'
import type { Bytes, Ino, Milliseconds, NodeId } from '../model/ids.js'
import type { OpenForWriting } from '../model/open-for-writing.js'
import type { ItemChange } from '../store/item-change.js'
import type { ItemRecord } from '../store/item-record.js'
import type { Store } from '../store/store.js'
import { blocksOf } from './attributes.js'
import { nodeOf, staleNode, type DriveNodes } from './drive-nodes.js'
import type { Attributes, Caller, Created, LocalContent, OpenFile } from './file-system.js'
import { HandleTable, type OpenHandle } from './handle-table.js'
import { NEW_CHANGE, type Admission, type HydrationGate } from './hydration-gate.js'
import type { LocalWriter } from './local-writer.js'

const { O_RDWR, O_TRUNC, O_WRONLY } = constants

export interface OpenFilesDeps {
  /**
   * Of a file that is not larger, all is fetched when something is written over it: else its replacement over there would
   * leave a change of something that is nowhere. Larger ones have the version history.
   */
  readonly smallBase: Bytes
  readonly store: Pick<Store, 'items' | 'owed' | 'flushed'>
  readonly nodes: DriveNodes
  readonly gate: HydrationGate
  readonly hydrator: Pick<Hydrator, 'open' | 'ensure' | 'release'>
  readonly cache: Pick<ContentCache, 'pathOf' | 'supersede'>
  /** Whether a kernel reads the cache file of this node by itself. */
  readonly isPassedThrough: (node: NodeId) => boolean
  readonly writer: LocalWriter
  readonly now: () => Milliseconds
  /** This program has changed something. */
  readonly onChanges: (changes: readonly ItemChange[]) => void
  /** Whoever has the file of this node open reads and writes by way of it from now on. */
  readonly onDirty: (node: NodeId, file: DirtyFile) => void
  /**
   * Bytes of a file were changed; after {@link OpenFilesDeps.onChanges}.
   * @param byMapping and no kernel has seen that
   */
  readonly onBytes: (node: NodeId, byMapping: boolean) => void
  /** More of a content is here than programs were told. */
  readonly onHydrated: (ino: Ino, generation: number, isVerified: boolean) => void
  /** Something went wrong that nobody waits for. */
  readonly onTrouble: (event: string, failure: unknown) => void
}

/**
 * Open files: each reads one content, through what was changed of it here.
 *
 * INVARIANT: of a file that was changed here every handle of its present node has the one {@link DirtyFile}.
 */
export class OpenFiles {
  readonly #deps: OpenFilesDeps
  readonly #handles = new HandleTable()
  readonly #closed = new AbortController()
  readonly #fetching = new Set<Promise<void>>()
  /** Of files without a base: one for each, as others have one for each content. */
  readonly #contents = new WeakMap<DirtyFile, LocalContent>()

  constructor(deps: OpenFilesDeps) {
    this.#deps = deps
  }

  async open(node: NodeId, flags: number, caller: Caller, signal: AbortSignal): Promise<OpenFile> {
    const { nodes, gate } = this.#deps
    const mayWrite = isForWriting(flags)
    const truncates = (flags & O_TRUNC) !== 0
    if (nodes.find(node) === undefined) return await this.#openRemoved(node, flags, caller, signal)
    this.#checkOpen(nodes.file(node), mayWrite || truncates)
    const admission = await gate.admit(caller, flags)
    signal.throwIfAborted()
    const wanted = nodes.file(node)
    await gate.permit(wanted, truncates || nodes.isLocal(wanted), admission, signal)
    signal.throwIfAborted()
    const item = nodes.file(node)
    if (truncates && !this.#isUnchanged(item, 0)) {
      gate.openLocal(item, admission)
      this.truncate(item, 0)
      return this.#openLocally(nodes.file(node), mayWrite, admission)
    }
    const { dirty } = this.#deps.writer
    const changed = this.#openDirty(item)
    try {
      if (changed?.hasBase !== false) return await this.#openWithBase(item, mayWrite, admission)
      gate.openLocal(item, admission)
      return this.#openLocally(item, mayWrite, admission)
    } finally {
      if (changed !== undefined) dirty.release(changed)
    }
  }

  /** Opens what was just made. @param dirty is kept */
  openNew(item: ItemRecord, dirty: OpenDirty, flags: number, admission: Admission): Created {
    const content = this.#contentOf(dirty)
    const handle = this.#add(item, {
      content,
      reader: undefined,
      dirty,
      mayWrite: isForWriting(flags),
      admission,
    })
    const { attributes } = this.#handles.get(handle)
    return { handle, content, dirty: dirty.file, attributes }
  }

  async ensurePresent(number: number, range: ByteRange, signal: AbortSignal): Promise<void> {
    const { reader, admission, dirty } = this.#handles.get(number)
    if (reader === undefined) return
    const needed = dirty === undefined ? [range] : dirty.file.fromBase(range)
    for (const part of needed) await this.#deps.gate.ensure(reader, admission, part, signal)
  }

  async read(number: number, range: ByteRange, signal: AbortSignal): Promise<Uint8Array> {
    await this.ensurePresent(number, range, signal)
    const { reader, dirty } = this.#handles.get(number)
    if (reader === undefined) return dirty?.file.read(range) ?? new Uint8Array(0)
    const { fd, size } = reader.file
    if (dirty === undefined)
      return await readRange(fd, { start: range.start, end: Math.min(range.end, size) })
    // What is written while the base is read is not covered by it: that is looked at afterwards, gaps before bytes.
    const parts: { readonly start: Bytes; readonly bytes: Uint8Array }[] = []
    for (const part of dirty.file.fromBase(range)) {
      parts.push({ start: part.start, bytes: await readRange(fd, part) })
    }
    const gaps = dirty.file.fromBase(range)
    const bytes = dirty.file.read(range)
    for (const gap of gaps) {
      const part = parts.find(
        ({ start, bytes: { length } }) => start <= gap.start && gap.end <= start + length,
      )
      if (part === undefined) throw new Error('the base gives more than before')
      bytes.set(part.bytes.subarray(gap.start - part.start, gap.end - part.start), gap.start - range.start)
    }
    return bytes
  }

  /** As who has it open still sees a file that was replaced or deleted. */
  attributesOf(node: NodeId): Attributes | undefined {
    for (const handle of this.#handles) {
      if (handle.node !== node) continue
      const { attributes, dirty } = handle
      const links = this.#deps.store.items.byIno(handle.ino) === undefined ? 0 : 1
      if (dirty === undefined) return { ...attributes, links }
      const { size, modified } = dirty.file
      return { ...attributes, size, modified, blocks: blocksOf(size, size), links }
    }
    return undefined
  }

  /** Who has it open for writing, and whether its bytes are whole; `undefined`: nobody has. */
  openForWriting(ino: Ino): OpenForWriting | undefined {
    const writer = this.#handles.writerOf(ino)
    if (writer === undefined) return undefined
    const { since, admission } = writer
    const { dirty } = this.#deps.writer
    const opened = dirty.opened(ino)
    const who = { program: admission.program, pid: admission.pid, since }
    // What is written by way of these handles belongs to another content, or nothing was written yet.
    if (opened === undefined) return { ...who, writtenAt: 0, isSaved: true }
    dirty.noticeMapping(opened)
    const { writtenAt, saved } = opened.file
    return { ...who, writtenAt, isSaved: saved === opened.file.writes() }
  }

  /** What was written into it while it is open is noted in the store. @throws {Fault} as the store; `local-io` */
  noteWritten(item: ItemRecord): void {
    const opened = this.#deps.writer.dirty.opened(item.ino)
    if (opened !== undefined) this.#note(opened, nodeOf(item))
  }

  async beginWrite(number: number, signal: AbortSignal): Promise<DirtyFile> {
    const { gate } = this.#deps
    const { dirty } = this.#writable(number)
    if (dirty !== undefined) return dirty.file
    return await gate.withRoom(NEW_CHANGE, () => {
      signal.throwIfAborted()
      // What the handle reads must be what the file has: else what is written would belong to another content.
      const opened = this.#begin(this.#deps.nodes.item(this.#writable(number).node), true)
      this.#deps.writer.dirty.release(opened)
      return opened.file
    })
  }

  async write(number: number, offset: Bytes, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    checkFileSize(offset + bytes.length)
    const file = await this.beginWrite(number, signal)
    const need = { bytes: bytes.length, of: 'changes' } as const
    await this.#deps.gate.withRoom(need, () => file.write(offset, bytes))
  }

  /** @throws {Fault} `file-too-large`, `read-only`, `access-removed`, `disk-full`, `local-io` */
  truncate(item: ItemRecord, size: Bytes): void {
    checkFileSize(size)
    // What changes nothing is not sent.
    if (this.#isUnchanged(item, size)) return
    const opened = this.#begin(item, size > 0)
    try {
      opened.file.truncate(size)
      this.#note(opened, nodeOf(item))
    } finally {
      this.#deps.writer.dirty.release(opened)
    }
  }

  /** By way of a handle: also where the file was deleted. @throws {Fault} as {@link truncate}, `bad-handle` */
  truncateOpened(number: number, size: Bytes): void {
    checkFileSize(size)
    const { node, dirty } = this.#writable(number)
    if (dirty === undefined) return this.truncate(this.#deps.nodes.item(node), size)
    dirty.file.truncate(size)
    this.#note(dirty, node)
  }

  /**
   * By way of `/proc/self/fd`: of a file that was removed or replaced and that was changed here.
   * @throws {Fault} as {@link truncate}, `stale-node` where nobody has it open, or nothing of it was changed
   */
  truncateRemoved(node: NodeId, size: Bytes): void {
    checkFileSize(size)
    const { dirty } = this.#handleOf(node)
    if (dirty === undefined) throw staleNode()
    dirty.file.truncate(size)
  }

  async fsync(number: number | undefined): Promise<void> {
    const { dirty, node } = number === undefined ? {} : this.#handles.get(number)
    const { writer, store } = this.#deps
    if (dirty !== undefined && node !== undefined) {
      this.#note(dirty, node)
      const { file } = dirty
      const writes = file.writes()
      await writer.dirty.sync(dirty)
      file.saved = Math.max(file.saved ?? 0, writes)
      writer.uploads.wake()
    }
    await store.flushed()
  }

  /** What the service has of it is ours from now on, and as it is: all of it is here, and verified. */
  own(item: ItemRecord): void {
    const { writer, cache } = this.#deps
    const { ino, generation, size } = item
    const opened = writer.ownContent(item, size > 0 ? { takeOver: cache.pathOf(ino, generation) } : 'empty')
    if (size > 0) cache.supersede(ino, generation, false)
    this.#share(item, opened)
    writer.dirty.release(opened)
  }

  release(number: number): void {
    const { ino, node, reader, dirty, mayWrite, attributes } = this.#handles.remove(number)
    if (dirty !== undefined) this.#releaseDirty(dirty, node)
    if (reader !== undefined) {
      const { file } = reader
      const blocks = blocksOf(file.size, file.present.size)
      this.#deps.hydrator.release(reader)
      if (dirty === undefined && blocks !== attributes.blocks)
        this.#deps.onHydrated(ino, file.generation, file.verified)
    }
    if (mayWrite && this.#handles.writerOf(ino) === undefined) this.#deps.writer.uploads.closed(ino)
  }

  releaseAll(): void {
    this.#closed.abort(new Fault('cancelled', 'The drive is closing'))
    for (const number of this.#handles.numbers()) this.release(number)
  }

  /**
   * A file that was removed or replaced, and that a program still has open, by way of `/proc/self/fd`.
   * @throws {Fault} `stale-node` where nobody has it open
   */
  async #openRemoved(node: NodeId, flags: number, caller: Caller, signal: AbortSignal): Promise<OpenFile> {
    const { gate, hydrator, writer } = this.#deps
    const { item } = this.#handleOf(node)
    this.#checkOpen(item, isForWriting(flags))
    const admission = await gate.admit(caller, flags)
    const isLocal = () => this.#isComplete(node)
    await gate.permit(item, isLocal(), admission, signal)
    const reader = this.#handleOf(node).reader && (await gate.open(item, isLocal, admission))
    try {
      signal.throwIfAborted()
      const { attributes, dirty, content, ino } = this.#handleOf(node)
      const own = dirty && writer.dirty.share(dirty)
      const mayWrite = isForWriting(flags)
      const handle = this.#handles.add({
        node,
        ino,
        item,
        content,
        reader,
        dirty: own,
        mayWrite,
        admission,
        attributes,
        since: this.#deps.now(),
      })
      return { handle, content, ...(own === undefined ? {} : { dirty: own.file }) }
    } catch (failure) {
      if (reader !== undefined) hydrator.release(reader)
      throw failure
    }
  }

  #handleOf(node: NodeId): OpenHandle {
    for (const handle of this.#handles) if (handle.node === node) return handle
    throw staleNode()
  }

  #isComplete(node: NodeId): boolean {
    const { reader, dirty } = this.#handleOf(node)
    if (reader === undefined) return true
    const whole = { start: 0, end: dirty === undefined ? reader.file.size : dirty.file.size }
    const fromBase = dirty === undefined ? [whole] : dirty.file.fromBase(whole)
    return fromBase.every(range => reader.file.unwritten(range).length === 0)
  }

  async #openWithBase(item: ItemRecord, mayWrite: boolean, admission: Admission): Promise<OpenFile> {
    const { nodes, gate, hydrator } = this.#deps
    const reader = await gate.open(item, () => nodes.isLocal(item), admission)
    try {
      // It may have been changed, or replaced, meanwhile.
      const now = nodes.item(nodeOf(item))
      const dirty = this.#openDirty(now)
      const content = reader.file
      const handle = this.#add(now, { content, reader, dirty, mayWrite, admission })
      return { handle, content, ...(dirty === undefined ? {} : { dirty: dirty.file }) }
    } catch (failure) {
      hydrator.release(reader)
      throw failure
    }
  }

  /** A file that needs nothing of what the service has. */
  #openLocally(item: ItemRecord, mayWrite: boolean, admission: Admission): OpenFile {
    const dirty = this.#openDirty(item)
    if (dirty === undefined) throw new Error('it was not changed here')
    const content = this.#contentOf(dirty)
    const handle = this.#add(item, { content, reader: undefined, dirty, mayWrite, admission })
    return { handle, content, dirty: dirty.file }
  }

  #add(item: ItemRecord, opened: Omit<OpenHandle, 'node' | 'ino' | 'item' | 'attributes' | 'since'>): number {
    const attributes = this.#deps.nodes.attributes(item)
    // From the first byte on nobody tells us of what is written: natively, into a file that was changed here before.
    if (opened.mayWrite && opened.dirty !== undefined) this.#deps.writer.beforeWriting(item.ino)
    const since = this.#deps.now()
    return this.#handles.add({ ...opened, node: nodeOf(item), ino: item.ino, item, attributes, since })
  }

  #checkOpen(item: ItemRecord, changes: boolean): void {
    if (changes) this.#deps.writer.checkWritable(item.library)
  }

  /** To be given back. */
  #openDirty({ ino }: ItemRecord): OpenDirty | undefined {
    const { store, writer } = this.#deps
    const owed = store.owed.of(ino)
    if (owed?.content !== true) return undefined
    return writer.dirty.open(ino, owed.base.size)
  }

  #writable(number: number): OpenHandle {
    const handle = this.#handles.get(number)
    if (!handle.mayWrite) throw new Fault('bad-handle', 'This file is not open for writing')
    return handle
  }

  #isUnchanged(item: ItemRecord, size: Bytes): boolean {
    const { store, nodes } = this.#deps
    return store.owed.of(item.ino)?.content !== true && nodes.attributes(item).size === size
  }

  /** To be given back. Whoever has the file open is told. */
  #begin(item: ItemRecord, fromBase: boolean): OpenDirty {
    const opened = this.#deps.isPassedThrough(nodeOf(item))
      ? this.#takeOver(item)
      : this.#deps.writer.beginContent(item, fromBase ? 'over-base' : 'empty')
    this.#share(item, opened)
    if (fromBase && opened.hasBase) this.#fetchSmallBase(item)
    return opened
  }

  /** Nobody waits for it, and it will be needed to send the change. Where the service cannot be reached it stays away. */
  #fetchSmallBase({ ino, generation }: ItemRecord): void {
    const { store, hydrator, smallBase } = this.#deps
    const size = store.owed.of(ino)?.base.size ?? 0
    if (size === 0 || size > smallBase) return
    const fetching = this.#fetch(() => hydrator.open(ino, generation, size, 'exact'), size)
    this.#fetching.add(fetching)
    void fetching.finally(() => this.#fetching.delete(fetching))
  }

  /** Never rejects. */
  async #fetch(open: () => ContentReader, size: Bytes): Promise<void> {
    const { hydrator, onTrouble } = this.#deps
    try {
      const reader = open()
      try {
        await hydrator.ensure(reader, { start: 0, end: size }, this.#closed.signal)
      } finally {
        hydrator.release(reader)
      }
    } catch (failure) {
      if (!isFault(failure)) onTrouble('base-not-fetched', failure)
    }
  }

  /** Resolves when nothing is fetched any more that nobody waits for. */
  async settled(): Promise<void> {
    await Promise.all(this.#fetching)
  }

  #share(item: ItemRecord, opened: OpenDirty): void {
    const node = nodeOf(item)
    for (const handle of this.#handles) {
      if (handle.node === node) handle.dirty ??= this.#deps.writer.dirty.share(opened)
    }
    this.#deps.onDirty(node, opened.file)
  }

  /** The cache file itself is written to from now on: whoever reads it without us sees what is written. */
  #takeOver(item: ItemRecord): OpenDirty {
    const { cache } = this.#deps
    const { ino, generation } = item
    const opened = this.#deps.writer.beginContent(item, { takeOver: cache.pathOf(ino, generation) })
    cache.supersede(ino, generation, false)
    return opened
  }

  #note(dirty: OpenDirty, node: NodeId): void {
    const isMapped = this.#deps.writer.dirty.takeMapping(dirty)
    const { file } = dirty
    const { revision } = file
    if (file.noted === revision) return
    this.#deps.onChanges(this.#deps.writer.noteContent(dirty))
    file.noted = revision
    this.#deps.onBytes(node, isMapped)
  }

  #releaseDirty(dirty: OpenDirty, node: NodeId): void {
    try {
      this.#note(dirty, node)
    } catch (failure) {
      // The bytes are there, and the next start finds them.
      this.#deps.onTrouble('change-not-noted', failure)
    }
    this.#deps.writer.dirty.release(dirty)
  }

  #contentOf({ fd, file }: OpenDirty): LocalContent {
    const known = this.#contents.get(file)
    if (known) return known
    const content: LocalContent = {
      fd,
      size: 0,
      present: new ByteRanges(),
      verified: true,
      onPresent: () => () => {},
    }
    this.#contents.set(file, content)
    return content
  }
}

function isForWriting(flags: number): boolean {
  return (flags & (O_WRONLY | O_RDWR)) !== 0
}

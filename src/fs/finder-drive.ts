import { constants, openSync, readSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LRUCache } from 'lru-cache'
import type { Clock } from '../concurrency/clock.js'
import { withDeadline } from '../concurrency/deadline.js'
import { ByteRanges, type ByteRange } from '../model/byte-ranges.js'
import type { DirtyFile } from '../model/dirty-file.js'
import { Fault } from '../model/fault.js'
import { nodeId, ROOT_INO, type Bytes, type Ino, type Milliseconds, type NodeId } from '../model/ids.js'
import type { ThumbnailBox } from '../model/thumbnail.js'
import type {
  AttributeChanges,
  Attributes,
  Caller,
  Created,
  Entry,
  FileSystem,
  FileSystemStatistics,
  LocalContent,
  OpenFile,
} from './file-system.js'
import { icnsLength, icnsOf } from './icns.js'
import { FORK_OVERHEAD, resourceFork } from './resource-fork.js'

/** Thumbnails that are here. Never asks the network, never reads the file. */
export interface FileIcons {
  hasIcon(node: NodeId): boolean
  /** Square PNGs, exactly as large as their boxes; `undefined` where there is none of this content. */
  icon(
    node: NodeId,
    boxes: readonly ThumbnailBox[],
  ): Promise<ReadonlyMap<ThumbnailBox, Uint8Array> | undefined>
}

export interface FinderDriveDeps {
  readonly drive: FileSystem
  readonly icons: FileIcons
  /** An icns. */
  readonly volumeIcon: Uint8Array
  /** Absolute; exists. For what is shown at the root. */
  readonly directory: string
  readonly clock: Clock
}

const FINDER_INFO = 'com.apple.FinderInfo'
const RESOURCE_FORK = 'com.apple.ResourceFork'
// Type and creator, four bytes each, the flags, and 22 bytes that are of no meaning here.
const FINDER_INFO_LENGTH = 32
const FLAGS = 8
const HAS_CUSTOM_ICON = 0x0400
const CUSTOM_ICON_ID = -16455

/** What an attribute may have on Linux, and with every version of FUSE for a Mac. */
const LARGEST_FORK: Bytes = 64 * 1024
// The smaller one has what Finder shows in lists; the larger one is left out where both are too much.
const BOXES: readonly ThumbnailBox[] = [128, 256]
// A Finder that waits for an icon shows nothing else meanwhile.
const LONGEST_WAIT: Milliseconds = 2_000
// Finder asks for the length, and then for the fork in pieces.
const FORKS_REMEMBERED = 64

const ROOT = nodeId(ROOT_INO, 0)
// The last ones that a nodeid can hold; the store counts from 1.
const VOLUME_ICON_INO = (2 ** 36 - 2) as Ino
const NEVER_INDEX_INO = (2 ** 36 - 1) as Ino
// Far from those of the drive.
const FIRST_HANDLE = 2 ** 40

interface RootFile {
  readonly name: string
  readonly attributes: Attributes
  readonly content: LocalContent
}

/**
 * The drive as a Mac's Finder is to see it. It makes previews by reading files, which would download them; but a file
 * that has an icon of its own it shows with that. So a thumbnail that is here is the file's icon.
 *
 * At the root stand the drive's icon, and the note that Spotlight is not to read everything. An organization that is
 * called like one of them has its name, and the file is not there.
 */
export class FinderDrive implements FileSystem {
  readonly #deps: FinderDriveDeps
  readonly #files: readonly RootFile[]
  readonly #open = new Map<number, RootFile>()
  readonly #forks = new LRUCache<NodeId, Promise<Buffer | undefined>>({ max: FORKS_REMEMBERED })
  #nextHandle = FIRST_HANDLE

  constructor(deps: FinderDriveDeps) {
    this.#deps = deps
    const { directory, volumeIcon, clock } = deps
    this.#files = [
      rootFile(directory, '.VolumeIcon.icns', VOLUME_ICON_INO, volumeIcon, clock.now()),
      rootFile(directory, '.metadata_never_index', NEVER_INDEX_INO, new Uint8Array(0), clock.now()),
    ]
  }

  async lookup(parent: NodeId, name: string, signal: AbortSignal): Promise<Attributes | undefined> {
    const found = await this.#deps.drive.lookup(parent, name, signal)
    if (found !== undefined || parent !== ROOT) return found
    return this.#files.find(file => file.name === name)?.attributes
  }

  getattr(node: NodeId): Attributes {
    return this.#fileOf(node)?.attributes ?? this.#deps.drive.getattr(node)
  }

  async opendir(node: NodeId, signal: AbortSignal): Promise<void> {
    if (this.#fileOf(node)) throw new Fault('not-a-directory', 'This is a file')
    await this.#deps.drive.opendir(node, signal)
  }

  readdir(node: NodeId): readonly Entry[] {
    return this.#withRootFiles(node, this.#deps.drive.readdir(node))
  }

  listingKnown(node: NodeId): readonly Entry[] | undefined {
    const entries = this.#deps.drive.listingKnown(node)
    return entries && this.#withRootFiles(node, entries)
  }

  listingRead(node: NodeId): void {
    this.#deps.drive.listingRead(node)
  }

  parentOf(node: NodeId): NodeId {
    return this.#fileOf(node) ? ROOT : this.#deps.drive.parentOf(node)
  }

  async open(node: NodeId, flags: number, caller: Caller, signal: AbortSignal): Promise<OpenFile> {
    const file = this.#fileOf(node)
    if (file === undefined) return await this.#deps.drive.open(node, flags, caller, signal)
    if ((flags & (constants.O_WRONLY | constants.O_RDWR | constants.O_TRUNC)) !== 0) throw readOnly()
    const handle = this.#nextHandle++
    this.#open.set(handle, file)
    return { handle, content: file.content }
  }

  async ensurePresent(handle: number, range: ByteRange, signal: AbortSignal): Promise<void> {
    if (!this.#open.has(handle)) await this.#deps.drive.ensurePresent(handle, range, signal)
  }

  async read(handle: number, range: ByteRange, signal: AbortSignal): Promise<Uint8Array> {
    const file = this.#open.get(handle)
    if (file === undefined) return await this.#deps.drive.read(handle, range, signal)
    const { fd, size } = file.content
    const bytes = Buffer.alloc(Math.max(0, Math.min(range.end, size) - range.start))
    return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, range.start))
  }

  release(handle: number): void {
    if (!this.#open.delete(handle)) this.#deps.drive.release(handle)
  }

  async create(
    parent: NodeId,
    name: string,
    permissions: number,
    flags: number,
    caller: Caller,
    signal: AbortSignal,
  ): Promise<Created> {
    return await this.#deps.drive.create(parent, name, permissions, flags, caller, signal)
  }

  async mkdir(
    parent: NodeId,
    name: string,
    permissions: number,
    caller: Caller,
    signal: AbortSignal,
  ): Promise<Attributes> {
    return await this.#deps.drive.mkdir(parent, name, permissions, caller, signal)
  }

  async unlink(parent: NodeId, name: string, caller: Caller, signal: AbortSignal): Promise<void> {
    await this.#deps.drive.unlink(parent, name, caller, signal)
  }

  async rmdir(parent: NodeId, name: string, caller: Caller, signal: AbortSignal): Promise<void> {
    await this.#deps.drive.rmdir(parent, name, caller, signal)
  }

  async rename(
    parent: NodeId,
    name: string,
    newParent: NodeId,
    newName: string,
    flags: number,
    caller: Caller,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#deps.drive.rename(parent, name, newParent, newName, flags, caller, signal)
  }

  async setattr(
    node: NodeId,
    changes: AttributeChanges,
    handle: number | undefined,
    caller: Caller,
    signal: AbortSignal,
  ): Promise<Attributes> {
    if (this.#fileOf(node)) throw readOnly()
    return await this.#deps.drive.setattr(node, changes, handle, caller, signal)
  }

  async beginWrite(handle: number, signal: AbortSignal): Promise<DirtyFile> {
    return await this.#deps.drive.beginWrite(handle, signal)
  }

  async write(handle: number, offset: Bytes, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    await this.#deps.drive.write(handle, offset, bytes, signal)
  }

  async fsync(handle: number | undefined, signal: AbortSignal): Promise<void> {
    await this.#deps.drive.fsync(handle, signal)
  }

  statistics(): FileSystemStatistics {
    return this.#deps.drive.statistics()
  }

  async getxattr(node: NodeId, name: string, signal: AbortSignal): Promise<Uint8Array> {
    const isOfFile = this.#fileOf(node) !== undefined
    if (!isOfFile && name === FINDER_INFO) {
      if (node === ROOT || this.#hasIcon(node)) return finderInfo(HAS_CUSTOM_ICON)
    } else if (!isOfFile && name === RESOURCE_FORK) {
      const fork = node !== ROOT && this.#hasIcon(node) ? await this.#forkOf(node, signal) : undefined
      if (fork) return fork
    } else if (!isOfFile) {
      return await this.#deps.drive.getxattr(node, name, signal)
    }
    throw new Fault('no-attribute', `There is no attribute ${name} here`)
  }

  setxattr(node: NodeId, name: string, value: string): void {
    if (this.#fileOf(node)) throw readOnly()
    this.#deps.drive.setxattr(node, name, value)
  }

  removexattr(node: NodeId, name: string): void {
    if (this.#fileOf(node)) throw readOnly()
    this.#deps.drive.removexattr(node, name)
  }

  listxattr(node: NodeId): readonly string[] {
    return this.#fileOf(node) ? [] : this.#deps.drive.listxattr(node)
  }

  /** Also says what is wrong with the node. */
  #withRootFiles(node: NodeId, entries: readonly Entry[]): readonly Entry[] {
    if (node !== ROOT) return entries
    const names = new Set(entries.map(({ name }) => name))
    return [...entries, ...this.#files.filter(({ name }) => !names.has(name))]
  }

  #hasIcon(node: NodeId): boolean {
    return this.#deps.drive.getattr(node).kind === 'file' && this.#deps.icons.hasIcon(node)
  }

  async #forkOf(node: NodeId, signal: AbortSignal): Promise<Uint8Array | undefined> {
    let fork = this.#forks.get(node)
    if (fork === undefined) {
      fork = this.#makeFork(node)
      this.#forks.set(node, fork)
      // What has failed, or has no icon any more, is tried again.
      const forget = () => void this.#forks.delete(node)
      fork.then(made => made ?? forget(), forget)
    }
    const late = () => new Fault('no-attribute', 'The icon is not ready yet')
    return await withDeadline(fork, this.#deps.clock, LONGEST_WAIT, signal, late)
  }

  async #makeFork(node: NodeId): Promise<Buffer | undefined> {
    const pngs = await this.#deps.icons.icon(node, BOXES)
    if (pngs === undefined) return undefined
    const chosen: (readonly [ThumbnailBox, Uint8Array])[] = []
    for (const [box, png] of pngs) {
      const lengths = [...chosen.map(([, { length }]) => length), png.length]
      if (FORK_OVERHEAD + icnsLength(lengths) <= LARGEST_FORK) chosen.push([box, png])
    }
    return chosen.length > 0 ? resourceFork('icns', CUSTOM_ICON_ID, icnsOf(chosen)) : undefined
  }

  #fileOf(node: NodeId): RootFile | undefined {
    return this.#files.find(({ attributes }) => attributes.node === node)
  }
}

function finderInfo(flags: number): Buffer {
  const info = Buffer.alloc(FINDER_INFO_LENGTH)
  info.writeUInt16BE(flags, FLAGS)
  return info
}

function rootFile(directory: string, name: string, ino: Ino, bytes: Uint8Array, now: Milliseconds): RootFile {
  const path = join(directory, name)
  writeFileSync(path, bytes, { mode: 0o600 })
  const size = bytes.length
  const content: LocalContent = {
    fd: openSync(path, 'r'),
    size,
    present: new ByteRanges([{ start: 0, end: size }]),
    verified: true,
    onPresent: () => () => {},
  }
  const blocks = Math.ceil(size / 512)
  const attributes: Attributes = {
    node: nodeId(ino, 0),
    ino,
    kind: 'file',
    size,
    blocks,
    modified: now,
    changed: now,
    created: now,
    permissions: 0o444,
    links: 1,
  }
  return { name, attributes, content }
}

function readOnly(): Fault {
  return new Fault('read-only', 'This file is a part of the drive and cannot be changed')
}

import { openSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import type { Request, Session, SessionOptions } from '../../native/index.js'
import { DirtyFiles, type OpenDirty } from '../../src/dirty/dirty-files.js'
import { NativeDirtyFile } from '../../src/dirty/native-dirty-file.js'
import { toErrno } from '../../src/fs/errno.js'
import type { Attributes, Entry } from '../../src/fs/file-system.js'
import { isFault } from '../../src/model/fault.js'
import type { Ino, NodeId } from '../../src/model/ids.js'
import { packEntries, packNode } from '../../src/transport/node-record.js'
import type { NativeAddon } from '../../src/transport/native-addon.js'

export interface FileSpec {
  readonly parent: number
  readonly name: string
  readonly node: number
  readonly size: number
  readonly modified?: number
  /** A file that has the bytes in `present`. */
  readonly cache?: string
  /** Pairs start, end. */
  readonly present?: readonly number[]
  readonly verified?: boolean
}

interface MemoryNode {
  attributes: Attributes
  readonly children: Map<string, number>
  parent: number
  readonly file: FileSpec | undefined
  dirty?: OpenDirty
}

export const ROOT = 1
const { errno } = constants
const FIRST_NODE_MADE = 100_000
/** renameat2(2) */
const RENAME_NOREPLACE = 1

/**
 * The smallest file system that a session can show: a tree in memory, answered at once, with dirty files on the disk.
 * Lives in the child process.
 */
export class MemoryDrive {
  readonly #addon: NativeAddon
  readonly #directory: string
  readonly #session: Session
  readonly #nodes = new Map<number, MemoryNode>()
  readonly #contents = new Map<number, number>()
  readonly #silent = new Set<string>()
  readonly #onEvent: (event: Request) => void
  readonly #held = new Map<number, Request>()
  readonly #handles = new Map<number, number>()
  #dirtyFiles: DirtyFiles | undefined
  #hydrates = false
  #lastHandle = 0
  #lastNode = FIRST_NODE_MADE

  constructor(addon: NativeAddon, options: SessionOptions, onEvent: (event: Request) => void) {
    this.#addon = addon
    this.#directory = options.directory
    this.#onEvent = onEvent
    this.addDirectory(ROOT, '', ROOT)
    this.#session = new addon.Session(options, requests => {
      for (const request of requests) this.#receive(request)
    })
  }

  get session(): Session {
    return this.#session
  }

  addDirectory(parent: number, name: string, node: number): void {
    this.#add(parent, name, node, undefined, attributesOf(node, 'directory', 0))
  }

  addFile(file: FileSpec): void {
    this.#add(
      file.parent,
      file.name,
      file.node,
      file,
      attributesOf(file.node, 'file', file.size, file.modified),
    )
  }

  addFiles(parent: number, prefix: string, count: number, firstNode: number): void {
    for (let i = 0; i < count; i++)
      this.addFile({ parent, name: `${prefix}${i}`, node: firstNode + i, size: i })
  }

  remove(parent: number, name: string): void {
    const node = this.#node(parent).children.get(name)
    this.#node(parent).children.delete(name)
    if (node !== undefined) this.#nodes.delete(node)
  }

  /** Of an item that has vanished, `node` is none of it. */
  announce(
    what: 0 | 1 | 2,
    parent: number,
    path: string,
    name: string,
    isFolder: boolean,
    node: number,
  ): void {
    const record = what === 1 ? undefined : packNode(this.#node(node).attributes, name)
    this.#session.announce(what, parent, path, name, isFolder, record)
  }

  offerListing(node: number): void {
    this.#session.offerListing(node, ...this.#listingOf(node))
  }

  /** Requests of this kind are answered by {@link perform} only. */
  ignore(op: string): void {
    this.#silent.add(op)
  }

  perform(id: number): void {
    const request = this.#held.get(id)
    if (request) this.#answer(request)
  }

  /** What is missing of a cache file is said to be there as soon as somebody reads it. */
  hydrate(): void {
    this.#hydrates = true
  }

  /** The bytes of a file that was changed are in the files of this directory, by the name of the node. */
  get unsent(): string {
    return join(this.#directory, '..', 'unsent')
  }

  sizeOf(node: number): number {
    return this.#node(node).attributes.size
  }

  /** As when a directory is a library of somebody who may not write. */
  setPermissions(node: number, permissions: number): void {
    this.#change(node, { permissions })
  }

  heed(op: string): void {
    this.#silent.delete(op)
  }

  /** Gives every name of `addFiles` a new node and tells the session, one by one. */
  replaceFiles(parent: number, prefix: string, count: number, firstNode: number): void {
    for (let i = 0; i < count; i++) this.remove(parent, `${prefix}${i}`)
    this.addFiles(parent, prefix, count, firstNode)
    for (let i = 0; i < count; i++) this.#session.invalidateEntry(parent, `${prefix}${i}`)
  }

  answerLookup(id: number, node: number, name: string): void {
    this.#session.replyEntry(id, packNode(this.#node(node).attributes, name))
  }

  /** Offers broken records. @returns the ones that were not refused with a TypeError */
  refusedRecords(): string[] {
    const good = packNode(attributesOf(5, 'file', 1), 'name')
    const broken = (change: (view: DataView) => void): Uint8Array => {
      const bytes = Uint8Array.from(good)
      change(new DataView(bytes.buffer))
      return bytes
    }
    const records: Record<string, Uint8Array> = {
      empty: new Uint8Array(),
      short: good.subarray(0, 60),
      cut: good.subarray(0, 64),
      two: Buffer.concat([good, good]),
      'length of 0': broken(view => view.setUint32(0, 0, true)),
      'length beyond the end': broken(view => view.setUint32(0, good.length + 8, true)),
      'name beyond the end': broken(view => view.setUint32(4, 9, true)),
      'name of 4 GiB': broken(view => view.setUint32(4, 0xffffffff, true)),
      'node 0': broken(view => view.setFloat64(8, 0, true)),
      'node NaN': broken(view => view.setFloat64(8, NaN, true)),
      'node of half': broken(view => view.setFloat64(8, 1.5, true)),
      'negative size': broken(view => view.setFloat64(24, -1, true)),
      'infinite time': broken(view => view.setFloat64(40, Infinity, true)),
      'type of a socket': broken(view => view.setUint32(56, 0o140644, true)),
    }
    return Object.keys(records).filter(what => {
      try {
        this.#session.replyEntry(1, records[what] ?? good)
        return true
      } catch (failure) {
        return !(failure instanceof TypeError)
      }
    })
  }

  /** The id that the session has given to the content of a node that was opened. */
  contentOf(node: number): number {
    return this.#contents.get(node) ?? 0
  }

  answerOpen(id: number, node: number): void {
    const content = this.#contentFor(node)
    this.#handles.set(++this.#lastHandle, node)
    if (this.#session.replyOpen(id, this.#lastHandle, content)) return
    this.#beginWrite(node)
    this.#session.replyOpen(id, this.#lastHandle, content)
  }

  #add(parent: number, name: string, node: number, file: FileSpec | undefined, attributes: Attributes): void {
    this.#nodes.set(node, { attributes, children: new Map(), parent, file })
    if (node !== ROOT) this.#node(parent).children.set(name, node)
  }

  #node(node: number): MemoryNode {
    const found = this.#nodes.get(node)
    if (!found) throw new Error(`no node ${node}`)
    return found
  }

  #receive(request: Request): void {
    this.#onEvent(request)
    if (this.#silent.has(request.op) && 'id' in request) this.#held.set(request.id, request)
    else this.#answer(request)
  }

  #answer(request: Request): void {
    try {
      this.#carryOut(request)
    } catch (failure) {
      if (!isFault(failure) && !(failure instanceof Refused)) throw failure
      const code = failure instanceof Refused ? failure.errno : toErrno(failure)
      if ('id' in request) this.#session.replyError(request.id, code)
    }
  }

  #carryOut(request: Request): void {
    const session = this.#session
    switch (request.op) {
      case 'lookup': {
        const node = this.#nodes.get(request.parent)?.children.get(request.name)
        if (node === undefined) return session.replyNoEntry(request.id)
        return session.replyEntry(request.id, packNode(this.#node(node).attributes, request.name))
      }
      case 'getattr': {
        const node = this.#nodes.get(request.node)
        if (!node) return session.replyError(request.id, errno.ESTALE)
        return session.replyAttributes(request.id, packNode(node.attributes))
      }
      case 'readdir':
        return session.replyListing(request.id, ...this.#listingOf(request.node))
      case 'open':
        return this.answerOpen(request.id, request.node)
      case 'getxattr':
        return session.replyBytes(request.id, Buffer.from(`value of ${request.name}`))
      case 'setxattr':
      case 'removexattr':
        return session.replyDone(request.id)
      case 'create':
        return this.#create(request)
      case 'mkdir': {
        const node = this.#make(request.parent, request.name, 'directory', request.permissions)
        return session.replyEntry(request.id, packNode(this.#node(node).attributes, request.name))
      }
      case 'unlink':
      case 'rmdir':
        this.#unlink(request.parent, request.name, request.op === 'unlink' ? 'file' : 'directory')
        return session.replyDone(request.id)
      case 'rename':
        this.#rename(request)
        return session.replyDone(request.id)
      case 'setattr':
        return this.#setattr(request)
      case 'begin-write':
        this.#beginWrite(this.#handles.get(request.handle) ?? 0)
        return session.replyDone(request.id)
      case 'fsync':
        return session.replyDone(request.id)
      case 'release':
        return this.#release(request.handle)
      case 'read':
        if (this.#hydrates)
          session.contentPresent(this.#contentOf(request.handle), request.start, request.end)
        return
      case 'listed':
      case 'cancelled':
      case 'stopped':
    }
  }

  #create({ id, parent, name, permissions, flags }: Request & { op: 'create' }): void {
    const node = this.#make(parent, name, 'file', permissions)
    const record = packNode(this.#node(node).attributes, name)
    if (flags === undefined) return this.#session.replyEntry(id, record)
    const content = this.#contentFor(node)
    this.#handles.set(++this.#lastHandle, node)
    this.#session.replyCreate(id, record, this.#lastHandle, content)
  }

  #make(parent: number, name: string, kind: Attributes['kind'], permissions: number): number {
    const directory = this.#node(parent)
    if (directory.children.has(name)) throw new Refused(errno.EEXIST)
    const node = ++this.#lastNode
    const made = { ...attributesOf(node, kind, 0, Date.now()), permissions }
    const file = kind === 'file' ? { parent, name, node, size: 0, cache: '/dev/null' } : undefined
    this.#add(parent, name, node, file, made)
    if (file) this.#node(node).dirty = this.#files.create(node as Ino, undefined)
    this.#change(parent, { modified: Date.now() })
    return node
  }

  #unlink(parent: number, name: string, kind: Attributes['kind']): void {
    const node = this.#child(parent, name)
    const { attributes, children } = this.#node(node)
    if (attributes.kind !== kind) throw new Refused(kind === 'file' ? errno.EISDIR : errno.ENOTDIR)
    if (children.size > 0) throw new Refused(errno.ENOTEMPTY)
    this.#node(parent).children.delete(name)
    this.#change(node, { links: 0 })
    this.#change(parent, { modified: Date.now() })
  }

  #rename({ parent, name, newParent, newName, flags }: Request & { op: 'rename' }): void {
    if ((flags & ~RENAME_NOREPLACE) !== 0) throw new Refused(errno.EINVAL)
    const node = this.#child(parent, name)
    const there = this.#node(newParent).children.get(newName)
    if (there !== undefined && (flags & RENAME_NOREPLACE) !== 0) throw new Refused(errno.EEXIST)
    if (there !== undefined) this.#unlink(newParent, newName, this.#node(node).attributes.kind)
    this.#node(parent).children.delete(name)
    this.#node(newParent).children.set(newName, node)
    this.#node(node).parent = newParent
    for (const directory of [parent, newParent]) this.#change(directory, { modified: Date.now() })
  }

  #setattr(request: Request & { op: 'setattr' }): void {
    const { id, node, size, modified, permissions, owner } = request
    if (owner !== undefined && owner !== process.getuid?.()) throw new Refused(errno.EPERM)
    if (size !== undefined) {
      this.#beginWrite(node)
      this.#node(node).dirty?.file.truncate(size)
      this.#change(node, { size, modified: this.#node(node).dirty?.file.modified ?? 0 })
    }
    if (modified !== undefined) {
      this.#node(node).dirty?.file.setModified(modified)
      this.#change(node, { modified })
    }
    if (permissions !== undefined) this.#change(node, { permissions })
    this.#session.replyAttributes(id, packNode(this.#node(node).attributes))
  }

  #beginWrite(node: number): void {
    const { attributes, dirty, file } = this.#node(node)
    this.#node(node).dirty =
      dirty ??
      (this.#session.isPassedThrough(node) && file?.cache !== undefined
        ? this.#files.takeOver(node as Ino, file.cache)
        : this.#files.create(node as Ino, attributes.size))
    this.#tellDirty(node)
  }

  #tellDirty(node: number): void {
    const content = this.#contents.get(node)
    const { dirty } = this.#node(node)
    if (content === undefined || !dirty) return
    if (!(dirty.file instanceof NativeDirtyFile)) throw new Error('made by #files')
    this.#session.contentDirty(content, node, dirty.file.native)
  }

  #contentOf(handle: number): number {
    return this.contentOf(this.#handles.get(handle) ?? 0)
  }

  #note(handle: number): void {
    const node = this.#handles.get(handle) ?? 0
    const file = this.#nodes.get(node)?.dirty?.file
    if (!file) return
    const { size, modified, revision, permissions } = file
    this.#change(node, { size, modified, ...(permissions === undefined ? {} : { permissions }) })
    file.noted = revision
  }

  #release(handle: number): void {
    this.#note(handle)
    const node = this.#handles.get(handle)
    this.#handles.delete(handle)
    if (node === undefined || [...this.#handles.values()].includes(node)) return
    const content = this.#contents.get(node)
    if (content === undefined || !this.#nodes.get(node)?.dirty) return
    this.#contents.delete(node)
    this.#session.dropContent(content)
  }

  #child(parent: number, name: string): number {
    const node = this.#node(parent).children.get(name)
    if (node === undefined) throw new Refused(errno.ENOENT)
    return node
  }

  #change(node: number, changes: Partial<Attributes>): void {
    const { attributes } = this.#node(node)
    const blocks = Math.ceil((changes.size ?? attributes.size) / 512)
    const changed = Math.max(attributes.changed, changes.modified ?? 0)
    this.#node(node).attributes = { ...attributes, blocks, changed, ...changes }
  }

  get #files(): DirtyFiles {
    const make = (state: ConstructorParameters<typeof NativeDirtyFile>[1]): NativeDirtyFile =>
      new NativeDirtyFile(this.#addon, state)
    return (this.#dirtyFiles ??= new DirtyFiles({ directory: this.unsent, boot: 1n, make }))
  }

  #listingOf(node: number): [records: Uint8Array, parent: Uint8Array] {
    const directory = this.#node(node)
    const entries: Entry[] = [...directory.children].map(([name, child]) => ({
      name,
      attributes: this.#node(child).attributes,
    }))
    entries.sort((a, b) => a.attributes.ino - b.attributes.ino)
    return [packEntries(entries), packNode(this.#node(directory.parent).attributes)]
  }

  #contentFor(node: number): number {
    const known = this.#contents.get(node)
    if (known !== undefined) return known
    const { file: whole, dirty } = this.#node(node)
    // Without a base the cache has nothing of it.
    const file = dirty?.hasBase === false ? { cache: '/dev/null', size: 0, verified: true } : whole
    if (file?.cache === undefined) throw new Error(`node ${node} has no content`)
    const present = new Float64Array(whole?.present ?? [0, file.size])
    const content = this.#session.addContent(
      openSync(file.cache, 'r'),
      file.size,
      present,
      file.verified ?? false,
    )
    this.#contents.set(node, content)
    this.#tellDirty(node)
    return content
  }
}

class Refused extends Error {
  readonly errno: number

  constructor(errno: number) {
    super(`errno ${errno}`)
    this.errno = errno
  }
}

/** Of everything that was not made through the mount. */
const BORN = 1_600_000_000_789

function attributesOf(
  node: number,
  kind: Attributes['kind'],
  size: number,
  modified = 1_700_000_000_123,
): Attributes {
  return {
    node: node as NodeId,
    ino: node as Ino,
    kind,
    size,
    blocks: size === 0 ? 0 : 1,
    modified,
    changed: modified,
    created: BORN,
    permissions: kind === 'directory' ? 0o755 : 0o644,
    links: kind === 'directory' ? 2 : 1,
  }
}

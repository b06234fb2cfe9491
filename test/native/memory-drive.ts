import { openSync } from 'node:fs'
import type { Request, Session, SessionOptions } from '../../native/index.js'
import type { Attributes, Entry } from '../../src/fs/file-system.js'
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
  readonly attributes: Attributes
  readonly children: Map<string, number>
  readonly parent: number
  readonly file: FileSpec | undefined
  content: number | undefined
}

export const ROOT = 1

/** The smallest file system that a session can show: a tree in memory, answered at once. Lives in the child process. */
export class MemoryDrive {
  readonly #session: Session
  readonly #nodes = new Map<number, MemoryNode>()
  readonly #contents = new Map<number, number>()
  readonly #silent = new Set<string>()
  readonly #onEvent: (event: Request) => void
  #lastHandle = 0

  constructor(addon: NativeAddon, options: SessionOptions, onEvent: (event: Request) => void) {
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

  /** Requests of this kind are never answered. */
  ignore(op: string): void {
    this.#silent.add(op)
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
      'length beyond the end': broken(view => view.setUint32(0, 80, true)),
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
    this.#session.replyOpen(id, ++this.#lastHandle, this.#contentFor(node))
  }

  #add(parent: number, name: string, node: number, file: FileSpec | undefined, attributes: Attributes): void {
    this.#nodes.set(node, { attributes, children: new Map(), parent, file, content: undefined })
    if (node !== ROOT) this.#node(parent).children.set(name, node)
  }

  #node(node: number): MemoryNode {
    const found = this.#nodes.get(node)
    if (!found) throw new Error(`no node ${node}`)
    return found
  }

  #receive(request: Request): void {
    this.#onEvent(request)
    if (this.#silent.has(request.op)) return
    switch (request.op) {
      case 'lookup': {
        const node = this.#nodes.get(request.parent)?.children.get(request.name)
        if (node === undefined) return this.#session.replyNoEntry(request.id)
        return this.#session.replyEntry(request.id, packNode(this.#node(node).attributes, request.name))
      }
      case 'getattr': {
        const node = this.#nodes.get(request.node)
        if (!node) return this.#session.replyError(request.id, 116 /* ESTALE */)
        return this.#session.replyAttributes(request.id, packNode(node.attributes))
      }
      case 'readdir':
        return this.#session.replyListing(request.id, ...this.#listingOf(request.node))
      case 'open':
        return this.answerOpen(request.id, request.node)
      case 'getxattr':
        return this.#session.replyBytes(request.id, Buffer.from(`value of ${request.name}`))
      case 'setxattr':
      case 'removexattr':
        return this.#session.replyDone(request.id)
      case 'read':
      case 'listed':
      case 'release':
      case 'cancelled':
      case 'stopped':
    }
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
    const file = this.#node(node).file
    if (file?.cache === undefined) throw new Error(`node ${node} has no content`)
    const present = new Float64Array(file.present ?? [0, file.size])
    const content = this.#session.addContent(
      openSync(file.cache, 'r'),
      file.size,
      present,
      file.verified ?? false,
    )
    this.#contents.set(node, content)
    return content
  }
}

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
    permissions: kind === 'directory' ? 0o755 : 0o644,
    links: kind === 'directory' ? 2 : 1,
  }
}

import type { DirtyFiles } from '../dirty/dirty-files.js'
import type { ContentCache } from '../hydration/content-cache.js'
import type { ByteRange } from '../model/byte-ranges.js'
import { Fault } from '../model/fault.js'
import { inoOf, nodeId, type Bytes, type LibraryId, type NodeId } from '../model/ids.js'
import { isDirectory, type ItemRecord } from '../store/item-record.js'
import type { ChildRecord } from '../store/item-table.js'
import type { Store } from '../store/store.js'
import { attributesOf, type Rights, type Shown } from './attributes.js'
import type { Attributes, Entry } from './file-system.js'

// Of smaller new files the disk is not asked whether they have holes.
const SURELY_WITHOUT_HOLES: Bytes = 1024 * 1024

export interface DriveNodesDeps {
  readonly store: Pick<Store, 'items' | 'libraries' | 'content' | 'owed'>
  readonly cache: Pick<ContentCache, 'opened' | 'openedInos'>
  readonly dirty: DirtyFiles
}

/** What the kernel's nodes stand for, and how that looks: by the store, and where a file is open by what it is now. */
export class DriveNodes {
  readonly #deps: DriveNodesDeps

  constructor(deps: DriveNodesDeps) {
    this.#deps = deps
  }

  /** @throws {Fault} `stale-node` */
  item(node: NodeId): ItemRecord {
    const item = this.find(node)
    if (item === undefined) throw staleNode()
    return item
  }

  find(node: NodeId): ItemRecord | undefined {
    const item = this.#deps.store.items.byIno(inoOf(node))
    return item && nodeOf(item) === node ? item : undefined
  }

  /** @throws {Fault} `stale-node`, `not-a-directory` */
  directory(node: NodeId): ItemRecord {
    const item = this.item(node)
    if (!isDirectory(item.kind)) throw new Fault('not-a-directory', 'This is a file')
    return item
  }

  /** @throws {Fault} `stale-node`, `is-a-directory` */
  file(node: NodeId): ItemRecord {
    const item = this.item(node)
    if (isDirectory(item.kind)) throw new Fault('is-a-directory', 'This is a folder')
    return item
  }

  attributes(item: ItemRecord): Attributes {
    return this.#attributes(item, this.#bytesOfContent)
  }

  listing(directory: ItemRecord): readonly Entry[] {
    const opened = this.#deps.cache.openedInos()
    // The store has said it along with the names, except of what is being read just now.
    const contentBytes = (child: ChildRecord) =>
      opened.has(child.ino) ? this.#bytesOfContent(child) : child.localBytes
    return this.#deps.store.items
      .children(directory.ino)
      .map(child => ({ name: child.name, attributes: this.#attributes(child, contentBytes) }))
  }

  /**
   * The one place where an item's attributes are put together, so that every way to them shows the same. The rights are those
   * of the item's own library, never of the folder that lists it.
   *
   * @param contentBytes how much of the service's content is local, where nothing was changed here
   */
  #attributes<Item extends Shown & { readonly library: LibraryId }>(
    item: Item,
    contentBytes: (item: Item) => Bytes,
  ): Attributes {
    const rights = this.#rightsIn(item.library)
    const changed = this.#changedHere(item)
    if (changed !== undefined) return attributesOf(changed.shown, changed.localBytes, rights)
    return attributesOf(item, contentBytes(item), rights)
  }

  /** Of what it has now, here or there. */
  localBytes(item: ItemRecord): Bytes {
    return this.#changedHere(item)?.localBytes ?? this.#bytesOfContent(item)
  }

  /** Whether every byte is here; also while its hash is still being compared. */
  isLocal(item: ItemRecord): boolean {
    const { store, dirty } = this.#deps
    const owed = store.owed.of(item.ino)
    if (owed?.content !== true) return this.#hasContent(item, { start: 0, end: item.size }, item.size)
    const opened = dirty.open(item.ino, owed.base.size)
    try {
      const missing = opened.file.fromBase({ start: 0, end: opened.file.size })
      return missing.every(range => this.#hasContent(item, range, owed.base.size))
    } finally {
      dirty.release(opened)
    }
  }

  #rightsIn(library: LibraryId): Rights {
    const { access, accessRemoved: removed } = this.#deps.store.libraries.byId(library) ?? {}
    // Unknown: it is tried, and what the service refuses is refused.
    return access === undefined || access === 'read' || removed !== undefined ? 'read' : 'write'
  }

  /** As it is now, where it was changed here. */
  #changedHere(item: Shown): { readonly shown: Shown; readonly localBytes: Bytes } | undefined {
    const { store, dirty } = this.#deps
    if (store.owed.isEmpty) return undefined
    const { ino } = item
    const opened = dirty.opened(ino)
    if (opened !== undefined) {
      const { size, modified, permissions } = opened.file
      const changed = Math.max(item.changed, opened.file.changed)
      const ofBase = opened.hasBase ? this.#bytesOfContent(item) : 0
      const localBytes = Math.min(size, dirty.storedBytes(ino) + ofBase)
      return { shown: { ...item, size, modified, changed, mode: permissions ?? item.mode }, localBytes }
    }
    const owed = store.owed.of(ino)
    if (owed?.content !== true) return undefined
    // Without a base all of it is here; that saves asking the disk for each of thousands of new files.
    if (owed.base.size === 0 && item.size < SURELY_WITHOUT_HOLES)
      return { shown: item, localBytes: item.size }
    const stored = dirty.storedBytes(ino) + this.#bytesOfContent(item)
    return { shown: item, localBytes: Math.min(item.size, stored) }
  }

  readonly #bytesOfContent = ({ ino, generation }: Shown): Bytes => {
    const { cache, store } = this.#deps
    return cache.opened(ino, generation)?.present.size ?? store.content.localBytes(ino, generation)
  }

  /** @param size of all of the content: of one that is not open only that is known in a moment */
  #hasContent({ ino, generation }: ItemRecord, range: ByteRange, size: Bytes): boolean {
    const { cache, store } = this.#deps
    const opened = cache.opened(ino, generation)
    if (opened) return opened.unwritten(range).length === 0
    return store.content.localBytes(ino, generation) >= size
  }
}

/** Folders have one node for ever; a file has one for each content of the service. */
export function nodeOf(item: Pick<ItemRecord, 'ino' | 'kind' | 'generation'>): NodeId {
  return nodeId(item.ino, isDirectory(item.kind) ? 0 : item.generation)
}

export function staleNode(): Fault {
  return new Fault('stale-node', 'The item was replaced or deleted')
}

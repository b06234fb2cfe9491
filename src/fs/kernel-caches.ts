import type { DirtyFile } from '../model/dirty-file.js'
import { nodeId, type Ino, type NodeId } from '../model/ids.js'
import type { ItemChange } from '../store/item-change.js'
import type { Store } from '../store/store.js'
import type { ItemRecord } from '../store/item-record.js'
import { directoryEvents } from './directory-events.js'
import type { Attributes, KernelView } from './file-system.js'

// Telling this many changes one by one takes the kernel longer than asking again for what it needs.
const WORTH_TELLING = 10_000

/** Tells the kernels which have the drive mounted what of their caches is old. */
export class KernelCaches {
  readonly #store: Pick<Store, 'items' | 'isListed' | 'pathOf'>
  readonly #attributesOf: (item: ItemRecord) => Attributes
  readonly #views = new Set<KernelView>()

  constructor(
    store: Pick<Store, 'items' | 'isListed' | 'pathOf'>,
    attributesOf: (item: ItemRecord) => Attributes,
  ) {
    this.#store = store
    this.#attributesOf = attributesOf
  }

  /** Until the returned function is called. */
  attach(view: KernelView): () => void {
    this.#views.add(view)
    return () => this.#views.delete(view)
  }

  /** To be called when the store has the changes. */
  tell(changes: readonly ItemChange[]): void {
    if (this.#views.size === 0 || changes.length === 0) return
    const known = this.#known(changes)
    for (const view of this.#views) {
      if (known.length > WORTH_TELLING) view.everythingChanged()
      else for (const change of known) tellOne(view, change)
    }
    this.#announce(known)
  }

  /**
   * The same of what a program has done by way of one of the mounts: its kernel knows already, and who else would be told
   * of each of five thousand new files?
   */
  tellOthers(changes: readonly ItemChange[]): void {
    if (this.#views.size > 1) this.tell(changes)
  }

  /** @param byMapping of the file itself: no kernel knows when that was */
  pagesChanged(node: NodeId, byMapping = false): void {
    if (byMapping) for (const view of this.#views) view.attributesChanged(node)
    if (this.#views.size > 1) for (const view of this.#views) view.pagesChanged?.(node)
  }

  isPassedThrough(node: NodeId): boolean {
    return [...this.#views].some(view => view.isPassedThrough?.(node) === true)
  }

  contentDirty(node: NodeId, file: DirtyFile): void {
    for (const view of this.#views) view.contentDirty?.(node, file)
  }

  #announce(changes: readonly ItemChange[]): void {
    const views = [...this.#views].filter(view => view.announce !== undefined)
    if (views.length === 0) return
    const deps = { store: this.#store, attributesOf: this.#attributesOf }
    for (const event of directoryEvents(deps, changes)) for (const view of views) view.announce?.(event)
  }

  /** Nothing has changed, but who shows the file is to look at it again. */
  lookAgain(ino: Ino, generation: number): void {
    this.#announce([{ kind: 'attributes', ino, generation }])
  }

  everythingChanged(): void {
    for (const view of this.#views) view.everythingChanged()
  }

  attributesChanged(ino: Ino, generation: number): void {
    for (const view of this.#views) view.attributesChanged(nodeId(ino, generation))
  }

  /**
   * Names that appeared in folders that were never listed are left out: the kernel was never told that they are not
   * there, and a first enumeration is full of them.
   */
  #known(changes: readonly ItemChange[]): ItemChange[] {
    const listed = new Map<Ino, boolean>()
    return changes.filter(change => {
      if (change.kind !== 'entry' || !change.appeared) return true
      let isListed = listed.get(change.parent)
      if (isListed === undefined) {
        const parent = this.#store.items.byIno(change.parent)
        isListed = parent === undefined || this.#store.isListed(parent)
        listed.set(change.parent, isListed)
      }
      return isListed
    })
  }
}

function tellOne(view: KernelView, change: ItemChange): void {
  switch (change.kind) {
    case 'entry':
      return view.entryChanged(nodeId(change.parent, 0), change.name)
    case 'attributes':
      return view.attributesChanged(nodeId(change.ino, change.generation))
    case 'content':
      view.contentReplaced(nodeId(change.ino, change.generation))
      return view.entryChanged(nodeId(change.parent, 0), change.name)
    case 'vanished':
      return view.contentReplaced(nodeId(change.ino, change.generation))
  }
}

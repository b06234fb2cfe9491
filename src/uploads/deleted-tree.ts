import type { LibraryId, ItemId } from '../model/ids.js'
import type { OwedDeletion } from '../store/owed-table.js'
import type { Store } from '../store/store.js'

/** What was deleted here and not there: where it was, of which only the folders that are still there have a place in the store. */
export class DeletedTree {
  readonly #store: Pick<Store, 'items' | 'libraries' | 'pathOf'>
  readonly #deletions: readonly OwedDeletion[]
  readonly #byId = new Map<string, OwedDeletion>()

  constructor(store: Pick<Store, 'items' | 'libraries' | 'pathOf' | 'owed'>) {
    this.#store = store
    this.#deletions = store.owed.deletions()
    for (const each of this.#deletions) this.#byId.set(keyOf(each.library, each.remoteId), each)
  }

  /** From the root of the drive. */
  pathOf(deletion: OwedDeletion): readonly string[] {
    const { items, libraries } = this.#store
    const { library, name } = deletion
    const above = this.ancestorsOf(deletion)
    const top = above.at(-1) ?? deletion
    const root = libraries.byId(library)?.root.item
    const folder = items.byRemoteId(library, top.parent) ?? (root && items.byRemoteId(library, root))
    const names = above.map(each => each.name).reverse()
    return [...((folder && this.#store.pathOf(folder)) ?? []), ...names, name]
  }

  /** Folders around it that were deleted, too; the nearest first. */
  ancestorsOf({ library, parent }: OwedDeletion): readonly OwedDeletion[] {
    const above: OwedDeletion[] = []
    let at = this.#byId.get(keyOf(library, parent))
    while (at !== undefined && !above.includes(at)) {
      above.push(at)
      at = this.#byId.get(keyOf(library, at.parent))
    }
    return above
  }

  /** It, and what was deleted in it. */
  within(root: OwedDeletion): readonly OwedDeletion[] {
    return this.#deletions.filter(each => each === root || this.ancestorsOf(each).includes(root))
  }

  /** What was deleted at this place, the last one of several. */
  at(path: readonly string[]): OwedDeletion | undefined {
    const text = path.join('/')
    return this.#deletions.findLast(each => this.pathOf(each).join('/') === text)
  }
}

function keyOf(library: LibraryId, item: ItemId): string {
  return `${library} ${item}`
}

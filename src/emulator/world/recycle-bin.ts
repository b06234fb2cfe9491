import { type Author, type Drive, type Item, pathOf } from './drive.js'

export interface Recycled {
  readonly drive: Drive
  readonly item: Item
  /** Where it was, as a path in its library. */
  readonly path: string
  readonly by: Author
  readonly at: number
}

/** A site's recycle bin. What is deleted together lies in it as one. */
export class RecycleBin {
  readonly #entries = new Map<string, Recycled>()

  /** Takes an item out of its library. */
  put(drive: Drive, item: Item, by: Author, now: number): void {
    const path = pathOf(item).join('/')
    drive.remove(item, now)
    if (!drive.source) this.#entries.set(item.guid, { drive, item, path, by, at: now })
  }

  list(): readonly Recycled[] {
    return [...this.#entries.values()]
  }

  sizeOf(drive: Drive): number {
    return this.list().reduce((sum, each) => sum + (each.drive === drive ? each.item.size : 0), 0)
  }

  /** Puts it back where it was; `undefined` if its folder is gone or its name taken. */
  restore(guid: string, now: number): Item | undefined {
    const entry = this.#entries.get(guid)
    const parent = entry?.item.parent
    if (!entry || !parent || entry.drive.find(parent.id) !== parent) return undefined
    if (entry.drive.child(parent, entry.item.name)) return undefined
    entry.drive.restore(entry.item, parent, now)
    this.#entries.delete(guid)
    return entry.item
  }
}

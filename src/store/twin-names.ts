import { LRUCache } from 'lru-cache'
import type { Ino } from '../model/ids.js'
import { foldedName } from '../model/item-name.js'
import type { ItemChange } from './item-change.js'
import type { ItemTable } from './item-table.js'

// Programs make many files in few folders at a time.
const FOLDERS = 16

/**
 * Finds names that SharePoint would take for the same: it does not tell capital letters. Remembers the names of some folders,
 * because who unpacks five thousand files into one asks five thousand times.
 */
export class TwinNames {
  readonly #items: Pick<ItemTable, 'namesIn'>
  readonly #folders = new LRUCache<Ino, Map<string, Set<string>>>({ max: FOLDERS })

  constructor(items: Pick<ItemTable, 'namesIn'>) {
    this.#items = items
  }

  /**
   * By what was committed: not to be asked within a transaction.
   * @param except names of the same folder that do not count
   */
  of(folder: Ino, name: string, except: readonly string[]): string | undefined {
    const twins = this.#namesIn(folder).get(foldedName(name)) ?? []
    return [...twins].find(twin => !except.includes(twin))
  }

  /** What was committed just now. */
  noteChanges(changes: readonly ItemChange[]): void {
    for (const change of changes) {
      const names = change.kind === 'entry' ? this.#folders.peek(change.parent) : undefined
      if (names === undefined || change.kind !== 'entry') continue
      if (change.appeared) add(names, change.name)
      else names.get(foldedName(change.name))?.delete(change.name)
    }
  }

  #namesIn(folder: Ino): Map<string, Set<string>> {
    const known = this.#folders.get(folder)
    if (known !== undefined) return known
    const names = new Map<string, Set<string>>()
    for (const name of this.#items.namesIn(folder)) add(names, name)
    this.#folders.set(folder, names)
    return names
  }
}

function add(names: Map<string, Set<string>>, name: string): void {
  const folded = foldedName(name)
  const same = names.get(folded)
  if (same === undefined) names.set(folded, new Set([name]))
  else same.add(name)
}

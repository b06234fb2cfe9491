import type { Ino } from '../model/ids.js'
import type { Pin } from '../model/pin.js'
import type { Database } from './database.js'
import type { ItemTable } from './item-table.js'

interface Row {
  readonly ino: number
  readonly state: Pin
}

/** As deep as a path on Linux can be. */
const DEEPEST = 4_096

/**
 * What is wanted of items: said of some, inherited by everything in them. All of it is in memory, because every
 * eviction and every look at a state asks; there are as many as somebody has typed.
 */
export class PinTable {
  readonly #items: ItemTable
  readonly #said = new Map<Ino, Pin>()
  readonly #all
  readonly #set
  readonly #remove

  constructor(database: Database, items: ItemTable) {
    this.#items = items
    this.#all = database.prepare<[], Row>('SELECT ino, state FROM pin')
    this.#set = database.prepare<[Ino, Pin]>(
      'INSERT INTO pin (ino, state) VALUES (?, ?) ON CONFLICT (ino) DO UPDATE SET state = excluded.state',
    )
    this.#remove = database.prepare<[Ino]>('DELETE FROM pin WHERE ino = ?')
    this.reload()
  }

  /** To be called when a transaction has failed. */
  reload(): void {
    this.#said.clear()
    for (const { ino, state } of this.#all.all()) this.#said.set(ino as Ino, state)
  }

  /** What was said of this very item. */
  saidOf(ino: Ino): Pin | undefined {
    return this.#said.get(ino)
  }

  /** What holds for an item: what was said of it, or of the nearest folder around it. */
  of(ino: Ino): Pin {
    if (this.#said.size === 0) return 'unspecified'
    let current = ino
    for (let depth = 0; depth < DEEPEST; depth++) {
      const said = this.#said.get(current)
      if (said !== undefined) return said
      const parent = this.#items.byIno(current)?.parent
      if (parent === undefined || parent === 0) break
      current = parent
    }
    return 'unspecified'
  }

  /** Whether `ino` is `folder` or somewhere in it. */
  isWithin(ino: Ino, folder: Ino): boolean {
    let current: Ino | undefined = ino
    for (let depth = 0; depth < DEEPEST && current !== undefined && current !== 0; depth++) {
      if (current === folder) return true
      current = this.#items.byIno(current)?.parent
    }
    return false
  }

  /** Items of which this was said; in the order in which it was. */
  saying(pin: Pin): Ino[] {
    return [...this.#said].filter(([, said]) => said === pin).map(([ino]) => ino)
  }

  /** @param pin `undefined`: as the folder around it */
  say(ino: Ino, pin: Pin | undefined): void {
    if (pin === undefined) {
      this.#remove.run(ino)
      this.#said.delete(ino)
    } else {
      this.#set.run(ino, pin)
      this.#said.set(ino, pin)
    }
  }

  /** Items of which something was said. */
  get all(): ReadonlyMap<Ino, Pin> {
    return this.#said
  }
}

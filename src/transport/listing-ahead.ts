import type { Entry, FileSystem } from '../fs/file-system.js'
import { isFault } from '../model/fault.js'
import type { NodeId } from '../model/ids.js'

// What may be given out and not yet be read: some 50 ms of our work, and of the reader's.
const MOST_ENTRIES_AHEAD = 4_000
// Listings in a row that are next to each other in the tree.
const STEPS_OF_A_WALK = 3
// Offered and never read: the walk took another way.
const MOST_UNREAD = 1_000

export interface ListingAheadDeps {
  readonly fileSystem: Pick<FileSystem, 'listingKnown' | 'parentOf'>
  /** Whether the other side has the listing of a directory already. */
  readonly holds: (directory: NodeId) => boolean
  readonly offer: (directory: NodeId, entries: readonly Entry[]) => void
  readonly onBug: (failure: unknown) => void
}

/**
 * Gives out the listings that a program that walks the tree will ask for, before it asks: the walk then waits for
 * nobody, and runs beside us instead of in turns with us. Only what is in the store; nothing is downloaded for a guess.
 *
 *   resting --some listings next to each other are asked for--> walking --the tree ends; the walk leaves our way--> resting
 */
export class ListingAhead {
  readonly #deps: ListingAheadDeps
  /** The listings to come, in the order of a depth-first walk; undefined: resting. */
  #walk: Iterator<Listing> | undefined
  /** Entries that were offered and not read, by directory. */
  readonly #unread = new Map<NodeId, number>()
  #entriesAhead = 0
  #last: NodeId | undefined
  #steps = 0
  #isScheduled = false

  constructor(deps: ListingAheadDeps) {
    this.#deps = deps
  }

  /** The listing of `directory` was asked for, and answered: it was not offered before. */
  asked(directory: NodeId): void {
    this.#steps = this.#isNextTo(directory) ? this.#steps + 1 : 1
    this.#last = directory
    if (this.#steps < STEPS_OF_A_WALK) return
    this.#rest()
    this.#walk = listingsAfter(directory, this.#deps.fileSystem)
    this.#goOnLater()
  }

  /** A listing that was offered is read. */
  used(directory: NodeId): void {
    this.#last = directory
    this.#entriesAhead -= this.#unread.get(directory) ?? 0
    this.#unread.delete(directory)
    this.#goOnLater()
  }

  close(): void {
    this.#rest()
  }

  #rest(): void {
    this.#walk = undefined
    this.#unread.clear()
    this.#entriesAhead = 0
  }

  /** Below the one before, beside it, or beside one of those around it. */
  #isNextTo(directory: NodeId): boolean {
    const { fileSystem } = this.#deps
    try {
      const parent = fileSystem.parentOf(directory)
      for (let around = this.#last; around !== undefined;) {
        if (around === parent) return true
        const next = fileSystem.parentOf(around)
        around = next === around ? undefined : next
      }
      return false
    } catch (failure) {
      if (!isFault(failure)) throw failure
      return false // one of them is gone
    }
  }

  /** One directory at a time, with everything else that the process does in between. */
  #goOnLater(): void {
    if (this.#isScheduled || this.#walk === undefined || this.#entriesAhead >= MOST_ENTRIES_AHEAD) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      try {
        this.#goOn()
      } catch (failure) {
        this.#rest()
        if (!isFault(failure)) this.#deps.onBug(failure)
      }
      this.#goOnLater()
    })
  }

  #goOn(): void {
    const next = this.#walk?.next()
    if (next === undefined || next.done === true || this.#unread.size >= MOST_UNREAD) return this.#rest()
    const { directory, entries } = next.value
    if (this.#deps.holds(directory)) return
    this.#deps.offer(directory, entries)
    this.#unread.set(directory, entries.length)
    this.#entriesAhead += entries.length
  }
}

interface Listing {
  readonly directory: NodeId
  readonly entries: readonly Entry[]
}

type Tree = ListingAheadDeps['fileSystem']

/** What is in `directory`, then what comes after it in its folder, then after that folder, and so on. */
function* listingsAfter(directory: NodeId, tree: Tree): Generator<Listing> {
  yield* listingsOf(childDirectories(tree.listingKnown(directory)), tree)
  for (let current = directory; ;) {
    const parent = tree.parentOf(current)
    if (parent === current) return
    const siblings = childDirectories(tree.listingKnown(parent))
    yield* listingsOf(siblings.slice(siblings.indexOf(current) + 1), tree)
    current = parent
  }
}

function* listingsOf(directories: readonly NodeId[], tree: Tree): Generator<Listing> {
  for (const directory of directories) {
    const entries = tree.listingKnown(directory)
    if (entries === undefined) continue
    yield { directory, entries }
    yield* listingsOf(childDirectories(entries), tree)
  }
}

function childDirectories(entries: readonly Entry[] = []): NodeId[] {
  return entries
    .filter(({ attributes }) => attributes.kind === 'directory')
    .map(({ attributes }) => attributes.node)
}

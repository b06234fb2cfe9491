import { Fault } from '../model/fault.js'
import { ROOT_INO, type Ino, type LibraryId, type Milliseconds } from '../model/ids.js'
import type { NewLibrary } from '../model/library.js'
import type { Pin } from '../model/pin.js'
import { ContentTable } from './content-table.js'
import { Database } from './database.js'
import { HeldRemovalTable } from './held-removal-table.js'
import { HydrationTable, type HydrationRecord, type RefusalRecord } from './hydration-table.js'
import type { ItemChange } from './item-change.js'
import { ItemEdit, ItemStatements } from './item-edit.js'
import { isRemoteFolder, type ItemRecord } from './item-record.js'
import { ItemTable } from './item-table.js'
import { LocalEdit, LocalStatements } from './local-edit.js'
import { LibraryTable, type LibraryRecord } from './library-table.js'
import { NameIndex } from './name-index.js'
import { NotUnderstoodTable } from './not-understood-table.js'
import { OwedTable } from './owed-table.js'
import { PinTable } from './pin-table.js'
import { SentEdit, SentStatements } from './sent-edit.js'
import { SyncCursorTable } from './sync-cursor-table.js'
import { ThumbnailTable } from './thumbnail-table.js'
import { TwinNames } from './twin-names.js'
import { VersionPaceTable } from './version-pace-table.js'

// A chain of folders that is longer than a path may be has a ring in it.
const DEEPEST = 4_096

/** All tables, and what has to be done to several of them at once. Everything is synchronous. */
export class Store {
  readonly items: ItemTable
  readonly libraries: LibraryTable
  readonly content: ContentTable
  readonly cursors: SyncCursorTable
  readonly held: HeldRemovalTable
  readonly names: NameIndex
  readonly notUnderstood: NotUnderstoodTable
  readonly twins: TwinNames
  readonly owed: OwedTable
  readonly versionPaces: VersionPaceTable
  readonly hydrations: HydrationTable
  readonly pins: PinTable
  readonly thumbnails: ThumbnailTable
  readonly #database: Database
  readonly #statements: ItemStatements
  readonly #localStatements: LocalStatements
  readonly #namesLeft = new Map<Ino, Milliseconds>()
  readonly #sentStatements: SentStatements
  readonly #watchers = new Set<() => void>()

  /** @throws {Fault} as {@link Database} */
  constructor(path: string, now: Milliseconds) {
    this.#database = new Database(path, now)
    this.items = new ItemTable(this.#database)
    this.twins = new TwinNames(this.items)
    this.libraries = new LibraryTable(this.#database)
    this.content = new ContentTable(this.#database)
    this.cursors = new SyncCursorTable(this.#database)
    this.held = new HeldRemovalTable(this.#database)
    this.names = new NameIndex(this.#database)
    this.notUnderstood = new NotUnderstoodTable(this.#database)
    this.hydrations = new HydrationTable(this.#database)
    this.pins = new PinTable(this.#database, this.items)
    this.thumbnails = new ThumbnailTable(this.#database)
    this.owed = new OwedTable(this.#database)
    this.versionPaces = new VersionPaceTable(this.#database)
    this.#statements = new ItemStatements(this.#database)
    this.#localStatements = new LocalStatements(this.#database)
    this.#sentStatements = new SentStatements(this.#database)
    // An earlier process may have ended before names that were left had gone to others.
    for (const folder of this.items.foldersOfRenamed()) this.#namesLeft.set(folder, now)
  }

  /** Runs `work` in one transaction. @returns what changed on the drive */
  change(now: Milliseconds, work: (edit: ItemEdit) => void): readonly ItemChange[] {
    return this.#written(() => {
      const edit = new ItemEdit(this.items, this.owed, this.#statements, now)
      work(edit)
      edit.finish()
      return edit.changes
    })
  }

  /** The same for what is done on this machine. */
  changeHere(now: Milliseconds, work: (edit: LocalEdit) => void): readonly ItemChange[] {
    return this.#written(() => {
      const edit = new LocalEdit(this.items, this.owed, this.#localStatements, this.#statements, now)
      work(edit)
      for (const folder of edit.namesLeft) this.#namesLeft.set(folder, now)
      return edit.changes
    })
  }

  /**
   * Others get the plain names that were left here, not at once: programs that save move the old file away and make a new one.
   *
   * @param until when a name has to have been left
   */
  settleNamesLeft(now: Milliseconds, until: Milliseconds): readonly ItemChange[] {
    const folders = [...this.#namesLeft].filter(([, left]) => left <= until).map(([folder]) => folder)
    if (folders.length === 0) return []
    for (const folder of folders) this.#namesLeft.delete(folder)
    return this.change(now, edit => folders.forEach(folder => edit.nameLeft(folder)))
  }

  /** When the name was left that waits the longest for another one to get it. */
  get firstNameLeft(): Milliseconds | undefined {
    return this.#namesLeft.size === 0 ? undefined : Math.min(...this.#namesLeft.values())
  }

  /** The same for what the service answers to what was done here. */
  changeSent(now: Milliseconds, work: (edit: SentEdit) => void): readonly ItemChange[] {
    return this.#written(() => {
      const { items, owed, content, versionPaces } = this
      const remote = new ItemEdit(items, owed, this.#statements, now)
      const statements = this.#sentStatements
      const local = this.#localStatements
      const remoteStatements = this.#statements
      work(
        new SentEdit({
          items,
          owed,
          content,
          versionPaces,
          statements,
          local,
          remoteStatements,
          remote,
          now,
        }),
      )
      remote.finish()
      return remote.changes
    })
  }

  #written(work: () => readonly ItemChange[]): readonly ItemChange[] {
    let changes: readonly ItemChange[]
    try {
      changes = this.#database.transaction(work)
    } catch (failure) {
      this.owed.reload()
      this.libraries.reload()
      throw failure
    }
    this.twins.noteChanges(changes)
    if (changes.length > 0) for (const watcher of this.#watchers) watcher()
    return changes
  }

  /** Resolves when everything that was written is on the disk. */
  async flushed(): Promise<void> {
    await this.#database.flushed()
  }

  /** `onChange` is called after each change that changed something, until the returned function is called. */
  watch(onChange: () => void): () => void {
    this.#watchers.add(onChange)
    return () => this.#watchers.delete(onChange)
  }

  /**
   * The library and its place on the drive.
   * @throws {Fault} `already-added`
   */
  addLibrary(
    library: NewLibrary,
    now: Milliseconds,
  ): { readonly library: LibraryRecord; readonly changes: readonly ItemChange[] } {
    let id: LibraryId | undefined
    const changes = this.change(now, edit => {
      const known = this.libraries.byRoot(library.root)
      if (known)
        throw new Fault('already-added', `${known.organization} / ${known.name} has been added already`)
      id = this.libraries.insert(library)
      const organization = edit.putOrganization(library.root.tenant, library.organization)
      edit.putLibraryRoot(id, organization, library)
    })
    const added = id === undefined ? undefined : this.libraries.byId(id)
    if (added === undefined) throw new Error('an added library has no row')
    return { library: added, changes }
  }

  /**
   * Takes the library off the drive. Its items stay, out of sight, for {@link purge}. What is owed of it never will be.
   * @throws {Fault} `not-added`
   */
  removeLibrary(id: LibraryId, now: Milliseconds): readonly ItemChange[] {
    return this.change(now, edit => {
      const library = this.libraries.byId(id)
      if (library === undefined) throw new Fault('not-added', 'This library is not on the drive')
      const root = this.items.byRemoteId(id, library.root.item)
      this.libraries.markRemoved(id)
      this.cursors.remove(id)
      this.owed.settleLibrary(id)
      if (root === undefined) return
      edit.removeAlone(root.ino)
      if (this.libraries.countOfTenant(library.root.tenant) === 0) edit.removeAlone(root.parent)
    })
  }

  /**
   * Deletes some items of removed libraries.
   * @returns what vanished; nothing when there is no more to do
   */
  purge(limit: number, now: Milliseconds): readonly ItemChange[] {
    const [library] = this.libraries.removed()
    if (library === undefined) return []
    return this.change(now, edit => {
      const items = this.items.ofLibrary(library, '', limit)
      for (const { ino } of items) edit.removeAlone(ino)
      if (items.length >= limit) return
      this.notUnderstood.forgetLibrary(library)
      this.libraries.delete(library)
    })
  }

  /** Whether all children of a directory are in the store. */
  isListed(directory: ItemRecord): boolean {
    if (!isRemoteFolder(directory.kind)) return true
    switch (directory.listing.kind) {
      case 'listed':
        return true
      case 'unlisted':
      case 'doubted':
        return false
      case 'as-library':
        return this.libraries.byId(directory.library)?.enumerated !== undefined
    }
  }

  /** The page of an item on the other organization's site. */
  webUrlOf(item: ItemRecord): string | undefined {
    const names: string[] = []
    let current: ItemRecord | undefined = item
    while (current && isBelowLibrary(current)) {
      if (current.webUrl !== undefined) return [current.webUrl, ...names].join('/')
      names.unshift(encodeURIComponent(current.remoteName))
      current = this.items.byIno(current.parent)
    }
    if (current?.kind !== 'library') return undefined
    const library = this.libraries.byId(current.library)
    return library && [library.webUrl, ...names].join('/')
  }

  /** Adds to what is known of who has downloaded what. */
  recordHydrations(hydrations: Iterable<HydrationRecord>, refusals: Iterable<RefusalRecord>): void {
    this.#database.transaction(() => this.hydrations.add(hydrations, refusals))
  }

  /**
   * Says what is wanted of an item and of everything in it, whatever was said before.
   * @param pin `undefined`: as its folder
   */
  setPin(ino: Ino, pin: Pin | undefined): void {
    const { pins } = this
    try {
      this.#database.transaction(() => {
        for (const said of [...pins.all.keys()]) if (pins.isWithin(said, ino)) pins.say(said, undefined)
        if (pin !== undefined && pins.of(ino) !== pin) pins.say(ino, pin)
      })
    } catch (failure) {
      pins.reload()
      throw failure
    }
  }

  /** An item need not be local any more; what was said of things in it stays. */
  unkeep(ino: Ino): void {
    const { pins } = this
    pins.say(ino, undefined)
    if (pins.of(ino) === 'always-local') pins.say(ino, 'unspecified')
  }

  /** Names from the root on; `undefined`: nothing leads there any more. */
  readonly pathOf = (item: ItemRecord): readonly string[] | undefined => {
    const names: string[] = []
    for (let current: ItemRecord | undefined = item; current; current = this.items.byIno(current.parent)) {
      if (current.ino === ROOT_INO) return names
      if (names.length === DEEPEST) return undefined
      names.unshift(current.name)
    }
    return undefined
  }

  /** The containing folder; the root's is itself. */
  parentOf(item: ItemRecord): Ino {
    return item.parent === 0 ? item.ino : item.parent
  }

  close(): void {
    this.#database.close()
  }
}

function isBelowLibrary(item: ItemRecord): boolean {
  return item.kind === 'folder' || item.kind === 'file' || item.kind === 'package'
}

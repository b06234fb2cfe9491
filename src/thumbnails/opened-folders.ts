import type { Clock } from '../concurrency/clock.js'
import { isFault, type Fault } from '../model/fault.js'
import type { Ino, Milliseconds, TenantId } from '../model/ids.js'
import type { ThumbnailBox } from '../model/thumbnail.js'
import type { DesktopThumbnails } from './desktop-thumbnails.js'
import { maybeRead } from './file-kinds.js'
import { subjectOf, type Subject, type SubjectStore } from './subject.js'
import type { Outcome, ThumbnailService } from './thumbnail-service.js'

export interface OpenedFoldersDeps {
  readonly store: SubjectStore
  readonly service: ThumbnailService
  readonly desktop: DesktopThumbnails
  readonly clock: Clock
  /** Why asking a tenant now would be in vain. */
  readonly reasonNotToAsk: (tenant: TenantId) => Fault | undefined
  readonly onTrouble: (event: string, failure: unknown) => void
}

/** What is written for a folder that is opened: what file managers ask for. The larger one is kept. */
const BOX: ThumbnailBox = 256
const SMALLER: readonly ThumbnailBox[] = [128]

// What a person may come back to. A walk through a tree leaves the last ones, and nothing of the others.
const MOST_FOLDERS = 16
// A walk opens the next folder at once, and is not to be served.
const QUIET: Milliseconds = 120
// A file manager counts what is in the folders that it shows; they come after the folder that is looked at.
const LOOKED_AT: Milliseconds = 2_000
const BATCHES_AT_ONCE = 4
// Handled between two turns of the event loop.
const SLICE = 40
const FIRST_PAUSE: Milliseconds = 15_000
const LONGEST_PAUSE: Milliseconds = 5 * 60_000
const MOST_FAILURES = 5

interface Folder {
  readonly ino: Ino
  readonly parent: Ino
  opened: Milliseconds
  /** Of its files that are still to be looked at, the last first; not made before its turn. */
  left: Ino[] | undefined
  /** Batches of it that are under way. */
  busy: number
  failures: number
  pausedUntil: Milliseconds
}

export interface OpenedFoldersStatus {
  readonly folders: number
  readonly files: number
  readonly problem: Fault | undefined
}

/**
 * Makes thumbnails for the folders that are opened: the newest first, each in the order of its names, a bounded number at a
 * time, in the background. A folder that is opened meanwhile goes first; the work on others goes on after it.
 */
export class OpenedFolders {
  readonly #deps: OpenedFoldersDeps
  /** The newest last. */
  #folders: Folder[] = []
  #problem: Fault | undefined
  #working: Promise<void> | undefined
  #wake: AbortController = new AbortController()
  readonly #closed = new AbortController()

  constructor(deps: OpenedFoldersDeps) {
    this.#deps = deps
  }

  get status(): OpenedFoldersStatus {
    const files = this.#folders.reduce((sum, { left }) => sum + (left?.length ?? 0), 0)
    return { folders: this.#folders.length, files, problem: this.#problem }
  }

  /** Somebody looks into a folder. Returns at once. */
  opened(ino: Ino): void {
    const { store, desktop, clock } = this.#deps
    if (this.#closed.signal.aborted || !desktop.isNeeded) return
    const item = store.items.byIno(ino)
    if (item?.kind !== 'folder' && item?.kind !== 'library') return
    const now = clock.now()
    const fresh = {
      ino,
      parent: item.parent,
      opened: now,
      left: undefined,
      busy: 0,
      failures: 0,
      pausedUntil: 0,
    }
    const others = this.#folders.filter(folder => folder.ino !== ino)
    const above = others.findIndex(folder => folder.ino === item.parent && now - folder.opened < LOOKED_AT)
    // Below the folder that is looked at, which is behind it in the list: the newest last.
    if (above < 0) others.push(fresh)
    else others.splice(above, 0, fresh)
    this.#folders = others.slice(-MOST_FOLDERS)
    this.#wake.abort()
    this.#working ??= this.#work().finally(() => (this.#working = undefined))
  }

  /** Resolves when there is nothing more to do, or nothing that could be done now. For tests and the end. */
  async settled(): Promise<void> {
    await this.#working
  }

  async close(): Promise<void> {
    this.#closed.abort()
    this.#folders = []
    await this.#working
  }

  async #work(): Promise<void> {
    const { clock } = this.#deps
    const { signal } = this.#closed
    try {
      await clock.sleep(QUIET, signal)
      while (this.#folders.length > 0) {
        await Promise.all(Array.from({ length: BATCHES_AT_ONCE }, () => this.#workOff(signal)))
        const wait = this.#pause()
        if (wait === undefined) continue
        this.#wake = new AbortController()
        await clock
          .sleep(wait, AbortSignal.any([signal, this.#wake.signal]))
          .catch(() => signal.throwIfAborted())
      }
    } catch (failure) {
      if (!signal.aborted) this.#deps.onTrouble('thumbnails-stopped', failure)
    }
  }

  /** Takes from the newest folder, again and again, until there is nothing that could be done now. */
  async #workOff(signal: AbortSignal): Promise<void> {
    for (let turn; (turn = this.#next());) {
      signal.throwIfAborted()
      turn.busy++
      try {
        await this.#batch(turn, signal)
      } finally {
        turn.busy--
      }
    }
  }

  #next(): Folder | undefined {
    const now = this.#deps.clock.now()
    this.#folders = this.#folders.filter(folder => folder.busy > 0 || folder.left?.length !== 0)
    return this.#folders.findLast(folder => folder.left?.length !== 0 && folder.pausedUntil <= now)
  }

  /** Until the first folder may be tried again; `undefined`: there is something to do. */
  #pause(): Milliseconds | undefined {
    const now = this.#deps.clock.now()
    const waits = this.#folders
      .filter(({ left }) => left?.length !== 0)
      .map(({ pausedUntil }) => pausedUntil - now)
    return waits.length > 0 && waits.every(wait => wait > 0) ? Math.min(...waits) : undefined
  }

  async #batch(folder: Folder, signal: AbortSignal): Promise<void> {
    const { service, desktop } = this.#deps
    folder.left ??= this.#filesOf(folder.ino)
    const unknown: Subject[] = []
    for (let looked = 0; looked < SLICE && unknown.length < service.mostAtOnce; looked++) {
      const ino = folder.left.pop()
      if (ino === undefined) break
      const subject = subjectOf(this.#deps.store, ino)
      if (subject === undefined) continue
      if (service.isKnown(subject, BOX)) await this.#showKnown(subject)
      else unknown.push(subject)
    }
    const [first] = unknown
    if (first === undefined) return
    const left = new Set(unknown)
    const shown: Promise<void>[] = []
    const done = (subject: Subject, outcome: Outcome) => {
      left.delete(subject)
      if (outcome.kind === 'failed') this.#failedOne(folder, subject, outcome.fault)
      else shown.push(desktop.show(subject, outcome))
    }
    try {
      const reason = this.#deps.reasonNotToAsk(first.item.tenant)
      if (reason) throw reason
      await service.ask(unknown, BOX, SMALLER, done, signal)
      this.#problem = undefined
      folder.failures = 0
    } catch (failure) {
      signal.throwIfAborted()
      if (!isFault(failure)) throw failure
      this.#failed(folder, [...left], failure)
    } finally {
      await Promise.all(shown)
    }
  }

  async #showKnown(subject: Subject): Promise<void> {
    const { service, desktop } = this.#deps
    const isNone = (await service.known(subject, BOX, []))?.kind === 'none'
    if (await desktop.isComplete(subject, [BOX, ...SMALLER], isNone)) return
    const outcome = isNone ? { kind: 'none' as const } : await service.known(subject, BOX, SMALLER)
    if (outcome) await desktop.show(subject, outcome)
  }

  /** One of many: it is tried again only where the service asked for patience. */
  #failedOne(folder: Folder, subject: Subject, fault: Fault): void {
    if (fault.code === 'throttled') this.#failed(folder, [subject], fault)
    else this.#deps.onTrouble('thumbnail-failed', fault)
  }

  #failed(folder: Folder, subjects: readonly Subject[], fault: Fault): void {
    this.#problem = fault
    if (++folder.failures > MOST_FAILURES * BATCHES_AT_ONCE) {
      this.#folders = this.#folders.filter(each => each !== folder)
      this.#deps.onTrouble('thumbnails-given-up', fault)
      return
    }
    // It may have been done with all but these.
    if (!this.#folders.some(({ ino }) => ino === folder.ino)) this.#folders.unshift(folder)
    folder.left?.push(...subjects.map(({ ino }) => ino).reverse())
    const now = this.#deps.clock.now()
    const patience = FIRST_PAUSE * 2 ** Math.floor(folder.failures / BATCHES_AT_ONCE)
    const wait = fault.retryAfterSeconds === undefined ? patience : fault.retryAfterSeconds * 1000
    folder.pausedUntil = Math.max(folder.pausedUntil, now + Math.min(LONGEST_PAUSE, wait))
  }

  /** In the order in which file managers show them, the last first: they are taken from the end. */
  #filesOf(folder: Ino): Ino[] {
    const files = this.#deps.store.items
      .children(folder)
      .filter(({ kind, name, size }) => kind === 'file' && size > 0 && maybeRead(name))
    const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' })
    return files.sort((a, b) => collator.compare(b.name, a.name)).map(({ ino }) => ino)
  }
}

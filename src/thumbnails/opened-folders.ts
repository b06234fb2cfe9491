import { setMaxListeners } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../concurrency/clock.js'
import { isFault, type Fault } from '../model/fault.js'
import type { Ino, Milliseconds, TenantId } from '../model/ids.js'
import type { ThumbnailBox } from '../model/thumbnail.js'
import type { DesktopThumbnails } from './desktop-thumbnails.js'
import { maybeRead } from './file-kinds.js'
import { subjectOf, type Subject, type SubjectStore } from './subject.js'
import type { Answer, ThumbnailService } from './thumbnail-service.js'

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
const BOXES: readonly ThumbnailBox[] = [256, 128]

// What a person may come back to. A walk through a tree leaves the last ones, and nothing of the others.
const MOST_FOLDERS = 16
// A walk opens the next folder at once, and is not to be served.
const QUIET: Milliseconds = 120
// A file manager counts what is in the folders that it shows; they come after the folder that is looked at.
const LOOKED_AT: Milliseconds = 2_000
// Some wait for their batch, others for its images; so many that neither stage ever waits for the other.
const BATCHES_AT_ONCE = 10
// The decoder takes one at a time; the other is being written.
const SHOWN_AT_ONCE = 2
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
  /** Of its files those of which our store has an answer, which is to be shown. The last first. */
  ready: Ino[]
  /** What of it is under way. */
  busy: number
  failures: number
  /** Whether it was said that single files of it fail: thousands may. */
  isSaid: boolean
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
  #asking = 0
  readonly #waitingForReady = new Set<() => void>()
  #working: Promise<void> | undefined
  #wake: AbortController = new AbortController()
  readonly #closed = new AbortController()

  constructor(deps: OpenedFoldersDeps) {
    this.#deps = deps
    // A hundred images are under way at once; nothing leaks.
    setMaxListeners(0, this.#closed.signal)
  }

  get status(): OpenedFoldersStatus {
    const files = this.#folders.reduce((sum, { left, ready }) => sum + (left?.length ?? 0) + ready.length, 0)
    return { folders: this.#folders.length, files, problem: this.#problem }
  }

  /** Somebody looks into a folder. Returns at once. */
  opened(ino: Ino): void {
    const { store, desktop, clock } = this.#deps
    if (this.#closed.signal.aborted || !desktop.isNeeded) return
    const item = store.items.byIno(ino)
    if (item?.kind !== 'folder' && item?.kind !== 'library') return
    const now = clock.now()
    const fresh: Folder = {
      ino,
      parent: item.parent,
      opened: now,
      left: undefined,
      ready: [],
      busy: 0,
      failures: 0,
      isSaid: false,
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
    this.#toldReady()
    await this.#working
  }

  async #work(): Promise<void> {
    const { clock } = this.#deps
    const { signal } = this.#closed
    try {
      await clock.sleep(QUIET, signal)
      while (this.#folders.length > 0) {
        await allEnded([
          ...Array.from({ length: BATCHES_AT_ONCE }, () => this.#askAll(signal)),
          ...Array.from({ length: SHOWN_AT_ONCE }, () => this.#showAll(signal)),
        ])
        this.#folders = this.#folders.filter(hasWork)
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

  /** Asks for the newest folder, again and again, until there is nothing that could be asked now. */
  async #askAll(signal: AbortSignal): Promise<void> {
    this.#asking++
    try {
      for (let folder; (folder = this.#nextToAsk());) {
        signal.throwIfAborted()
        folder.busy++
        await this.#ask(folder, signal)
        folder.busy--
      }
    } finally {
      if (--this.#asking === 0) this.#toldReady()
    }
  }

  /** Until the first folder may be tried again; `undefined`: there is something to do, or nothing at all. */
  #pause(): Milliseconds | undefined {
    const now = this.#deps.clock.now()
    const waits = this.#folders.map(({ pausedUntil }) => pausedUntil - now)
    return waits.length > 0 && waits.every(wait => wait > 0) ? Math.min(...waits) : undefined
  }

  #nextToAsk(): Folder | undefined {
    const now = this.#deps.clock.now()
    this.#folders = this.#folders.filter(hasWork)
    return this.#folders.findLast(({ left, pausedUntil }) => left?.length !== 0 && pausedUntil <= now)
  }

  async #ask(folder: Folder, signal: AbortSignal): Promise<void> {
    const { service } = this.#deps
    folder.left ??= this.#filesOf(folder.ino)
    const unknown: Subject[] = []
    for (let looked = 0; looked < SLICE && unknown.length < service.mostAtOnce; looked++) {
      const ino = folder.left.pop()
      if (ino === undefined) break
      const subject = subjectOf(this.#deps.store, ino)
      if (subject === undefined) continue
      if (service.isKnown(subject, BOX)) this.#isReady(folder, subject)
      else unknown.push(subject)
    }
    const [first] = unknown
    if (first === undefined) return setImmediate()
    const left = new Set(unknown)
    const done = (subject: Subject, answer: Answer) => {
      left.delete(subject)
      if (answer.kind === 'failed') this.#failedOne(folder, subject, answer.fault)
      else if (answer.kind !== 'over') this.#isReady(folder, subject)
    }
    try {
      const reason = this.#deps.reasonNotToAsk(first.item.tenant)
      if (reason) throw reason
      await service.ask(unknown, BOX, done, signal)
      this.#problem = undefined
      folder.failures = 0
    } catch (failure) {
      signal.throwIfAborted()
      if (!isFault(failure)) throw failure
      this.#failed(folder, [...left], failure)
    }
  }

  #isReady(folder: Folder, { ino }: Subject): void {
    folder.ready.unshift(ino)
    this.#toldReady()
  }

  /** Shows what is ready, of the newest folder first, until nothing more will be. */
  async #showAll(signal: AbortSignal): Promise<void> {
    for (;;) {
      const folder = this.#folders.findLast(({ ready }) => ready.length > 0)
      const ino = folder?.ready.pop()
      if (folder === undefined || ino === undefined) {
        if (this.#asking === 0) return
        await new Promise<void>(resolve => this.#waitingForReady.add(resolve))
        signal.throwIfAborted()
        continue
      }
      folder.busy++
      await this.#show(ino)
      folder.busy--
      signal.throwIfAborted()
    }
  }

  #toldReady(): void {
    for (const resolve of this.#waitingForReady) resolve()
    this.#waitingForReady.clear()
  }

  async #show(ino: Ino): Promise<void> {
    const { store, service, desktop, onTrouble } = this.#deps
    const subject = subjectOf(store, ino)
    if (subject === undefined) return
    try {
      if (await desktop.isComplete(subject, BOXES, service.isKnownToHaveNone(subject, BOX))) return
      const shown = await service.shown(subject, BOX, BOXES)
      if (shown) await desktop.show(subject, shown)
    } catch (failure) {
      if (!isFault(failure)) throw failure
      onTrouble('thumbnail-failed', failure)
    }
  }

  /** One of many: it is tried again only where the service asked for patience. */
  #failedOne(folder: Folder, subject: Subject, fault: Fault): void {
    if (fault.code === 'throttled') this.#failed(folder, [subject], fault)
    else if (!folder.isSaid) this.#deps.onTrouble('thumbnail-failed', fault)
    folder.isSaid = true
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

/** As Promise.all, but nothing goes on behind a failure. */
async function allEnded(work: readonly Promise<void>[]): Promise<void> {
  for (const ended of await Promise.allSettled(work)) {
    if (ended.status === 'rejected') throw ended.reason
  }
}

function hasWork({ left, ready, busy }: Folder): boolean {
  return busy > 0 || ready.length > 0 || left?.length !== 0
}

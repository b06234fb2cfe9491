import type { Clock } from '../concurrency/clock.js'
import { withDeadline } from '../concurrency/deadline.js'
import type { DirtyFiles } from '../dirty/dirty-files.js'
import { databaseOf, journalOf } from '../model/database-parts.js'
import { Fault, isFault } from '../model/fault.js'
import type { Bytes, Ino, LibraryId, Milliseconds, TenantId } from '../model/ids.js'
import type { OpenForWriting } from '../model/open-for-writing.js'
import type { RemoteFolder, RemoteWriter } from '../model/remote.js'
import { isWhole, SETTLING } from '../model/save-pace.js'
import { delayAfter, needsAttention, patienceWith } from '../model/upload-patience.js'
import type { ItemChange } from '../store/item-change.js'
import { heirOf } from '../store/local-edit.js'
import type { Attempts, Hindrance, Owed, OwedDeletion } from '../store/owed-table.js'
import type { Store } from '../store/store.js'
import { Closures, isUnreached, type Closure } from './closures.js'
import { DeletedTree } from './deleted-tree.js'
import { DeletionSender, type GivenBack } from './deletion-sender.js'
import { hindranceOf } from './hindrance.js'
import { exportUnsent, type Exported } from './export-unsent.js'
import { ItemSender, type Conflict, type Sending } from './item-sender.js'
import { planOf, type Plan, type Task, type Waiting } from './plan.js'
import { SentWhileOpen } from './sent-while-open.js'
import { SessionEnder } from './session-ender.js'
import { TaskQueue } from './task-queue.js'
import { SMALL, UnsentBytes, type BaseContents, type UnsentBytesDeps } from './unsent-bytes.js'

/** As Microsoft's own client has it for the other direction (`LocalMassDeleteFileDeleteThreshold`). */
export const MASS_DELETION = 200

// One plan costs a few milliseconds for thousands of items; the next follows when these are under way.
const TASKS_PLANNED = 500
// While somebody waits for everything to be sent, what is new is looked at that often.
const HURRIED: Milliseconds = 100
// A plan shall not take more than a twentieth of the time: the thread also answers the kernel.
const BETWEEN_PLANS = 20
// One that costs less than this may come as often as it is wanted.
const CHEAP_PLAN: Milliseconds = 1
// Something that neither failed nor went on. There should be no such thing.
const STUCK: Milliseconds = 5_000
const CLOSING: Milliseconds = 2_000

export interface UploaderDeps {
  readonly store: Store
  readonly dirty: DirtyFiles
  readonly base: BaseContents
  readonly fingerprintFile: UnsentBytesDeps['fingerprintFile']
  readonly hashBytes: (bytes: Uint8Array) => string
  readonly writer: RemoteWriter
  readonly folders: RemoteFolder
  readonly clock: Clock
  /** From 0 to 1. */
  readonly random: () => number
  /** Of this machine, for the names of conflict copies. */
  readonly hostName: string
  /** Where the content of a generation belongs in the cache. */
  readonly cachePath: (ino: Ino, generation: number) => string
  /** More deletions than this do not go at once before somebody was asked. */
  readonly massDeletion?: number
  /** Both sides have changed a file: the user is told. */
  readonly onConflict: (conflict: Conflict) => void
  /** What was deleted here is here again, because the other side has it still. */
  readonly onGivenBack?: (given: GivenBack) => void
  /** The service lets us change something less than we thought. */
  readonly onDenied?: (library: LibraryId) => void
  /** Something went wrong that nobody waits for. */
  readonly onTrouble: (event: string, failure: unknown) => void
}

/** Whoever has the files. Implemented by `fs/mounted-drive.ts`. */
export interface UploadsOwner {
  /** The store has been changed. */
  changed(changes: readonly ItemChange[]): void
  /**
   * Makes the content that the service has of a file a change of ours, with all of its bytes; nothing where that was changed here
   * before. What is not local is downloaded.
   * @throws {Fault} as `Hydrator.ensure`; the signal's reason
   */
  ownContent(ino: Ino, signal: AbortSignal): Promise<void>
  /** `undefined`: no program has it open for writing. */
  openForWriting(ino: Ino): OpenForWriting | undefined
  /** What was written into it while it is open shall be noted in the store. @throws {Fault} as the store; `local-io` */
  noteWritten(ino: Ino): void
}

/** What of one item is owed. */
export interface OwedStatus {
  /** `undefined` of what is deleted here. */
  readonly ino: Ino | undefined
  readonly library: LibraryId
  /** From the root of the drive, as far as it is known. */
  readonly path: readonly string[]
  readonly what: 'new' | 'content' | 'name' | 'times' | 'deletion'
  readonly size: Bytes
  /** Of an upload that is under way. */
  readonly sent: Bytes
  /** `undefined`: it goes next. */
  readonly waiting: Waiting | undefined
  /** Why it could not be sent the last time. */
  readonly hindrance: Hindrance | undefined
  readonly needsAttention: boolean
  /** Who has it open for writing, while its content waits. */
  readonly openedBy: OpenForWriting | undefined
  /** When it is tried again, if nothing happens before. */
  readonly nextAttempt: Milliseconds | undefined
  readonly since: Milliseconds
}

/** Deletions that are owed no more. */
export interface Undone {
  readonly library: LibraryId
  readonly items: number
  /** To be listed again. */
  readonly folders: readonly Ino[]
}

export interface UploadProgressReport {
  /** Items of which something is owed, deletions included. */
  readonly left: number
}

class Job implements Sending {
  readonly library: LibraryId
  readonly abort = new AbortController()
  readonly signal: AbortSignal
  readsFile = false
  /** The item has been changed here since the job began. */
  isOvertaken = false
  sentBytes: Bytes = 0
  ended: Promise<void> = Promise.resolve()

  constructor(library: LibraryId, closed: AbortSignal) {
    this.library = library
    this.signal = AbortSignal.any([this.abort.signal, closed])
  }

  get isOutdated(): boolean {
    return this.abort.signal.aborted
  }

  sent(bytes: Bytes): void {
    this.sentBytes = bytes
  }
}

/**
 * Sends what was changed here to the other organizations, in the background. What is to be sent, and what became of it, is in
 * the store's journal: this object can be dropped at any moment and another one goes on.
 */
export class Uploader {
  readonly #deps: UploaderDeps
  readonly #items: ItemSender
  readonly #deletions: DeletionSender
  readonly #sessions: SessionEnder
  readonly #closures = new Closures()
  readonly #queue = new TaskQueue()
  readonly #jobs = new Map<Ino, Job>()
  /** By their numbers. */
  readonly #deleting = new Map<number, Job>()
  readonly #closed = new AbortController()
  readonly #idlers = new Set<() => void>()
  readonly #watchers = new Set<() => void>()
  readonly #sentOpen: SentWhileOpen
  /** Copies of open files that were in vain, in a row. */
  readonly #abandoned = new Map<Ino, number>()
  #owner: UploadsOwner = {
    changed: () => undefined,
    openForWriting: () => undefined,
    noteWritten: () => undefined,
    ownContent: () => Promise.reject(new Error('nobody has the files')),
  }
  #running: Promise<void> | undefined
  #planAt: Milliseconds | undefined
  #alarm: (() => void) | undefined
  #waitingFor = 0
  #planEnded = 0
  #planCost: Milliseconds = 0

  constructor(deps: UploaderDeps) {
    this.#deps = deps
    const { store, dirty, base, fingerprintFile, hashBytes, writer, folders, clock, onTrouble } = deps
    const now = () => clock.now()
    const onChanges = (changes: readonly ItemChange[]) => this.#owner.changed(changes)
    this.#sentOpen = new SentWhileOpen({ dirty, store })
    this.#items = new ItemSender({
      store,
      dirty,
      bytes: new UnsentBytes({ dirty, base, fingerprintFile, hashBytes }),
      base,
      writer,
      hostName: hostPart(deps.hostName),
      now,
      cachePath: deps.cachePath,
      ownContent: (ino, signal) => this.#owner.ownContent(ino, signal),
      openForWriting: ino => this.#owner.openForWriting(ino),
      sentOpen: this.#sentOpen,
      onChanges,
      onConflict: deps.onConflict,
      onTrouble,
    })
    const onGivenBack = (given: GivenBack) => {
      if (given.fault.code === 'access-denied') deps.onDenied?.(given.library)
      deps.onGivenBack?.(given)
    }
    this.#deletions = new DeletionSender({
      store,
      writer,
      folders,
      now,
      onChanges,
      onGivenBack,
      onTrouble,
    })
    this.#sessions = new SessionEnder({
      store,
      writer,
      clock,
      random: deps.random,
      isSending: ino => this.#jobs.has(ino),
      signal: this.#closed.signal,
      lookBy: time => this.#planBy(time),
      onTrouble,
    })
  }

  belongsTo(owner: UploadsOwner): void {
    this.#owner = owner
  }

  /** Begins with whatever is owed from before. */
  start(): void {
    this.#planBy(this.#deps.clock.now())
    this.#running ??= this.#run(this.#closed.signal)
  }

  /** The item is about to change: an upload that reads its bytes from the file ends. Others are not about these any more. */
  stop(ino: Ino): void {
    const job = this.#jobs.get(ino)
    if (job === undefined) return
    job.isOvertaken = true
    if (!job.readsFile) return
    job.abort.abort(new Fault('cancelled', 'The file is being changed'))
  }

  /** Something new is owed. */
  wake(): void {
    this.#planBy(this.#deps.clock.now() + (this.#waitingFor > 0 ? HURRIED : SETTLING))
  }

  /** No program has it open for writing any more. */
  closed(ino: Ino): void {
    this.#abandoned.delete(ino)
    // It may have been written to until now.
    const job = this.#jobs.get(ino)
    if (job !== undefined) job.isOvertaken = true
    const { owed } = this.#deps.store
    const row = owed.of(ino)
    // The copy for which there was no room is not needed any more.
    if (row?.hindrance?.code === 'disk-full') owed.setAttempts(ino, { ...row, notBefore: 0 })
    this.wake()
  }

  /** The service has its bytes, although its content is owed: a program has it open for writing, and may change it at any moment. */
  isSent(ino: Ino): boolean {
    return this.#sentOpen.of(ino) !== undefined
  }

  /** Whatever waits for a better time is tried now: the network is back, somebody has signed in. */
  retry(): void {
    this.#closures.openAll()
    this.#retryThose(() => true)
  }

  /** The tenant has answered somebody: what could not be sent because it had not goes now. */
  reached(tenant: TenantId): void {
    if (!this.#closures.reached(tenant, this.#deps.clock.now())) return
    const { libraries } = this.#deps.store
    this.#retryThose(
      ({ library, hindrance }) =>
        isUnreached(hindrance?.code) && libraries.byId(library)?.root.tenant === tenant,
    )
  }

  #retryThose(isMeant: (row: Attempts & { readonly library: LibraryId }) => boolean): void {
    const { owed } = this.#deps.store
    for (const row of owed.all()) {
      if (row.notBefore > 0 && isMeant(row)) owed.setAttempts(row.ino, { ...row, notBefore: 0 })
    }
    for (const deletion of owed.deletions()) {
      if (deletion.notBefore > 0 && isMeant(deletion)) {
        owed.setDeletionAttempts(deletion.number, { ...deletion, notBefore: 0 })
      }
    }
    this.#planBy(this.#deps.clock.now())
  }

  /** How many deletions of a library wait for somebody's consent. */
  heldDeletions(library: LibraryId): number {
    return this.#heldCounts().get(library) ?? 0
  }

  /** They may go. */
  consentToDeletions(library: LibraryId): void {
    this.#deps.store.owed.consent(library)
    this.#planBy(this.#deps.clock.now())
  }

  /**
   * What was deleted here, and is held back, comes back.
   * @returns the folders, as far as they are here, that have to be listed again
   */
  undoDeletions(library: LibraryId): readonly Ino[] {
    return this.#undo(
      this.#deps.store.owed
        .deletions()
        .filter(deletion => deletion.library === library && !deletion.consented),
    )
  }

  /**
   * What was deleted here at this place, and is still at the service, comes back, with what is in it and the folders around it.
   * @param path from the root of the drive
   * @returns `undefined`: nothing was
   */
  undoDeletionAt(path: readonly string[]): Undone | undefined {
    const tree = new DeletedTree(this.#deps.store)
    const deletion = tree.at(path)
    if (deletion === undefined) return undefined
    const all = [...tree.within(deletion), ...tree.ancestorsOf(deletion)]
    return { library: deletion.library, items: all.length, folders: this.#undo(all) }
  }

  #undo(deletions: readonly OwedDeletion[]): readonly Ino[] {
    const { store, clock } = this.#deps
    const folders = new Set<Ino>()
    for (const { number } of deletions) {
      this.#deleting.get(number)?.abort.abort(new Fault('cancelled', 'It is not to be deleted any more'))
    }
    store.change(clock.now(), edit => {
      for (const { library, remoteId, parent } of deletions) {
        store.owed.settleDeletion(library, remoteId)
        const folder = store.items.byRemoteId(library, parent)
        if (folder === undefined) continue
        folders.add(folder.ino)
        edit.setListing(folder.ino, { kind: 'unlisted' })
      }
    })
    return [...folders]
  }

  /** What is owed, and why it waits. */
  status(): OwedStatus[] {
    const plan = this.#plan(Infinity)
    const { store, clock } = this.#deps
    const now = clock.now()
    const items = store.owed.all().map(row => {
      const { ino, library } = row
      const item = store.items.byIno(ino)
      const closure = this.#closureOf(library, row.isNew || row.content, now)
      const job = this.#jobs.get(ino)
      return {
        ino,
        library,
        path: (item && store.pathOf(item)) ?? [],
        what: whatOf(row),
        size: item?.size ?? 0,
        sent: job?.sentBytes ?? 0,
        waiting: plan.waiting.get(ino),
        openedBy: row.content && !row.staysHere ? this.#owner.openForWriting(ino) : undefined,
        ...reasonOf(row, closure, now),
        since: row.since,
      }
    })
    const tree = new DeletedTree(store)
    const deletions = store.owed.deletions().map(row => {
      const { library } = row
      return {
        ino: undefined,
        library,
        path: tree.pathOf(row),
        what: 'deletion' as const,
        size: 0,
        sent: 0,
        waiting: plan.waitingDeletions.get(row.number),
        openedBy: undefined,
        ...reasonOf(row, this.#closureOf(library, false, now), now),
        since: row.since,
      }
    })
    return [...items, ...deletions]
  }

  get isIdle(): boolean {
    return this.#jobs.size === 0 && this.#deleting.size === 0 && this.#queue.isEmpty
  }

  /**
   * Resolves when nothing can be sent any more.
   * @returns what is owed all the same, with the reason
   * @throws the signal's reason
   */
  async settled(
    signal: AbortSignal,
    onProgress: (report: UploadProgressReport) => void = () => undefined,
  ): Promise<readonly OwedStatus[]> {
    signal.throwIfAborted()
    const report = () => onProgress({ left: this.#owedCount() })
    this.#waitingFor++
    this.#watchers.add(report)
    try {
      report()
      await this.#idle(signal)
      return this.status().filter(isUnsent)
    } finally {
      this.#watchers.delete(report)
      this.#waitingFor--
    }
  }

  /** See {@link exportUnsent}. */
  async exportUnsent(directory: string, signal: AbortSignal): Promise<Exported> {
    return await exportUnsent(this.#deps, directory, signal)
  }

  /** Resolves when nothing is sent any more, or soon. */
  async close(): Promise<void> {
    this.#closed.abort(new Fault('cancelled', 'The drive is closing'))
    this.#alarm?.()
    const jobs = [...this.#jobs.values(), ...this.#deleting.values()].map(job => job.ended)
    const { clock, onTrouble } = this.#deps
    const late = () => new Fault('timed-out', 'An upload did not end')
    try {
      await withDeadline(
        Promise.all([this.#running, this.#sessions.settled(), ...jobs]),
        clock,
        CLOSING,
        new AbortController().signal,
        late,
      )
    } catch (failure) {
      onTrouble('uploads-not-ended', failure)
    } finally {
      this.#sentOpen.close()
    }
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#planAt !== undefined && this.#planAt <= this.#deps.clock.now()) {
        this.#planAt = undefined
        try {
          this.#replan()
        } catch (failure) {
          this.#deps.onTrouble('uploads-not-planned', failure)
          this.#planBy(this.#deps.clock.now() + STUCK)
        }
        continue
      }
      await this.#nap(signal)
    }
  }

  /** Until there is something to plan, or another time for it. */
  async #nap(signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps
    const ended = new AbortController()
    const woken = new Promise<void>(resolve => (this.#alarm = resolve))
    const timer =
      this.#planAt === undefined
        ? woken
        : clock.sleep(this.#planAt - clock.now(), AbortSignal.any([ended.signal, signal]))
    await Promise.race([woken, timer]).catch(() => undefined)
    this.#alarm = undefined
    ended.abort()
  }

  #planBy(time: Milliseconds): void {
    if (this.#planAt !== undefined && this.#planAt <= time) return
    this.#planAt = time
    this.#alarm?.()
  }

  #replan(): void {
    const began = performance.now()
    this.#sessions.look()
    this.#settleNames()
    this.#sentOpen.sweep()
    const plan = this.#plan(TASKS_PLANNED)
    const { libraries } = this.#deps.store
    this.#queue.fill(plan.tasks, library => libraries.byId(library)?.root.tenant)
    this.#planEnded = performance.now()
    this.#planCost = this.#planEnded - began
    this.#startNext()
    // While a program makes one file after the other, one of them has always just settled.
    if (plan.next !== undefined) this.#planBy(Math.max(plan.next, this.#deps.clock.now() + this.#pause))
    if (this.isIdle) for (const idler of [...this.#idlers]) idler()
  }

  #settleNames(): void {
    const { store, clock } = this.#deps
    const now = clock.now()
    const changes = store.settleNamesLeft(now, now - SETTLING)
    if (changes.length > 0) this.#owner.changed(changes)
    if (store.firstNameLeft !== undefined) this.#planBy(store.firstNameLeft + SETTLING)
  }

  /** Until the next plan, unless something happens. */
  get #pause(): Milliseconds {
    return this.#planCost < CHEAP_PLAN ? 0 : BETWEEN_PLANS * this.#planCost
  }

  #plan(limit: number): Plan {
    const { store, clock } = this.#deps
    const now = clock.now()
    const held = this.#heldCounts()
    return planOf({
      owed: store.owed.all(),
      deletions: store.owed.deletions(),
      itemOf: ino => store.items.byIno(ino),
      hasHeir: item => heirOf(store.items, store.owed, item) !== undefined,
      now,
      settling: this.#waitingFor > 0 ? 0 : SETTLING,
      openForWriting: ino => this.#owner.openForWriting(ino),
      isSent: ino => this.isSent(ino),
      abandoned: ino => this.#abandoned.get(ino) ?? 0,
      isInParts: ino => this.#isInParts(ino),
      paceOf: item => store.versionPaces.of(item.library, item.remoteId),
      isSending: ino => this.#jobs.has(ino),
      isDeleting: number => this.#deleting.has(number),
      closedUntil: (library, needsSpace) => this.#closureOf(library, needsSpace, now)?.until,
      isHeld: library => held.has(library),
      limit,
    })
  }

  #closureOf(id: LibraryId, needsSpace: boolean, now: Milliseconds): Closure | undefined {
    const library = this.#deps.store.libraries.byId(id)
    if (library !== undefined) return this.#closures.of(library, needsSpace, now)
    return { until: now + 60_000, fault: new Fault('not-added', 'This library is not on the drive any more') }
  }

  /** Libraries of which more is to be deleted than goes without asking, and how much. */
  #heldCounts(): Map<LibraryId, number> {
    const counts = new Map<LibraryId, number>()
    for (const { library, consented } of this.#deps.store.owed.deletions()) {
      if (!consented) counts.set(library, (counts.get(library) ?? 0) + 1)
    }
    const most = this.#deps.massDeletion ?? MASS_DELETION
    for (const [library, count] of counts) if (count <= most) counts.delete(library)
    return counts
  }

  #startNext(): void {
    for (let task = this.#queue.take(); task !== undefined; task = this.#queue.take()) {
      if (!this.#isStillRight(task)) {
        this.#queue.ended(task)
        continue
      }
      if (task.kind === 'item') this.#sendItem(task)
      else this.#sendDeletion(task)
    }
  }

  /** Things may have changed since the plan was made. */
  #isStillRight(task: Task): boolean {
    const { store, clock } = this.#deps
    const now = clock.now()
    if (this.#closed.signal.aborted) return false
    if (task.kind === 'deletion') {
      const { library, remoteId, number } = task.deletion
      const isOwed = store.owed.deletion(library, remoteId)?.number === number
      return isOwed && this.#closureOf(library, false, now) === undefined
    }
    const { ino, revision, library, isNew, content } = task.owed
    const isSame = store.owed.of(ino)?.revision === revision && !this.#jobs.has(ino)
    if (!isSame) return false
    const use = content ? this.#owner.openForWriting(ino) : undefined
    const isBusy = use !== undefined && !isWhole(use, this.#abandoned.get(ino) ?? 0, now)
    if (isBusy || (use !== undefined && this.#isInParts(ino))) return false
    return this.#closureOf(library, isNew || content, now) === undefined
  }

  /** A part of a database beside it, or a database with a transaction under way. */
  #isInParts(ino: Ino): boolean {
    const { items } = this.#deps.store
    const item = items.byIno(ino)
    if (item === undefined) return false
    const database = databaseOf(item.name)
    if (database !== undefined && items.byName(item.parent, database) !== undefined) return true
    const journal = items.byName(item.parent, journalOf(item.name))
    return journal !== undefined && (this.#deps.dirty.opened(journal.ino)?.file.size ?? journal.size) > 0
  }

  #sendItem(task: Task & { readonly kind: 'item' }): void {
    const { ino, library } = task.owed
    const { store } = this.#deps
    const job = new Job(library, this.#closed.signal)
    this.#jobs.set(ino, job)
    const work = async () => {
      this.#owner.noteWritten(ino)
      const before = this.#owedOf(ino)
      await this.#sendCounting(ino, task.aside, job)
      this.#succeeded(library, task.owed.content)
      const left = this.#owedOf(ino)
      if (left === undefined || left !== before) return
      if (job.isOvertaken || this.#owner.openForWriting(ino) !== undefined) return
      throw new Fault('stale-content', 'Sending this has changed nothing')
    }
    const noteFailure = (failure: Fault) => {
      const row = store.owed.of(ino)
      if (row !== undefined) store.owed.setAttempts(ino, this.#attemptsAfter(failure, row.attempts, library))
    }
    job.ended = this.#carryOut(work, noteFailure, job, () => {
      this.#jobs.delete(ino)
      this.#ended(task)
    })
  }

  async #sendCounting(ino: Ino, aside: boolean, job: Job): Promise<void> {
    try {
      await this.#items.send(ino, aside, job)
      this.#abandoned.delete(ino)
    } catch (failure) {
      // What fits into memory is read at once, and costs nothing.
      const isCopied = (this.#deps.store.items.byIno(ino)?.size ?? 0) >= SMALL
      if (isCopied && isFault(failure, 'cancelled') && this.#owner.openForWriting(ino) !== undefined)
        this.#abandoned.set(ino, (this.#abandoned.get(ino) ?? 0) + 1)
      throw failure
    }
  }

  #sendDeletion(task: Task & { readonly kind: 'deletion' }): void {
    const { number, library, remoteId } = task.deletion
    const { store } = this.#deps
    const job = new Job(library, this.#closed.signal)
    this.#deleting.set(number, job)
    const work = async () => {
      await this.#deletions.send(task.deletion, job.signal)
      this.#succeeded(library, false)
      if (store.owed.deletion(library, remoteId)?.number === number)
        throw new Fault('stale-content', 'Deleting this has changed nothing')
    }
    const noteFailure = (failure: Fault) => {
      const row = store.owed.deletion(library, remoteId)
      if (row === undefined) return
      store.owed.setDeletionAttempts(row.number, this.#attemptsAfter(failure, row.attempts, library))
    }
    job.ended = this.#carryOut(work, noteFailure, job, () => {
      this.#deleting.delete(number)
      this.#ended(task)
    })
  }

  /**
   * What is owed of an item, for a comparison; `undefined`: nothing. What the service has accepted is never sent again unless
   * something has changed, whatever was made of the answer.
   */
  #owedOf(ino: Ino): string | undefined {
    const { owed, items } = this.#deps.store
    const [row, item] = [owed.of(ino), items.byIno(ino)]
    if (row === undefined || item === undefined || row.staysHere) return undefined
    const { isNew, content, place, times, missed, base } = row
    const { parent, name, remoteId, size, modified } = item
    const wanted = [isNew, content, place, times, missed, parent, name, remoteId, size, modified]
    return JSON.stringify([...wanted, base.parent, base.name, items.byIno(parent)?.remoteId])
  }

  /** Never rejects. */
  async #carryOut(
    work: () => Promise<void>,
    noteFailure: (failure: Fault) => void,
    job: Job,
    ended: () => void,
  ): Promise<void> {
    const { onTrouble } = this.#deps
    try {
      await work()
    } catch (failure) {
      try {
        if (!job.signal.aborted && !isFault(failure, 'cancelled')) {
          onTrouble(isFault(failure) ? 'not-sent' : 'uploader-bug', failure)
          noteFailure(faultOf(failure))
        }
      } catch (second) {
        onTrouble('hindrance-not-noted', second)
      }
    } finally {
      ended()
    }
  }

  #attemptsAfter(fault: Fault, before: number, library: LibraryId): Attempts {
    const { store, clock, random } = this.#deps
    const now = clock.now()
    // What keeps the whole tenant says nothing of the item, and lengthens no wait of the item's own.
    const attempts = patienceWith(fault.code).reach === 'tenant' ? before : before + 1
    if (fault.code === 'access-denied') this.#deps.onDenied?.(library)
    const record = store.libraries.byId(library)
    const closed = record && this.#closures.note(fault, record, now, random())
    const notBefore = closed ?? now + delayAfter(fault, attempts, random())
    return { attempts, notBefore, hindrance: hindranceOf(fault, attempts) }
  }

  #succeeded(id: LibraryId, usedSpace: boolean): void {
    const library = this.#deps.store.libraries.byId(id)
    if (library !== undefined) this.#closures.open(library, usedSpace)
  }

  #ended(task: Task): void {
    this.#queue.ended(task)
    for (const watcher of this.#watchers) watcher()
    if (this.#closed.signal.aborted) return
    this.#startNext()
    if (!this.#queue.isEmpty) return
    const isAlone = this.#jobs.size === 0 && this.#deleting.size === 0
    const isTime = performance.now() - this.#planEnded > this.#pause
    if (isAlone || isTime) this.#planBy(this.#deps.clock.now())
  }

  #owedCount(): number {
    const { owed } = this.#deps.store
    return owed.inos().size + owed.deletionCount
  }

  async #idle(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const end = () => {
        this.#idlers.delete(idle)
        signal.removeEventListener('abort', onAbort)
        this.#closed.signal.removeEventListener('abort', onAbort)
      }
      const idle = () => {
        end()
        resolve()
      }
      const onAbort = () => {
        end()
        reject((signal.aborted ? signal.reason : this.#closed.signal.reason) as Error)
      }
      this.#idlers.add(idle)
      signal.addEventListener('abort', onAbort)
      this.#closed.signal.addEventListener('abort', onAbort)
      this.retry()
    })
  }
}

/** Whether the service has not been told all of it, and is to be. */
export function isUnsent({ waiting }: Pick<OwedStatus, 'waiting'>): boolean {
  return waiting !== 'stays' && waiting !== 'sent'
}

function whatOf(row: Pick<Owed, 'isNew' | 'content' | 'place'>): OwedStatus['what'] {
  if (row.isNew) return 'new'
  if (row.content) return 'content'
  return row.place ? 'name' : 'times'
}

function reasonOf(
  { attempts, hindrance, notBefore }: Attempts,
  closure: Closure | undefined,
  now: Milliseconds,
): Pick<OwedStatus, 'hindrance' | 'needsAttention' | 'nextAttempt'> {
  const reason = closure ? hindranceOf(closure.fault, 1) : hindrance
  const next = Math.max(notBefore, closure?.until ?? 0)
  return {
    hindrance: reason,
    needsAttention: reason !== undefined && needsAttention(reason.code, attempts),
    nextAttempt: next > now ? next : undefined,
  }
}

function faultOf(failure: unknown): Fault {
  if (failure instanceof Fault) return failure
  return new Fault('local-io', 'It could not be sent because of a bug; the log says more', { cause: failure })
}

/** What SharePoint allows in a name, and not so much that little of the name is left. */
function hostPart(hostName: string): string {
  const [first = ''] = hostName.split('.')
  const clean = first.replace(/[^\p{L}\p{N}_-]/gu, '').slice(0, 40)
  return clean === '' ? 'copy' : clean
}

import type { Clock } from '../concurrency/clock.js'
import type { ByteRange } from '../model/byte-ranges.js'
import type { DriveItem } from '../model/drive-item.js'
import { Fault, isFault } from '../model/fault.js'
import type { Bytes } from '../model/ids.js'
import type { RemoteContent } from '../model/remote.js'
import type { BufferPool } from './buffer-pool.js'
import type { ConnectionBudget } from './connection-budget.js'
import type { ContentFile } from './content-file.js'
import type { ContentSource } from './content-source.js'
import type { OfflineMemory } from './offline-memory.js'
import type { ReadAhead } from './read-ahead.js'
import { Segment } from './segment.js'

const KIB: Bytes = 1024
const MIB: Bytes = 1024 * KIB

// Random readers get whole blocks of this, so that the next small read nearby is local.
const BLOCK: Bytes = 64 * KIB
// A running segment that is so near will be there sooner than a new connection.
const JOIN_DISTANCE: Bytes = 4 * MIB
// What is left of a segment that nobody waits for is fetched all the same if it is no more than this.
const NOT_WORTH_STOPPING: Bytes = 256 * KIB
// With somebody waiting, bytes are written as soon as there are so many, or as soon as his are complete.
const WORTH_WRITING: Bytes = 256 * KIB
const CONNECTIONS_PER_FILE = 8
// A connection that breaks after it brought something is replaced so many times in a row for so few bytes.
const RESUMPTIONS = 8
const RESUMPTION_PROGRESS: Bytes = 1 * MIB

export interface FileDownloadDeps {
  readonly remote: RemoteContent
  readonly clock: Clock
  readonly budget: ConnectionBudget
  readonly buffers: BufferPool
  readonly offline: OfflineMemory
  /** `undefined` when the item has another content by now. */
  readonly source: () => ContentSource | undefined
  /** What the service says of the item of which bytes are about to come. */
  readonly onDescribed: (item: DriveItem) => void
  /** The service says that our knowledge of the item is old. */
  readonly onOutdated: () => void
}

interface Waiter {
  readonly reader: ReadAhead
  readonly range: ByteRange
  readonly resolve: () => void
  readonly reject: (failure: Error) => void
}

/**
 * Brings the bytes of one content here: what readers wait for at once, what they will need soon as far as
 * connections allow, and nothing that nobody needs.
 *
 * INVARIANT: no byte is fetched by two segments, and none that is in the file.
 */
export class FileDownload {
  readonly file: ContentFile
  readonly #deps: FileDownloadDeps
  readonly #waiters = new Set<Waiter>()
  readonly #readers = new Set<ReadAhead>()
  /** Running; in no order. */
  readonly #segments = new Set<Segment>()
  readonly #runs = new Set<Promise<void>>()
  readonly #stopListening: () => void

  constructor(file: ContentFile, deps: FileDownloadDeps) {
    this.file = file
    this.#deps = deps
    const stopPresent = file.onPresent(() => this.#resolveWaiters())
    const stopEnd = file.onEnd(fault => this.#end(fault))
    const stopBudget = deps.budget.onGivenBack(() => this.#start())
    this.#stopListening = () => [stopPresent, stopEnd, stopBudget].forEach(stop => stop())
  }

  get isIdle(): boolean {
    return this.#readers.size === 0
  }

  addReader(reader: ReadAhead): void {
    this.#readers.add(reader)
  }

  removeReader(reader: ReadAhead): void {
    this.#readers.delete(reader)
    for (const waiter of [...this.#waiters]) {
      if (waiter.reader === reader) waiter.reject(new Fault('cancelled', 'The file was closed'))
    }
    this.#cancelUnneeded()
  }

  /**
   * Resolves when `range` is present.
   *
   * @param range within the file's size
   * @param signal ends this wait; what only this reader needed is not fetched any more
   */
  async ensure(reader: ReadAhead, range: ByteRange, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    reader.note(range)
    if (this.file.present.covers(range)) return this.#start()
    if (this.file.end) throw this.file.end
    await this.#wait(reader, range, signal)
  }

  /** Resolves when no segment runs. */
  async settled(): Promise<void> {
    while (this.#runs.size > 0) await Promise.all(this.#runs)
  }

  /** To be called last, when it is idle and {@link settled}. */
  close(): void {
    this.#stopListening()
  }

  #wait(reader: ReadAhead, range: ByteRange, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        // An interrupted program does not go on reading.
        reader.stop()
        leave()
        reject(signal.reason as Error)
        this.#cancelUnneeded()
      }
      const leave = () => {
        this.#waiters.delete(waiter)
        signal.removeEventListener('abort', onAbort)
      }
      const waiter: Waiter = {
        reader,
        range,
        resolve: () => {
          leave()
          resolve()
        },
        reject: failure => {
          leave()
          reject(failure)
        },
      }
      this.#waiters.add(waiter)
      signal.addEventListener('abort', onAbort, { once: true })
      this.#start()
    })
  }

  #resolveWaiters(): void {
    for (const waiter of [...this.#waiters]) {
      if (this.file.present.covers(waiter.range)) waiter.resolve()
    }
  }

  /** Starts every segment that is needed and not running yet. */
  #start(): void {
    if (this.file.end) return
    for (const waiter of [...this.#waiters]) this.#startFor(waiter)
    for (const reader of this.#readers) this.#startAhead(reader)
  }

  #startFor(waiter: Waiter): void {
    for (const gap of this.file.unwritten(waiter.range)) {
      for (let at = gap.start; at < gap.end;) {
        const running = this.#segmentAt(at)
        if (running && at - running.position <= JOIN_DISTANCE) {
          at = running.end
          continue
        }
        if (!this.#deps.budget.tryTake(true)) return
        running?.stopAt(at)
        const range = this.#around(waiter.reader, at, gap.end)
        if (!this.#run(range)) return
        at = range.end
      }
    }
  }

  #startAhead(reader: ReadAhead): void {
    const { size } = this.file
    const { segmentSize } = reader
    const window = { start: reader.window.start, end: Math.min(size, reader.window.end) }
    if (window.start >= window.end) return
    for (const gap of this.file.unwritten(window)) {
      for (let at = gap.start; at < gap.end;) {
        const running = this.#segmentAt(at)
        if (running) {
          at = running.end
          continue
        }
        const free = this.#freeFrom(at, gap.end)
        const end = Math.min(free, at + segmentSize)
        // The window's end moves with the reader: what is too little for a segment now will be enough soon.
        if (end === window.end && end < size && end - at < segmentSize) return
        if (this.#segments.size >= CONNECTIONS_PER_FILE || !this.#deps.budget.tryTake(false)) return
        if (!this.#run({ start: at, end })) return
        at = end
      }
    }
  }

  /** What to fetch when somebody waits for `start` and up to `end`: blocks around it that nobody fetches yet. */
  #around(reader: ReadAhead, start: Bytes, end: Bytes): ByteRange {
    const { size } = this.file
    const isSmall = size <= reader.head
    const ahead = [...this.#readers].find(({ window }) => contains(window, start))
    const wanted = Math.max(
      Math.ceil(end / BLOCK) * BLOCK,
      isSmall ? size : start + reader.leastAt(start),
      ahead ? start + ahead.segmentSize : 0,
    )
    const from = isSmall ? 0 : start - (start % BLOCK)
    return { start: this.#freeBefore(start, from), end: this.#freeFrom(start, Math.min(size, wanted)) }
  }

  /** `begin`, or where, between it and `offset`, what is neither here nor on its way begins. */
  #freeBefore(offset: Bytes, begin: Bytes): Bytes {
    if (begin === offset) return offset
    const gap = this.file.unwritten({ start: begin, end: offset }).at(-1)
    if (gap?.end !== offset) return offset
    return [...this.#segments].reduce(
      (free, segment) => (segment.start < offset ? Math.max(free, segment.end) : free),
      gap.start,
    )
  }

  /** How far, from `offset` on and up to `limit`, bytes are neither here nor on their way. */
  #freeFrom(offset: Bytes, limit: Bytes): Bytes {
    const gap = this.file.unwritten({ start: offset, end: limit })[0]
    return [...this.#segments].reduce(
      (free, segment) => (segment.start > offset ? Math.min(free, segment.start) : free),
      gap?.end ?? limit,
    )
  }

  #segmentAt(offset: Bytes): Segment | undefined {
    for (const segment of this.#segments) if (segment.covers(offset)) return segment
    return undefined
  }

  /** Takes over one connection of the budget. @returns false when there is nothing to ask */
  #run(range: ByteRange, resumptions = 0): boolean {
    const source = this.#deps.source()
    const reason = source
      ? (source.refusal ?? this.#deps.offline.reasonNotToAsk(source.item.tenant))
      : this.#staleFault()
    if (source === undefined || reason) {
      this.#failWaiters(range, reason ?? this.#staleFault())
      this.#deps.budget.giveBack()
      return false
    }
    const { remote, clock, buffers, onDescribed } = this.#deps
    const segment = new Segment(range, {
      remote,
      clock,
      buffers,
      target: this.file,
      described: onDescribed,
      isAwaited: (position, buffered) => this.#isAwaited(position, buffered),
    })
    this.#segments.add(segment)
    const run = this.#finish(segment, source, resumptions).finally(() => this.#runs.delete(run))
    this.#runs.add(run)
    return true
  }

  async #finish(segment: Segment, source: ContentSource, resumptions: number): Promise<void> {
    const { tenant } = source.item
    try {
      await segment.run(source)
      this.#deps.offline.noteSuccess(tenant)
      this.#segments.delete(segment)
    } catch (failure) {
      this.#segments.delete(segment)
      if (segment.position === segment.start) this.#deps.offline.noteFailure(tenant, failure)
      if (isFault(failure, 'stale-content', 'item-not-found')) this.#deps.onOutdated()
      const rest = { start: segment.position, end: segment.end }
      const next = resumptionsAfter(segment, failure, resumptions)
      if (next !== undefined && this.#isNeeded(rest)) {
        this.#run(rest, next) // on the same place in the budget
        return
      }
      this.#failWaiters({ start: segment.start, end: segment.end }, asError(failure))
    }
    this.#deps.budget.giveBack()
  }

  #isAwaited(position: Bytes, buffered: Bytes): boolean {
    const written = position - buffered
    for (const { range } of this.#waiters) {
      if (range.start >= position || range.end <= written) continue
      if (range.end <= position || buffered >= WORTH_WRITING) return true
    }
    return false
  }

  #isNeeded(range: ByteRange): boolean {
    for (const waiter of this.#waiters) if (overlap(waiter.range, range)) return true
    for (const { window } of this.#readers) if (overlap(window, range)) return true
    return false
  }

  #cancelUnneeded(): void {
    for (const segment of this.#segments) {
      const rest = { start: segment.position, end: segment.end }
      const isShort = rest.end - rest.start <= NOT_WORTH_STOPPING && this.#readers.size > 0
      if (!isShort && !this.#isNeeded(rest)) segment.cancel()
    }
  }

  /** Whoever waits for a byte of `range` that is not here learns why it does not come; the others go on. */
  #failWaiters(range: ByteRange, failure: Error): void {
    for (const waiter of [...this.#waiters]) {
      if (this.file.unwritten(waiter.range).some(gap => overlap(gap, range))) waiter.reject(failure)
    }
    for (const reader of this.#readers) if (overlap(reader.window, range)) reader.stop()
  }

  #end(fault: Fault): void {
    for (const waiter of [...this.#waiters]) waiter.reject(fault)
    for (const segment of this.#segments) segment.cancel()
  }

  #staleFault(): Fault {
    return this.file.end ?? new Fault('stale-content', 'The file was replaced while it was open')
  }
}

/** @returns `undefined` when trying again would not help, or has been tried enough */
function resumptionsAfter(segment: Segment, failure: unknown, resumptions: number): number | undefined {
  if (!isFault(failure, 'server-error', 'protocol-error', 'timed-out', 'offline')) return undefined
  const progress = segment.position - segment.start
  if (progress === 0) return undefined
  if (progress >= RESUMPTION_PROGRESS) return 0
  return resumptions < RESUMPTIONS ? resumptions + 1 : undefined
}

function contains(range: ByteRange, offset: Bytes): boolean {
  return range.start <= offset && offset < range.end
}

function overlap(one: ByteRange, other: ByteRange): boolean {
  return one.start < other.end && other.start < one.end
}

function asError(failure: unknown): Error {
  return failure instanceof Error
    ? failure
    : new Error('something that is not an error was thrown', { cause: failure })
}

import { closeSync, fdatasync, unlink, unlinkSync, write } from 'node:fs'
import { promisify } from 'node:util'
import type { Clock } from '../concurrency/clock.js'
import { ByteRanges, type ByteRange } from '../model/byte-ranges.js'
import { nextContentState, type ContentEvent, type ContentState } from '../model/content-state.js'
import { Fault } from '../model/fault.js'
import type { Bytes, Ino, Milliseconds } from '../model/ids.js'
import type { ContentTable } from '../store/content-table.js'
import type { HashFile } from './hash-in-slices.js'
import { localFault } from './local-fault.js'
import { QuickXorSum } from './quick-xor-sum.js'

const writeAt = promisify(write)
const syncData = promisify(fdatasync)

// What a crash costs at most is what arrived meanwhile, to be downloaded again. More often would make the disk the limit
// of a fast link: each time, everything that was written has to be on it.
const UNSAVED_TIME: Milliseconds = 5_000
// When a file is complete, this much of its end at least is withheld until its hash is known to be right.
const WITHHELD: Bytes = 64 * 1024
// How exact `accessed` is: a write to the store for every open of a local file would cost more than it tells.
const ACCESS_RESOLUTION: Milliseconds = 60 * 60 * 1000

/** Bytes -> base64, at once. `quickXorHash` of the addon: 30 microseconds for a megabyte. */
export type HashBytes = (bytes: Uint8Array) => string

export interface ContentFileDeps {
  readonly table: ContentTable
  readonly clock: Clock
  readonly hashFile: HashFile
  /** Ends a verification that is under way: the next open begins it again. */
  readonly ending: AbortSignal
  /** Where there is one, a file that arrives in one run of the daemon need not be read again to be verified. */
  readonly hashBytes: HashBytes | undefined
  /** The hash that the service names now; `undefined` when it names none. */
  readonly expectedHash: () => string | undefined
  /**
   * The bytes are not what the service described. Asks it again; where the item has another version by now,
   * {@link ContentFile.supersede} is called before this resolves. Never rejects.
   */
  readonly recheck: () => Promise<void>
  /** All bytes are what the service described. */
  readonly onVerified: () => void
  /**
   * The bytes are worthless: whoever opens the file from now on gets a new content.
   * @param hash theirs; `undefined`: they cannot be read any more
   */
  readonly onRefuted: (hash: string | undefined) => void
  /** Something went wrong that nobody waits for. A record that was not written costs a download, nothing else. */
  readonly onTrouble: (event: string, failure: unknown) => void
}

export interface ContentFileState {
  readonly ino: Ino
  readonly generation: number
  readonly path: string
  /** Sparse, of `size` bytes, open for reading and writing. Closed by this object. */
  readonly fd: number
  readonly size: Bytes
  /** What the store lists; empty for a new file. */
  readonly stored: ByteRanges
  readonly verified: boolean
  readonly accessed: Milliseconds
}

/**
 * One content of one file, in its cache file. Shared by all who have it open.
 *
 * Bytes first, then the record: a range is announced when it is in the file, and listed in the store only after
 * fdatasync. A crash leaves an unlisted range, never a listed hole.
 */
export class ContentFile {
  readonly ino: Ino
  readonly generation: number
  readonly fd: number
  readonly size: Bytes
  /** What may be read. */
  readonly present = new ByteRanges()
  readonly #path: string
  readonly #deps: ContentFileDeps
  /** `present` and what is withheld. */
  readonly #written: ByteRanges
  readonly #pieces: QuickXorSum | undefined
  #writing: Promise<void> = Promise.resolve()
  #withheld: ByteRange | undefined
  #state: ContentState = 'placeholder'
  #accessed: Milliseconds
  #recordIsOld = false
  #saving: Promise<void> | undefined
  #savingLater: Promise<void> | undefined
  #verifying: Promise<void> | undefined
  readonly #unwanted = new AbortController()
  /** Only while something is to be saved later: most files are opened and closed. */
  #stopWaiting: AbortController | undefined
  readonly #presentListeners = new Set<(range: ByteRange) => void>()
  readonly #endListeners = new Set<(fault: Fault) => void>()

  constructor(state: ContentFileState, deps: ContentFileDeps) {
    this.ino = state.ino
    this.generation = state.generation
    this.fd = state.fd
    this.size = state.size
    this.#path = state.path
    this.#deps = deps
    this.#accessed = state.accessed
    this.#written = state.stored
    this.#pieces = deps.hashBytes && new QuickXorSum()
    if (state.verified || this.size === 0) this.#state = 'full'
    else if (this.#written.size > 0) this.#move('bytes')
    if (this.#state === 'partial' && this.#isComplete()) this.#resumeVerification()
    else for (const range of this.#written) this.present.add(range)
  }

  get state(): ContentState {
    return this.#state
  }

  get verified(): boolean {
    return this.#state === 'full'
  }

  /** Why bytes that are not present will never be. */
  get end(): Fault | undefined {
    if (this.#state === 'superseded') {
      return new Fault('stale-content', 'The file was replaced while it was open', {
        nextStep: 'Open it again to read the new version',
      })
    }
    if (this.#state === 'refuted') {
      return new Fault('corrupt-content', 'The service sent other bytes than its checksum says', {
        nextStep:
          'Open the file again to download it anew; if that fails too, tell the organization that shares it',
      })
    }
    return undefined
  }

  /** The parts of `range` that have to be downloaded. */
  unwritten(range: ByteRange): ByteRange[] {
    return this.#written.missing(range)
  }

  /** Calls `listener` for each range right after its bytes are in the file, until the returned function is called. */
  onPresent(listener: (range: ByteRange) => void): () => void {
    this.#presentListeners.add(listener)
    return () => this.#presentListeners.delete(listener)
  }

  /** Calls `listener` when it is certain that nothing more will be present. */
  onEnd(listener: (fault: Fault) => void): () => void {
    this.#endListeners.add(listener)
    return () => this.#endListeners.delete(listener)
  }

  /**
   * Writes bytes that were downloaded and announces them.
   * @throws {Fault} `disk-full`, `local-io`: nothing is announced
   */
  async write(bytes: Uint8Array, start: Bytes): Promise<void> {
    const hash = this.#pieces && this.#deps.hashBytes?.(bytes)
    // One at a time: several threads that write to one file keep each other waiting in the kernel.
    const write = this.#writing.then(() => this.#writeAll(bytes, start))
    this.#writing = write.catch(() => {})
    await write
    this.wrote({ start, end: start + bytes.length }, hash)
  }

  /**
   * Announces bytes that are in the file.
   * @param hash theirs, as if they were a file; without it the whole file is read again to be verified
   */
  wrote(range: ByteRange, hash: string | undefined): void {
    if (this.#written.covers(range)) return
    if (hash !== undefined) this.#pieces?.add(hash, range.start, range.end - range.start)
    this.#written.add(range)
    if (this.end) return
    if (this.#isComplete()) {
      this.#allHere(range)
    } else {
      this.#move('bytes')
      this.#announce(range)
    }
    this.#saveSoon()
  }

  /** The other side has another version: nothing more will be fetched, listed or kept after the last close. */
  supersede(): void {
    if (this.end) return
    this.#move('supersede')
    this.#unwanted.abort()
    this.#ended()
  }

  /** Makes the record say what is in the file by now, durably. */
  async save(): Promise<void> {
    if (!this.#recordIsOld || this.end) return
    this.#saving ??= this.#saveOnce().finally(() => {
      this.#saving = undefined
    })
    await this.#saving
  }

  /** Resolves when nothing uses the descriptor and everything is listed. No download may run. */
  async settle(): Promise<void> {
    await this.#verifying
    await this.#saving
    while (this.#recordIsOld && !this.end) await this.save()
  }

  /** To be called once, after {@link settle}. */
  close(): void {
    this.#stopWaiting?.abort()
    closeSync(this.fd)
    // Deleting gigabytes takes half a second, but the name will not be used again. The name of an empty one may be, at
    // once.
    if (this.end)
      unlink(this.#path, failure => {
        // It may have been taken over by who writes.
        if (failure && failure.code !== 'ENOENT') this.#deps.onTrouble('content-not-deleted', failure)
      })
    else if (this.#written.size === 0) unlinkSync(this.#path)
    else this.#noteAccess()
  }

  async #writeAll(bytes: Uint8Array, start: Bytes): Promise<void> {
    try {
      for (let done = 0; done < bytes.length;) {
        const { bytesWritten } = await writeAt(this.fd, bytes, done, bytes.length - done, start + done)
        done += bytesWritten
      }
    } catch (failure) {
      throw localFault(failure)
    }
  }

  #announce(range: ByteRange): void {
    this.present.add(range)
    for (const listener of [...this.#presentListeners]) listener(range)
  }

  #isComplete(): boolean {
    return this.#written.covers({ start: 0, end: this.size })
  }

  /** The daemon ended between the last byte and the hash. */
  #resumeVerification(): void {
    const withheld = { start: Math.max(0, this.size - WITHHELD), end: this.size }
    this.present.add({ start: 0, end: withheld.start })
    this.#allHere(withheld)
  }

  #allHere(last: ByteRange): void {
    this.#withheld = last
    this.#move('last bytes')
    this.#verifying = this.#verify()
  }

  async #verify(): Promise<void> {
    const expected = this.#deps.expectedHash()
    const found = expected === undefined ? undefined : await this.#hash()
    if (found === 'unwanted' || this.#state !== 'complete') return // superseded meanwhile, or the drive is closing
    if (expected === undefined || found?.hash === expected) {
      this.#move('verify')
      this.#deps.onVerified()
      if (this.#withheld) this.#announce(this.#withheld)
      this.#recordIsOld = true
      return this.save()
    }
    await this.#deps.recheck()
    if (this.#state !== 'complete') return
    this.#move('refute')
    this.#ended()
    this.#deps.onRefuted(found?.hash)
  }

  /** Of all bytes. What cannot be read from the cache has none, and is as useless as wrong bytes. */
  async #hash(): Promise<{ readonly hash: string | undefined } | 'unwanted'> {
    // Fewer: some came in an earlier run. More: some came twice.
    if (this.#pieces?.length === this.size) return { hash: this.#pieces.digest() }
    const signal = AbortSignal.any([this.#deps.ending, this.#unwanted.signal])
    try {
      return { hash: await this.#deps.hashFile(this.fd, this.size, signal) }
    } catch {
      return signal.aborted ? 'unwanted' : { hash: undefined }
    }
  }

  #ended(): void {
    const fault = this.end
    if (fault) for (const listener of [...this.#endListeners]) listener(fault)
  }

  #saveSoon(): void {
    this.#recordIsOld = true
    this.#savingLater ??= this.#saveLater()
  }

  async #saveLater(): Promise<void> {
    this.#stopWaiting = new AbortController()
    try {
      await this.#deps.clock.sleep(UNSAVED_TIME, this.#stopWaiting.signal)
    } catch {
      return // closed: that saves too
    }
    this.#savingLater = undefined
    await this.save()
  }

  async #saveOnce(): Promise<void> {
    // What is written from here on is for the next time: it may not be on the disk when fdatasync returns.
    const present = new ByteRanges(this.#written)
    const verified = this.verified
    this.#recordIsOld = false
    try {
      await syncData(this.fd)
      if (this.end) return
      const accessed = this.#deps.clock.now()
      this.#deps.table.save({ ino: this.ino, generation: this.generation, present, verified, accessed })
      this.#accessed = accessed
    } catch (failure) {
      this.#deps.onTrouble('content-not-saved', localFault(failure))
    }
  }

  #noteAccess(): void {
    const now = this.#deps.clock.now()
    if (now - this.#accessed < ACCESS_RESOLUTION) return
    this.#deps.table.touch(this.ino, this.generation, now)
  }

  #move(event: ContentEvent): void {
    this.#state = nextContentState(this.#state, event)
  }
}

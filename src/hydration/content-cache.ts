import {
  constants,
  fstatSync,
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  renameSync,
  unlinkSync,
} from 'node:fs'
import { readdir, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Clock } from '../concurrency/clock.js'
import { ByteRanges } from '../model/byte-ranges.js'
import type { Bytes, Ino } from '../model/ids.js'
import type { ContentRecord } from '../store/content-table.js'
import type { Store } from '../store/store.js'
import { ContentFile, type HashBytes } from './content-file.js'
import { contentSource } from './content-source.js'
import type { HashFile } from './hash-in-slices.js'
import { Disagreements } from './disagreements.js'
import { localFault } from './local-fault.js'

export interface ContentCacheDeps {
  readonly store: Pick<Store, 'items' | 'libraries' | 'content' | 'owed'>
  /** Absolute; holds nothing but cache files. Created with mode 0700. */
  readonly directory: string
  readonly clock: Clock
  readonly hashFile: HashFile
  /** Without it, whole files are read again to be verified. */
  readonly hashBytes?: HashBytes
  /** Something went wrong that nobody waits for. */
  readonly onTrouble: (event: string, failure: unknown) => void
}

/** What the cache asks of whoever knows the items. Never rejects, never throws. */
export interface ContentOwner {
  /** See {@link ContentFile}'s `recheck`. */
  recheck(ino: Ino, generation: number): Promise<void>
  /** The content of this generation turned out to be worthless. */
  refuted(ino: Ino, generation: number): void
}

interface Shared {
  readonly file: ContentFile
  users: number
}

/**
 * The cache files: `<directory>/<two hex digits>/<ino>-<generation>`, one for each content of which bytes are here.
 *
 * INVARIANTS: one {@link ContentFile} for each content at any time; a file without a record in the store, and a
 * record without its file, count as nothing.
 */
export class ContentCache {
  readonly #deps: ContentCacheDeps
  readonly #open = new Map<string, Shared>()
  readonly #closing = new Set<Promise<void>>()
  readonly #deleting = new Set<Promise<void>>()
  readonly #ending = new AbortController()
  /** Files whose bytes are never what the service describes. */
  readonly disagreements: Disagreements
  #freed = 0
  #owner: ContentOwner = { recheck: () => Promise.resolve(), refuted: () => {} }

  constructor(deps: ContentCacheDeps) {
    this.#deps = deps
    this.disagreements = new Disagreements(deps.store, deps.clock)
  }

  /** Who is asked from now on. */
  belongsTo(owner: ContentOwner): void {
    this.#owner = owner
  }

  /**
   * The content, to be given back with {@link release}. Opens a descriptor, downloads nothing.
   * @throws {Fault} `disk-full`, `local-io`
   */
  open(ino: Ino, generation: number, shownSize: Bytes): ContentFile {
    const size = this.#deps.store.owed.contentSize(ino, shownSize)
    const key = nameOf(ino, generation)
    const shared = this.#open.get(key) ?? { file: this.#openFile(ino, generation, size), users: 0 }
    shared.users++
    this.#open.set(key, shared)
    return shared.file
  }

  /** Gives back what {@link open} gave. No download of it may run when its last user gives it back. */
  release(file: ContentFile): void {
    const shared = this.#open.get(nameOf(file.ino, file.generation))
    if (shared?.file !== file || --shared.users > 0) return
    const closing = this.#closeUnused(shared).finally(() => this.#closing.delete(closing))
    this.#closing.add(closing)
  }

  /** The content, if somebody has it open. */
  opened(ino: Ino, generation: number): ContentFile | undefined {
    return this.#open.get(nameOf(ino, generation))?.file
  }

  /** Of all contents that somebody has open. */
  openedInos(): ReadonlySet<Ino> {
    const inos = new Set<Ino>()
    for (const { file } of this.#open.values()) inos.add(file.ino)
    return inos
  }

  /**
   * The item has another content by now, or is gone; the store has been told before.
   * @param local whether the store listed bytes of it
   */
  supersede(ino: Ino, generation: number, local: boolean): void {
    const shared = this.#open.get(nameOf(ino, generation))
    if (shared) shared.file.supersede()
    else if (local) void this.#unlink(this.pathOf(ino, generation))
  }

  /** Whether nobody has it open, and nobody has changed it. */
  isFreeable(ino: Ino, generation: number): boolean {
    return !this.#open.has(nameOf(ino, generation)) && this.#deps.store.owed.of(ino)?.content !== true
  }

  /**
   * Makes a content online-only.
   * @returns false when somebody has it open, or has changed it: nothing was done
   * @throws {Fault} as the store
   */
  free(ino: Ino, generation: number): boolean {
    if (!this.isFreeable(ino, generation)) return false
    this.#deps.store.content.remove(ino, generation)
    const path = this.pathOf(ino, generation)
    // The name may be used again before the file is deleted.
    const freed = `${path}.freed-${++this.#freed}`
    try {
      renameSync(path, freed)
    } catch (failure) {
      if ((failure as NodeJS.ErrnoException).code !== 'ENOENT') {
        this.#deps.onTrouble('content-not-deleted', localFault(failure))
      }
      return true
    }
    const deleting = this.#unlink(freed).finally(() => this.#deleting.delete(deleting))
    this.#deleting.add(deleting)
    return true
  }

  /** Resolves when what was freed is no longer on the disk. */
  async freed(): Promise<void> {
    await Promise.all(this.#deleting)
  }

  /** Where the cache file of a content is, for who brings a whole one. */
  pathOf(ino: Ino, generation: number): string {
    const folder = (ino % 256).toString(16).padStart(2, '0')
    return join(this.#deps.directory, folder, nameOf(ino, generation))
  }

  /** Bytes that the store lists. */
  totalBytes(): Bytes {
    return this.#deps.store.content.totalBytes()
  }

  /** Deletes files that the store does not list: of a crash, of a store that was lost. Yields between folders. */
  async sweep(): Promise<void> {
    for (const folder of await listed(this.#deps.directory)) {
      const path = join(this.#deps.directory, folder)
      for (const name of await listed(path)) {
        if (!this.#isWanted(name)) await this.#unlink(join(path, name))
      }
    }
  }

  /** What takes long, and can be done by the next process, ends. */
  end(): void {
    this.#ending.abort()
  }

  /** Resolves when everything that was released is on the disk and in the store. */
  async settled(): Promise<void> {
    while (this.#closing.size > 0) await Promise.all(this.#closing)
    await this.freed()
  }

  async #closeUnused(shared: Shared): Promise<void> {
    const { file } = shared
    await file.settle()
    // Opened again meanwhile: it goes on.
    const key = nameOf(file.ino, file.generation)
    if (shared.users > 0 || this.#open.get(key) !== shared) return
    this.#open.delete(key)
    try {
      file.close()
    } catch (failure) {
      this.#deps.onTrouble('content-not-closed', localFault(failure))
    }
  }

  #openFile(ino: Ino, generation: number, size: Bytes): ContentFile {
    const path = this.pathOf(ino, generation)
    try {
      const record = this.#storedRecord(ino, generation, size)
      const reopened = record && reopen(path, size)
      if (record && reopened === undefined) this.#deps.store.content.remove(ino, generation)
      return this.#contentFile(path, reopened ?? createSparse(path, size), size, {
        ino,
        generation,
        present: new ByteRanges(),
        verified: false,
        accessed: 0,
        ...(reopened === undefined ? {} : record),
      })
    } catch (failure) {
      throw localFault(failure)
    }
  }

  #contentFile(path: string, fd: number, size: Bytes, record: ContentRecord): ContentFile {
    const { store, clock, hashFile, hashBytes, onTrouble } = this.#deps
    const { ino, generation, present: stored, verified, accessed } = record
    return new ContentFile(
      { ino, generation, path, fd, size, stored, verified, accessed },
      {
        table: store.content,
        clock,
        hashFile,
        ending: this.#ending.signal,
        hashBytes,
        expectedHash: () => contentSource(store, ino, generation)?.quickXorHash,
        recheck: () => this.#owner.recheck(ino, generation),
        onVerified: () => this.disagreements.agreed(ino),
        onRefuted: hash => {
          if (hash !== undefined) this.disagreements.delivered(ino, hash)
          this.#owner.refuted(ino, generation)
        },
        onTrouble,
      },
    )
  }

  /** `undefined` also for a record that cannot be of this file. */
  #storedRecord(ino: Ino, generation: number, size: Bytes): ContentRecord | undefined {
    try {
      const record = this.#deps.store.content.get(ino, generation)
      return record && endOf(record.present) <= size ? record : undefined
    } catch (failure) {
      if (failure instanceof RangeError) return undefined
      throw failure
    }
  }

  #isWanted(name: string): boolean {
    const [, ino, generation] = /^(\d{1,16})-(\d{1,16})$/.exec(name) ?? []
    if (ino === undefined || generation === undefined) return false
    return this.#open.has(name) || this.#deps.store.content.has(Number(ino) as Ino, Number(generation))
  }

  /** On a thread of the pool: deleting gigabytes takes half a second. */
  async #unlink(path: string): Promise<void> {
    try {
      await unlink(path)
    } catch (failure) {
      if ((failure as NodeJS.ErrnoException).code === 'ENOENT') return
      this.#deps.onTrouble('content-not-deleted', localFault(failure))
    }
  }
}

function nameOf(ino: Ino, generation: number): string {
  return `${ino}-${generation}`
}

function endOf(ranges: ByteRanges): Bytes {
  return [...ranges].at(-1)?.end ?? 0
}

/** @returns `undefined` when the file is not what a record says: somebody cleaned the cache folder */
function reopen(path: string, size: Bytes): number | undefined {
  let fd: number
  try {
    fd = openSync(path, constants.O_RDWR | constants.O_NOFOLLOW)
  } catch (failure) {
    const { code } = failure as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ELOOP') return undefined
    throw failure
  }
  if (fstatSync(fd).size === size) return fd
  closeSync(fd)
  return undefined
}

/** Whatever is at `path` is of no use any more: without a record nobody knows which of its bytes are good. */
function createSparse(path: string, size: Bytes): number {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const { O_RDWR, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants
  const fd = openSync(path, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600)
  try {
    ftruncateSync(fd, size)
    return fd
  } catch (failure) {
    closeSync(fd)
    unlinkSync(path)
    throw failure
  }
}

async function listed(directory: string): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch {
    return [] // not there yet, or not a directory: nothing of ours
  }
}

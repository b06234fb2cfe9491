import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fdatasync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
} from 'node:fs'
import { open as openFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { ByteRanges } from '../model/byte-ranges.js'
import type { DirtyFile } from '../model/dirty-file.js'
import { Fault, isFault } from '../model/fault.js'
import type { Bytes, Ino } from '../model/ids.js'
import { dirtyFault, locally } from './dirty-fault.js'
import type { DirtyFileState } from './plain-dirty-file.js'
import { appendSynced, logLength, replay } from './range-log.js'
import { takeSnapshot, type Snapshot } from './snapshot.js'

const syncData = promisify(fdatasync)
const { O_RDWR, O_CREAT, O_TRUNC, O_APPEND, O_NOFOLLOW } = constants

export interface DirtyFilesDeps {
  /** Absolute, on a disk that keeps what is on it; holds nothing but dirty files. Created with mode 0700. */
  readonly directory: string
  /** Tells this run of the machine from others. */
  readonly boot: bigint
  readonly make: (state: DirtyFileState) => DirtyFile
}

/** A dirty file that somebody uses. */
export interface OpenDirty {
  readonly ino: Ino
  readonly file: DirtyFile
  /** Open for reading and writing; closed by {@link DirtyFiles}. */
  readonly fd: number
  /** Whether it may need bytes of the content that the change began with. */
  readonly hasBase: boolean
  /** It was a file of the cache, which the kernel may have mapped: what is written so, nobody tells of. */
  readonly isTakenOver: boolean
}

interface Shared extends OpenDirty {
  readonly log: number | undefined
  users: number
  /** Its name is on the disk for sure. */
  isNamed: boolean
  /** A mapping has written, and who shows the file to kernels has not heard of it. */
  isMappedUnheard: boolean
}

const BURIED = '.buried'
const SNAPSHOT = '.snapshot'
// stat(2)
const STAT_BLOCK: Bytes = 512

/**
 * What was changed here and not sent yet: `<directory>/<ino>`, and `<ino>.log` where the file has a base. A file
 * `<ino>-<number>.snapshot` is a copy that is about to lose its name, and worth nothing to the next process.
 *
 * INVARIANTS: nothing here can be had again from anywhere. One {@link DirtyFile} for each item at any time, besides those that
 * somebody still has open although they were discarded, buried or sent.
 */
export class DirtyFiles {
  readonly #deps: DirtyFilesDeps
  readonly #open = new Map<Ino, Shared>()
  readonly #buried = new Map<Ino, Shared | undefined>()
  #snapshots = 0

  constructor(deps: DirtyFilesDeps) {
    this.#deps = deps
    mkdirSync(deps.directory, { recursive: true, mode: 0o700 })
    for (const name of readdirSync(deps.directory)) {
      if (name.endsWith(SNAPSHOT)) remove(join(deps.directory, name))
    }
  }

  /**
   * Begins an empty one, or one that looks like its base; to be given back with {@link release}.
   * @param baseSize `undefined`: without a base
   * @throws {Fault} `disk-full`, `local-io`
   */
  create(ino: Ino, baseSize: Bytes | undefined): OpenDirty {
    return this.#start(ino, baseSize, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW)
  }

  /**
   * The one that is here, to be given back with {@link release}.
   * @param baseSize of the content that the change began with
   * @throws {Fault} `disk-full`, `local-io`
   */
  open(ino: Ino, baseSize: Bytes): OpenDirty {
    const shared = this.#open.get(ino)
    if (shared === undefined)
      return this.#start(ino, existsSync(this.#logOf(ino)) ? baseSize : undefined, O_RDWR | O_NOFOLLOW)
    return this.share(shared)
  }

  /**
   * The file at `path`, all of it, is the dirty one from now on; who has it open goes on.
   * @param path where a kernel reads or maps it by itself: on the same disk
   * @throws {Fault} `local-io`
   */
  takeOver(ino: Ino, path: string): OpenDirty {
    locally(() => {
      if (existsSync(this.#logOf(ino))) remove(this.#logOf(ino))
      moveFile(path, this.#pathOf(ino))
    })
    try {
      return this.#start(ino, undefined, O_RDWR | O_NOFOLLOW, true)
    } catch (failure) {
      locally(() => moveFile(this.#pathOf(ino), path))
      throw failure
    }
  }

  /** For one more user, who gives it back, too. */
  share(opened: OpenDirty): OpenDirty {
    sharedOf(opened).users++
    return opened
  }

  release(opened: OpenDirty): void {
    const shared = sharedOf(opened)
    if (--shared.users > 0) return
    // Of what was discarded or sent meanwhile there may be a newer one.
    if (this.#open.get(shared.ino) === shared) this.#open.delete(shared.ino)
    shared.file.close()
    closeSync(shared.fd)
    if (shared.log !== undefined) closeSync(shared.log)
  }

  /** The one that somebody uses. */
  opened(ino: Ino): OpenDirty | undefined {
    return this.#open.get(ino)
  }

  has(ino: Ino): boolean {
    return existsSync(this.#pathOf(ino))
  }

  /** What it takes up on the disk. */
  storedBytes(ino: Ino): Bytes {
    const opened = this.#open.get(ino)
    const stats = opened ? fstatSync(opened.fd) : statSync(this.#pathOf(ino), { throwIfNoEntry: false })
    return (stats?.blocks ?? 0) * STAT_BLOCK
  }

  /** Resolves when everything that was written before is on the disk. @throws {Fault} `disk-full`, `local-io` */
  async sync(opened: OpenDirty): Promise<void> {
    const shared = sharedOf(opened)
    // Until it is on the disk nobody closes it.
    shared.users++
    try {
      const length = shared.log === undefined ? 0 : logLength(shared.log)
      await syncData(shared.fd)
      if (shared.log !== undefined) {
        appendSynced(shared.log, this.#deps.boot, length)
        await syncData(shared.log)
      }
      if (shared.isNamed) return
      await this.#syncNames()
      shared.isNamed = true
    } catch (failure) {
      throw dirtyFault(failure)
    } finally {
      this.release(shared)
    }
  }

  /**
   * Looks whether a mapping that a kernel serves by itself has changed bytes: they count as changed from now on. The kernel notes
   * the time of the first change of a page that is on the disk, so {@link sync} comes before whoever must not miss a change.
   */
  noticeMapping(opened: OpenDirty): void {
    const shared = sharedOf(opened)
    if (!shared.isTakenOver) return
    const modified = Math.floor(fstatSync(shared.fd).mtimeMs)
    if (modified <= shared.file.modified) return
    shared.file.writtenOutside(modified)
    shared.isMappedUnheard = true
  }

  /** The same. @returns whether a mapping has changed bytes since the last call */
  takeMapping(opened: OpenDirty): boolean {
    this.noticeMapping(opened)
    const shared = sharedOf(opened)
    const isMapped = shared.isMappedUnheard
    shared.isMappedUnheard = false
    return isMapped
  }

  /**
   * A copy of all bytes; to be closed. INVARIANT: nothing of the base is needed.
   * @param checkStill throws when the copy is not wanted any more, or would be torn; the last call comes when it is whole
   * @throws {Fault} `disk-full`, `local-io`; what `checkStill` throws
   */
  async snapshot(opened: OpenDirty, checkStill: () => void): Promise<Snapshot> {
    const shared = sharedOf(opened)
    const { ino, fd, file } = shared
    const path = join(this.#deps.directory, `${ino}-${++this.#snapshots}${SNAPSHOT}`)
    // Until it is copied nobody closes it.
    shared.users++
    try {
      return await takeSnapshot(fd, file.size, path, checkStill)
    } catch (failure) {
      const fault = dirtyFault(failure)
      throw isFault(fault, 'disk-full') ? noRoomForCopy(fault) : fault
    } finally {
      this.release(shared)
    }
  }

  /** Of one that is here. @throws {Fault} `local-io` */
  sizeOf(ino: Ino): Bytes {
    try {
      return statSync(this.#pathOf(ino)).size
    } catch (failure) {
      throw dirtyFault(failure)
    }
  }

  /** Nobody needs it any more. Who has it open goes on. */
  discard(ino: Ino): void {
    this.#open.delete(ino)
    remove(this.#pathOf(ino))
    remove(this.#logOf(ino))
  }

  /** It is what the service has: a content of the cache from now on, or nothing where that cannot be. */
  moveTo(ino: Ino, path: string): boolean {
    // Who has it open reads on; whoever changes the item begins with another one.
    this.#open.delete(ino)
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
      moveFile(this.#pathOf(ino), path)
    } catch {
      this.discard(ino)
      return false
    }
    remove(this.#logOf(ino))
    return true
  }

  /**
   * Its item is being deleted: it counts as not there, and can be had back until {@link deleteBuried}. For the transaction
   * that says so may be lost with the machine's power, or not come about at all.
   * @throws {Fault} `local-io`
   */
  bury(ino: Ino): void {
    const shared = this.#open.get(ino)
    moveIfThere(this.#logOf(ino), this.#logOf(ino) + BURIED)
    moveIfThere(this.#pathOf(ino), this.#pathOf(ino) + BURIED)
    this.#open.delete(ino)
    this.#buried.set(ino, shared)
  }

  /** The item was not deleted after all. @throws {Fault} `local-io` */
  exhume(ino: Ino): void {
    moveIfThere(this.#pathOf(ino) + BURIED, this.#pathOf(ino))
    moveIfThere(this.#logOf(ino) + BURIED, this.#logOf(ino))
    const shared = this.#buried.get(ino)
    if (shared !== undefined && shared.users > 0) this.#open.set(ino, shared)
    this.#buried.delete(ino)
  }

  /** @throws {Fault} `local-io` */
  deleteBuried(ino: Ino): void {
    this.#buried.delete(ino)
    remove(this.#pathOf(ino) + BURIED)
    remove(this.#logOf(ino) + BURIED)
  }

  /** Of all that are here. */
  inos(): Ino[] {
    return this.#named(/^\d{1,16}$/)
  }

  /** Of those that were buried, also by an earlier process. */
  buriedInos(): Ino[] {
    return this.#named(/^\d{1,16}\.buried$/)
  }

  /** Out of the way, and not lost: nobody knows any more what it belongs to. @returns where it is */
  setAside(ino: Ino, directory: string): string {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    const path = freePath(join(directory, String(ino)))
    renameSync(this.#pathOf(ino), path)
    // It says which bytes are there, and which are only not filled in.
    moveIfThere(this.#logOf(ino), `${path}.log`)
    return path
  }

  #named(pattern: RegExp): Ino[] {
    return readdirSync(this.#deps.directory)
      .filter(name => pattern.test(name))
      .map(name => Number.parseInt(name, 10) as Ino)
  }

  /** What was made is found again after the machine went down. */
  async #syncNames(): Promise<void> {
    const directory = await openFile(this.#deps.directory, 'r')
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  }

  /** @param isTakenOver its name is new, and it is not */
  #start(ino: Ino, baseSize: Bytes | undefined, flags: number, isTakenOver = false): OpenDirty {
    let fd: number | undefined
    let log: number | undefined
    const isNew = (flags & O_CREAT) !== 0
    const isNamed = !isNew && !isTakenOver
    try {
      fd = openSync(this.#pathOf(ino), flags, 0o600)
      // Nearly always there is none, and asking costs less than removing what is not there.
      if (isNew && existsSync(this.#logOf(ino))) remove(this.#logOf(ino))
      if (baseSize !== undefined) {
        log = openSync(this.#logOf(ino), O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW, 0o600)
        if (isNew) {
          ftruncateSync(fd, baseSize)
          appendSynced(log, this.#deps.boot, 0)
        } else {
          // What comes after a record that was cut off would be read wrongly.
          ftruncateSync(log, logLength(log))
        }
      }
      const file = this.#deps.make(this.#stateOf(ino, fd, log, baseSize ?? 0))
      // Whoever has written to it before has closed it.
      if (isNamed) file.saved = file.writes()
      const hasBase = log !== undefined
      const shared = { ino, file, fd, log, hasBase, isTakenOver, users: 1, isNamed, isMappedUnheard: false }
      this.#open.set(ino, shared)
      return shared
    } catch (failure) {
      if (fd !== undefined) closeSync(fd)
      if (log !== undefined) closeSync(log)
      throw dirtyFault(failure)
    }
  }

  #stateOf(ino: Ino, fd: number, log: number | undefined, baseSize: Bytes): DirtyFileState {
    const modified = Math.round(fstatSync(fd).mtimeMs)
    if (log === undefined) return { fd, log, baseEnd: 0, written: new ByteRanges(), modified }
    return { fd, log, ...replay(readFileSync(this.#logOf(ino)), baseSize, this.#deps.boot), modified }
  }

  #pathOf(ino: Ino): string {
    return join(this.#deps.directory, String(ino))
  }

  #logOf(ino: Ino): string {
    return `${this.#pathOf(ino)}.log`
  }
}

function noRoomForCopy(cause: Fault): Fault {
  const sentence =
    'A program has it open for writing, and the disk has no room for the copy that would be sent'
  return new Fault('disk-full', sentence, {
    nextStep: 'Free some space, or close the file in that program: then it is sent without a copy.',
    cause,
  })
}

/** Whatever is given out as {@link OpenDirty} is one. */
function sharedOf(opened: OpenDirty): Shared {
  return opened as Shared
}

function freePath(wanted: string): string {
  let path = wanted
  for (let count = 2; existsSync(path); count++) path = `${wanted}-${count}`
  return path
}

/** @throws {Fault} `local-io` */
function moveIfThere(from: string, to: string): void {
  locally(() => {
    if (existsSync(from)) renameSync(from, to)
  })
}

function moveFile(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code !== 'EXDEV') throw failure
    copyFileSync(from, to)
    unlinkSync(from)
  }
}

/** @throws {Fault} `local-io` */
function remove(path: string): void {
  locally(() => rmSync(path, { force: true }))
}

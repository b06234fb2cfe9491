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
  unlinkSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { ByteRanges } from '../model/byte-ranges.js'
import type { DirtyFile } from '../model/dirty-file.js'
import type { Bytes, Ino } from '../model/ids.js'
import { dirtyFault, locally } from './dirty-fault.js'
import type { DirtyFileState } from './plain-dirty-file.js'
import { appendSynced, logLength, replay } from './range-log.js'

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
}

interface Shared extends OpenDirty {
  readonly log: number | undefined
  users: number
}

/**
 * What was changed here and not sent yet: `<directory>/<ino>`, and `<ino>.log` where the file has a base.
 *
 * INVARIANTS: nothing here can be had again from anywhere. One {@link DirtyFile} for each item at any time.
 */
export class DirtyFiles {
  readonly #deps: DirtyFilesDeps
  readonly #open = new Map<Ino, Shared>()

  constructor(deps: DirtyFilesDeps) {
    this.#deps = deps
    mkdirSync(deps.directory, { recursive: true, mode: 0o700 })
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
    shared.users++
    return shared
  }

  release({ ino }: OpenDirty): void {
    const shared = this.#open.get(ino)
    if (shared === undefined || --shared.users > 0) return
    this.#open.delete(ino)
    closeSync(shared.fd)
    if (shared.log !== undefined) closeSync(shared.log)
  }

  /** The one that somebody uses. */
  opened(ino: Ino): OpenDirty | undefined {
    return this.#open.get(ino)
  }

  /** Resolves when everything that was written before is on the disk. @throws {Fault} `disk-full`, `local-io` */
  async sync({ ino }: OpenDirty): Promise<void> {
    const shared = this.#open.get(ino)
    if (shared === undefined) return
    // Until it is on the disk nobody closes it.
    shared.users++
    try {
      const length = shared.log === undefined ? 0 : logLength(shared.log)
      await syncData(shared.fd)
      if (shared.log === undefined) return
      appendSynced(shared.log, this.#deps.boot, length)
      await syncData(shared.log)
    } catch (failure) {
      throw dirtyFault(failure)
    } finally {
      this.release(shared)
    }
  }

  /** Nobody needs it any more. Who has it open goes on. */
  discard(ino: Ino): void {
    remove(this.#pathOf(ino))
    remove(this.#logOf(ino))
  }

  /** It is what the service has: a content of the cache from now on, or nothing where that cannot be. */
  moveTo(ino: Ino, path: string): boolean {
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

  /** Of all that are here. */
  inos(): Ino[] {
    return readdirSync(this.#deps.directory)
      .filter(name => /^\d{1,16}$/.test(name))
      .map(name => Number(name) as Ino)
  }

  /** Out of the way, and not lost: nobody knows any more what it belongs to. */
  setAside(ino: Ino, directory: string): string {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    const path = join(directory, String(ino))
    renameSync(this.#pathOf(ino), path)
    remove(this.#logOf(ino))
    return path
  }

  #start(ino: Ino, baseSize: Bytes | undefined, flags: number): OpenDirty {
    let fd: number | undefined
    let log: number | undefined
    try {
      fd = openSync(this.#pathOf(ino), flags, 0o600)
      const isNew = (flags & O_CREAT) !== 0
      if (isNew) remove(this.#logOf(ino))
      if (baseSize !== undefined) {
        log = openSync(this.#logOf(ino), O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW, 0o600)
        if (isNew) {
          ftruncateSync(fd, baseSize)
          appendSynced(log, this.#deps.boot, 0)
        }
      }
      const file = this.#deps.make(this.#stateOf(ino, fd, log, baseSize ?? 0))
      const shared = { ino, file, fd, log, hasBase: log !== undefined, users: 1 }
      this.#open.set(ino, shared)
      return shared
    } catch (failure) {
      if (fd !== undefined) closeSync(fd)
      if (log !== undefined) closeSync(log)
      throw dirtyFault(failure)
    }
  }

  #stateOf(ino: Ino, fd: number, log: number | undefined, baseSize: Bytes): DirtyFileState {
    const modified = Math.floor(fstatSync(fd).mtimeMs)
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

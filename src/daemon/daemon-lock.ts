import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { lockFileOf, readHolder, type LockHolder } from '../control/lock-holder.js'
import { identityOf } from '../control/process-life.js'
import { Fault } from '../model/fault.js'
import { kernelLock, type TryLock } from './kernel-lock.js'

export interface DaemonLock {
  /**
   * Makes its file again where somebody has removed it.
   * @returns false: another daemon holds the lock by now
   * @throws what the file system throws
   */
  renew(): boolean
  release(): void
}

/**
 * One daemon per state directory, by locks of the kernel: they are held as long as the process lives, whatever happens to
 * it, and not a moment longer.
 *
 * The directory is locked, because nobody can remove it and leave what is in it; and `daemon.lock`, which names the holder,
 * because network file systems lock files only, then also between machines.
 *
 * @throws {Fault} `already-running`; `local-io`: the file system has no locks
 */
export async function acquireDaemonLock(
  stateDirectory: string,
  tryLock: TryLock = kernelLock(),
): Promise<DaemonLock> {
  const holder: LockHolder = { ...(await identityOf(process.pid)), host: hostname() }
  const directory = openSync(stateDirectory, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    const ofDirectory = tryLock(directory)
    const file = ofDirectory === 'held' ? undefined : lockFile(stateDirectory, tryLock)
    if (file === undefined || file.lock === 'held') throw alreadyRunning(await readHolder(stateDirectory))
    if (ofDirectory === 'impossible' && file.lock === 'impossible') {
      closeSync(file.fd)
      throw new Fault('local-io', `Nothing can be locked in ${stateDirectory}`, {
        nextStep: 'Set XDG_STATE_HOME to a directory on a disk of this machine.',
      })
    }
    writeHolder(file.fd, holder)
    return new KernelLock(stateDirectory, tryLock, holder, directory, file.fd)
  } catch (failure) {
    closeSync(directory)
    throw failure
  }
}

class KernelLock implements DaemonLock {
  readonly #stateDirectory: string
  readonly #tryLock: TryLock
  readonly #holder: LockHolder
  readonly #directory: number
  #file: number

  constructor(stateDirectory: string, tryLock: TryLock, holder: LockHolder, directory: number, file: number) {
    this.#stateDirectory = stateDirectory
    this.#tryLock = tryLock
    this.#holder = holder
    this.#directory = directory
    this.#file = file
  }

  renew(): boolean {
    if (isAt(lockFileOf(this.#stateDirectory), this.#file)) return true
    const file = lockFile(this.#stateDirectory, this.#tryLock)
    if (file.lock === 'held') return false
    writeHolder(file.fd, this.#holder)
    closeSync(this.#file)
    this.#file = file.fd
    return true
  }

  release(): void {
    rmSync(lockFileOf(this.#stateDirectory), { force: true })
    closeSync(this.#file)
    closeSync(this.#directory)
  }
}

/** `fd` is closed already where it is `held`. */
function lockFile(
  stateDirectory: string,
  tryLock: TryLock,
): { readonly fd: number; readonly lock: ReturnType<TryLock> } {
  const path = lockFileOf(stateDirectory)
  const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants
  for (;;) {
    const fd = openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600)
    const lock = tryLock(fd)
    // Its holder may have removed it between the two.
    if (lock !== 'held' && isAt(path, fd)) return { fd, lock }
    closeSync(fd)
    if (lock === 'held') return { fd, lock }
  }
}

function isAt(path: string, fd: number): boolean {
  const there = statSync(path, { throwIfNoEntry: false })
  const ours = fstatSync(fd)
  return there?.ino === ours.ino && there.dev === ours.dev
}

/** In place: another file would have another lock. */
function writeHolder(fd: number, holder: LockHolder): void {
  ftruncateSync(fd)
  writeSync(fd, JSON.stringify(holder), 0)
}

function alreadyRunning(holder: LockHolder | undefined): Fault {
  const process = holder === undefined ? '' : ` (process ${holder.pid})`
  const isElsewhere = holder !== undefined && holder.host !== hostname()
  const where = isElsewhere ? ` on ${holder.host}` : ''
  return new Fault('already-running', `A b2bmount daemon is already running${where}${process}`, {
    nextStep: `To end it, run${isElsewhere ? ' there' : ''}:  b2bmount stop`,
  })
}

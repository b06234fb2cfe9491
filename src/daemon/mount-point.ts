import { access, constants, opendir, realpath, rmdir } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { makeDirectory } from '../control/make-directory.js'
import { shellQuote } from '../control/shell-quote.js'
import { Fault, type FaultCode } from '../model/fault.js'
import type { LastMount } from './last-mount.js'
import { DRIVE_TYPE, type MountEntry } from './mount-table.js'
import type { MountHealth } from './mount-probe.js'

export interface MountPointDeps {
  readonly mountTable: () => Promise<readonly MountEntry[]>
  readonly probe: (directory: string) => Promise<MountHealth>
  readonly detach: (directory: string) => Promise<void>
  readonly lastMount: LastMount
}

/** The rules for where a drive may be mounted. */
export class MountPoints {
  readonly #deps: MountPointDeps
  /**
   * The clean-up of {@link detachLeftover}, settled or not; everything else waits for it. Two who see the same dead mount
   * must not both unmount there: the second would fail, or hit what has been mounted since.
   */
  #cleaning: Promise<unknown> = Promise.resolve()

  constructor(deps: MountPointDeps) {
    this.#deps = deps
  }

  /**
   * Makes `directory` fit for mounting: creates it if it is missing, and removes what a daemon that was killed has
   * left mounted there.
   *
   * @param directory absolute
   * @returns its canonical path
   * @throws {Fault} `already-mounted`, `mount-point-not-empty`, `mount-point-missing`, `not-a-directory`, `mount-refused`
   */
  async prepare(directory: string): Promise<string> {
    return (await this.#prepare(directory)).path
  }

  async #prepare(directory: string): Promise<{ readonly path: string; readonly isNew: boolean }> {
    await this.#cleaning
    const asked = resolve(directory)
    // Before anything touches the path: a question about a path on a drive may need the very daemon that asks.
    await this.#refuseInsideDrive(asked)
    await this.#detachIfDead(asked)
    const isNew = await create(asked)
    const path = await canonical(asked)
    await this.#refuseInsideDrive(path)
    await this.#detachIfDead(path)
    await this.#refuseMounted(path)
    await refuseUnfit(path)
    return { path, isNew }
  }

  /**
   * {@link prepare}s `directory` and mounts there. If that fails, a directory that was made for it goes again.
   *
   * @throws {Fault} as {@link prepare}; whatever `mount` throws
   */
  async mount<Mounted>(directory: string, mount: (path: string) => Promise<Mounted>): Promise<Mounted> {
    const { path, isNew } = await this.#prepare(directory)
    await this.#deps.lastMount.write(path)
    try {
      return await mount(path)
    } catch (failure) {
      if (isNew) await rmdir(path).catch(() => undefined)
      throw failure
    }
  }

  /** Unmounts what a killed daemon left at `directory`. @returns whether there was any */
  async detachIfDead(directory: string): Promise<boolean> {
    await this.#cleaning
    return await this.#detachIfDead(directory)
  }

  /**
   * Unmounts what a killed daemon of this state left behind. Of others, nothing: where one of them is dead now, its successor may
   * have mounted before we unmount.
   *
   * @returns where
   */
  async detachLeftover(): Promise<string | undefined> {
    const detached = this.#detachLeftover()
    this.#cleaning = detached.catch(() => {})
    return await detached
  }

  async #detachIfDead(directory: string): Promise<boolean> {
    const top = await this.#topmost(resolve(directory))
    if (top?.type !== DRIVE_TYPE || (await this.#deps.probe(top.mountPoint)) !== 'dead') return false
    try {
      await this.#deps.detach(top.mountPoint)
    } catch (failure) {
      // A daemon of another cloud, which cleans up at its start too, may have been faster.
      if ((await this.#topmost(top.mountPoint))?.type !== DRIVE_TYPE) return true
      throw new Fault(
        'mount-refused',
        `A drive that was left behind at ${top.mountPoint} cannot be unmounted`,
        {
          cause: failure,
          nextStep: `Run:  fusermount3 -uz ${shellQuote(top.mountPoint)}`,
        },
      )
    }
    // There may be another one below it.
    await this.#detachIfDead(directory)
    return true
  }

  async #detachLeftover(): Promise<string | undefined> {
    const last = await this.#deps.lastMount.read()
    return last !== undefined && (await this.#detachIfDead(last)) ? last : undefined
  }

  async #topmost(directory: string): Promise<MountEntry | undefined> {
    return (await this.#deps.mountTable()).findLast(entry => entry.mountPoint === directory)
  }

  async #refuseInsideDrive(path: string): Promise<void> {
    const around = (await this.#deps.mountTable()).find(
      entry => entry.type === DRIVE_TYPE && path.startsWith(`${entry.mountPoint}/`),
    )
    if (around === undefined) return
    throw new Fault(
      'mount-refused',
      `${path} lies inside the drive that is mounted at ${around.mountPoint}`,
      {
        nextStep: 'Choose a directory outside of it.',
      },
    )
  }

  async #refuseMounted(path: string): Promise<void> {
    const top = await this.#topmost(path)
    if (top === undefined) return
    if (top.type !== DRIVE_TYPE) {
      throw new Fault('already-mounted', `Another file system (${top.type}) is mounted at ${path}`, {
        nextStep: 'Choose another directory.',
      })
    }
    const silent = (await this.#deps.probe(path)) === 'silent'
    throw new Fault(
      'already-mounted',
      `A drive is already mounted at ${path}${silent ? ', and does not answer' : ''}`,
      {
        nextStep: silent
          ? `Run:  fusermount3 -uz ${shellQuote(path)}`
          : `To unmount it, run:  b2bmount unmount ${shellQuote(path)}`,
      },
    )
  }
}

/** @returns whether it was missing */
async function create(directory: string): Promise<boolean> {
  try {
    return await makeDirectory(directory)
  } catch (failure) {
    const { code } = failure as NodeJS.ErrnoException
    if (code === 'EEXIST')
      throw new Fault('not-a-directory', `${directory} is not a directory`, { nextStep: ANOTHER })
    throw toFault(failure, 'mount-point-missing', `${directory} cannot be created`)
  }
}

/** Symbolic links resolved. */
async function canonical(directory: string): Promise<string> {
  try {
    return await realpath(directory)
  } catch (failure) {
    // The last part may be a mount that nobody serves; its parents are not.
    if ((failure as NodeJS.ErrnoException).code === 'ENOTCONN') {
      return join(await realpath(dirname(directory)), basename(directory))
    }
    throw toFault(failure, 'mount-point-missing', `${directory} cannot be found`)
  }
}

async function refuseUnfit(directory: string): Promise<void> {
  try {
    const listing = await opendir(directory)
    const first = await listing.read().finally(() => listing.close())
    if (first !== null) {
      throw new Fault('mount-point-not-empty', `${directory} is not empty`, {
        nextStep: 'Choose an empty directory, or one that does not exist yet.',
      })
    }
    // fusermount3 wants it too: nobody may hide another user's directory.
    await access(directory, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (failure) {
    if (failure instanceof Fault) throw failure
    throw toFault(failure, 'mount-refused', `You may not mount at ${directory}`)
  }
}

const ANOTHER = 'Choose another directory.'

function toFault(failure: unknown, code: FaultCode, message: string): Fault {
  const errno = (failure as NodeJS.ErrnoException).code ?? 'unknown error'
  if (errno === 'ENOTDIR') {
    return new Fault('not-a-directory', `${message}: a part of its path is not a directory`, {
      cause: failure,
      nextStep: ANOTHER,
    })
  }
  return new Fault(code, `${message} (${errno})`, { cause: failure, nextStep: ANOTHER })
}

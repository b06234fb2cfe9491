import { randomUUID } from 'node:crypto'
import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { lock } from 'proper-lockfile'
import { Fault } from '../model/fault.js'
import type { Bytes } from '../model/ids.js'

/** The part of MSAL's `ICachePlugin` context that is needed here. */
interface CacheAccess {
  /** MSAL is going to change the cache. */
  readonly cacheHasChanged: boolean
  readonly tokenCache: { serialize(): string; deserialize(cache: string): void }
}

export interface TokenCacheFileOptions {
  /** Absolute. Its directory is created with mode 0700. */
  readonly file: string
  /** Told when the file was damaged and has been set aside. */
  readonly warn: (message: string) => void
}

// MSAL holds the lock for the time of two small file operations.
const LOCK_TRIES = { retries: 40, factor: 1.2, minTimeout: 20, maxTimeout: 500, randomize: true }
// After this long without a sign of life its holder is taken for dead (kill -9).
const STALE_LOCK = 10_000
// A hundred tenants with several tokens each stay below one megabyte.
const LARGEST: Bytes = 16 * 1024 * 1024

/**
 * MSAL's token cache on disk: readable by its owner only, never half written, shared between processes.
 * As an `ICachePlugin` it is called around every access of MSAL to its cache; those that change it hold the lock.
 */
export class TokenCacheFile {
  readonly #file: string
  readonly #warn: (message: string) => void
  readonly #locks = new WeakMap<CacheAccess, () => Promise<void>>()

  constructor({ file, warn }: TokenCacheFileOptions) {
    this.#file = file
    this.#warn = warn
  }

  readonly beforeCacheAccess = async (access: CacheAccess): Promise<void> => {
    if (access.cacheHasChanged) this.#locks.set(access, await this.#lock())
    access.tokenCache.deserialize(await this.#read())
  }

  readonly afterCacheAccess = async (access: CacheAccess): Promise<void> => {
    const unlock = this.#locks.get(access)
    if (unlock === undefined) return
    try {
      await this.#write(access.tokenCache.serialize())
    } finally {
      await unlock()
    }
  }

  /** Forgets every account and token. */
  async erase(): Promise<void> {
    const unlock = await this.#lock()
    try {
      await rm(this.#file, { force: true })
    } finally {
      await unlock()
    }
  }

  async #read(): Promise<string> {
    let content
    try {
      content = await readFile(this.#file, 'utf8')
    } catch (failure) {
      if (isErrno(failure, 'ENOENT')) return '{}'
      throw this.#unusable('read', failure)
    }
    if (isTokenCache(content)) return content
    await this.#setAside()
    return '{}'
  }

  async #setAside(): Promise<void> {
    const aside = `${this.#file}.damaged`
    try {
      await rename(this.#file, aside)
    } catch (failure) {
      // Another process was faster.
      if (!isErrno(failure, 'ENOENT')) throw this.#unusable('set aside', failure)
    }
    this.#warn(`The stored sign-in was damaged and has been set aside as ${aside}; sign in again.`)
  }

  /** Temp file, fsync, rename: at any moment the name leads to a whole cache. */
  async #write(content: string): Promise<void> {
    const temporary = join(dirname(this.#file), `.${basename(this.#file)}.${randomUUID()}`)
    try {
      const handle = await open(temporary, 'wx', 0o600)
      try {
        await handle.writeFile(content)
        await handle.sync()
      } finally {
        await handle.close()
      }
      await rename(temporary, this.#file)
      await syncDirectory(dirname(this.#file))
    } catch (failure) {
      await rm(temporary, { force: true })
      throw this.#unusable('written', failure)
    }
  }

  async #lock(): Promise<() => Promise<void>> {
    const directory = dirname(this.#file)
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 })
      await chmod(directory, 0o700)
      return await lock(this.#file, {
        realpath: false,
        stale: STALE_LOCK,
        retries: LOCK_TRIES,
        // The library's default is to throw out of a timer. A lost lock costs a token at worst.
        onCompromised: () => this.#warn('The lock of the stored sign-in was lost.'),
      })
    } catch (failure) {
      if (isErrno(failure, 'ELOCKED')) {
        throw new Fault('timed-out', 'Another b2bmount process holds the stored sign-in', {
          cause: failure,
          nextStep: 'Try again in a moment.',
        })
      }
      throw this.#unusable('locked', failure)
    }
  }

  #unusable(what: string, cause: unknown): Fault {
    if (isErrno(cause, 'ENOSPC') || isErrno(cause, 'EDQUOT')) {
      return new Fault('disk-full', 'The disk is full: the sign-in cannot be stored', {
        cause,
        nextStep: 'Free some space, then try again.',
      })
    }
    return new Fault('local-io', `The stored sign-in ${this.#file} cannot be ${what}`, {
      cause,
      nextStep: 'Check that the directory exists and belongs to you.',
    })
  }
}

function isTokenCache(content: string): boolean {
  if (content.length > LARGEST) return false
  try {
    const parsed: unknown = JSON.parse(content)
    return (
      typeof parsed === 'object' &&
      parsed !== null &&
      Object.values(parsed).every(section => typeof section === 'object' && section !== null)
    )
  } catch {
    return false
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function isErrno(failure: unknown, code: string): boolean {
  return failure instanceof Error && 'code' in failure && failure.code === code
}

import { createHash } from 'node:crypto'
import { lstat, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { makeDirectory } from '../control/make-directory.js'
import { Fault } from '../model/fault.js'

export function sha256(content: string): string {
  return createHash('sha256').update(content).digest('hex')
}

/** `undefined`: there is none. @throws {Fault} `local-io`: there is something that cannot be read as a text */
export async function readUserFile(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (failure) {
    const { code } = failure as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw localFault(path, failure)
  }
}

/** Whether something other than a file of its own is at `path`: a symbolic link, a directory. */
export async function isForeign(path: string): Promise<boolean> {
  return lstat(path).then(
    found => !found.isFile(),
    () => false,
  )
}

export async function hasMode(path: string, mode: number): Promise<boolean> {
  return lstat(path).then(
    found => (found.mode & 0o777) === mode,
    () => false,
  )
}

/**
 * Replaces the file at once: no program finds half of it, and a crash leaves the old one or the new one. What a
 * symbolic link leads to is replaced, not the link: people keep such files in a repository of their own.
 *
 * @param mode absent: what the file has, 0644 for a new one. A private file's new directories are private, too
 * @throws {Fault} `local-io`, `disk-full`
 */
export async function writeUserFile(path: string, content: string, mode?: number): Promise<void> {
  const target = await realpath(path).catch(() => path)
  const temporary = `${target}.b2bmount-new`
  try {
    await makeDirectory(dirname(target), mode === 0o600 ? 0o700 : 0o777)
    const kept = await stat(target).then(
      found => found.mode & 0o777,
      () => 0o644,
    )
    await rm(temporary, { force: true })
    await writeFile(temporary, content, { mode: mode ?? kept, flag: 'wx' })
    await rename(temporary, target)
  } catch (failure) {
    await rm(temporary, { force: true }).catch(() => undefined)
    throw localFault(path, failure)
  }
}

function localFault(path: string, failure: unknown): Fault {
  const { code } = failure as NodeJS.ErrnoException
  return new Fault(
    code === 'ENOSPC' || code === 'EDQUOT' ? 'disk-full' : 'local-io',
    `${path} cannot be read or written (${code ?? 'unknown error'})`,
    { cause: failure, nextStep: 'Check who owns it and the free space, then run the command again.' },
  )
}

import { constants } from 'node:fs'
import { open, realpath, type FileHandle } from 'node:fs/promises'

/**
 * Opens a regular file for reading, and nothing that a symbolic link anywhere in its path leads to: what is served must
 * not lead out of the directory that somebody chose to serve.
 *
 * @param path below a real path
 * @returns `undefined` where there is no such file, or one that we may not read
 */
export async function openPlainFile(path: string): Promise<FileHandle | undefined> {
  const file = await ifThere(open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK))
  if (file === undefined) return undefined
  if ((await file.stat()).isFile() && (await isPlain(path))) return file
  await file.close()
  return undefined
}

/** Whether no part of `path` is a symbolic link. */
export async function isPlain(path: string): Promise<boolean> {
  return (await ifThere(realpath(path))) === path
}

/** A directory that is served is live, and not all of it may be ours to read. */
const NOT_THERE = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ELOOP', 'ENXIO', 'ENAMETOOLONG'])

export async function ifThere<Value>(asked: Promise<Value>): Promise<Value | undefined> {
  try {
    return await asked
  } catch (failure) {
    if (NOT_THERE.has((failure as NodeJS.ErrnoException).code ?? '')) return undefined
    throw failure
  }
}

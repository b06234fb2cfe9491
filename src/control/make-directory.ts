import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Creates `directory` and its missing parents; one that exists is fine.
 * Node's own `recursive: true` tries for ever where a file system answers ENOENT to mkdir(2), as /proc does.
 *
 * @param mode of those that are created
 * @returns whether it was missing
 * @throws the error of mkdir(2); `EEXIST` when it is something else than a directory
 */
export async function makeDirectory(directory: string, mode = 0o777): Promise<boolean> {
  try {
    await mkdir(directory, mode)
    return true
  } catch (failure) {
    const { code } = failure as NodeJS.ErrnoException
    if (code === 'EEXIST' && (await isDirectory(directory))) return false
    const parent = dirname(directory)
    if (code !== 'ENOENT' || parent === directory) throw failure
    await makeDirectory(parent, mode)
    return makeAgain(directory, mode)
  }
}

/** Somebody else may have been faster; a second ENOENT is an answer. */
async function makeAgain(directory: string, mode: number): Promise<boolean> {
  try {
    await mkdir(directory, mode)
    return true
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code !== 'EEXIST' || !(await isDirectory(directory))) throw failure
    return false
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    found => found.isDirectory(),
    () => false,
  )
}

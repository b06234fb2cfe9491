import { realpath } from 'node:fs/promises'
import { isFault } from '../../model/fault.js'

/**
 * Asks about a path of the drive. The daemon knows its drive by the mount point's real path; the user may have come
 * by a symbolic link.
 */
export async function onDrive<Answer>(path: string, ask: (path: string) => Promise<Answer>): Promise<Answer> {
  try {
    return await ask(path)
  } catch (failure) {
    if (!isFault(failure, 'not-mounted')) throw failure
    const real = await realpath(path).catch(() => path)
    if (real === path) throw failure
    return ask(real)
  }
}

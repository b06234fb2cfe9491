import { lstat } from 'node:fs/promises'
import { Fault } from '../model/fault.js'
import { makeDirectory } from './make-directory.js'
import { shellQuote } from './shell-quote.js'

/**
 * Makes sure that nobody else can put anything into `directory`, or read what is in it: creates it with mode 0700,
 * or checks that it is a directory of ours with that mode (in /tmp somebody may have been there first).
 *
 * @throws {Fault} `configuration-invalid`, `local-io`, `disk-full`
 */
export async function ensurePrivateDirectory(directory: string): Promise<void> {
  try {
    await makeDirectory(directory, 0o700)
    await checkPrivateDirectory(directory)
  } catch (failure) {
    if (failure instanceof Fault) throw failure
    const { code } = failure as NodeJS.ErrnoException
    throw new Fault(
      code === 'ENOSPC' || code === 'EDQUOT' ? 'disk-full' : 'local-io',
      `The directory ${directory} cannot be created (${code ?? 'unknown error'})`,
      { cause: failure, nextStep: 'Check the permissions of its parent directory and the free space.' },
    )
  }
}

/** @throws {Fault} `configuration-invalid`; or the error of lstat(2) */
export async function checkPrivateDirectory(directory: string): Promise<void> {
  const found = await lstat(directory)
  if (!found.isDirectory()) {
    throw new Fault('configuration-invalid', `${directory} is not a directory`, { nextStep: 'Move it away.' })
  }
  if (found.uid !== process.getuid?.()) {
    throw new Fault('configuration-invalid', `${directory} belongs to another user`, {
      nextStep: `Ask that user or an administrator to remove it, or choose other directories (XDG_STATE_HOME, XDG_RUNTIME_DIR).`,
    })
  }
  if ((found.mode & 0o077) !== 0) {
    throw new Fault('configuration-invalid', `Other users of this machine can look into ${directory}`, {
      nextStep: `Run:  chmod 700 ${shellQuote(directory)}`,
    })
  }
}

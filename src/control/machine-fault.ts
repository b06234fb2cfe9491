import { Fault } from '../model/fault.js'

const NO_SPACE = new Set(['ENOSPC', 'EDQUOT'])
/** What a disk or the rights on it can do to a program that wants to write its own files. */
const NO_ACCESS = new Set(['EROFS', 'EACCES', 'EPERM', 'EIO', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP'])

/**
 * What the file system reports about a file of ours, as a fault; anything else unchanged.
 *
 * @param place named where the failure does not say which file it is about
 */
export function machineFault(failure: unknown, place: string): unknown {
  const { code = '', path = place, syscall } = (failure ?? {}) as NodeJS.ErrnoException
  if (failure instanceof Fault || syscall === undefined) return failure
  if (NO_SPACE.has(code)) {
    return new Fault('disk-full', `There is no space left for ${path}`, {
      cause: failure,
      nextStep: 'Free some space on that disk, then try again.',
    })
  }
  if (!NO_ACCESS.has(code)) return failure
  return new Fault('local-io', `${path} cannot be written (${code})`, {
    cause: failure,
    nextStep: 'Check its owner and mode, and that its disk is not mounted read-only.',
  })
}

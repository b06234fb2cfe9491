import { Fault } from '../model/fault.js'

/** What the disk refused of a change that is to be kept on it, as a fault. */
export function dirtyFault<Failure>(failure: Failure): Failure | Fault {
  const { code } = failure as NodeJS.ErrnoException
  if (failure instanceof Fault || typeof code !== 'string') return failure
  // Freeing something does not help: the file system of this disk, or a limit of this process, takes no such file.
  if (code === 'EFBIG') {
    return new Fault('file-too-large', 'The disk of this machine takes no file of this size', {
      cause: failure,
    })
  }
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new Fault('disk-full', 'There is no space left on the disk for what has not been sent yet', {
      nextStep: 'Free some space and save again; what was written before is safe',
      cause: failure,
    })
  }
  return new Fault('local-io', `What has not been sent yet cannot be kept on this disk (${code})`, {
    nextStep: 'See that the state folder of b2bmount belongs to you and that its disk works',
    cause: failure,
  })
}

/** @throws {Fault} `disk-full`, `file-too-large`, `local-io` */
export function locally(work: () => void): void {
  try {
    work()
  } catch (failure) {
    throw dirtyFault(failure)
  }
}

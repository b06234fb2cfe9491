import { Fault } from '../model/fault.js'

/** What the local disk refused, as a fault. */
export function localFault<Failure>(failure: Failure): Failure | Fault {
  const { code } = failure as NodeJS.ErrnoException
  if (code === undefined || failure instanceof Fault) return failure
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new Fault('disk-full', 'There is no space left on the disk of the content cache', {
      nextStep: 'Free some space, then read the file again; nothing was lost',
      cause: failure,
    })
  }
  return new Fault('local-io', `The content cache cannot be used (${code})`, {
    nextStep: 'See that the cache folder belongs to you and that its disk works',
    cause: failure,
  })
}

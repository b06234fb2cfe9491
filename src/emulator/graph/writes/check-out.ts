import { type Answer, empty } from '../../http/answer.js'
import type { PlacedDrive } from '../access.js'
import { badRequest } from '../graph-error.js'
import type { GraphRequest } from '../request.js'
import { requireUnlocked, requireWrite } from './permit.js'
import { findItem, type Where } from './target.js'
import type { WriteDeps } from './writes.js'

/** `POST …/checkout` and `POST …/checkin`: who may write is one person, until they are done. */
export function setCheckOut(
  deps: WriteDeps,
  request: GraphRequest,
  at: PlacedDrive,
  where: Where,
  out: boolean,
): Answer {
  const placed = findItem(at, where)
  const by = requireWrite(deps.access, request.caller, placed)
  if (placed.item.kind !== 'file') throw badRequest('Only files are checked out.')
  requireUnlocked(placed.item, by)
  if (out) placed.item.lockedBy = { kind: 'check-out', by }
  else if (placed.item.lockedBy) delete placed.item.lockedBy
  else throw badRequest('The file is not checked out.')
  placed.drive.touch(placed.item, deps.world.clock.now())
  return empty(204)
}

import { type Answer, empty } from '../../http/answer.js'
import type { PlacedDrive } from '../access.js'
import { badRequest } from '../graph-error.js'
import type { GraphRequest } from '../request.js'
import { checkConditions, conditionsOf } from './conditions.js'
import { requireUnlocked, requireWrite } from './permit.js'
import { findItem, type Where } from './target.js'
import type { WriteDeps } from './writes.js'

/** `DELETE …/items/{id}`, with all that is below: into the site's recycle bin, or away for good. */
export function deleteItem(
  deps: WriteDeps,
  request: GraphRequest,
  at: PlacedDrive,
  where: Where,
  forGood: boolean,
): Answer {
  const placed = findItem(at, where)
  const { site, drive, item } = placed
  const by = requireWrite(deps.access, request.caller, placed)
  checkConditions(conditionsOf(request.exchange), item)
  if (!item.parent) throw badRequest('The root of a library cannot be deleted.')
  requireUnlocked(item, by)
  const now = deps.world.clock.now()
  if (forGood) drive.remove(item, now)
  else site.recycleBin.put(drive, item, by, now)
  return empty(204)
}

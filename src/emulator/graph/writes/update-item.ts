import type { Answer } from '../../http/answer.js'
import { type Drive, isWithin, type Item } from '../../world/drive.js'
import type { PlacedDrive, PlacedItem } from '../access.js'
import { badRequest, notFound, refuse } from '../graph-error.js'
import { notEmulatedOption } from '../odata.js'
import type { GraphRequest } from '../request.js'
import { checkConditions, conditionsOf } from './conditions.js'
import { checkName, depthBelow, freeName, nameTaken } from './names.js'
import { requireUnlocked, requireWrite } from './permit.js'
import { findItem, type Where } from './target.js'
import {
  type ConflictBehavior,
  conflictBehavior,
  fileTimes,
  isAnnotation,
  jsonBody,
  objectOf,
  stringOf,
} from './write-body.js'
import type { WriteDeps } from './writes.js'

const UPDATEABLE = ['name', 'parentReference', 'fileSystemInfo', 'description', 'id']

/** `PATCH …/items/{id}`: renames, moves, sets times; all in one step of the eTag. */
export async function updateItem(
  deps: WriteDeps,
  request: GraphRequest,
  at: PlacedDrive,
  where: Where,
): Promise<Answer> {
  const { exchange } = request
  const body = await jsonBody(exchange)
  const unknown = Object.keys(body).find(name => !UPDATEABLE.includes(name) && !isAnnotation(name))
  if (unknown !== undefined) throw notEmulatedOption(`property ${unknown} of PATCH`)
  const asked = stringOf(body['name'], 'the name')
  const description = stringOf(body['description'], 'the description')
  const times = fileTimes(body['fileSystemInfo'])
  const behavior = conflictBehavior(exchange, body) ?? 'fail'

  const placed = findItem(at, where)
  const { drive, item } = placed
  const by = requireWrite(deps.access, request.caller, placed)
  checkConditions(conditionsOf(exchange), item)
  if (!item.parent) throw badRequest('The root of a library cannot be changed.')
  requireUnlocked(item, by)
  const parent =
    body['parentReference'] === undefined ? item.parent : newParent(placed, body['parentReference'])
  if (parent !== item.parent) requireWrite(deps.access, request.caller, { ...placed, item: parent })
  const goesElsewhere = parent !== item.parent || (asked !== undefined && asked !== item.name)
  const blocker = goesElsewhere ? blockerOf(drive, item, parent, asked ?? item.name) : undefined
  const name = blocker && behavior === 'rename' ? freeName(drive, parent, asked ?? item.name) : asked
  if (goesElsewhere) checkName(drive, parent, name ?? item.name, depthBelow(item))
  const now = deps.world.clock.now()
  if (blocker && behavior !== 'rename') {
    requireReplaceable(drive, blocker, item, behavior)
    requireWrite(deps.access, request.caller, { ...placed, item: blocker })
    requireUnlocked(blocker, by)
    placed.site.recycleBin.put(drive, blocker, by, now)
  }
  if (goesElsewhere || times || description !== undefined) {
    const keepsVersion = times !== undefined && drive.rules.versionOnTimes && item.kind === 'file'
    drive.change(item, { name, parent, times, description, by, keepsVersion }, now)
  }
  return deps.items.get(request, placed)
}

/** By id or by path, in the same library. */
function newParent({ site, drive, item }: PlacedItem, value: unknown): Item {
  const reference = objectOf(value, 'parentReference')
  const id = stringOf(reference['id'], 'the id of parentReference')
  const path = stringOf(reference['path'], 'the path of parentReference')
  const driveId = stringOf(reference['driveId'], 'the driveId of parentReference')
  if (driveId !== undefined && driveId !== drive.id) {
    throw refuse(400, 'notSupported', 'Items cannot be moved between drives.')
  }
  if (id === 'root') throw badRequest('The id of the root folder is needed, "root" is none.')
  const parent = id === undefined ? byPath({ site, drive }, path) : drive.find(id)
  if (!parent) throw notFound()
  if (parent.kind !== 'folder') throw badRequest('The new parent is not a folder.')
  if (isWithin(parent, item)) throw badRequest('A folder cannot be moved into itself.')
  return parent
}

/** `/drives/{id}/root:/a/b`, or `/drive/root:/a/b`; percent-encoded. */
function byPath(at: PlacedDrive, path: string | undefined): Item {
  const match = /^\/drives?(?:\/([^/]+))?\/root:?(.*)$/.exec(path ?? '')
  if (!match) throw badRequest('parentReference needs an id or a path.')
  const [, driveId, rest = ''] = match
  if (driveId !== undefined && driveId !== at.drive.id) {
    throw refuse(400, 'notSupported', 'Items cannot be moved between drives.')
  }
  return findItem(at, {
    path: rest
      .split('/')
      .filter(part => part !== '')
      .map(decodeURIComponent),
  }).item
}

/** Whoever has the name, unless it is the item itself: only the case may change. */
function blockerOf(drive: Drive, item: Item, parent: Item, name: string): Item | undefined {
  const found = drive.child(parent, name)
  return found === item ? undefined : found
}

function requireReplaceable(drive: Drive, blocker: Item, item: Item, behavior: ConflictBehavior): void {
  const files = blocker.kind === 'file' && item.kind === 'file'
  if (behavior !== 'replace' || !drive.rules.replaceOnMove || !files) throw nameTaken()
}

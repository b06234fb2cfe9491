import type { Answer } from '../../http/answer.js'
import type { PlacedDrive } from '../access.js'
import { badRequest } from '../graph-error.js'
import { notEmulatedOption } from '../odata.js'
import type { GraphRequest } from '../request.js'
import { checkName, freeName, nameTaken } from './names.js'
import { requireWrite } from './permit.js'
import { findItem, type Where } from './target.js'
import { conflictBehavior, fileTimes, isAnnotation, jsonBody, stringOf } from './write-body.js'
import type { WriteDeps } from './writes.js'

/** `POST …/children`: a folder. */
export async function createFolder(
  deps: WriteDeps,
  request: GraphRequest,
  at: PlacedDrive,
  where: Where,
): Promise<Answer> {
  const body = await jsonBody(request.exchange)
  const behavior = conflictBehavior(request.exchange, body) ?? 'fail'
  const asked = stringOf(body['name'], 'the name')
  const times = fileTimes(body['fileSystemInfo'])
  if (asked === undefined) throw badRequest('The name is missing.')
  if (typeof body['folder'] !== 'object') throw badRequest('The item needs a folder facet.')
  const unknown = Object.keys(body).find(
    name => !['name', 'folder', 'fileSystemInfo'].includes(name) && !isAnnotation(name),
  )
  if (unknown !== undefined) throw notEmulatedOption(`property ${unknown} of a new item`)

  const parent = findItem(at, where)
  const author = requireWrite(deps.access, request.caller, parent)
  if (parent.item.kind !== 'folder') throw badRequest('The parent is not a folder.')
  checkName(at.drive, parent.item, asked)
  const taken = at.drive.child(parent.item, asked) !== undefined
  // A folder is not replaced: SharePoint refuses that too (onedrive-api-docs #359).
  if (taken && behavior !== 'rename') throw nameTaken()
  const name = taken ? freeName(at.drive, parent.item, asked) : asked
  checkName(at.drive, parent.item, name)
  const folder = at.drive.addFolder(parent.item, name, { created: deps.world.clock.now(), author, times })
  return { ...deps.items.get(request, { ...parent, item: folder }), status: 201 }
}

import { timestamp } from '../../clock.js'
import { type Answer, json } from '../../http/answer.js'
import type { PlacedDrive, PlacedItem } from '../access.js'
import { badRequest } from '../graph-error.js'
import { notEmulatedOption } from '../odata.js'
import type { GraphRequest } from '../request.js'
import { checkFileTarget } from './commit-file.js'
import { checkConditions, conditionsOf } from './conditions.js'
import { nameTaken } from './names.js'
import { requireWrite } from './permit.js'
import { findTarget, type Target, type Where } from './target.js'
import { conflictBehavior, fileTimes, isAnnotation, jsonBody, objectOf, stringOf } from './write-body.js'
import type { WriteDeps } from './writes.js'

const UPLOADABLE = ['name', 'description', 'fileSize', 'fileSystemInfo', 'driveItemSource', 'mediaSource']
/** "OneDrive Personal only", says the resource page of driveItemUploadableProperties; there is no such drive here. */
const OF_PERSONAL_DRIVES = ['fileSize']

/** `POST …/createUploadSession`, of a file or of a name in a folder. */
export async function createUploadSession(
  deps: WriteDeps,
  request: GraphRequest,
  at: PlacedDrive,
  asked: Where,
): Promise<Answer> {
  const { exchange } = request
  const body = await jsonBody(exchange)
  const item = objectOf(body['item'] ?? {}, 'the item')
  const unknown = Object.keys(item).find(name => !UPLOADABLE.includes(name) && !isAnnotation(name))
  if (unknown !== undefined) throw notEmulatedOption(`property ${unknown} of an uploaded item`)
  const personal = OF_PERSONAL_DRIVES.find(name => name in item)
  if (personal !== undefined && at.drive.rules.refusePersonalProperties) {
    throw badRequest(`The property ${personal} is not supported on this drive.`)
  }
  const times = fileTimes(item['fileSystemInfo'])
  const conditions = conditionsOf(exchange)

  const { target, where } = targetOf(at, asked, stringOf(item['name'], 'the name'))
  const { placed, parent, name } = placeOf(target)
  const author = requireWrite(deps.access, request.caller, placed)
  const there = target.kind === 'there' ? target.placed.item : undefined
  checkConditions(conditions, there)
  // Addressing a file that is there is an update of it; the documented default is for new names.
  const implied = there ? 'replace' : 'fail'
  const behavior = where.path === undefined ? 'replace' : (conflictBehavior(exchange, item) ?? implied)
  checkFileTarget(target, behavior, author)
  const isAlone = behavior !== 'rename' && at.drive.rules.oneUploadSessionPerName
  if (isAlone && deps.sessions.ofName(at.drive.id, parent, name)) {
    throw nameTaken('An upload session already exists for this file')
  }
  const session = deps.sessions.begin({
    at,
    where,
    parent,
    name,
    behavior,
    conditions,
    times,
    author,
    deferCommit: body['deferCommit'] === true,
  })
  return json(200, {
    '@odata.context': `https://${exchange.host}/v1.0/$metadata#microsoft.graph.uploadSession`,
    uploadUrl: deps.sessions.urlOf(session),
    expirationDateTime: timestamp(session.expires),
    nextExpectedRanges: ['0-'],
  })
}

/** By the id of the file, or by that of the folder and a name: ids hold whatever is renamed meanwhile. */
function targetOf(at: PlacedDrive, asked: Where, name: string | undefined): { target: Target; where: Where } {
  const found = findTarget(at, asked)
  if (found.kind === 'there' && !asked.path?.length) {
    const { item } = found.placed
    if (item.kind === 'file') {
      requireSameName(item.name, name)
      return { target: found, where: { id: item.id } }
    }
    if (name === undefined) throw badRequest('File name not provided in url')
    return withName(at, item.id, name)
  }
  const { parent, name: own } = placeOf(found)
  const last = asked.path?.at(-1) ?? own
  requireSameName(last, name)
  return withName(at, parent, last)
}

function withName(at: PlacedDrive, id: string, name: string): { target: Target; where: Where } {
  const where = { id, path: [name] }
  return { target: findTarget(at, where), where }
}

function placeOf(target: Target): { placed: PlacedItem; parent: string; name: string } {
  if (target.kind === 'new') {
    return { placed: target.parent, parent: target.parent.item.id, name: target.name }
  }
  const { item } = target.placed
  return { placed: target.placed, parent: item.parent?.id ?? item.id, name: item.name }
}

/** "The {item-path} must contain the name of the item that's specified in the request body." */
function requireSameName(inUrl: string, inBody: string | undefined): void {
  if (inBody !== undefined && inBody.toLowerCase() !== inUrl.toLowerCase()) {
    throw badRequest('The name in the URL and the name of the item differ.')
  }
}

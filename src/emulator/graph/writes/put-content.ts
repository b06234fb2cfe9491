import type { Answer } from '../../http/answer.js'
import { header } from '../../http/exchange.js'
import type { Spool } from '../../world/spool.js'
import type { PlacedDrive } from '../access.js'
import { badRequest, refuse } from '../graph-error.js'
import type { GraphRequest } from '../request.js'
import { checkFileTarget, commitFile, requireQuota } from './commit-file.js'
import { checkConditions, conditionsOf } from './conditions.js'
import { findTarget, placeOf, type Target, type Where } from './target.js'
import { conflictBehavior } from './write-body.js'
import type { WriteDeps } from './writes.js'
import { requireWrite } from './permit.js'

/** "This method only supports files up to 250 MB in size." */
const LARGEST = 250 * 1024 * 1024

/** `PUT …/content`: a whole file in one request. */
export async function putContent(
  deps: WriteDeps,
  request: GraphRequest,
  drive: PlacedDrive,
  where: Where,
): Promise<Answer> {
  const { exchange } = request
  const isById = !where.path?.length // names cannot collide then
  const behavior = isById ? 'replace' : (conflictBehavior(exchange, {}) ?? 'replace')
  const announced = header(exchange, 'content-length')
  const length = announced === undefined ? undefined : Number(announced)
  const conditions = conditionsOf(exchange)
  // Twice: what is refused now need not be sent, and what happens while the bytes come counts too.
  const check = (target: Target) => {
    const author = requireWrite(deps.access, request.caller, placeOf(target))
    const item = target.kind === 'there' ? target.placed.item : undefined
    if (item && item.kind !== 'file' && isById) {
      throw badRequest('You cannot upload content to a folder')
    }
    checkConditions(conditions, item)
    checkFileTarget(target, behavior, author)
    return author
  }
  const before = findTarget(drive, where)
  check(before)
  requireQuota(drive.drive, (length ?? 0) - (before.kind === 'there' ? before.placed.item.size : 0))
  const content = await receiveSmall(deps.spool, request, length)
  try {
    const target = findTarget(drive, where)
    const author = check(target)
    const { placed, created } = commitFile(
      { promotions: deps.promotions, now: deps.world.clock.now() },
      { target, content, behavior, times: undefined, author },
    )
    return { ...deps.items.get(request, placed), status: created ? 201 : 200 }
  } catch (failure) {
    content.dispose?.()
    throw failure
  }
}

function receiveSmall(spool: Spool, { exchange }: GraphRequest, length: number | undefined) {
  if (length !== undefined && length > LARGEST) throw tooLarge()
  let size = 0
  return spool.store(
    take =>
      exchange.receive(chunk => {
        size += chunk.length
        return size > LARGEST ? Promise.reject(tooLarge()) : take(chunk)
      }),
    length,
  )
}

function tooLarge() {
  return refuse(413, 'invalidRequest', 'The file is larger than a simple upload takes.', {
    inner: 'maxFileSizeExceeded',
  })
}

import { type Answer, json } from '../http/answer.js'
import { type Change, Drive, isWithin, type Item } from '../world/drive.js'
import type { Access, PlacedItem } from './access.js'
import { decodeDeltaToken, encodeDeltaToken, type DeltaToken } from './delta-token.js'
import { badRequest, refuse } from './graph-error.js'
import { deletedJson, deltaJson } from './item-json.js'
import { pick } from './odata.js'
import { type GraphRequest, linkTo } from './request.js'

const PAGE = 200

export const RESYNC_MESSAGE =
  "Resync required. Replace any local items with the server's version (including deletes) if you're sure that " +
  "the service was up to date with your local changes when you last sync'd. Upload any local changes that the " +
  "server doesn't know about."

interface Page {
  readonly value: Record<string, unknown>[]
  /** Exactly one of the two. */
  readonly next: DeltaToken | undefined
  readonly done: DeltaToken | undefined
}

/** `delta` on a drive's root or on a folder of it. */
export class Delta {
  readonly #access: Access

  constructor(access: Access) {
    this.#access = access
  }

  async delta(request: GraphRequest, placed: PlacedItem, asked: string | undefined): Promise<Answer> {
    this.#access.requireItem(request.caller, placed)
    if (request.options.expand.length > 0) {
      throw badRequest('The query specified in the URI is not valid.', 'badArgument')
    }
    await placed.drive.source?.refreshAll()
    const page = this.#page(request, placed, asked)
    const context = `https://${request.exchange.host}/v1.0/$metadata#Collection(driveItem)`
    const link = (token: DeltaToken) => linkTo(request, { token: encodeDeltaToken(token) })
    return json(200, {
      '@odata.context': context,
      ...(page.next && { '@odata.nextLink': link(page.next) }),
      ...(page.done && { '@odata.deltaLink': link(page.done) }),
      value: page.value.map(each => pick(each, withAnnotations(request.options.select))),
    })
  }

  #page(request: GraphRequest, placed: PlacedItem, asked: string | undefined): Page {
    const { drive } = placed
    const size = request.options.top ?? PAGE
    if (asked === undefined || asked === '') return enumerate(placed, nowOf(drive), 0, size)
    if (asked === 'latest') return { value: [], next: undefined, done: nowOf(drive) }
    const time = /^\d{4}-\d\d-\d\dT/.test(asked) ? Date.parse(asked) : NaN
    if (time < drive.created) return enumerate(placed, nowOf(drive), 0, size)
    const token = Number.isNaN(time) ? decodeDeltaToken(asked) : tokenAtTime(drive, time)
    if (token?.listId !== drive.listId) throw badRequest('Invalid paging token', 'invalidPageToken')
    if (!isInHistory(drive, token)) {
      throw refuse(410, 'resyncRequired', RESYNC_MESSAGE, {
        headers: { Location: `https://${request.exchange.host}${request.exchange.path}` },
      })
    }
    if (token.cursor > 0) return enumerate(placed, token, token.cursor, size)
    return changes(request, placed, token, size)
  }
}

/** Everything, parents first; items that change meanwhile come again with the next delta. */
function enumerate(placed: PlacedItem, start: DeltaToken, cursor: number, size: number): Page {
  const { site, drive, item: folder } = placed
  const value: Record<string, unknown>[] = []
  for (const item of drive.enumerate(cursor)) {
    if (!isWithin(item, folder)) continue
    if (value.length === size) return { value, next: { ...start, cursor: item.serial }, done: undefined }
    value.push(deltaJson({ site, drive, item }))
  }
  return { value, next: undefined, done: { ...start, cursor: 0 } }
}

/** What happened after `token`: the latest state of each item, below its ancestors. */
function changes(request: GraphRequest, placed: PlacedItem, token: DeltaToken, size: number): Page {
  const { site, drive, item: folder } = placed
  const latest = new Map<Item, Change>()
  for (const change of drive.log) {
    if (change.sequence <= token.sequence) continue
    latest.delete(change.item)
    latest.set(change.item, change)
  }
  const withParents = request.exchange.headers['deltaexcludeparent'] === undefined
  const value: Record<string, unknown>[] = []
  const sent = new Set<Item>()
  let count = 0
  let last = token
  for (const change of latest.values()) {
    if (count === size) return { value, next: last, done: undefined }
    last = { listId: drive.listId, time: change.time, sequence: change.sequence, cursor: 0 }
    if (!isWithin(change.item, folder)) continue
    count++
    if (change.removed) {
      value.push(deletedJson({ drive, item: change.item }))
      continue
    }
    for (const ancestor of withParents ? ancestorsBelow(change.item, folder) : []) {
      if (sent.has(ancestor)) continue
      sent.add(ancestor)
      value.push(deltaJson({ site, drive, item: ancestor }))
    }
    if (!sent.has(change.item)) value.push(deltaJson({ site, drive, item: change.item }))
    sent.add(change.item)
  }
  return { value, next: undefined, done: nowOf(drive) }
}

function ancestorsBelow(item: Item, folder: Item): Item[] {
  const ancestors: Item[] = []
  for (let at = item.parent; at && isWithin(at, folder); at = at.parent) ancestors.unshift(at)
  return ancestors
}

/** The base of a drive that is read from disk is its start: what changed before a restart is not known. */
function baseTime(drive: Drive): number {
  return drive.source?.startedAt ?? drive.created
}

function nowOf(drive: Drive): DeltaToken {
  const last = drive.log.at(-1)
  const time = last?.time ?? baseTime(drive)
  return { listId: drive.listId, time, sequence: last?.sequence ?? Drive.FIRST_SEQUENCE, cursor: 0 }
}

function tokenAtTime(drive: Drive, time: number): DeltaToken {
  const before = drive.log.findLast(change => change.time <= time)
  return {
    listId: drive.listId,
    time: before?.time ?? baseTime(drive),
    sequence: before?.sequence ?? Drive.FIRST_SEQUENCE,
    cursor: 0,
  }
}

/** A token of an earlier run, with changes that this run does not know, is too old. */
function isInHistory(drive: Drive, token: DeltaToken): boolean {
  if (token.sequence === Drive.FIRST_SEQUENCE) return Math.floor(baseTime(drive)) === token.time
  const change = drive.log[token.sequence - Drive.FIRST_SEQUENCE - 1]
  return change?.sequence === token.sequence && Math.floor(change.time) === token.time
}

/** Clients that select must still see what delta itself says. */
function withAnnotations(select: readonly string[] | undefined): readonly string[] | undefined {
  return select && [...select, 'deleted', 'id']
}

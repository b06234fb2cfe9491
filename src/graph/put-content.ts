import { jsonObjectOf, type JsonObject } from '../http/json.js'
import type { DriveItem } from '../model/drive-item.js'
import { isFault } from '../model/fault.js'
import type { Milliseconds } from '../model/ids.js'
import type { RemoteWriter, UploadSource, UploadTarget } from '../model/remote.js'
import { servableTime } from '../model/same-second.js'
import type { Arrived } from './arrived.js'
import type { GraphClient, WriteRequest } from './graph-client.js'
import { untilKnown, type WriteTiming } from './lost-answers.js'
import { childPath, itemPath } from './paths.js'
import { contentOf } from './content-of.js'
import { compareContents } from '../model/same-content.js'

// The service's own time of an upload, where it is so near, is as good as ours.
const NEAR: Milliseconds = 2_000

export interface PutContentDeps extends WriteTiming {
  readonly graph: GraphClient
  /** The item that an answer describes. */
  readonly itemOf: (answer: JsonObject) => Promise<DriveItem>
}

export interface PutOrder {
  readonly target: UploadTarget
  readonly source: UploadSource
  readonly arrived: Arrived
}

/** A small file in one request, and its time, where that matters, in another. */
export async function putContent(
  { graph, itemOf, ...timing }: PutContentDeps,
  service: Pick<RemoteWriter, 'update'>,
  { target, source, arrived }: PutOrder,
  signal: AbortSignal,
): Promise<DriveItem> {
  const key = target.kind === 'new' ? target.parent : target.item
  const request: WriteRequest = {
    method: 'PUT',
    path: `${uploadPath(target)}/content${target.kind === 'new' ? '?@microsoft.graph.conflictBehavior=fail' : ''}`,
    body: contentOf(source, { start: 0, end: source.size }),
    headers: target.kind === 'new' ? {} : ifMatch(target.eTag),
  }
  const item = await untilKnown(timing, signal, {
    send: async () => itemOf(jsonObjectOf(await graph.write(key.tenant, request, signal), 'The service')),
    look: () => arrived.item(),
    doneAlready: ['name-taken', 'stale-content'],
  })
  if (Math.abs(item.modified - servableTime(source.modified)) < NEAR) return item
  try {
    const update = { modified: source.modified }
    const updated = await service.update({ ...key, item: item.id }, update, item.eTag, signal)
    // Where its answer was lost, what is there now may be somebody else's.
    return compareContents(item, updated) === 'same' ? updated : item
  } catch (failure) {
    signal.throwIfAborted()
    // The bytes are there. That is not undone for a time.
    if (isFault(failure)) return item
    throw failure
  }
}

export function uploadPath(target: UploadTarget): string {
  return target.kind === 'new'
    ? childPath(target.parent, target.name)
    : itemPath(target.item.drive, target.item.item)
}

export function ifMatch(eTag: string | undefined): { readonly 'if-match'?: string } {
  return eTag === undefined ? {} : { 'if-match': eTag }
}

import type { HttpHead } from '../http/message.js'
import type { ByteRange } from '../model/byte-ranges.js'
import type { DriveItem } from '../model/drive-item.js'
import { Fault } from '../model/fault.js'
import type { Bytes } from '../model/ids.js'
import { tagRelation } from './content-check.js'

/** What the head of an answer proves. */
export interface Delivery {
  /** Where in the file its body belongs; more than that is none of it. */
  readonly range: ByteRange
  /** Whether the body is of the item's present state. Otherwise it is of the item, but perhaps of another version. */
  readonly isOfThisState: boolean
}

/** The answer is not, or not provably, the file: a page of a proxy, of a sign-in, of a service that is overloaded. */
export class NotTheFile extends Fault {
  constructor(message: string) {
    super('server-error', message, { nextStep: 'Try again in a few minutes.' })
  }
}

/**
 * What a 200 or 206 to a request for `asked` brings.
 *
 * A status proves nothing: pages come with 200, in place of a file's bytes. What proves is a Content-Range with the
 * file's size, or an ETag of the item.
 *
 * @throws {NotTheFile}
 * @throws {Fault} `stale-content` when the file has another size now; `protocol-error` for another piece of it
 */
export function deliveryOf(head: HttpHead, asked: ByteRange, item: DriveItem): Delivery {
  const { headers } = head
  const relation = tagRelation(headers['etag'], item)
  if ((headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity') {
    throw new NotTheFile('The service sent something encoded in place of the file')
  }
  if (relation === 'unknown' && isPage(headers['content-type']) && !isPage(item.mimeType)) {
    throw new NotTheFile('The service sent a web page in place of the file')
  }
  const range =
    head.status === 206
      ? partOf(head, asked, item.size, relation !== 'unknown')
      : { start: 0, end: item.size }
  if (head.status !== 206 && relation === 'unknown') {
    throw new NotTheFile('The service sent something in place of the file that does not say what it is')
  }
  const length = lengthOf(head)
  if (length !== undefined && length !== range.end - range.start) {
    if (head.status === 206)
      throw new NotTheFile('The service announced a piece of the file and another length')
    throw new Fault('stale-content', 'The file has another size by now')
  }
  return { range, isOfThisState: relation === 'same' }
}

function partOf({ headers }: HttpHead, asked: ByteRange, size: Bytes, isOfItem: boolean): ByteRange {
  const match = /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16}|\*)$/.exec(headers['content-range'] ?? '')
  const [start, last] = [Number(match?.[1]), Number(match?.[2])]
  if (match?.[3] !== undefined && match[3] !== '*' && Number(match[3]) !== size) {
    throw new Fault('stale-content', 'The file has another size by now')
  }
  // A shorter piece than asked for is allowed by RFC 9110; a piece that begins elsewhere is not.
  if (start !== asked.start || !(last >= start && last < asked.end)) {
    throw new Fault('protocol-error', 'The service sent another piece of the file than was asked for')
  }
  if (match?.[3] === '*' && !isOfItem) {
    throw new NotTheFile('The service sent a piece that does not say of what it is')
  }
  return { start, end: last + 1 }
}

function lengthOf({ headers }: HttpHead): Bytes | undefined {
  const length = headers['content-length']
  return length === undefined ? undefined : Number(length)
}

function isPage(mediaType: string | undefined): boolean {
  return /^\s*(text\/html|application\/xhtml\+xml)\b/i.test(mediaType ?? '')
}

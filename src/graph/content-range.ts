import { Fault } from '../model/fault.js'
import type { ByteRange } from '../model/byte-ranges.js'
import type { Bytes } from '../model/ids.js'
import type { HttpHead } from '../http/message.js'

/**
 * Where the body of a 206 or 200 begins in the file, after checking that it is what was asked for.
 *
 * @throws {Fault} `stale-content` when the file has another size now; `protocol-error`
 */
export function bodyStart(head: HttpHead, asked: ByteRange, size: Bytes): Bytes {
  if (head.status === 200) {
    const length = head.headers['content-length']
    if (length !== undefined && head.headers['content-encoding'] === undefined && Number(length) !== size) {
      throw new Fault('stale-content', 'The file has another size by now')
    }
    return 0
  }
  const match = /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16}|\*)$/.exec(head.headers['content-range'] ?? '')
  const [start, last] = [Number(match?.[1]), Number(match?.[2])]
  if (match?.[3] !== undefined && match[3] !== '*' && Number(match[3]) !== size) {
    throw new Fault('stale-content', 'The file has another size by now')
  }
  // A shorter piece than asked for is allowed by RFC 9110; a piece that begins elsewhere is not.
  if (start !== asked.start || !(last >= start && last < asked.end)) {
    throw new Fault('protocol-error', 'The service sent another piece of the file than was asked for')
  }
  return start
}

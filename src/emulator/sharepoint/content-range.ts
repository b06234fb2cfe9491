import { type Exchange, header } from '../http/exchange.js'
import { badRequest, refuse } from '../graph/graph-error.js'

/** "The size of each byte range MUST be a multiple of 320 KiB", but for the last. */
const GRAIN = 320 * 1024
/** "The maximum bytes in any given request is less than 60 MiB." */
const LARGEST_REQUEST = 60 * 1024 * 1024
const LARGEST_FILE = 250 * 1024 ** 3

export interface Fragment {
  readonly start: number
  readonly length: number
  /** Of the whole file. */
  readonly total: number
}

/** What a PUT to an upload URL says that it brings; 400, 411 or 413 for what nobody may bring. */
export function fragmentOf(exchange: Exchange): Fragment {
  const announced = header(exchange, 'content-length')
  if (announced === undefined) throw refuse(411, 'invalidRequest', 'A Content-Length is required.')
  const length = Number(announced)
  const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(header(exchange, 'content-range')?.trim() ?? '')
  if (!match) throw badRequest('The Content-Range header is missing or malformed.')
  const [start = 0, last = 0, total = 0] = match.slice(1).map(Number)
  if (last < start || last >= total) throw badRequest('The Content-Range header is missing or malformed.')
  if (last - start + 1 !== length) {
    throw badRequest('The Content-Length does not match the Content-Range.', 'fragmentLengthMismatch')
  }
  if (total > LARGEST_FILE) throw tooLarge('maxFileSizeExceeded')
  if (length >= LARGEST_REQUEST) throw tooLarge('maxFragmentLengthExceeded')
  if (last + 1 !== total && length % GRAIN !== 0) {
    throw badRequest('The size of a byte range must be a multiple of 327680 bytes.')
  }
  return { start, length, total }
}

function tooLarge(inner: string) {
  return refuse(413, 'invalidRequest', 'The request size exceeds the maximum limit.', { inner })
}

import type { Bytes } from '../model/ids.js'
import type { HttpHead } from './message.js'

// Node's own limit for the head of a message.
export const LONGEST_HEAD: Bytes = 16 * 1024

const END = Buffer.from('\r\n\r\n')

export interface ParsedHead extends HttpHead {
  /** Where the body begins in the bytes that were parsed. */
  readonly length: Bytes
}

/**
 * Reads the head of an HTTP/1.1 response (RFC 9112), strictly: what is not plainly well-formed is refused.
 *
 * @returns `undefined` as long as the head is not complete
 * @throws {SyntaxError}
 */
export function parseHead(bytes: Buffer): ParsedHead | undefined {
  const end = bytes.indexOf(END)
  if (end === -1) {
    if (bytes.length > LONGEST_HEAD) throw new SyntaxError('the head is too long')
    return undefined
  }
  const [statusLine = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n')
  const status = /^HTTP\/1\.1 ([1-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/.exec(statusLine)?.[1]
  if (status === undefined) throw new SyntaxError('no HTTP/1.1 status line')
  const headers: Record<string, string> = Object.create(null) as Record<string, string>
  for (const line of lines) {
    // A line that begins with a space (obs-fold) does not match.
    const field = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t ]*([\t\x20-\x7e\x80-\xff]*?)[\t ]*$/.exec(line)
    if (field?.[1] === undefined || field[2] === undefined)
      throw new SyntaxError('a header line is malformed')
    const name = field[1].toLowerCase()
    headers[name] = name in headers ? `${headers[name] ?? ''}, ${field[2]}` : field[2]
  }
  return { status: Number(status), headers, length: end + END.length }
}

/**
 * How long the body is. `undefined` where it is not said by a plain Content-Length, or where there is any doubt
 * (two lengths, a transfer coding).
 */
export function bodyLength({ headers }: HttpHead): Bytes | undefined {
  const length = headers['content-length']
  if (length === undefined || headers['transfer-encoding'] !== undefined || !/^\d{1,15}$/.test(length))
    return undefined
  return Number(length)
}

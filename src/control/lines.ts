import { Fault } from '../model/fault.js'
import type { Bytes } from '../model/ids.js'

const NEWLINE = 0x0a

/** Cuts a byte stream into lines, of which none may grow beyond a limit. */
export class LineSplitter {
  readonly #longest: Bytes
  #pending: Buffer[] = []
  #pendingBytes: Bytes = 0

  constructor(longest: Bytes) {
    this.#longest = longest
  }

  /** @throws {Fault} `protocol-error` when a line is too long; the stream is then of no further use */
  push(chunk: Buffer): string[] {
    const lines: string[] = []
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      this.#keep(chunk.subarray(start, end))
      lines.push(Buffer.concat(this.#pending).toString('utf8'))
      this.#pending = []
      this.#pendingBytes = 0
      start = end + 1
    }
    this.#keep(chunk.subarray(start))
    return lines
  }

  #keep(piece: Buffer): void {
    this.#pendingBytes += piece.length
    if (this.#pendingBytes > this.#longest) {
      throw new Fault(
        'protocol-error',
        `A message on the control socket is longer than ${this.#longest} bytes`,
      )
    }
    if (piece.length > 0) this.#pending.push(piece)
  }
}

/** @throws {Fault} `protocol-error` unless the line is a JSON object with a `type` */
export function parseMessage(line: string): { readonly type: string } & Readonly<Record<string, unknown>> {
  let message: unknown
  try {
    message = JSON.parse(line)
  } catch (failure) {
    throw new Fault('protocol-error', 'A message on the control socket is not JSON', { cause: failure })
  }
  if (
    typeof message !== 'object' ||
    message === null ||
    !('type' in message) ||
    typeof message.type !== 'string'
  ) {
    throw new Fault('protocol-error', 'A message on the control socket has no type')
  }
  return message as { readonly type: string }
}

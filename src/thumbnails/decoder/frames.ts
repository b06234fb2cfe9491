import type { Bytes } from '../../model/ids.js'

/**
 * What goes between the daemon and the decoder: a length (4 bytes, little-endian) and so many bytes, which are
 * again such pieces. A frame is one job or one answer.
 */
const LENGTH = 4

export function frame(pieces: readonly Uint8Array[]): Buffer {
  const inner = pieces.flatMap(piece => [lengthOf(piece.length), piece])
  const size = inner.reduce((sum, piece) => sum + piece.length, 0)
  return Buffer.concat([lengthOf(size), ...inner])
}

/** @throws {RangeError} where the lengths do not fit together */
export function piecesOf(inner: Uint8Array): Uint8Array[] {
  const view = new DataView(inner.buffer, inner.byteOffset, inner.length)
  const pieces: Uint8Array[] = []
  for (let at = 0; at < inner.length;) {
    const start = at + LENGTH
    at = start + view.getUint32(at, true)
    if (at > inner.length) throw new RangeError('a piece is longer than its frame')
    pieces.push(inner.subarray(start, at))
  }
  return pieces
}

/** Puts frames together from what comes through a pipe. */
export class FrameReader {
  readonly #largest: Bytes
  #chunks: Buffer[] = []
  #size = 0

  constructor(largest: Bytes) {
    this.#largest = largest
  }

  /** @returns what frames hold that are complete by now @throws {RangeError} where one is larger than allowed */
  add(chunk: Buffer): Buffer[] {
    this.#chunks.push(chunk)
    this.#size += chunk.length
    const frames: Buffer[] = []
    for (let whole; (whole = this.#take()) !== undefined;) frames.push(whole)
    return frames
  }

  #take(): Buffer | undefined {
    if (this.#size < LENGTH) return undefined
    let all = this.#chunks[0]
    if (all === undefined) return undefined
    if (all.length < LENGTH) all = this.#joined()
    const length = all.readUInt32LE(0)
    if (length > this.#largest) throw new RangeError(`a frame of ${length} bytes`)
    if (this.#size < LENGTH + length) return undefined
    all = this.#joined()
    const rest = all.subarray(LENGTH + length)
    this.#chunks = rest.length > 0 ? [rest] : []
    this.#size = rest.length
    return all.subarray(LENGTH, LENGTH + length)
  }

  #joined(): Buffer {
    const all = Buffer.concat(this.#chunks)
    this.#chunks = [all]
    return all
  }
}

function lengthOf(length: number): Buffer {
  const bytes = Buffer.alloc(LENGTH)
  bytes.writeUInt32LE(length)
  return bytes
}

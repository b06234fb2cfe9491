import type { PieceBody } from '../http/message.js'
import type { ByteRange } from '../model/byte-ranges.js'
import type { Bytes } from '../model/ids.js'
import type { UploadSource } from '../model/remote.js'

// Larger ones cost more processor time (measured), and a slow line takes each of them in seconds.
const PIECE: Bytes = 64 * 1024

/** A part of what is uploaded, read as the connection takes it: little of it is ever in memory. */
export function contentOf(source: UploadSource, range: ByteRange): PieceBody {
  return { length: range.end - range.start, pieces: () => pieces(source, range) }
}

/** While one piece is sent the next is read. */
async function* pieces(source: UploadSource, { start, end }: ByteRange): AsyncGenerator<Uint8Array> {
  let next = readPiece(source, start, end)
  for (let at = start; at < end; at += PIECE) {
    const piece = await next
    next = readPiece(source, at + PIECE, end)
    // Nobody may want it any more.
    next.catch(() => {})
    yield piece
  }
}

async function readPiece(source: UploadSource, start: Bytes, limit: Bytes): Promise<Uint8Array> {
  const end = Math.min(start + PIECE, limit)
  if (start >= end) return new Uint8Array()
  await source.admit?.(end - start)
  return await source.read({ start, end })
}

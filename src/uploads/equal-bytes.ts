import type { Bytes } from '../model/ids.js'
import type { UploadSource } from '../model/remote.js'
import type { OpenBase } from './unsent-bytes.js'

// Two buffers of it; read at once, on this thread, between two turns of the event loop.
const PIECE: Bytes = 1024 * 1024

/**
 * Whether what is to be sent is, byte for byte, a content that is here.
 * @throws {Fault} `local-io`, and as `source.read`
 */
export async function areEqual(
  source: UploadSource,
  base: Pick<OpenBase, 'read'>,
  signal: AbortSignal,
): Promise<boolean> {
  for (let start = 0; start < source.size; start += PIECE) {
    const range = { start, end: Math.min(source.size, start + PIECE) }
    const [ours, theirs] = await Promise.all([source.read(range), base.read(range, signal)])
    signal.throwIfAborted()
    if (Buffer.compare(ours, theirs) !== 0) return false
  }
  return true
}

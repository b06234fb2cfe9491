import { isFault, type FaultCode } from '../model/fault.js'
import type { ContentVersion, ItemKey } from '../model/ids.js'
import type { RemoteContent, UploadSource } from '../model/remote.js'

/** Then it is not known what the service has, and waiting makes nothing of it. */
const NOT_TO_BE_HAD: readonly FaultCode[] = [
  'stale-content',
  'item-not-found',
  'access-denied',
  'download-blocked',
  'malware-detected',
  'not-supported',
  'protocol-error',
  'server-error',
  'disk-full',
]

/**
 * Whether a version of a file has exactly these bytes: they are downloaded and compared, up to the first that differs.
 *
 * @param source not empty
 * @returns also false where they cannot be had
 * @throws {Fault} what passes: `offline`, `throttled`, `timed-out`, `sign-in-required`, …; the signal's reason
 */
export async function holdsBytes(
  content: RemoteContent,
  key: ItemKey,
  version: ContentVersion,
  source: UploadSource,
  signal: AbortSignal,
): Promise<boolean> {
  const range = { start: 0, end: source.size }
  const different = new Error('the service has other bytes')
  const compare = async (chunk: Uint8Array, start: number) => {
    const ours = await source.read({ start, end: start + chunk.length })
    if (Buffer.compare(chunk, ours) !== 0) throw different
  }
  try {
    await content.fetch(key, version, range, compare, signal)
    return true
  } catch (failure) {
    signal.throwIfAborted()
    if (failure === different || isFault(failure, ...NOT_TO_BE_HAD)) return false
    throw failure
  }
}

import type { Pace } from '../concurrency/pace.js'
import type { ByteRange } from '../model/byte-ranges.js'
import { Fault } from '../model/fault.js'
import type { Bytes, ContentVersion, ItemKey, TenantId } from '../model/ids.js'
import type { ContentSink, PastContent, RemoteContent } from '../model/remote.js'

// What somebody waits for first. Taken off the rate all the same.
const BEGINNING: Bytes = 64 * 1024
// In such pieces many connections share a small rate without one of them being silent for long.
const PIECE: Bytes = 16 * 1024

export interface ContentGuards {
  /** Why nothing may be asked of an organization. */
  refusalOf(tenant: TenantId, signal: AbortSignal): Promise<Fault | undefined>
  /** What is to stay free on the disk; `undefined`: nothing in particular. */
  readonly leastFree: () => Bytes | undefined
  readonly freeBytes: () => Bytes
  readonly pace: Pace
}

/** Content of other organizations, within the limits of an administrator: whom, how fast, and on how full a disk. */
export class GuardedContent implements RemoteContent {
  readonly #remote: RemoteContent
  readonly #guards: ContentGuards

  constructor(remote: RemoteContent, guards: ContentGuards) {
    this.#remote = remote
    this.#guards = guards
  }

  /** @throws {Fault} also `blocked-by-policy` and `disk-full` */
  async fetch(
    item: ItemKey,
    version: ContentVersion,
    range: ByteRange,
    sink: ContentSink,
    signal: AbortSignal,
    past?: PastContent,
  ): Promise<void> {
    const refusal = await this.#guards.refusalOf(item.tenant, signal)
    if (refusal) throw refusal
    signal.throwIfAborted()
    this.#checkDisk(range.end - range.start)
    await this.#remote.fetch(item, version, range, this.#paced(sink, signal), signal, past)
  }

  #checkDisk(bytes: Bytes): void {
    const { leastFree, freeBytes } = this.#guards
    const least = leastFree()
    if (least === undefined || freeBytes() - bytes >= least) return
    throw new Fault(
      'disk-full',
      `Less than ${Math.round(least / 1e6)} MB would be free on the disk of the content cache, which the administrator of this machine does not allow`,
      { nextStep: 'Free some space, then read the file again; nothing was lost' },
    )
  }

  /** By back pressure: what is not taken is not received. */
  #paced(sink: ContentSink, signal: AbortSignal): ContentSink {
    const { pace } = this.#guards
    let beginning = BEGINNING
    const take = (chunk: Uint8Array, offset: Bytes) => {
      if (!pace.isLimited) return sink(chunk, offset)
      return this.#takePieces(chunk, offset, sink, bytes => {
        const isFirst = beginning > 0 && pace.admitFirst(bytes)
        beginning -= bytes
        return isFirst ? undefined : pace.admit(bytes, signal)
      })
    }
    // Bytes that pass us by cannot be held up.
    const direct = (offset: Bytes, length: Bytes) =>
      pace.isLimited ? undefined : sink.direct?.(offset, length)
    return Object.assign(take, { direct, ...(sink.describes && { describes: sink.describes }) })
  }

  async #takePieces(
    chunk: Uint8Array,
    offset: Bytes,
    sink: ContentSink,
    admitted: (bytes: Bytes) => Promise<void> | undefined,
  ): Promise<void> {
    for (let start = 0; start < chunk.length; start += PIECE) {
      const piece = chunk.subarray(start, start + PIECE)
      await admitted(piece.length)
      await sink(piece, offset + start)
    }
  }
}

import { setImmediate } from 'node:timers/promises'
import type { DriveItem } from '../model/drive-item.js'
import type { Bytes } from '../model/ids.js'
import { QuickXorHash } from '../model/quick-xor-hash.js'
import type { RemoteWriter, UploadSource, UploadTarget } from '../model/remote.js'
import { isSameSecond } from '../model/same-second.js'

// Half a millisecond of hashing.
const SLICE: Bytes = 1024 * 1024

/**
 * Whether what is to be uploaded is there already, and stands for itself: after an answer that was lost. Somebody
 * else's file of the same name and bytes is as good as ours.
 */
export class Arrived {
  readonly #service: Pick<RemoteWriter, 'item' | 'child'>
  readonly #target: UploadTarget
  readonly #source: UploadSource
  readonly #signal: AbortSignal
  #hash: Promise<string> | undefined

  constructor(
    service: Pick<RemoteWriter, 'item' | 'child'>,
    target: UploadTarget,
    source: UploadSource,
    signal: AbortSignal,
  ) {
    this.#service = service
    this.#target = target
    this.#source = source
    this.#signal = signal
  }

  /** What is in its place now, whatever its bytes. */
  async inPlace(): Promise<DriveItem | undefined> {
    const target = this.#target
    if (target.kind === 'new') return await this.#service.child(target.parent, target.name, this.#signal)
    return await this.#service.item(target.item, this.#signal)
  }

  /**
   * The item in its place, if it has these bytes; or, where they were `allSent` and only the answer is missing, the
   * time that came with them: SharePoint rewrites some files as soon as they are there.
   */
  async item({ allSent } = { allSent: false }): Promise<DriveItem | undefined> {
    const item = await this.inPlace()
    if (item === undefined) return undefined
    return (await this.has(item)) || (allSent && this.#isRewritten(item)) ? item : undefined
  }

  #isRewritten(item: DriveItem): boolean {
    const before = this.#target.kind === 'version' ? this.#target.eTag : undefined
    const hasChanged = item.eTag === undefined || item.eTag !== before
    return item.kind === 'file' && hasChanged && isSameSecond(item.modified, this.#source.modified)
  }

  async has(item: DriveItem): Promise<boolean> {
    const { size, modified } = this.#source
    if (item.kind !== 'file' || item.size !== size) return false
    if (size === 0) return true
    if (item.quickXorHash === undefined) return isSameSecond(item.modified, modified)
    this.#hash ??= hashOf(this.#source, this.#signal)
    return item.quickXorHash === (await this.#hash)
  }
}

/** Read again: an answer is seldom lost, and bytes that are sent need not be hashed for the other times. */
async function hashOf(source: UploadSource, signal: AbortSignal): Promise<string> {
  const hash = new QuickXorHash()
  for (let start = 0; start < source.size; start += SLICE) {
    hash.update(await source.read({ start, end: Math.min(start + SLICE, source.size) }))
    await setImmediate()
    signal.throwIfAborted()
  }
  return hash.digest()
}

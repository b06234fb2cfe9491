import { setImmediate } from 'node:timers/promises'
import type { JsonObject } from '../http/json.js'
import { contentVersion, type DriveItem } from '../model/drive-item.js'
import { Fault } from '../model/fault.js'
import type { Bytes, ItemKey } from '../model/ids.js'
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
  readonly #service: Pick<RemoteWriter, 'item' | 'child' | 'holds'>
  readonly #target: UploadTarget
  readonly #source: UploadSource
  readonly #signal: AbortSignal
  #hash: Promise<string> | undefined

  constructor(
    service: Pick<RemoteWriter, 'item' | 'child' | 'holds'>,
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
   * time that came with them and other bytes: SharePoint rewrites some files as soon as they are there.
   */
  async item({ allSent } = { allSent: false }): Promise<DriveItem | undefined> {
    const item = await this.inPlace()
    if (item === undefined) return undefined
    if (await this.has(item)) return item
    return allSent && this.#isChanged(item) && !(await this.#looksAlike(item)) ? item : undefined
  }

  #isChanged(item: DriveItem): boolean {
    const before = this.#target.kind === 'version' ? this.#target.eTag : undefined
    const hasChanged = item.eTag === undefined || item.eTag !== before
    return item.kind === 'file' && hasChanged && isSameSecond(item.modified, this.#source.modified)
  }

  async has(item: DriveItem): Promise<boolean> {
    if (!(await this.#looksAlike(item))) return false
    if (item.size === 0) return true
    const key = { ...keyOf(this.#target), item: item.id }
    return await this.#service.holds(key, contentVersion(item), this.#source, this.#signal)
  }

  /**
   * What an upload was answered with, where the item had to be asked for in addition: somebody may have replaced it meanwhile.
   * @throws {Fault} `stale-content`
   */
  async confirm(item: DriveItem, answer: JsonObject): Promise<DriveItem> {
    const isOfAnswer =
      (item.eTag !== undefined && item.eTag === answer['eTag']) ||
      (item.cTag !== undefined && item.cTag === answer['cTag'])
    if (isOfAnswer || !(await this.#looksAlike(item)) || (await this.has(item))) return item
    throw new Fault('stale-content', 'The file was replaced right after it was sent')
  }

  /** Size and hash tell where it is worth looking; that they are the same bytes only the bytes tell. */
  async #looksAlike(item: DriveItem): Promise<boolean> {
    if (item.kind !== 'file' || item.size !== this.#source.size) return false
    if (item.size === 0 || item.quickXorHash === undefined) return true
    this.#hash ??= hashOf(this.#source, this.#signal)
    return item.quickXorHash === (await this.#hash)
  }
}

function keyOf(target: UploadTarget): ItemKey {
  return target.kind === 'new' ? target.parent : target.item
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

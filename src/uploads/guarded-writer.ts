import type { Pace } from '../concurrency/pace.js'
import type { DriveItem } from '../model/drive-item.js'
import type { Fault } from '../model/fault.js'
import type { ContentVersion, ItemKey, TenantId } from '../model/ids.js'
import type { ItemUpdate, RemoteWriter, UploadProgress, UploadSource, UploadTarget } from '../model/remote.js'

export interface WriteGuards {
  /** Why nothing may be asked of an organization. */
  refusalOf(tenant: TenantId, signal: AbortSignal): Promise<Fault | undefined>
  readonly pace: Pace
}

/** Changes for other organizations, within the limits of an administrator: whom, and how fast. */
export class GuardedWriter implements RemoteWriter {
  readonly #remote: RemoteWriter
  readonly #guards: WriteGuards

  constructor(remote: RemoteWriter, guards: WriteGuards) {
    this.#remote = remote
    this.#guards = guards
  }

  /** @throws {Fault} also `blocked-by-policy`; as all of them */
  async upload(
    target: UploadTarget,
    source: UploadSource,
    progress: UploadProgress,
    signal: AbortSignal,
  ): Promise<DriveItem> {
    const { tenant } = target.kind === 'new' ? target.parent : target.item
    await this.#check(tenant, signal)
    return await this.#remote.upload(target, this.#paced(source, signal), progress, signal)
  }

  async createFolder(parent: ItemKey, name: string, signal: AbortSignal): Promise<DriveItem> {
    await this.#check(parent.tenant, signal)
    return await this.#remote.createFolder(parent, name, signal)
  }

  async update(
    item: ItemKey,
    update: ItemUpdate,
    eTag: string | undefined,
    signal: AbortSignal,
  ): Promise<DriveItem> {
    await this.#check(item.tenant, signal)
    return await this.#remote.update(item, update, eTag, signal)
  }

  async delete(item: ItemKey, eTag: string | undefined, signal: AbortSignal): Promise<void> {
    await this.#check(item.tenant, signal)
    await this.#remote.delete(item, eTag, signal)
  }

  async endUpload(tenant: TenantId, sessionUrl: string, signal: AbortSignal): Promise<void> {
    await this.#check(tenant, signal)
    await this.#remote.endUpload(tenant, sessionUrl, signal)
  }

  async holds(
    item: ItemKey,
    version: ContentVersion,
    source: UploadSource,
    signal: AbortSignal,
  ): Promise<boolean> {
    await this.#check(item.tenant, signal)
    return await this.#remote.holds(item, version, source, signal)
  }

  async item(item: ItemKey, signal: AbortSignal): Promise<DriveItem> {
    await this.#check(item.tenant, signal)
    return await this.#remote.item(item, signal)
  }

  async child(parent: ItemKey, name: string, signal: AbortSignal): Promise<DriveItem | undefined> {
    await this.#check(parent.tenant, signal)
    return await this.#remote.child(parent, name, signal)
  }

  async #check(tenant: TenantId, signal: AbortSignal): Promise<void> {
    const refusal = await this.#guards.refusalOf(tenant, signal)
    if (refusal) throw refusal
    signal.throwIfAborted()
  }

  /** What is sent, not what is read: bytes may be read once more to be compared. */
  #paced(source: UploadSource, signal: AbortSignal): UploadSource {
    const { pace } = this.#guards
    return {
      size: source.size,
      modified: source.modified,
      read: range => source.read(range),
      admit: async bytes => {
        if (pace.isLimited) await pace.admit(bytes, signal)
      },
    }
  }
}

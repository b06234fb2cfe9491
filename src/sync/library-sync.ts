import type { DriveId, LibraryId, TenantId } from '../model/ids.js'
import { LibraryFollower, type SyncDeps, type SyncStatus } from './library-follower.js'

/** Follows every library that was added, each on its own. */
export class LibrarySync {
  readonly #deps: SyncDeps
  readonly #followers = new Map<LibraryId, LibraryFollower>()

  constructor(deps: SyncDeps) {
    this.#deps = deps
  }

  /** Begins with all libraries of the store. Asks the network in the background. */
  start(): void {
    for (const { id } of this.#deps.store.libraries.all()) this.add(id)
  }

  /** Follows a library that was added to the drive. */
  add(id: LibraryId): void {
    if (this.#followers.has(id)) return
    const follower = new LibraryFollower(id, this.#deps)
    this.#followers.set(id, follower)
    follower.start()
  }

  /** Resolves when nothing of the library is written any more. */
  async remove(id: LibraryId): Promise<void> {
    const follower = this.#followers.get(id)
    this.#followers.delete(id)
    await follower?.stop()
  }

  /** Pulls one library, or all, soon. */
  wake(id?: LibraryId): void {
    for (const [library, follower] of this.#followers) if (id === undefined || id === library) follower.wake()
  }

  /** The tenant has answered somebody. */
  reached(tenant: TenantId): void {
    for (const [id, follower] of this.#followers) {
      if (this.#deps.store.libraries.byId(id)?.root.tenant === tenant) follower.reached()
    }
  }

  /** Something of a tenant, or of one drive of it, was refused as what is not shared any more. */
  refused(tenant: TenantId, drive?: DriveId): void {
    for (const [id, follower] of this.#followers) {
      const root = this.#deps.store.libraries.byId(id)?.root
      if (root?.tenant === tenant && (drive === undefined || drive === root.drive)) follower.refused()
    }
  }

  /** A library's service has refused a write. */
  writeRefused(id: LibraryId): void {
    this.#followers.get(id)?.writeRefused()
  }

  /** What was held back of a library may go. */
  consent(id: LibraryId): void {
    this.#followers.get(id)?.consent()
  }

  statusOf(id: LibraryId): SyncStatus {
    return (
      this.#followers.get(id)?.status ?? {
        phase: 'listing',
        checked: undefined,
        problem: undefined,
        isTold: false,
      }
    )
  }

  /** Whether a library is being listed for the first time, or again, right now. */
  isBusy(): boolean {
    return [...this.#followers.values()].some(({ status }) => status.phase === 'listing' && !status.problem)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#followers.values()].map(follower => follower.stop()))
    this.#followers.clear()
  }
}

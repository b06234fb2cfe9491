import { Fault } from '../model/fault.js'
import type { ItemKey } from '../model/ids.js'
import type { Library, LibraryAccess } from '../model/library.js'
import type { RemoteRights } from '../model/remote.js'

interface RightsOfItem {
  accessTo(item: ItemKey, signal: AbortSignal): Promise<LibraryAccess>
}

export interface LibraryRightsDeps {
  /** Implemented by `graph/sharing.ts`. */
  readonly permissions: RightsOfItem
  /** Implemented by `graph/viewpoint.ts`. */
  readonly viewpoint: RightsOfItem
  /** Implemented by `libraries/sharepoint-rights.ts`. */
  readonly sharePoint: RemoteRights
}

/**
 * What we may do with a library, by whoever tells: each is asked where the one before did not know. Guests are told
 * differently in every organization (reference F5); where nobody tells, writing is tried.
 */
export class LibraryRights implements RemoteRights {
  readonly #deps: LibraryRightsDeps

  constructor(deps: LibraryRightsDeps) {
    this.#deps = deps
  }

  async accessTo(
    library: Pick<Library, 'root' | 'scope' | 'host'>,
    signal: AbortSignal,
  ): Promise<LibraryAccess> {
    const { permissions } = this.#deps
    const told = await permissions.accessTo(library.root, signal)
    return told === 'unknown' ? await this.#otherwise(library, signal) : told
  }

  /** By what need not be there: whatever becomes of it, nothing is worse than before. */
  async #otherwise(
    library: Pick<Library, 'root' | 'scope' | 'host'>,
    signal: AbortSignal,
  ): Promise<LibraryAccess> {
    const { viewpoint, sharePoint } = this.#deps
    try {
      const seen = await viewpoint.accessTo(library.root, signal)
      return seen === 'unknown' ? await sharePoint.accessTo(library, signal) : seen
    } catch (failure) {
      signal.throwIfAborted()
      if (failure instanceof Fault) return 'unknown'
      throw failure
    }
  }
}

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AccessRemovedPolicy } from '../control/admin-policy.js'
import type { Freed } from '../fs/free-up.js'
import type { Ino, LibraryId, Milliseconds } from '../model/ids.js'
import type { LibraryRecord } from '../store/library-table.js'

const MINUTE: Milliseconds = 60_000
const DAY: Milliseconds = 24 * 60 * MINUTE

// An administrator who says "at once" does not mean a service that hiccups.
const LEAST_REFUSALS = 3
const LEAST_TIME: Milliseconds = 10 * MINUTE

export interface PurgeDeps {
  /** Asked each time. */
  readonly policy: () => AccessRemovedPolicy
  /** Where reports are written. */
  readonly directory: string
  readonly now: () => Milliseconds
  readonly rootOf: (library: LibraryRecord) => Ino | undefined
  /** Ends all pins in it, and makes it online-only; what is open stays. */
  readonly purge: (root: Ino) => Promise<Freed>
  readonly onTrouble: (event: string, failure: unknown) => void
}

/** Deletes what is local of libraries that are no longer shared with us, where an administrator wants that. */
export class AccessRemovedPurge {
  readonly #deps: PurgeDeps
  readonly #refusals = new Map<LibraryId, { readonly since: Milliseconds; count: number }>()

  constructor(deps: PurgeDeps) {
    this.#deps = deps
  }

  /** To be called after each refusal. Never rejects. */
  async refused(library: LibraryRecord): Promise<void> {
    const { now, onTrouble } = this.#deps
    const policy = this.#deps.policy()
    const since = library.accessRemoved
    if (policy.kind === 'keep' || since === undefined) return
    let seen = this.#refusals.get(library.id)
    // Of another time: it has been shared again meanwhile.
    if (seen?.since !== since) this.#refusals.set(library.id, (seen = { since, count: 0 }))
    seen.count++
    const least = Math.max(LEAST_TIME, policy.afterDays * DAY)
    if (seen.count < LEAST_REFUSALS || now() - since < least) return
    try {
      await this.#purge(library, since)
    } catch (failure) {
      onTrouble('access-removed-not-purged', failure)
    }
  }

  async #purge(library: LibraryRecord, since: Milliseconds): Promise<void> {
    const { rootOf, purge, now, directory } = this.#deps
    const root = rootOf(library)
    if (root === undefined) return
    const { files, bytes, kept } = await purge(root)
    if (files === 0) return
    const { organization, name, webUrl, root: key } = library
    const at = new Date(now()).toISOString()
    const report = {
      purged: at,
      accessRemoved: new Date(since).toISOString(),
      ...{ organization, library: name, webUrl, tenant: key.tenant, drive: key.drive },
      ...{ files, bytes, stillOpen: kept },
    }
    const file = join(directory, `purged-${at.replaceAll(':', '-')}-${library.id}.json`)
    writeFileSync(file, JSON.stringify(report, undefined, 2) + '\n', { mode: 0o600 })
  }
}

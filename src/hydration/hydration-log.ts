import type { Clock } from '../concurrency/clock.js'
import type { Bytes, Ino, Milliseconds } from '../model/ids.js'
import type { HydrationRecord, RefusalRecord } from '../store/hydration-table.js'
import type { Store } from '../store/store.js'
import type { ContentFile } from './content-file.js'
import type { Verdict } from './hydration-policy.js'

// An indexer is refused thousands of times in a row: that is one row of the store.
const UNWRITTEN_TIME: Milliseconds = 5_000

/** Who asks for bytes. */
export interface Hydrating {
  readonly program: string
  readonly verdict: Verdict
}

export interface HydrationLogDeps {
  readonly store: Pick<Store, 'items' | 'recordHydrations'>
  readonly clock: Clock
  /** Bytes have come. */
  readonly onArrived: (bytes: Bytes) => void
  readonly onTrouble: (event: string, failure: unknown) => void
}

/** Remembers which program downloaded what, and which one was refused. */
export class HydrationLog {
  readonly #deps: HydrationLogDeps
  /** Who was the last to ask for something that was not there: what arrives is on its account. */
  readonly #causes = new WeakMap<ContentFile, { by: Hydrating }>()
  #hydrations = new Map<string, HydrationRecord>()
  #refusals = new Map<string, RefusalRecord>()
  readonly #closed = new AbortController()
  #writing: Promise<void> | undefined

  constructor(deps: HydrationLogDeps) {
    this.#deps = deps
  }

  /** `by` asks for bytes of `file` that are not local. */
  asks(file: ContentFile, by: Hydrating): void {
    const known = this.#causes.get(file)
    if (known) {
      known.by = by
      return
    }
    const cause = { by }
    this.#causes.set(file, cause)
    file.onPresent(({ start, end }) => this.#arrived(file.ino, cause.by, end - start))
  }

  refused(ino: Ino, { program, verdict }: Hydrating): void {
    const count = (this.#refusals.get(program)?.count ?? 0) + 1
    this.#refusals.set(program, { program, verdict, count, ino, name: this.#nameOf(ino), at: this.#now })
    this.#writeSoon()
  }

  /** Makes the store have all of it. */
  flush(): void {
    if (this.#hydrations.size === 0 && this.#refusals.size === 0) return
    const [hydrations, refusals] = [this.#hydrations, this.#refusals]
    this.#hydrations = new Map()
    this.#refusals = new Map()
    try {
      this.#deps.store.recordHydrations(hydrations.values(), refusals.values())
    } catch (failure) {
      this.#deps.onTrouble('hydrations-not-recorded', failure)
    }
  }

  close(): void {
    this.#closed.abort()
    this.flush()
  }

  #arrived(ino: Ino, { program, verdict }: Hydrating, bytes: Bytes): void {
    this.#deps.onArrived(bytes)
    const key = `${ino} ${program}`
    const before = this.#hydrations.get(key)?.bytes ?? 0
    const name = this.#nameOf(ino)
    this.#hydrations.set(key, { program, ino, name, verdict, bytes: before + bytes, at: this.#now })
    this.#writeSoon()
  }

  get #now(): Milliseconds {
    return this.#deps.clock.now()
  }

  #nameOf(ino: Ino): string {
    return this.#deps.store.items.byIno(ino)?.name ?? ''
  }

  #writeSoon(): void {
    this.#writing ??= this.#writeLater()
  }

  async #writeLater(): Promise<void> {
    try {
      await this.#deps.clock.sleep(UNWRITTEN_TIME, this.#closed.signal)
    } catch {
      return // closed: that writes too
    }
    this.#writing = undefined
    this.flush()
  }
}

import { Fault, type FaultCode } from '../model/fault.js'
import type { LibraryId, Milliseconds, TenantId } from '../model/ids.js'
import { accessRemoved } from '../model/library.js'
import { delayAfter, patienceWith } from '../model/upload-patience.js'
import type { LibraryRecord } from '../store/library-table.js'

// What the store says of a library is looked at again.
const LOOKED_AT_AGAIN: Milliseconds = 60_000

export interface Closure {
  readonly until: Milliseconds
  readonly fault: Fault
}

interface Entry extends Closure {
  readonly attempts: number
}

/** Tenants and libraries to which nothing can be sent for now: what keeps one item keeps the others too. */
export class Closures {
  readonly #entries = new Map<string, Entry>()

  /** @returns until when, for what it is worth: other items fail by themselves */
  note(fault: Fault, library: LibraryRecord, now: Milliseconds, random: number): Milliseconds | undefined {
    const { reach } = patienceWith(fault.code)
    if (reach === 'item') return undefined
    const key =
      reach === 'tenant' ? tenantKey(library.root.tenant) : libraryKey(library.id, reach === 'space')
    const known = this.#entries.get(key)
    // Of many that fail at once only the first counts.
    if (known !== undefined && known.until > now) return known.until
    const attempts = (known?.attempts ?? 0) + 1
    const until = now + delayAfter(fault, attempts, random)
    this.#entries.set(key, { until, fault, attempts })
    return until
  }

  /** Something was sent. */
  open(library: LibraryRecord, usedSpace: boolean): void {
    this.#entries.delete(tenantKey(library.root.tenant))
    this.#entries.delete(libraryKey(library.id, false))
    if (usedSpace) this.#entries.delete(libraryKey(library.id, true))
  }

  /** The tenant has answered somebody. @returns whether it was closed because it had not */
  reached(tenant: TenantId): boolean {
    const known = this.#entries.get(tenantKey(tenant))
    if (known === undefined || !isUnreached(known.fault.code)) return false
    return this.#entries.delete(tenantKey(tenant))
  }

  openAll(): void {
    this.#entries.clear()
  }

  of(library: LibraryRecord, needsSpace: boolean, now: Milliseconds): Closure | undefined {
    const said = refusalOf(library)
    if (said !== undefined) return { until: now + LOOKED_AT_AGAIN, fault: said }
    const entries = [
      this.#entries.get(tenantKey(library.root.tenant)),
      this.#entries.get(libraryKey(library.id, false)),
      needsSpace ? this.#entries.get(libraryKey(library.id, true)) : undefined,
    ]
    return entries.find(entry => entry !== undefined && entry.until > now)
  }
}

/** Nobody was there to refuse it. */
export function isUnreached(code: FaultCode | undefined): boolean {
  return code === 'offline' || code === 'timed-out'
}

/** What is known before anything is sent. */
function refusalOf(library: LibraryRecord): Fault | undefined {
  if (library.accessRemoved !== undefined) return accessRemoved(library)
  if (library.access !== 'read') return undefined
  return new Fault('read-only', `${library.organization} shares ${library.name} for reading only by now`, {
    nextStep: 'Ask the person who shared it with you, or run: b2bmount export DIRECTORY',
  })
}

function tenantKey(tenant: TenantId): string {
  return `tenant ${tenant}`
}

function libraryKey(library: LibraryId, space: boolean): string {
  return `${space ? 'space of ' : ''}library ${library}`
}

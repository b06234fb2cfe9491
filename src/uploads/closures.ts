import { waitAfter, type Pace } from '../model/attempts.js'
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
  /** Failures in a row, of each kind by itself: a day without a network is no reason to distrust a certificate for hours. */
  readonly attempts: ReadonlyMap<FaultCode, number>
  readonly failed: Milliseconds
  /** How often an answer to somebody else has ended the wait, and it was closed again all the same. */
  readonly endedInVain: number
}

// Graph answers, and an upload's host does not: each answer to somebody would be one more attempt.
const AFTER_ENDED_IN_VAIN: Pace = { first: 15_000, longest: 30 * 60_000 }

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
    const attempts = (known?.attempts.get(fault.code) ?? 0) + 1
    const until = now + delayAfter(fault, attempts, random)
    this.#entries.set(key, {
      until,
      fault,
      attempts: new Map(known?.attempts).set(fault.code, attempts),
      failed: now,
      endedInVain: known?.endedInVain ?? 0,
    })
    return until
  }

  /** Something was sent. */
  open(library: LibraryRecord, usedSpace: boolean): void {
    this.#entries.delete(tenantKey(library.root.tenant))
    this.#entries.delete(libraryKey(library.id, false))
    if (usedSpace) this.#entries.delete(libraryKey(library.id, true))
  }

  /** The tenant has answered somebody as itself. @returns whether it was closed because it had not */
  reached(tenant: TenantId, now: Milliseconds): boolean {
    const key = tenantKey(tenant)
    const known = this.#entries.get(key)
    if (known === undefined || !isUnreached(known.fault.code) || known.until <= now) return false
    const { endedInVain: times, failed } = known
    if (times > 0 && now < failed + waitAfter(AFTER_ENDED_IN_VAIN, times)) return false
    this.#entries.set(key, { ...known, until: now, endedInVain: times + 1 })
    return true
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

/** Nobody was there to refuse it, or somebody else than the tenant: a captive portal, a proxy. */
export function isUnreached(code: FaultCode | undefined): boolean {
  return code === 'offline' || code === 'timed-out' || code === 'certificate-untrusted'
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

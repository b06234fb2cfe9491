import type { Clock } from '../concurrency/clock.js'
import { auditFile, LARGEST_AUDIT_FILE, OLD_AUDIT_FILES, type AuditEntry } from '../control/audit-trail.js'
import type { AuditTrail } from '../fs/file-policy.js'
import type { Admission } from '../fs/hydration-gate.js'
import { isFault, type FaultCode } from '../model/fault.js'
import type { Bytes } from '../model/ids.js'
import { escaped, UNSAFE_CHARACTERS } from '../model/unsafe-characters.js'
import type { ItemRecord } from '../store/item-record.js'
import type { Store } from '../store/store.js'
import { RotatingFile } from './rotating-file.js'

export interface AuditLogDeps {
  readonly stateDirectory: string
  readonly store: Pick<Store, 'libraries' | 'pathOf'>
  readonly clock: Clock
  readonly onTrouble: (event: string, failure: unknown) => void
  readonly largestFile?: Bytes
}

const REFUSALS: ReadonlySet<FaultCode> = new Set([
  'hydration-refused',
  'blocked-by-policy',
  'offline-not-allowed',
])

/** Remembers which program has opened which file. What cannot be written is said once, and keeps nobody from anything. */
export class AuditLog implements AuditTrail {
  readonly #deps: AuditLogDeps
  readonly #file: RotatingFile
  #waiting: string[] = []
  /** The last thing that was written may be half a line. */
  #isTorn = false
  #isFailing = false

  constructor(deps: AuditLogDeps) {
    this.#deps = deps
    this.#file = new RotatingFile({
      file: auditFile(deps.stateDirectory),
      largest: deps.largestFile ?? LARGEST_AUDIT_FILE,
      old: OLD_AUDIT_FILES,
    })
    try {
      this.#isTorn = !this.#file.endsWithLine
    } catch {
      // It is said when something is to be written.
    }
  }

  opened(item: ItemRecord, admission: Admission, failure?: unknown): void {
    const entry = this.#entry(item, admission, failure)
    if (entry === undefined) return
    this.#waiting.push(lineOf(entry))
    // Those of a walk are written together, after whoever waits has been answered.
    if (this.#waiting.length === 1) setImmediate(() => this.flush())
  }

  flush(): void {
    if (this.#waiting.length === 0) return
    const lines = this.#waiting.join('')
    this.#waiting = []
    try {
      this.#file.append(this.#isTorn ? `\n${lines}` : lines)
      this.#isTorn = false
      this.#isFailing = false
    } catch (failure) {
      if (!this.#isFailing) this.#deps.onTrouble('audit-not-written', failure)
      this.#isFailing = true
      this.#isTorn = true
    }
  }

  close(): void {
    this.flush()
    this.#file.close()
  }

  #entry(
    item: ItemRecord,
    { program, executable, pid, uid }: Admission,
    failure: unknown,
  ): AuditEntry | undefined {
    const { store, clock } = this.#deps
    const library = store.libraries.byId(item.library)
    if (library === undefined) return undefined
    const { tenant, drive } = library.root
    return {
      at: clock.now(),
      event: 'open',
      ...outcomeOf(failure),
      program,
      ...(executable === undefined ? {} : { executable }),
      pid,
      uid,
      organization: library.organization,
      library: library.name,
      path: store.pathOf(item)?.join('/') ?? item.name,
      tenant,
      drive,
      item: item.remoteId,
    }
  }
}

function outcomeOf(failure: unknown): Pick<AuditEntry, 'outcome' | 'fault'> {
  if (failure === undefined) return { outcome: 'opened' }
  const fault = isFault(failure) ? failure.code : 'internal-error'
  return { outcome: fault !== 'internal-error' && REFUSALS.has(fault) ? 'refused' : 'failed', fault }
}

function lineOf(entry: AuditEntry): string {
  return `${JSON.stringify(entry).replace(UNSAFE_CHARACTERS, escaped)}\n`
}

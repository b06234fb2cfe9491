import type { Fault } from '../model/fault.js'
import type { ItemRecord } from '../store/item-record.js'
import type { Admission } from './hydration-gate.js'

/** What an administrator says of files. Implemented by `daemon/file-rules.ts`. */
export interface FilePolicy {
  /**
   * Why a file may not be opened; `undefined` where it may. May ask its organization, within seconds.
   * @param isLocal whether every byte of it is
   */
  refusalToOpen(item: ItemRecord, isLocal: boolean, signal: AbortSignal): Promise<Fault | undefined>
}

/** Who opens which file. Implemented by `daemon/audit-log.ts`. Returns at once and never throws. */
export interface AuditTrail {
  /** @param failure why it was not opened */
  opened(item: ItemRecord, admission: Admission, failure?: unknown): void
}

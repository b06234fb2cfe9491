import { availability, type Availability } from '../model/content-state.js'
import type { Bytes } from '../model/ids.js'
import type { ItemRecord } from '../store/item-record.js'
import type { Store } from '../store/store.js'
import type { PinKeeper } from './pin-keeper.js'

/** OneDrive's three and what is between them; the last two only of what is always to be local. */
export type ItemState = Availability | 'always-available' | 'syncing' | 'attention'

export interface StateDeps {
  readonly store: Pick<Store, 'pins'>
  readonly keeper: Pick<PinKeeper, 'failureOf'>
}

/** @returns `undefined` for a folder that is not always to be local */
export function stateOf(deps: StateDeps, item: ItemRecord, localBytes: Bytes): ItemState | undefined {
  const isKept = deps.store.pins.of(item.ino) === 'always-local'
  if (item.kind !== 'file') return isKept ? 'always-available' : undefined
  if (!isKept) return availability(item.size, localBytes)
  if (localBytes >= item.size) return 'always-available'
  return deps.keeper.failureOf(item.ino, item.generation) ? 'attention' : 'syncing'
}

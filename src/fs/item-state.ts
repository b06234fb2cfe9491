import { availability, type Availability } from '../model/content-state.js'
import type { Bytes } from '../model/ids.js'
import type { ItemRecord } from '../store/item-record.js'
import type { Store } from '../store/store.js'
import { lookInto } from './folder-state.js'
import type { PinKeeper } from './pin-keeper.js'

/** OneDrive's three and what is between them; the last two only of what is always to be local, or has such in it. */
export type ItemState = Availability | 'always-available' | 'syncing' | 'attention'

export interface StateDeps {
  readonly store: Pick<Store, 'pins' | 'items' | 'isListed'>
  readonly keeper: Pick<PinKeeper, 'failureOf' | 'hasFailureIn'>
}

/** Of a folder: by what is in it, as far as a bounded look into it tells. */
export function stateOf(deps: StateDeps, item: ItemRecord, localBytes: Bytes): ItemState {
  const isKept = deps.store.pins.of(item.ino) === 'always-local'
  if (item.kind !== 'file') return stateOfFolder(deps, item, isKept)
  if (!isKept) return availability(item.size, localBytes)
  if (localBytes >= item.size) return 'always-available'
  return deps.keeper.failureOf(item.ino, item.generation) ? 'attention' : 'syncing'
}

function stateOfFolder({ store, keeper }: StateDeps, folder: ItemRecord, isKept: boolean): ItemState {
  if (keeper.hasFailureIn(folder.ino)) return 'attention'
  const found = lookInto(store, folder, isKept)
  if (isKept) return found.hasMissing ? 'syncing' : 'always-available'
  // Whoever leaves the network relies on it: not said of what was not looked at.
  if (!found.hasMissing && found.isWhole) return 'locally-available'
  return found.hasLocal ? 'partly-local' : 'online-only'
}

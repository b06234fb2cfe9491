import { availability, type Availability } from '../model/content-state.js'
import type { Bytes, Ino } from '../model/ids.js'
import { needsAttention } from '../model/upload-patience.js'
import type { ItemRecord } from '../store/item-record.js'
import type { Store } from '../store/store.js'
import { lookInto } from './folder-state.js'
import type { Uploads } from './local-writer.js'
import type { PinKeeper } from './pin-keeper.js'

/** OneDrive's three and what is between them; the last two only of what is always to be local, or has such in it. */
export type ItemState = Availability | 'always-available' | 'syncing' | 'attention'

export interface StateDeps {
  readonly store: Pick<Store, 'pins' | 'items' | 'isListed' | 'owed'>
  readonly keeper: Pick<PinKeeper, 'failureOf' | 'hasFailureIn'>
  readonly uploads: Pick<Uploads, 'isSent'>
}

// Every look at a folder's state asks.
const OWED_LOOKED_AT = 1_000

/** Of a folder: by what is in it, as far as a bounded look into it tells. */
export function stateOf(deps: StateDeps, item: ItemRecord, localBytes: Bytes): ItemState {
  const isKept = deps.store.pins.of(item.ino) === 'always-local'
  if (item.kind !== 'file') return stateOfFolder(deps, item, isKept)
  const owed = stateOwed(deps, item.ino)
  if (owed !== undefined) return owed
  if (isSentOpen(deps, item.ino)) return isKept ? 'always-available' : 'locally-available'
  if (!isKept) return availability(item.size, localBytes)
  if (localBytes >= item.size) return 'always-available'
  return deps.keeper.failureOf(item.ino) ? 'attention' : 'syncing'
}

/** Of a file that was changed here: all of it is here, and there. */
function isSentOpen({ store, uploads }: StateDeps, ino: Ino): boolean {
  const owed = store.owed.of(ino)
  return owed?.content === true && !owed.place && uploads.isSent(ino)
}

/** `undefined` where the service is to be told nothing of it. */
function stateOwed(deps: StateDeps, ino: Ino): 'syncing' | 'attention' | undefined {
  const owed = deps.store.owed.of(ino)
  if (owed === undefined || owed.staysHere || isSentOpen(deps, ino)) return undefined
  const { hindrance, attempts } = owed
  return hindrance !== undefined && needsAttention(hindrance.code, attempts) ? 'attention' : 'syncing'
}

function stateOwedIn(deps: StateDeps, folder: Ino): 'syncing' | 'attention' | undefined {
  let [state, looked]: ['syncing' | undefined, number] = [undefined, 0]
  for (const ino of deps.store.owed.inos()) {
    if (looked++ === OWED_LOOKED_AT) break
    if (!deps.store.pins.isWithin(ino, folder)) continue
    const owed = stateOwed(deps, ino)
    if (owed === 'attention') return owed
    state = owed ?? state
  }
  return state
}

function stateOfFolder(deps: StateDeps, folder: ItemRecord, isKept: boolean): ItemState {
  const { store, keeper } = deps
  if (keeper.hasFailureIn(folder.ino)) return 'attention'
  const owed = stateOwedIn(deps, folder.ino)
  if (owed !== undefined) return owed
  const found = lookInto(store, folder, isKept)
  if (isKept) return found.hasMissing ? 'syncing' : 'always-available'
  // Whoever leaves the network relies on it: not said of what was not looked at.
  if (!found.hasMissing && found.isWhole) return 'locally-available'
  return found.hasLocal ? 'partly-local' : 'online-only'
}

import { contentVersion } from '../model/drive-item.js'
import { Fault } from '../model/fault.js'
import type { Bytes } from '../model/ids.js'
import { pinFromText, type Pin } from '../model/pin.js'
import { NO_LIBRARY, type ItemRecord } from '../store/item-record.js'
import type { Store } from '../store/store.js'
import { stateOf, type StateDeps } from './item-state.js'

const PREFIX = 'user.b2bmount.'
const PIN = `${PREFIX}pin`

/** Of an attribute that is set or removed: as the folder around. openVFS's name. */
export const INHERITED = 'inherited'

interface Source extends StateDeps {
  readonly store: Pick<Store, 'items' | 'libraries' | 'pins' | 'webUrlOf'>
}

/** Of an item with so many local bytes; `undefined` where the attribute has no meaning. */
type Value = (source: Source, item: ItemRecord, localBytes: Bytes) => string | undefined

const VALUES: Readonly<Record<string, Value>> = {
  state: stateOf,
  pin: ({ store }, item) => store.pins.of(item.ino),
  organization: ({ store }, item) =>
    item.kind === 'organization' ? item.remoteName : libraryOf(store, item)?.organization,
  library: ({ store }, item) => libraryOf(store, item)?.name,
  'web-url': ({ store }, item) => store.webUrlOf(item),
  'item-id': (_, item) => (item.library === NO_LIBRARY ? undefined : item.remoteId),
  'content-version': (_, item) => (item.kind === 'file' ? contentVersion(item) : undefined),
}

/** @throws {Fault} `no-attribute` */
export function extendedAttribute(
  source: Source,
  item: ItemRecord,
  name: string,
  localBytes: Bytes,
): Uint8Array {
  const key = name.startsWith(PREFIX) ? name.slice(PREFIX.length) : ''
  const value = Object.hasOwn(VALUES, key) ? VALUES[key]?.(source, item, localBytes) : undefined
  if (value === undefined) throw new Fault('no-attribute', `There is no attribute ${name} here`)
  return Buffer.from(value, 'utf8')
}

/** @throws {Fault} `read-only` for every other attribute, `invalid-value` */
export function pinFromAttribute(name: string, value: string): Pin | undefined {
  if (name !== PIN) throw new Fault('read-only', `${name} cannot be set`)
  if (value === INHERITED) return undefined
  const pin = pinFromText(value)
  if (pin !== undefined) return pin
  throw new Fault('invalid-value', `${PIN} can be always-local, online-only, unspecified or inherited`)
}

function libraryOf(store: Source['store'], item: ItemRecord) {
  return item.library === NO_LIBRARY ? undefined : store.libraries.byId(item.library)
}

import { availability } from '../model/content-state.js'
import { contentVersion } from '../model/drive-item.js'
import { Fault } from '../model/fault.js'
import type { Bytes } from '../model/ids.js'
import { NO_LIBRARY, type ItemRecord } from '../store/item-record.js'
import type { Store } from '../store/store.js'

const PREFIX = 'user.b2bmount.'

type Source = Pick<Store, 'items' | 'libraries' | 'webUrlOf'>

/** Of an item with so many local bytes; `undefined` where the attribute has no meaning. */
type Value = (store: Source, item: ItemRecord, localBytes: Bytes) => string | undefined

const VALUES: Readonly<Record<string, Value>> = {
  state: (_, item, localBytes) => (item.kind === 'file' ? availability(item.size, localBytes) : undefined),
  organization: (store, item) =>
    item.kind === 'organization' ? item.remoteName : libraryOf(store, item)?.organization,
  library: (store, item) => libraryOf(store, item)?.name,
  'web-url': (store, item) => store.webUrlOf(item),
  'item-id': (_, item) => (item.library === NO_LIBRARY ? undefined : item.remoteId),
  'content-version': (_, item) => (item.kind === 'file' ? contentVersion(item) : undefined),
}

/** @throws {Fault} `no-attribute` */
export function extendedAttribute(
  store: Source,
  item: ItemRecord,
  name: string,
  localBytes: Bytes,
): Uint8Array {
  const key = name.startsWith(PREFIX) ? name.slice(PREFIX.length) : ''
  const value = Object.hasOwn(VALUES, key) ? VALUES[key]?.(store, item, localBytes) : undefined
  if (value === undefined) throw new Fault('no-attribute', `There is no attribute ${name} here`)
  return Buffer.from(value, 'utf8')
}

function libraryOf(store: Source, item: ItemRecord) {
  return item.library === NO_LIBRARY ? undefined : store.libraries.byId(item.library)
}

import { contentVersion } from '../model/drive-item.js'
import { Fault } from '../model/fault.js'
import type { Bytes } from '../model/ids.js'
import { trustedPage } from '../model/item-page.js'
import { pinFromText, type Pin } from '../model/pin.js'
import { isLocalId, NO_LIBRARY, type ItemRecord } from '../store/item-record.js'
import type { Store } from '../store/store.js'
import { stateOf, type StateDeps } from './item-state.js'

const PREFIX = 'user.b2bmount.'
/** Where a file is from, for whoever decides how far to trust it. @see https://www.freedesktop.org/wiki/CommonExtendedAttributes/ */
const ORIGIN = 'user.xdg.origin.url'
/** The same on a Mac: Gatekeeper asks before it runs what has it. */
const QUARANTINE = 'com.apple.quarantine'
const PIN = `${PREFIX}pin`

/** Of an attribute that is set or removed: as the folder around. openVFS's name. */
export const INHERITED = 'inherited'

interface Source extends StateDeps {
  readonly store: Pick<Store, 'items' | 'isListed' | 'libraries' | 'owed' | 'pins' | 'webUrlOf'>
}

/** Of an item with so many local bytes; `undefined` where the attribute has no meaning. */
type Value = (source: Source, item: ItemRecord, localBytes: Bytes) => string | undefined

const VALUES: Readonly<Record<string, Value>> = {
  state: stateOf,
  pin: ({ store }, item) => store.pins.of(item.ino),
  organization: ({ store }, item) =>
    item.kind === 'organization' ? item.remoteName : libraryOf(store, item)?.organization,
  library: ({ store }, item) => libraryOf(store, item)?.name,
  /** What we may do, as far as it is known: `read`, `write`, `unknown`; `removed` when it is no longer shared. */
  access: ({ store }, item) => {
    const library = libraryOf(store, item)
    return library?.accessRemoved === undefined ? library?.access : 'removed'
  },
  'web-url': ({ store }, item) => (isLocalId(item.remoteId) ? undefined : store.webUrlOf(item)),
  'item-id': (_, { library, remoteId }) =>
    library === NO_LIBRARY || isLocalId(remoteId) ? undefined : remoteId,
  // Of what was changed here nobody knows one yet.
  'content-version': ({ store }, item) =>
    item.kind === 'file' && store.owed.of(item.ino)?.content !== true ? contentVersion(item) : undefined,
}

/** Mark of the web: every file of the drive comes from another organization. */
const MARKS: Readonly<Record<string, Value>> = {
  [ORIGIN]: origin,
  ...(process.platform === 'darwin' ? { [QUARANTINE]: quarantine } : {}),
}

/** @throws {Fault} `no-attribute` */
export function extendedAttribute(
  source: Source,
  item: ItemRecord,
  name: string,
  localBytes: Bytes,
): Uint8Array {
  const isOurs = name.startsWith(PREFIX)
  const [values, key] = isOurs ? [VALUES, name.slice(PREFIX.length)] : [MARKS, name]
  const value = Object.hasOwn(values, key) ? values[key]?.(source, item, localBytes) : undefined
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

function origin({ store }: Source, item: ItemRecord): string | undefined {
  const library = item.kind === 'file' ? libraryOf(store, item) : undefined
  // What was made here is from here.
  if (library === undefined || isLocalId(item.remoteId)) return undefined
  const page = store.webUrlOf(item)
  // Where the address of the item is not to be trusted, the library's still says from whom the file is.
  const trusted = page === undefined ? undefined : trustedPage(page, library.host)
  return trusted ?? trustedPage(library.webUrl, library.host)
}

/** Flags (downloaded, not yet approved), time in hexadecimal seconds, program, nothing: as browsers write it. */
export function quarantine(_: Source, item: ItemRecord): string | undefined {
  if (item.kind !== 'file' || isLocalId(item.remoteId)) return undefined
  return `0081;${Math.floor(item.created / 1000).toString(16)};b2bmount;`
}

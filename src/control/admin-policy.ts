import { Fault } from '../model/fault.js'
import type { Bytes, TenantId } from '../model/ids.js'
import { DISALLOWED_APP, GUID, PROGRAM, wholeNumber, type DisallowedApp } from './config.js'
import { checkShape, isPlainObject, type Rule } from './json-file.js'

/** What happens to what is local of a library that is no longer shared with us. */
export type AccessRemovedPolicy =
  { readonly kind: 'keep' } | { readonly kind: 'purge'; readonly afterDays: number }

/** A library that is to be on the drive without anybody adding it. */
export interface RequiredLibrary {
  /** The administrator's word for it. */
  readonly name: string
  /** As "Copy library ID" gives it; `libraries/address.ts` understands it. */
  readonly address: string
  readonly tenant: TenantId
}

/** What an administrator of this machine has decided. docs/POLICY.md describes each key. */
export interface AdminPolicy {
  /** As they stand in the file. */
  readonly keys: readonly string[]
  /** Only these organizations; absent: {@link blockedTenants} decides. */
  readonly allowedTenants?: ReadonlySet<TenantId>
  readonly blockedTenants: ReadonlySet<TenantId>
  /** Nothing of another organization than the account's own. */
  readonly blocksExternal: boolean
  /** Files of other organizations open only while those can be reached. */
  readonly forbidsOffline: boolean
  /** Nothing is downloaded while less is free. */
  readonly leastFree?: Bytes
  readonly warnsBelow?: Bytes
  /** Bytes a second. */
  readonly downloadRate?: number
  /** Bytes a second. Nothing is uploaded yet. */
  readonly uploadRate?: number
  /** Names that are never uploaded, with wildcards, in any case. */
  readonly neverUploaded: readonly string[]
  /** Programs that download nothing, whatever the user's configuration says. */
  readonly disallowedPrograms: readonly string[]
  readonly libraries: readonly RequiredLibrary[]
  readonly accessRemoved: AccessRemovedPolicy
}

export const NO_POLICY: AdminPolicy = {
  keys: [],
  blockedTenants: new Set(),
  blocksExternal: false,
  forbidsOffline: false,
  neverUploaded: [],
  disallowedPrograms: [],
  libraries: [],
  accessRemoved: { kind: 'keep' },
}

/** As it is written: Microsoft's names, and the forms that its policies have on Windows and on macOS. */
interface PolicyFile {
  readonly AllowTenantList?: unknown
  readonly BlockTenantList?: unknown
  readonly BlockExternalSync?: boolean | 0 | 1
  readonly DisableOfflineModeForExternalLibraries?: boolean | 0 | 1
  readonly MinDiskSpaceLimitInMB?: number
  readonly WarningMinDiskSpaceLimitInMB?: number
  readonly UploadBandwidthLimit?: number
  readonly DownloadBandwidthLimit?: number
  readonly EnableODIgnoreListFromGPO?: unknown
  readonly HydrationDisallowedApps?: unknown
  readonly TenantAutoMount?: Readonly<Record<string, string>>
  readonly AccessRemovedPolicy?: string
}

// As file managers count, and the user's own limits.
const MEGABYTE: Bytes = 1_000_000
const KILOBYTE: Bytes = 1_000
const MOST = 10_000
const LONGEST_TEXT = 16_384
const PURGE = /^purge(?: after (\d{1,5}) days?)?$/

const SWITCH: Rule<boolean | 0 | 1> = {
  expected: 'true or false',
  holds: (value): value is boolean | 0 | 1 => typeof value === 'boolean' || value === 0 || value === 1,
}
const TENANTS: Rule<object> = {
  expected: 'a list of tenant ids (GUIDs), or an object {"tenant id": true}',
  holds: (value): value is object => tenantsIn(value) !== undefined,
}
const NAMES: Rule<object> = {
  expected: 'a list of names of files, in which * and ? may stand, for example ["*.pst"]',
  holds: (value): value is object => namesIn(value) !== undefined,
}
const APPS: Rule<object | string> = {
  expected: 'a list of {"ApplicationId": "name or path of a program"}, or a text that holds one as JSON',
  holds: (value): value is object | string => appsIn(value) !== undefined,
}
const LIBRARIES: Rule<Readonly<Record<string, string>>> = {
  expected: 'an object {"name": "tenantId=…&siteId=…&webId=…&listId=…&webUrl=…&version=1"}',
  holds: (value): value is Readonly<Record<string, string>> =>
    isPlainObject(value) && Object.keys(value).length <= MOST && Object.values(value).every(isLibraryId),
}
const ACCESS_REMOVED: Rule<string> = {
  expected: '"keep", "purge" or "purge after N days"',
  holds: (value): value is string => value === 'keep' || (typeof value === 'string' && PURGE.test(value)),
}

/** @throws {Fault} `configuration-invalid`, which names `file` and the key */
export function parseAdminPolicy(content: unknown, file: string): AdminPolicy {
  const megabytes = wholeNumber(0, 10_240_000)
  const rate = wholeNumber(50, 100_000)
  const written = checkShape<PolicyFile>(
    content,
    file,
    {
      AllowTenantList: TENANTS,
      BlockTenantList: TENANTS,
      BlockExternalSync: SWITCH,
      DisableOfflineModeForExternalLibraries: SWITCH,
      MinDiskSpaceLimitInMB: megabytes,
      WarningMinDiskSpaceLimitInMB: megabytes,
      UploadBandwidthLimit: rate,
      DownloadBandwidthLimit: rate,
      EnableODIgnoreListFromGPO: NAMES,
      HydrationDisallowedApps: APPS,
      TenantAutoMount: LIBRARIES,
      AccessRemovedPolicy: ACCESS_REMOVED,
    },
    [],
  )
  const allowed = tenantsIn(written.AllowTenantList)
  return {
    keys: Object.keys(written),
    ...(allowed === undefined ? {} : { allowedTenants: allowed }),
    blockedTenants: tenantsIn(written.BlockTenantList) ?? new Set(),
    blocksExternal: Boolean(written.BlockExternalSync),
    forbidsOffline: Boolean(written.DisableOfflineModeForExternalLibraries),
    ...scaled('leastFree', written.MinDiskSpaceLimitInMB, MEGABYTE),
    ...scaled('warnsBelow', written.WarningMinDiskSpaceLimitInMB, MEGABYTE),
    ...scaled('uploadRate', written.UploadBandwidthLimit, KILOBYTE),
    ...scaled('downloadRate', written.DownloadBandwidthLimit, KILOBYTE),
    neverUploaded: namesIn(written.EnableODIgnoreListFromGPO) ?? [],
    disallowedPrograms: (appsIn(written.HydrationDisallowedApps) ?? []).map(
      ({ ApplicationId }) => ApplicationId,
    ),
    libraries: Object.entries(written.TenantAutoMount ?? {}).map(([name, address]) => ({
      name,
      address,
      tenant: (tenantIdIn(address) ?? '') as TenantId,
    })),
    accessRemoved: accessRemovedIn(written.AccessRemovedPolicy),
  }
}

function scaled<Name extends string>(
  name: Name,
  value: number | undefined,
  unit: Bytes,
): Partial<Record<Name, number>> {
  // Both of Microsoft's limits of space mean "none" where they are 0.
  return value === undefined || value === 0 ? {} : ({ [name]: value * unit } as Record<Name, number>)
}

/** A list; a dictionary as on macOS; or a list as the registry has it, whose values repeat their names. */
function tenantsIn(value: unknown): Set<TenantId> | undefined {
  const ids = Array.isArray(value) ? (value as unknown[]) : isPlainObject(value) ? idsOf(value) : undefined
  if (ids === undefined || ids.length > MOST) return undefined
  if (!ids.every((id): id is string => typeof id === 'string' && GUID.test(id))) return undefined
  return new Set(ids.map(id => id.toLowerCase() as TenantId))
}

function idsOf(value: Readonly<Record<string, unknown>>): string[] | undefined {
  const entries = Object.entries(value)
  return entries.every(([id, listed]) => listed === true || listed === id)
    ? entries.map(([id]) => id)
    : undefined
}

function namesIn(value: unknown): readonly string[] | undefined {
  const names = Array.isArray(value) ? (value as unknown[]) : isPlainObject(value) ? Object.values(value) : []
  if (value === undefined || !(Array.isArray(value) || isPlainObject(value))) return undefined
  const isName = (name: unknown): name is string =>
    typeof name === 'string' && name !== '' && name.length <= 255 && !name.includes('/')
  return names.length <= MOST && names.every(isName) ? names : undefined
}

function appsIn(value: unknown): readonly DisallowedApp[] | undefined {
  const list = typeof value === 'string' ? tryJson(value) : value
  if (!Array.isArray(list) || list.length > MOST) return undefined
  return list.every((app): app is DisallowedApp => isApp(app)) ? list : undefined
}

function isApp(app: unknown): app is DisallowedApp {
  try {
    checkShape<DisallowedApp>(app, '', DISALLOWED_APP, ['ApplicationId'])
    return PROGRAM.holds((app as DisallowedApp).ApplicationId)
  } catch (failure) {
    if (failure instanceof Fault) return false
    throw failure
  }
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const LIBRARY_PARAMETERS = ['siteid', 'webid', 'listid', 'weburl']

function isLibraryId(value: unknown): boolean {
  if (typeof value !== 'string' || value.length > LONGEST_TEXT || tenantIdIn(value) === undefined)
    return false
  const names = new Set([...new URLSearchParams(value).keys()].map(name => name.toLowerCase()))
  return LIBRARY_PARAMETERS.every(name => names.has(name))
}

function tenantIdIn(address: string): string | undefined {
  const [, id] = [...new URLSearchParams(address)].find(([name]) => name.toLowerCase() === 'tenantid') ?? []
  const bare = id?.replace(/^\{(.*)\}$/, '$1').replaceAll(/%2d/gi, '-')
  return bare !== undefined && GUID.test(bare) ? bare.toLowerCase() : undefined
}

function accessRemovedIn(text = 'keep'): AccessRemovedPolicy {
  return text === 'keep' ? { kind: 'keep' } : { kind: 'purge', afterDays: Number(PURGE.exec(text)?.[1] ?? 0) }
}

import { isJsonObject, type JsonObject } from '../http/json.js'
import type { DriveChange, DriveItem } from '../model/drive-item.js'
import type { DriveId, ItemId, Milliseconds } from '../model/ids.js'
import type { NotUnderstood } from '../model/remote.js'

/**
 * driveItems as Graph sends them, checked field by field: they were made by another organization.
 * An item that does not fit is left out and reported; its neighbours are not its hostages.
 */
export class UnusableItem extends Error {
  override readonly name = 'UnusableItem'
}

/** What was left out, and why. Contains no text of the other side. */
export type ReportUnusable = (problem: string) => void

// SharePoint's own limits are 255 for names, 34 for item ids and 66 for drive ids.
const LONGEST_NAME = 1024
const LONGEST_ID = 512
const LONGEST_TAG = 512
const LONGEST_URL = 8192

const QUICK_XOR_HASH = /^[A-Za-z0-9+/]{27}=$/
const TIMESTAMP = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?Z$/

/** The fields that {@link parseDriveItem} reads, for `$select`. */
export const ITEM_FIELDS =
  'id,name,size,file,folder,package,root,deleted,parentReference,fileSystemInfo,' +
  'createdDateTime,lastModifiedDateTime,eTag,cTag,webUrl'

/** @throws {UnusableItem} */
export function parseDriveItem(raw: unknown): DriveItem {
  return parseItem(raw, parseParentId)
}

/** An item that stands for itself: whoever sees only a shared folder may not be told what is above it. */
export function parseTopItem(raw: unknown): DriveItem {
  return parseItem(raw, () => undefined)
}

function parseItem(raw: unknown, parentIdOf: (item: JsonObject) => ItemId | undefined): DriveItem {
  const item = objectIn('item', raw)
  const kind = kindOf(item)
  const times = isJsonObject(item['fileSystemInfo']) ? item['fileSystemInfo'] : {}
  const file = isJsonObject(item['file']) ? item['file'] : {}
  return {
    id: parseId('id', item['id']) as ItemId,
    parentId: item['root'] === undefined ? parentIdOf(item) : undefined,
    // Even an item without a name is shown: see item-name.ts.
    name: item['name'] === '' ? '' : boundedText('name', item['name'], LONGEST_NAME),
    kind,
    size: parseSize(item['size'], kind),
    modified: parseTime(times['lastModifiedDateTime'] ?? item['lastModifiedDateTime']),
    created: parseTime(times['createdDateTime'] ?? item['createdDateTime']),
    eTag: optionalText('eTag', item['eTag'], LONGEST_TAG),
    cTag: optionalText('cTag', item['cTag'], LONGEST_TAG),
    quickXorHash: hashOf(file),
    mimeType: optionalText('mimeType', file['mimeType'], LONGEST_TAG),
    webUrl: webUrlOf(item['webUrl']),
    ...childCountOf(item['folder']),
  }
}

function childCountOf(folder: unknown): { readonly childCount?: number } {
  const count = isJsonObject(folder) ? folder['childCount'] : undefined
  return typeof count === 'number' && Number.isSafeInteger(count) && count >= 0 ? { childCount: count } : {}
}

/** @throws {UnusableItem} */
export function parseDriveChange(raw: unknown): DriveChange {
  const item = objectIn('change', raw)
  if (isJsonObject(item['deleted'])) return { id: parseId('id', item['id']) as ItemId, removed: true }
  return parseDriveItem(item)
}

/** Parses what can be parsed of an answer's `value`. */
export function parseEach<Item>(
  values: readonly unknown[],
  parse: (raw: unknown) => Item,
  report: ReportUnusable,
  /** Called with each that cannot be parsed. */
  skipped: (raw: unknown) => void = () => {},
): Item[] {
  const items: Item[] = []
  for (const raw of values) {
    try {
      items.push(parse(raw))
    } catch (failure) {
      if (!(failure instanceof UnusableItem)) throw failure
      report(failure.message)
      skipped(raw)
    }
  }
  return items
}

/** Of an item that makes no sense otherwise. */
export function tryItemId(raw: unknown): ItemId | undefined {
  return tryId(raw, item => item['id'])
}

/** What can be told of an item that makes no sense. */
export function notUnderstoodOf(raw: unknown): NotUnderstood {
  return { id: tryItemId(raw), parent: tryId(raw, item => objectIn('', item['parentReference'])['id']) }
}

/** Which folder and drive an item says that it is in; `undefined` where it does not say. */
export function whereaboutsOf(raw: unknown): { readonly parent?: string; readonly drive?: string } {
  const reference = isJsonObject(raw) && isJsonObject(raw['parentReference']) ? raw['parentReference'] : {}
  const { id, driveId } = reference
  return {
    ...(typeof id === 'string' && { parent: id }),
    ...(typeof driveId === 'string' && { drive: driveId }),
  }
}

function tryId(raw: unknown, idOf: (item: JsonObject) => unknown): ItemId | undefined {
  try {
    return parseId('id', idOf(objectIn('item', raw))) as ItemId
  } catch {
    return undefined
  }
}

export function parseDriveIdOf(item: JsonObject): DriveId {
  return parseId('driveId', objectIn('parentReference', item['parentReference'])['driveId']) as DriveId
}

/** Ids are opaque, but they go into the paths of our requests. */
export function parseId(field: string, raw: unknown): string {
  const id = boundedText(field, raw, LONGEST_ID)
  if (!/^[\x21-\x7e]+$/.test(id)) throw new UnusableItem(`${field} has characters that no id has`)
  return id
}

export function boundedText(field: string, raw: unknown, longest: number): string {
  if (typeof raw !== 'string') throw new UnusableItem(`${field} is not a text`)
  if (raw.length === 0) throw new UnusableItem(`${field} is empty`)
  if (raw.length > longest) throw new UnusableItem(`${field} is longer than ${longest}`)
  return raw
}

function optionalText(field: string, raw: unknown, longest: number): string | undefined {
  return raw === undefined || raw === null || raw === '' ? undefined : boundedText(field, raw, longest)
}

function objectIn(field: string, raw: unknown): JsonObject {
  if (isJsonObject(raw)) return raw
  throw new UnusableItem(`${field} is not an object`)
}

function kindOf(item: JsonObject): DriveItem['kind'] {
  // A notebook has both facets; what makes it one is `package`.
  if (isJsonObject(item['package'])) return 'package'
  if (isJsonObject(item['folder'])) return 'folder'
  if (isJsonObject(item['file'])) return 'file'
  throw new UnusableItem('neither a file nor a folder')
}

function parseParentId(item: JsonObject): ItemId {
  return parseId('parentReference.id', objectIn('parentReference', item['parentReference'])['id']) as ItemId
}

function parseSize(raw: unknown, kind: DriveItem['kind']): number {
  if (raw === undefined && kind !== 'file') return 0
  if (typeof raw !== 'number' || !Number.isSafeInteger(raw) || raw < 0)
    throw new UnusableItem('size is not a size')
  return raw
}

/** Deleted and system items carry the year 1, which POSIX times need not know: the epoch then. */
function parseTime(raw: unknown): Milliseconds {
  if (raw === undefined || raw === null) return 0
  const time =
    typeof raw === 'string' && raw.length < 40 && TIMESTAMP.test(raw) ? Date.parse(raw) : Number.NaN
  if (Number.isNaN(time)) throw new UnusableItem('a time is not a time')
  return Math.max(0, time)
}

/** A hash of another shape is as good as none: hydration then checks the size only. */
function hashOf(file: JsonObject): string | undefined {
  const hashes = file['hashes']
  if (!isJsonObject(hashes)) return undefined
  const hash = hashes['quickXorHash']
  return typeof hash === 'string' && QUICK_XOR_HASH.test(hash) ? hash : undefined
}

function webUrlOf(raw: unknown): string | undefined {
  return typeof raw === 'string' && raw.startsWith('https://') && raw.length <= LONGEST_URL ? raw : undefined
}

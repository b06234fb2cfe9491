import { randomUUID } from 'node:crypto'
import type { Bytes, Ino, ItemId, LibraryId, Milliseconds } from '../model/ids.js'

/** `root` and `organization` exist only here; `library` is the item that was added: a drive's root or a folder. */
export type ItemKind = 'root' | 'organization' | 'library' | 'folder' | 'file' | 'package'

/** Of everything above the libraries. */
export const NO_LIBRARY = 0 as LibraryId

/** One row of the drive's tree. */
export interface ItemRecord {
  readonly ino: Ino
  /** 0 for the root. */
  readonly parent: Ino
  readonly kind: ItemKind
  readonly library: LibraryId
  /** Id within the library's drive; the tenant's for an organization; empty for the root. */
  readonly remoteId: ItemId
  /** As shown; no other item of the same parent has it. */
  readonly name: string
  /** As the other side calls it. */
  readonly remoteName: string
  readonly size: Bytes
  readonly modified: Milliseconds
  readonly created: Milliseconds
  /** When this record last changed: `st_ctime`. */
  readonly changed: Milliseconds
  /** Counts the replacements of a file's content. */
  readonly generation: number
  readonly listing: Listing
  readonly quickXorHash: string | undefined
  readonly cTag: string | undefined
  readonly eTag: string | undefined
  readonly webUrl: string | undefined
  /** Permission bits that somebody has set here; the service has none. */
  readonly mode: number | undefined
}

const OURS = 'local:'

/** For an item that the service has not seen. */
export function newLocalId(): ItemId {
  return `${OURS}${randomUUID()}` as ItemId
}

/** Whether the service has never seen the item: nothing can be asked of it. */
export function isLocalId(id: ItemId): boolean {
  return id.startsWith(OURS)
}

/**
 * What is known of a folder's children.
 * `doubted`: the other side reported the folder deleted, but not what is in it.
 */
export type Listing =
  | { readonly kind: 'unlisted' }
  | { readonly kind: 'listed'; readonly at: Milliseconds }
  | { readonly kind: 'doubted' }
  /** Not said of this folder: listed if the library has been enumerated. */
  | { readonly kind: 'as-library' }

const KINDS: readonly ItemKind[] = ['root', 'organization', 'library', 'folder', 'file', 'package']

export function kindFromCode(code: number): ItemKind {
  const kind = KINDS[code]
  if (kind === undefined) throw new RangeError(`no kind of item has the code ${code}`)
  return kind
}

export function codeOfKind(kind: ItemKind): number {
  return KINDS.indexOf(kind)
}

export function isDirectory(kind: ItemKind): boolean {
  return kind !== 'file'
}

/** Whether it has children that the other side knows of. A package is shown as an empty folder. */
export function isRemoteFolder(kind: ItemKind): boolean {
  return kind === 'library' || kind === 'folder'
}

const UNLISTED = 0
const DOUBTED = -1

export function listingFromColumn(listed: number | null): Listing {
  if (listed === null) return { kind: 'as-library' }
  if (listed === UNLISTED) return { kind: 'unlisted' }
  if (listed === DOUBTED) return { kind: 'doubted' }
  return { kind: 'listed', at: listed }
}

export function columnOfListing(listing: Listing): number | null {
  switch (listing.kind) {
    case 'as-library':
      return null
    case 'unlisted':
      return UNLISTED
    case 'doubted':
      return DOUBTED
    case 'listed':
      return listing.at
  }
}

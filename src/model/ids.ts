declare const brand: unique symbol
type Branded<T, Name extends string> = T & { readonly [brand]: Name }

/** Entra tenant id: a lower-case GUID. */
export type TenantId = Branded<string, 'TenantId'>
/** Graph `drive.id`: opaque, case-sensitive, unique within one tenant. */
export type DriveId = Branded<string, 'DriveId'>
/** Graph `driveItem.id`: opaque, case-sensitive, unique within one drive. */
export type ItemId = Branded<string, 'ItemId'>

/** What names one item everywhere: an item id alone is not unique across drives. */
export type ItemKey = Readonly<{ tenant: TenantId; drive: DriveId; item: ItemId }>

/** `st_ino`: the SQLite rowid of the item. Never reused. */
export type Ino = Branded<number, 'Ino'>

/**
 * FUSE nodeid: the kernel's identity of one *version* of an inode's content.
 * A file whose content is replaced by the other side gets a new one, so that the page
 * cache of an open file can never mix two versions.
 */
export type NodeId = Branded<number, 'NodeId'>

/** Rowid of a library in the store. */
export type LibraryId = Branded<number, 'LibraryId'>

/**
 * What identifies the bytes of a file: equal versions have equal bytes.
 * Made by {@link contentVersion}, and by {@link describedVersion} for who has none of the bytes yet.
 */
export type ContentVersion = Branded<string, 'ContentVersion'>

export type Bytes = number
export type Milliseconds = number

/** The drive's own root folder, which holds the organizations. */
export const ROOT_INO = 1 as Ino

// 2^36 inodes and 2^17 generations fill the 53 bits that a JavaScript number holds exactly.
const INODES = 2 ** 36
const GENERATIONS = 2 ** 17

/** @param generation counts content replacements; wraps around after 2^17 */
export function nodeId(ino: Ino, generation: number): NodeId {
  return ((generation % GENERATIONS) * INODES + ino) as NodeId
}

export function inoOf(node: NodeId): Ino {
  return (node % INODES) as Ino
}

export function generationOf(node: NodeId): number {
  return Math.floor(node / INODES)
}

import { nodeId, type Bytes, type Ino, type Milliseconds } from '../model/ids.js'
import type { ItemKind } from '../store/item-record.js'
import type { Attributes } from './file-system.js'

const BLOCK: Bytes = 512
/** What may be done with an item, down to its mode bits. */
export type Rights = 'read' | 'write'

const FILE_PERMISSIONS: Readonly<Record<Rights, number>> = { read: 0o444, write: 0o644 }
const DIRECTORY_PERMISSIONS: Readonly<Record<Rights, number>> = { read: 0o555, write: 0o755 }

/** What of an item shows in `stat`. */
export interface Shown {
  readonly ino: Ino
  readonly kind: ItemKind
  readonly size: Bytes
  readonly modified: Milliseconds
  readonly changed: Milliseconds
  readonly created: Milliseconds
  readonly generation: number
  /** Permission bits that somebody has set here. */
  readonly mode: number | undefined
}

/** Of a file, as `st_blocks` says it. */
export function blocksOf(size: Bytes, localBytes: Bytes): number {
  return size === 0 ? 0 : Math.max(1, Math.ceil(localBytes / BLOCK))
}

export function attributesOf(item: Shown, localBytes: Bytes, rights: Rights): Attributes {
  const { ino, size, modified, changed, created } = item
  if (item.kind === 'file') {
    return {
      node: nodeId(ino, item.generation),
      ino,
      kind: 'file',
      size,
      blocks: blocksOf(size, localBytes),
      modified,
      changed,
      created,
      permissions: permissionsOf(item.mode, FILE_PERMISSIONS, rights),
      links: 1,
    }
  }
  return {
    node: nodeId(ino, 0),
    ino,
    kind: 'directory',
    size: 0,
    blocks: 0,
    modified,
    changed,
    created,
    permissions: permissionsOf(item.mode, DIRECTORY_PERMISSIONS, rights),
    // One, as btrfs has it: `find` must not count subdirectories by it.
    links: 1,
  }
}

function permissionsOf(
  mode: number | undefined,
  usual: Readonly<Record<Rights, number>>,
  rights: Rights,
): number {
  if (mode === undefined) return usual[rights]
  return rights === 'write' ? mode : mode & ~0o222
}

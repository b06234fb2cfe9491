import { nodeId, type Bytes, type Ino, type Milliseconds } from '../model/ids.js'
import type { ItemKind } from '../store/item-record.js'
import type { Attributes } from './file-system.js'

const BLOCK: Bytes = 512
// Nothing can be written yet.
export const FILE_PERMISSIONS = 0o444
const DIRECTORY_PERMISSIONS = 0o555

/** What of an item shows in `stat`. */
export interface Shown {
  readonly ino: Ino
  readonly kind: ItemKind
  readonly size: Bytes
  readonly modified: Milliseconds
  readonly changed: Milliseconds
  readonly generation: number
}

export function attributesOf(item: Shown, localBytes: Bytes): Attributes {
  const { ino, size, modified, changed } = item
  if (item.kind === 'file') {
    return {
      node: nodeId(ino, item.generation),
      ino,
      kind: 'file',
      size,
      blocks: size === 0 ? 0 : Math.max(1, Math.ceil(localBytes / BLOCK)),
      modified,
      changed,
      permissions: FILE_PERMISSIONS,
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
    permissions: DIRECTORY_PERMISSIONS,
    // One, as btrfs has it: `find` must not count subdirectories by it.
    links: 1,
  }
}

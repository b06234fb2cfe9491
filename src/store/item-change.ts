import type { Ino } from '../model/ids.js'
import { isDirectory, type ItemRecord } from './item-record.js'

/** What a write to the store changed of what the drive shows. In the order in which it happened. */
export type ItemChange =
  /** `name` in `parent` vanished, or leads to another item: where it `appeared` there was none before. */
  | {
      readonly kind: 'entry'
      readonly parent: Ino
      readonly name: string
      readonly appeared: boolean
      /** Whether it is, or was, a folder. */
      readonly isFolder: boolean
    }
  /** Size, times or place changed; content did not. */
  | { readonly kind: 'attributes'; readonly ino: Ino; readonly generation: number }
  /** The content of `generation` is over: the file was replaced. Its name leads to another node now. */
  | {
      readonly kind: 'content'
      readonly ino: Ino
      readonly generation: number
      readonly parent: Ino
      readonly name: string
      /** Whether bytes of it were in the cache. */
      readonly local: boolean
    }
  /** The item is gone. An 'entry' change tells of its name. */
  | { readonly kind: 'vanished'; readonly ino: Ino; readonly generation: number; readonly local: boolean }

/** The name is there now. */
export function appeared({ parent, name, kind }: Pick<ItemRecord, 'parent' | 'name' | 'kind'>): ItemChange {
  return { kind: 'entry', parent, name, appeared: true, isFolder: isDirectory(kind) }
}

/** The name is not there any more, or leads to another item. */
export function vanished({ parent, name, kind }: Pick<ItemRecord, 'parent' | 'name' | 'kind'>): ItemChange {
  return { kind: 'entry', parent, name, appeared: false, isFolder: isDirectory(kind) }
}

export function attributesChanged({ ino, generation }: ItemRecord): ItemChange {
  return { kind: 'attributes', ino, generation }
}

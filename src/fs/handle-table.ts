import type { OpenDirty } from '../dirty/dirty-files.js'
import type { ContentReader } from '../hydration/hydrator.js'
import { Fault } from '../model/fault.js'
import type { Ino, NodeId } from '../model/ids.js'
import type { ItemRecord } from '../store/item-record.js'
import type { Attributes, LocalContent } from './file-system.js'
import type { Admission } from './hydration-gate.js'

/** One open file: bound to the version that it had when it was opened. */
export interface OpenHandle {
  readonly node: NodeId
  readonly ino: Ino
  /** As the store had it then. */
  readonly item: ItemRecord
  readonly content: LocalContent
  /** Of the content that the service has; absent where nothing of that is needed. */
  readonly reader: ContentReader | undefined
  /** Where the file was changed here, by this handle or by another one, before or since. */
  dirty: OpenDirty | undefined
  readonly mayWrite: boolean
  readonly admission: Admission
  /** As they were then: what `fstat` shows when the file has been replaced since. */
  readonly attributes: Attributes
}

/** Numbers for open files, never 0 and never used twice. */
export class HandleTable {
  readonly #handles = new Map<number, OpenHandle>()
  #last = 0

  add(handle: OpenHandle): number {
    this.#handles.set(++this.#last, handle)
    return this.#last
  }

  /** @throws {Fault} `bad-handle` */
  get(number: number): OpenHandle {
    const handle = this.#handles.get(number)
    if (handle === undefined) throw new Fault('bad-handle', 'This file is not open')
    return handle
  }

  /** Forgets the handle. @throws {Fault} `bad-handle` */
  remove(number: number): OpenHandle {
    const handle = this.get(number)
    this.#handles.delete(number)
    return handle
  }

  numbers(): number[] {
    return [...this.#handles.keys()]
  }

  [Symbol.iterator](): IterableIterator<OpenHandle> {
    return this.#handles.values()
  }
}

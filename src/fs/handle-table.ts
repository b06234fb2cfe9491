import type { OpenDirty } from '../dirty/dirty-files.js'
import type { ContentReader } from '../hydration/hydrator.js'
import { Fault } from '../model/fault.js'
import type { Ino, Milliseconds, NodeId } from '../model/ids.js'
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
  readonly since: Milliseconds
  /** As they were then: what `fstat` shows when the file has been replaced since. */
  readonly attributes: Attributes
}

/** Numbers for open files, never 0 and never used twice. */
export class HandleTable {
  readonly #handles = new Map<number, OpenHandle>()
  /** Those that may write, the longest open first. */
  readonly #writers = new Map<Ino, Set<OpenHandle>>()
  #last = 0

  add(handle: OpenHandle): number {
    this.#handles.set(++this.#last, handle)
    if (handle.mayWrite) {
      const writers = this.#writers.get(handle.ino)
      if (writers === undefined) this.#writers.set(handle.ino, new Set([handle]))
      else writers.add(handle)
    }
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
    const writers = this.#writers.get(handle.ino)
    writers?.delete(handle)
    if (writers?.size === 0) this.#writers.delete(handle.ino)
    return handle
  }

  /** Who has had it open for writing for the longest time. */
  writerOf(ino: Ino): OpenHandle | undefined {
    const [first] = this.#writers.get(ino) ?? []
    return first
  }

  numbers(): number[] {
    return [...this.#handles.keys()]
  }

  [Symbol.iterator](): IterableIterator<OpenHandle> {
    return this.#handles.values()
  }
}

import { Fault } from '../model/fault.js'
import type { NodeId } from '../model/ids.js'

/** The package passes handles on as signed numbers of 32 bits, and takes 0 for none. */
const HIGHEST_HANDLE = 2 ** 31 - 1

export interface OpenPath {
  readonly path: string
  /** The content that the path stood for when it was opened. */
  readonly node: NodeId
  /** The file system's own handle. */
  readonly file: number
}

/**
 * The open files of a path-based kernel transport.
 *
 * Such a kernel has one page cache and one size for a path, whatever its content. So that two contents never meet there:
 *
 * INVARIANT: all open files of one path have the same node. As long as there is one, the path stands for it.
 */
export class OpenPaths {
  readonly #byHandle = new Map<number, OpenPath>()
  readonly #byPath = new Map<string, { readonly node: NodeId; count: number }>()
  readonly #closeListeners = new Set<() => void>()
  #last = 0

  /** What `path` stands for because it is open. */
  nodeOf(path: string): NodeId | undefined {
    return this.#byPath.get(path)?.node
  }

  /** @returns a handle for the kernel */
  add(open: OpenPath): number {
    const entry = this.#byPath.get(open.path)
    if (entry !== undefined && entry.node !== open.node)
      throw new Error(`${open.path} is open with another node`)
    if (entry === undefined) this.#byPath.set(open.path, { node: open.node, count: 1 })
    else entry.count++
    const handle = this.#unused()
    this.#byHandle.set(handle, open)
    return handle
  }

  /** @throws {Fault} `bad-handle` */
  get(handle: number): OpenPath {
    const open = this.#byHandle.get(handle)
    if (open === undefined) throw new Fault('bad-handle', 'This file is not open')
    return open
  }

  /** @throws {Fault} `bad-handle` */
  remove(handle: number): OpenPath {
    const open = this.get(handle)
    this.#byHandle.delete(handle)
    const entry = this.#byPath.get(open.path)
    if (entry !== undefined && --entry.count === 0) {
      this.#byPath.delete(open.path)
      for (const listener of [...this.#closeListeners]) listener()
    }
    return open
  }

  handles(): number[] {
    return [...this.#byHandle.keys()]
  }

  /** Calls `listener` whenever a path is open no more, until the returned function is called. */
  onClose(listener: () => void): () => void {
    this.#closeListeners.add(listener)
    return () => this.#closeListeners.delete(listener)
  }

  #unused(): number {
    do {
      this.#last = (this.#last % HIGHEST_HANDLE) + 1
    } while (this.#byHandle.has(this.#last))
    return this.#last
  }
}

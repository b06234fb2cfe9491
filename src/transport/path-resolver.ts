import { LRUCache } from 'lru-cache'
import type { Attributes, FileSystem } from '../fs/file-system.js'
import { Fault } from '../model/fault.js'
import { nodeId, ROOT_INO, type NodeId } from '../model/ids.js'

const ROOT = nodeId(ROOT_INO, 0)
// Folders that are walked through; about 200 bytes each.
const MOST_FOLDERS = 20_000

/**
 * From the paths of a path-based transport to nodes: one lookup for each part. Folders that were walked through are
 * remembered until {@link PathResolver.forget}; the last part, whose node changes with its content, is always looked up.
 */
export class PathResolver {
  readonly #fs: Pick<FileSystem, 'lookup' | 'getattr'>
  /** Each by its parent and its name, so that what is below a folder needs no care when the folder goes. */
  readonly #folders = new LRUCache<string, NodeId>({ max: MOST_FOLDERS })
  /** Counts {@link forget}: a lookup that was under way meanwhile may have found what is not there any more. */
  #version = 0

  constructor(fs: Pick<FileSystem, 'lookup' | 'getattr'>) {
    this.#fs = fs
  }

  /**
   * @param path absolute within the drive: `/`, `/Contoso/Projects`
   * @throws {Fault} `item-not-found`, `not-a-directory`, and whatever a lookup throws
   */
  async find(path: string, signal: AbortSignal): Promise<Attributes> {
    const names = path.split('/').filter(name => name !== '')
    const last = names.pop()
    if (last === undefined) return this.#fs.getattr(ROOT)
    let folder = ROOT
    for (const name of names) folder = await this.#folder(folder, name, signal)
    return found(await this.#fs.lookup(folder, last, signal), last)
  }

  /** `name` in `parent` leads elsewhere, or nowhere. */
  forget(parent: NodeId, name: string): void {
    this.#version++
    this.#folders.delete(keyOf(parent, name))
  }

  forgetAll(): void {
    this.#version++
    this.#folders.clear()
  }

  async #folder(parent: NodeId, name: string, signal: AbortSignal): Promise<NodeId> {
    const key = keyOf(parent, name)
    const known = this.#folders.get(key)
    if (known !== undefined) return known
    const version = this.#version
    const { kind, node } = found(await this.#fs.lookup(parent, name, signal), name)
    if (kind !== 'directory') throw new Fault('not-a-directory', `${name} is a file`)
    if (version === this.#version) this.#folders.set(key, node)
    return node
  }
}

function keyOf(parent: NodeId, name: string): string {
  return `${parent}/${name}`
}

function found(attributes: Attributes | undefined, name: string): Attributes {
  if (attributes === undefined) throw new Fault('item-not-found', `There is no ${name}`)
  return attributes
}

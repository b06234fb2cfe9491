import { constants } from 'node:fs'
import { Fault } from '../model/fault.js'
import type { NodeId } from '../model/ids.js'
import type { ItemChange } from '../store/item-change.js'
import { isDirectory, type ItemRecord } from '../store/item-record.js'
import type { Store } from '../store/store.js'
import type { DriveNodes } from './drive-nodes.js'
import type { AttributeChanges, Attributes, Caller, Created } from './file-system.js'
import { NEW_CHANGE, type HydrationGate } from './hydration-gate.js'
import type { LocalWriter } from './local-writer.js'
import type { OpenFiles } from './open-files.js'
import { longestBelow } from './path-length.js'
import type { RemovedFolders } from './removed-folders.js'

const { O_EXCL } = constants

export interface LocalChangesDeps {
  readonly store: Pick<Store, 'items' | 'isListed' | 'notUnderstood' | 'pins' | 'setPin'>
  readonly nodes: DriveNodes
  readonly files: OpenFiles
  readonly removed: RemovedFolders
  readonly gate: Pick<HydrationGate, 'admit' | 'openLocal' | 'withRoom'>
  readonly writer: LocalWriter
  /** Resolves when all names in a folder are known. @throws {Fault} as `lookup` */
  readonly listed: (directory: ItemRecord, signal: AbortSignal) => Promise<void>
  /** Asks the service for them anew; where that fails, what is known stays. */
  readonly listedAgain: (directory: ItemRecord, signal: AbortSignal) => Promise<void>
  /** This program has changed something. */
  readonly onChanges: (changes: readonly ItemChange[]) => void
}

/**
 * What programs do to names and attributes. Whatever must be known is asked for first; from then on everything happens in
 * one turn, so that nothing comes between looking and doing.
 */
export class LocalChanges {
  readonly #deps: LocalChangesDeps

  constructor(deps: LocalChangesDeps) {
    this.#deps = deps
  }

  async create(
    parent: NodeId,
    name: string,
    permissions: number,
    flags: number,
    caller: Caller,
    signal: AbortSignal,
  ): Promise<Created> {
    const { store, nodes, files, gate } = this.#deps
    const admission = await gate.admit(caller, flags)
    const directory = await this.#known(parent, signal)
    const there = store.items.byName(directory.ino, name)
    if (there !== undefined) {
      if ((flags & O_EXCL) !== 0) throw new Fault('name-taken', `There is “${name}” already`)
      const { node } = nodes.attributes(there)
      const opened = await files.open(node, flags, caller, signal)
      return { ...opened, attributes: nodes.attributes(nodes.item(node)) }
    }
    const { item, dirty } = await gate.withRoom(NEW_CHANGE, () => {
      const made = this.#deps.writer.create(nodes.directory(parent), name, 'file', permissions)
      this.#deps.onChanges(made.changes)
      return made
    })
    if (dirty === undefined) throw new Error('a new file has no bytes')
    return files.openNew(item, dirty, flags, admission)
  }

  async mkdir(parent: NodeId, name: string, permissions: number, signal: AbortSignal): Promise<Attributes> {
    const writer = this.#deps.writer
    const directory = await this.#known(parent, signal)
    const { item, changes } = writer.create(directory, name, 'folder', permissions)
    this.#deps.onChanges(changes)
    return this.#deps.nodes.attributes(item)
  }

  async remove(parent: NodeId, name: string, kind: 'file' | 'folder', signal: AbortSignal): Promise<void> {
    const writer = this.#deps.writer
    await this.#knownFolder(parent, name, kind === 'folder', signal)
    const item = this.#child(this.#deps.nodes.directory(parent), name)
    const folder = kind === 'folder' ? this.#deps.nodes.attributes(item) : undefined
    this.#deps.onChanges(writer.remove(item, kind))
    if (folder !== undefined) this.#deps.removed.note(folder)
  }

  async rename(
    parent: NodeId,
    name: string,
    newParent: NodeId,
    newName: string,
    flags: number,
    signal: AbortSignal,
  ): Promise<void> {
    const writer = this.#deps.writer
    const { store, nodes } = this.#deps
    await this.#known(parent, signal)
    // What is to be replaced must be empty.
    await this.#knownFolder(newParent, newName, true, signal)
    const below = await this.#longestBelow(parent, name, newParent, newName, signal)
    const item = this.#child(nodes.directory(parent), name)
    const target = nodes.directory(newParent)
    const replaced = store.items.byName(target.ino, newName)
    const pin = replaced?.kind === 'file' ? store.pins.saidOf(replaced.ino) : undefined
    const isOver = replaced !== undefined && replaced.ino !== item.ino && isDirectory(replaced.kind)
    const overwritten = isOver ? nodes.attributes(replaced) : undefined
    this.#deps.onChanges(writer.rename(item, target, newName, flags, below))
    if (overwritten !== undefined) this.#deps.removed.note(overwritten)
    // A program saves: to who has said it, it is the same file.
    if (pin !== undefined) store.setPin(item.ino, pin)
  }

  async setattr(node: NodeId, changes: AttributeChanges, handle: number | undefined): Promise<Attributes> {
    const writer = this.#deps.writer
    const { nodes, files, gate, removed, onChanges } = this.#deps
    const { size } = changes
    if (size !== undefined) {
      await gate.withRoom(NEW_CHANGE, () => {
        if (handle === undefined && nodes.find(node) === undefined) files.truncateRemoved(node, size)
        else if (handle === undefined) files.truncate(nodes.file(node), size)
        else files.truncateOpened(handle, size)
      })
    }
    const item = nodes.find(node)
    if (item !== undefined) onChanges(writer.setAttributes(item, changes))
    const attributes =
      item === undefined
        ? (files.attributesOf(node) ?? removed.change(node, changes))
        : nodes.attributes(nodes.item(node))
    return attributes ?? nodes.attributes(nodes.item(node))
  }

  /** Of a folder whose path becomes longer. */
  async #longestBelow(
    parent: NodeId,
    name: string,
    newParent: NodeId,
    newName: string,
    signal: AbortSignal,
  ): Promise<number> {
    const { nodes, store, writer } = this.#deps
    const item = this.#child(nodes.directory(parent), name)
    const isLonger = isDirectory(item.kind) && writer.makesLonger(item, nodes.directory(newParent), newName)
    return isLonger ? await longestBelow(store.items, item.ino, signal) : 0
  }

  async #known(parent: NodeId, signal: AbortSignal): Promise<ItemRecord> {
    const { store, nodes, listed } = this.#deps
    const directory = nodes.directory(parent)
    if (store.isListed(directory)) return directory
    await listed(directory, signal)
    signal.throwIfAborted()
    return nodes.directory(parent)
  }

  /** @param inside whether what is in the child is to be known, too, where that is a folder */
  async #knownFolder(parent: NodeId, name: string, inside: boolean, signal: AbortSignal): Promise<void> {
    const directory = await this.#known(parent, signal)
    const child = inside ? this.#deps.store.items.byName(directory.ino, name) : undefined
    if (child === undefined || !isDirectory(child.kind)) return
    await this.#deps.listed(child, signal)
    const isDoubtful = this.#deps.store.notUnderstood.countIn(child.library, child.remoteId) > 0
    // Perhaps what was not understood has gone, or is understood now.
    if (isDoubtful) await this.#deps.listedAgain(child, signal)
    signal.throwIfAborted()
  }

  #child(directory: ItemRecord, name: string): ItemRecord {
    const item = this.#deps.store.items.byName(directory.ino, name)
    if (item === undefined) throw new Fault('item-not-found', `There is no “${name}”`)
    return item
  }
}

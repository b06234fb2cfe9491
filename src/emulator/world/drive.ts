import { randomUUID } from 'node:crypto'
import { type Content, MemoryContent } from './content.js'
import { defaultRules, type DriveRules } from './drive-rules.js'
import { type Guid, guidFrom } from './guid.js'
import { itemId, itemIdPrefix, parseItemId, ROOT_GUID } from './ids.js'

export type ItemKind = 'file' | 'folder' | 'package'

/** Who shows as author. */
export interface Author {
  readonly id: string
  readonly email: string
  readonly displayName: string
}

/** A state of a file's content that another one has replaced. */
export interface ItemVersion {
  /** 1, 2, …: `1.0`, `2.0` on the wire. */
  readonly number: number
  readonly content: Content
  readonly modified: number
  readonly by: Author
}

/** What a client says that its file system says; milliseconds. */
export interface FileTimes {
  readonly created?: number | undefined
  readonly modified?: number | undefined
}

/** A driveItem. Only its {@link Drive} changes it. */
export interface Item {
  readonly id: string
  readonly guid: Guid
  /** Position in enumerations: the order of creation. */
  readonly serial: number
  readonly kind: ItemKind
  name: string
  parent: Item | undefined
  created: number
  modified: number
  /** The number in the eTag: every change. */
  eTag: number
  /** The number in the cTag: changes of content only. */
  cTag: number
  content: Content | undefined
  /** Bytes of this file, or of all files below this folder. */
  size: number
  children: Item[]
  by: Author
  /** Where it is not who made it. */
  modifiedBy?: Author
  malware?: string
  description?: string
  /** Where they are not `created` and `modified`. */
  fileTimes?: FileTimes
  /** Oldest first. */
  history?: ItemVersion[]
  /** Who else may write meanwhile: nobody, or one person (an object id). */
  lockedBy?: { readonly kind: 'co-authoring' } | { readonly kind: 'check-out'; readonly by: Author }
}

/** One edit, however much of it changes. */
export interface ItemChange {
  readonly name?: string | undefined
  readonly parent?: Item | undefined
  readonly times?: FileTimes | undefined
  readonly description?: string | undefined
  readonly by: Author
  /** The state before stays in the history, though the content is the same. */
  readonly keepsVersion: boolean
}

export interface Change {
  readonly sequence: number
  readonly time: number
  readonly item: Item
  readonly removed: boolean
}

/** Reads the outside world into the drive before it answers: see `disk-mirror.ts`. */
export interface DriveSource {
  /** Nothing before this moment is remembered. */
  readonly startedAt: number
  refreshItem(item: Item): Promise<void>
  refreshFolder(folder: Item): Promise<void>
  refreshAll(): Promise<void>
}

export interface DriveOptions {
  readonly id: string
  readonly listId: Guid
  readonly type: 'business' | 'documentLibrary'
  readonly name: string
  readonly webUrl: string
  readonly created: number
  readonly author: Author
  /** Fills the drive when somebody first looks at it. */
  readonly populate?: (drive: Drive) => void
}

export interface NewItem {
  readonly created?: number
  readonly modified?: number
  readonly guid?: Guid
  readonly author?: Author
  readonly eTag?: number
  readonly times?: FileTimes | undefined
}

/** As a library has it that nobody has configured. */
const KEPT_VERSIONS = 500

/**
 * One document library: a tree of items and the log of what changed in it.
 * Names are case-insensitive and case-preserving, as SharePoint's are, but nothing here
 * refuses a bad name: hostile worlds need them.
 */
export class Drive {
  readonly id: string
  readonly listId: Guid
  readonly type: 'business' | 'documentLibrary'
  readonly name: string
  readonly webUrl: string
  readonly created: number
  readonly author: Author
  source: DriveSource | undefined
  readonly rules: DriveRules = defaultRules()
  /** Sequence numbers of the service do not start at 1. */
  static readonly FIRST_SEQUENCE = 585_000_000
  readonly #prefix: Buffer
  readonly #items = new Map<Guid, Item>()
  /** By serial; removed items leave a hole. */
  readonly #order: (Item | undefined)[] = []
  readonly #sorted = new WeakMap<Item, Item[]>()
  readonly #byName = new WeakMap<Item, Map<string, Item>>()
  readonly #log: Change[] = []
  readonly #populate: ((drive: Drive) => void) | undefined
  readonly #watchers = new Set<() => void>()
  #sequence = Drive.FIRST_SEQUENCE
  #logging = false
  #root: Item | undefined

  constructor(options: DriveOptions) {
    this.id = options.id
    this.listId = options.listId
    this.type = options.type
    this.name = options.name
    this.webUrl = options.webUrl
    this.created = options.created
    this.author = options.author
    this.#populate = options.populate
    this.#prefix = itemIdPrefix(options.id)
  }

  /** Known without looking inside. */
  get rootId(): string {
    return itemId(this.#prefix, ROOT_GUID)
  }

  get root(): Item {
    if (this.#root) return this.#root
    this.#root = this.#newItem(undefined, 'root', 'folder', { guid: ROOT_GUID, created: this.created })
    this.#populate?.(this)
    this.#logging = true
    return this.#root
  }

  get sequence(): number {
    return this.#sequence
  }

  get itemCount(): number {
    return this.#items.size
  }

  /** Changes since the drive was first looked at, oldest first. */
  get log(): readonly Change[] {
    return this.#log
  }

  /** Calls `onChange` at each change, until the returned function is called. */
  watch(onChange: () => void): () => void {
    this.#watchers.add(onChange)
    return () => this.#watchers.delete(onChange)
  }

  /** By item id, which is case-sensitive, or by GUID. */
  find(id: string): Item | undefined {
    if (!this.root) return undefined
    const guid = parseItemId(id)?.guid
    const item = guid ? this.#items.get(guid) : this.#items.get(id.toLowerCase())
    return guid && item?.id !== id ? undefined : item
  }

  child(folder: Item, name: string): Item | undefined {
    let names = this.#byName.get(folder)
    if (!names) {
      names = new Map()
      for (const item of folder.children) {
        const key = foldName(item.name)
        if (!names.has(key)) names.set(key, item)
      }
      this.#byName.set(folder, names)
    }
    return names.get(foldName(name))
  }

  at(path: readonly string[], from: Item = this.root): Item | undefined {
    let item: Item | undefined = from
    for (const name of path) item = item && this.child(item, name)
    return item
  }

  /** Sorted by name, as listings are. */
  sortedChildren(folder: Item): readonly Item[] {
    let sorted = this.#sorted.get(folder)
    if (!sorted) {
      sorted = [...folder.children].sort(compareNames)
      this.#sorted.set(folder, sorted)
    }
    return sorted
  }

  /** Existing items in the order of creation, `serial >= from`. */
  *enumerate(from = 0): Generator<Item> {
    for (let i = from; this.root && i < this.#order.length; i++) {
      const item = this.#order[i]
      if (item) yield item
    }
  }

  addFolder(parent: Item, name: string, options: NewItem = {}): Item {
    return this.#add(parent, name, 'folder', undefined, options)
  }

  addFile(parent: Item, name: string, content: Content | Buffer | string, options: NewItem = {}): Item {
    return this.#add(parent, name, 'file', toContent(content), options)
  }

  addPackage(parent: Item, name: string, options: NewItem = {}): Item {
    return this.#add(parent, name, 'package', undefined, options)
  }

  replaceContent(
    item: Item,
    content: Content | Buffer | string,
    now: number,
    eTag = item.eTag + 1,
    edit: { readonly by?: Author; readonly times?: FileTimes | undefined } = {},
  ): void {
    const replacement = toContent(content)
    this.#keepVersion(item)
    if (edit.by) item.modifiedBy = edit.by
    this.#setFileTimes(item, { created: item.fileTimes?.created, ...edit.times })
    this.#grow(item.parent, replacement.size - item.size)
    item.content = replacement
    item.size = replacement.size
    item.cTag++
    this.#touch(item, now, eTag)
  }

  /** A change of metadata only, as a property promotion or a column edit makes it. */
  touch(item: Item, now: number): void {
    this.#touch(item, now)
  }

  rename(item: Item, name: string, now: number): void {
    item.name = name
    this.#forgetOrder(item.parent)
    this.#touch(item, now)
  }

  move(item: Item, parent: Item, now: number): void {
    for (let above: Item | undefined = parent; above; above = above.parent) {
      if (above === item) throw new Error('a folder cannot be moved into itself')
    }
    this.#detach(item)
    this.#attach(item, parent)
    this.#touch(item, now)
  }

  /** Several edits at once: one step of the eTag. */
  change(item: Item, { name, parent, times, description, by, keepsVersion }: ItemChange, now: number): void {
    if (keepsVersion) this.#keepVersion(item)
    if (name !== undefined) item.name = name
    if (description !== undefined) item.description = description
    if (times) this.#setFileTimes(item, { ...item.fileTimes, ...times })
    item.modifiedBy = by
    if (parent && parent !== item.parent) {
      this.#detach(item)
      this.#attach(item, parent)
    } else {
      this.#forgetOrder(item.parent)
    }
    this.#touch(item, now)
  }

  /** The number of the present state. */
  versionOf(item: Item): number {
    return (item.history?.at(-1)?.number ?? 0) + 1
  }

  /** Back from where `remove` put it. */
  restore(item: Item, parent: Item, now: number): void {
    this.#attach(item, parent)
    this.#remember(item, now)
  }

  remove(item: Item, now: number): void {
    if (!item.parent) throw new Error('the root cannot be removed')
    const parent = item.parent
    this.#detach(item)
    item.parent = parent // tells delta where it was
    this.#forget(item, now)
  }

  #forget(item: Item, now: number): void {
    this.#items.delete(item.guid)
    this.#order[item.serial] = undefined
    this.#record(item, now, true)
    for (const child of item.children) this.#forget(child, now)
  }

  #remember(item: Item, now: number): void {
    this.#items.set(item.guid, item)
    this.#order[item.serial] = item
    this.#touch(item, now)
    for (const child of item.children) this.#remember(child, now)
  }

  /** Not of a directory on disk: what was there is gone. */
  #keepVersion(item: Item): void {
    if (this.source || !item.content) return
    const { content, modified } = item
    const history = (item.history ??= [])
    history.push({ number: this.versionOf(item), content, modified, by: item.modifiedBy ?? item.by })
    if (history.length >= KEPT_VERSIONS) {
      const dropped = history.shift()
      if (history.every(each => each.content !== dropped?.content)) dropped?.content.dispose?.()
    }
  }

  #setFileTimes(item: Item, times: FileTimes): void {
    if (times.created === undefined && times.modified === undefined) delete item.fileTimes
    else item.fileTimes = times
  }

  #add(parent: Item, name: string, kind: ItemKind, content: Content | undefined, options: NewItem): Item {
    const item = this.#newItem(parent, name, kind, options, content)
    parent.children.push(item)
    if (options.times) this.#setFileTimes(item, options.times)
    this.#sorted.delete(parent)
    const names = this.#byName.get(parent)
    if (names && !names.has(foldName(name))) names.set(foldName(name), item)
    this.#grow(parent, item.size)
    this.#record(item, item.modified, false)
    return item
  }

  #newItem(
    parent: Item | undefined,
    name: string,
    kind: ItemKind,
    options: NewItem,
    content?: Content,
  ): Item {
    const serial = this.#order.length
    const guid = options.guid ?? (this.#logging ? randomUUID() : guidFrom(this.listId, String(serial)))
    const created = options.created ?? this.created
    const item: Item = {
      id: itemId(this.#prefix, guid),
      guid,
      serial,
      kind,
      name,
      parent,
      created,
      modified: options.modified ?? created,
      eTag: options.eTag ?? 1,
      cTag: 1,
      content,
      size: content?.size ?? 0,
      children: [],
      by: options.author ?? this.author,
    }
    this.#items.set(guid, item)
    this.#order.push(item)
    return item
  }

  #touch(item: Item, now: number, eTag = item.eTag + 1): void {
    item.eTag = eTag
    item.modified = now
    this.#record(item, now, false)
  }

  #record(item: Item, time: number, removed: boolean): void {
    if (!this.#logging) return
    this.#log.push({ sequence: ++this.#sequence, time, item, removed })
    for (const watcher of this.#watchers) watcher()
  }

  #attach(item: Item, parent: Item): void {
    item.parent = parent
    parent.children.push(item)
    this.#forgetOrder(parent)
    this.#grow(parent, item.size)
  }

  #detach(item: Item): void {
    const parent = item.parent
    if (!parent) return
    parent.children = parent.children.filter(child => child !== item)
    this.#forgetOrder(parent)
    this.#grow(parent, -item.size)
  }

  #grow(folder: Item | undefined, bytes: number): void {
    for (let above = folder; above; above = above.parent) above.size += bytes
  }

  #forgetOrder(folder: Item | undefined): void {
    if (!folder) return
    this.#sorted.delete(folder)
    this.#byName.delete(folder)
  }
}

/** Names from the root down, without the root's own. */
export function pathOf(item: Item): string[] {
  const names: string[] = []
  for (let at = item; at.parent; at = at.parent) names.unshift(at.name)
  return names
}

export function isWithin(item: Item, folder: Item): boolean {
  for (let at: Item | undefined = item; at; at = at.parent) if (at === folder) return true
  return false
}

/** No normalization: NFC and NFD names can stand side by side. */
function foldName(name: string): string {
  return name.toLowerCase()
}

export function compareNames(a: Item, b: Item): number {
  const first = foldName(a.name)
  const second = foldName(b.name)
  if (first !== second) return first < second ? -1 : 1
  return a.serial - b.serial
}

function toContent(content: Content | Buffer | string): Content {
  if (typeof content === 'string') return new MemoryContent(Buffer.from(content))
  return Buffer.isBuffer(content) ? new MemoryContent(content) : content
}

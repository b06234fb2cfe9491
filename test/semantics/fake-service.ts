import { createHash } from 'node:crypto'
import { QuickXorHash } from '../../src/model/quick-xor-hash.js'
import type { ByteRange } from '../../src/model/byte-ranges.js'
import type { DriveChange, DriveItem } from '../../src/model/drive-item.js'
import { Fault, type FaultCode } from '../../src/model/fault.js'
import type { Bytes, ContentVersion, ItemId, ItemKey, Milliseconds, TenantId } from '../../src/model/ids.js'
import { foldedName } from '../../src/model/item-name.js'
import type {
  FolderPage,
  ItemUpdate,
  NotUnderstood,
  RemoteFolder,
  RemoteItems,
  RemoteWriter,
  UploadProgress,
  UploadSource,
  UploadTarget,
} from '../../src/model/remote.js'
import { versionsOf } from './fake-remote.js'

const hashes = new WeakMap<Uint8Array, string>()

export function hashOf(bytes: Uint8Array): string {
  const known = hashes.get(bytes)
  if (known !== undefined) return known
  const hash = new QuickXorHash().update(bytes).digest()
  hashes.set(bytes, hash)
  return hash
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64')
}

/** What a test compares: the text, or what tells a long one from others. */
export function shown(bytes: Uint8Array): string {
  return bytes.length < 1_000 ? Buffer.from(bytes).toString() : `${bytes.length} bytes, ${sha256(bytes)}`
}

interface Held {
  id: ItemId
  parent: ItemId | undefined
  name: string
  kind: 'file' | 'folder'
  bytes: Uint8Array
  modified: Milliseconds
  /** Metadata or content. */
  version: number
  /** Content. */
  contentVersion: number
}

export type Operation =
  | 'upload'
  | 'endUpload'
  | 'createFolder'
  | 'update'
  | 'delete'
  | 'holds'
  | 'item'
  | 'current'
  | 'child'
  | 'children'

/** A request as it reaches the service, and once more when its answer leaves. */
export interface Step {
  readonly operation: Operation
  readonly phase: 'request' | 'answer'
  readonly name: string
}

const FRAGMENT: Bytes = 1024 * 1024

/**
 * A library as SharePoint keeps it, as far as writing can tell: ids, eTags that change with everything, hashes, names that do not
 * tell capitals, upload sessions, recursive deletion, and everything that it refuses with.
 */
export class FakeService {
  readonly root: ItemId
  readonly items = new Map<ItemId, Held>()
  /** In the order in which it happened. */
  readonly log: string[] = []
  readonly changed: ItemId[] = []
  /** Contents that went into the recycle bin with a folder in which the client could not have seen them. */
  readonly recycledUnseen = new Set<string>()
  readonly sessions = new Map<string, { received: Bytes; size: Bytes }>()
  /** Size and hash of Office files are others than what was sent. */
  rewrites: 'never' | 'in the answer' | 'later' = 'never'
  /** Hashes come late. */
  hashes = true
  /** What folders say that is in them. */
  readonly counted = new Map<ItemId, number>()
  /** Comes with every listing of its folder. */
  notUnderstood: NotUnderstood[] = []
  lockedNames = new Set<string>()
  /** What it makes of a time, and of a name, that it is sent. SharePoint keeps whole seconds. */
  keepsTime: (time: Milliseconds) => Milliseconds = time => Math.floor(time / 1_000) * 1_000
  keepsName: (name: string) => string = name => name
  quota = Infinity
  now: () => Milliseconds
  #lastId = 0
  /** How much had changed when it was listed last. */
  readonly #listed = new Map<ItemId, number>()
  #promotions: ItemId[] = []

  constructor(root: ItemId, now: () => Milliseconds) {
    this.root = root
    this.now = now
    this.items.set(root, this.#held(root, undefined, 'root', 'folder', new Uint8Array(0), 0))
  }

  // --- somebody at the other organization ---

  put(path: string, text: string | Uint8Array, modified = this.now()): ItemId {
    const bytes = Uint8Array.from(typeof text === 'string' ? Buffer.from(text) : text)
    const known = this.find(path)
    if (known !== undefined) {
      this.#setBytes(known, bytes, modified)
      return known.id
    }
    const { parent, name } = this.#split(path)
    return this.#add(parent, name, 'file', bytes, modified).id
  }

  mkdir(path: string): ItemId {
    const known = this.find(path)
    if (known !== undefined) return known.id
    const { parent, name } = this.#split(path)
    return this.#add(parent, name, 'folder', new Uint8Array(0), this.now()).id
  }

  move(from: string, to: string): void {
    const item = this.#found(from)
    const { parent, name } = this.#split(to)
    this.#update(item, { parent: parent.id, name })
  }

  remove(path: string): void {
    this.#remove(this.#found(path))
  }

  find(path: string): Held | undefined {
    let at = this.items.get(this.root)
    for (const name of path.split('/').filter(part => part !== '')) {
      at = at && this.#childNamed(at.id, name)
    }
    return at
  }

  /** What SharePoint does by itself after an upload. */
  promote(): void {
    for (const id of this.#promotions.splice(0)) {
      const item = this.items.get(id)
      if (item) this.#setBytes(item, rewritten(item.bytes), item.modified)
    }
  }

  /** All paths with their contents; folders end with a slash. */
  tree(): Record<string, string> {
    const tree: Record<string, string> = {}
    for (const item of this.items.values()) {
      if (item.id === this.root) continue
      const path = this.#pathOf(item)
      if (item.kind === 'folder') tree[`${path}/`] = ''
      else tree[path] = shown(item.bytes)
    }
    return tree
  }

  /** Latest states of what has changed since; the number of changes so far is the next cursor. */
  changesSince(cursor: number): readonly DriveChange[] {
    // SharePoint leaves the cTag out here.
    const ids = [...new Set(this.changed.slice(cursor).reverse())].reverse()
    return ids.map(id => {
      const item = this.items.get(id)
      return item ? { ...this.itemOf(item), cTag: undefined } : { id, removed: true as const }
    })
  }

  itemOf(item: Held): DriveItem {
    const isFile = item.kind === 'file'
    return {
      id: item.id,
      parentId: item.parent,
      name: item.name,
      kind: item.kind,
      size: item.bytes.length,
      modified: this.keepsTime(item.modified),
      created: 0,
      eTag: `"{${item.id}},${item.version}"`,
      cTag: isFile ? `"c:{${item.id}},${item.contentVersion}"` : undefined,
      quickXorHash: isFile && this.hashes ? hashOf(item.bytes) : undefined,
      mimeType: undefined,
      webUrl: undefined,
    }
  }

  // --- what a client asks ---

  async upload(
    target: UploadTarget,
    source: UploadSource,
    progress: UploadProgress,
    check: () => Promise<void>,
  ): Promise<DriveItem> {
    const bytes = await this.#receive(source, progress, check)
    if (target.kind === 'new') {
      const parent = this.#folder(target.parent)
      const there = this.#childNamed(parent.id, target.name)
      if (there?.kind === 'file' && Buffer.compare(there.bytes, bytes) === 0) return this.itemOf(there)
      if (there) throw new Fault('name-taken', 'nameAlreadyExists')
      this.#checkQuota(bytes.length)
      const item = this.#add(parent, target.name, 'file', bytes, source.modified)
      return this.#taken(item)
    }
    const item = this.#get(target.item)
    this.#checkETag(item, target.eTag)
    this.#checkLocked(item)
    this.#checkQuota(bytes.length - item.bytes.length)
    this.#setBytes(item, bytes, source.modified)
    return this.#taken(item)
  }

  createFolder(parent: ItemKey, name: string): DriveItem {
    const folder = this.#folder(parent)
    if (this.#childNamed(folder.id, name)) throw new Fault('name-taken', 'nameAlreadyExists')
    return this.itemOf(this.#add(folder, name, 'folder', new Uint8Array(0), this.now()))
  }

  update(key: ItemKey, update: ItemUpdate, eTag: string | undefined): DriveItem {
    const item = this.#get(key)
    this.#checkETag(item, eTag)
    this.#checkLocked(item)
    const parent = update.parent ?? item.parent
    const name = update.name ?? item.name
    if (parent !== undefined) {
      const folder = this.#folder({ ...key, item: parent })
      for (let at: Held | undefined = folder; at; at = at.parent && this.items.get(at.parent)) {
        if (at.id === item.id) throw new Fault('protocol-error', 'a folder cannot be moved into itself')
      }
      const holder = this.#childNamed(parent, name)
      if (holder && holder.id !== item.id) throw new Fault('name-taken', 'nameAlreadyExists')
    }
    this.#update(item, update)
    return this.itemOf(item)
  }

  delete(key: ItemKey, eTag: string | undefined): void {
    const item = this.items.get(key.item)
    if (item === undefined) return
    this.#checkETag(item, eTag)
    this.#checkLocked(item)
    const since = this.changed.slice(this.#listed.get(item.id) ?? 0)
    for (const removed of this.#remove(item)) {
      if (removed !== item && since.includes(removed.id)) this.recycledUnseen.add(shown(removed.bytes))
    }
  }

  /** Told by bytes. */
  async holds(key: ItemKey, version: ContentVersion, source: UploadSource): Promise<boolean> {
    const item = this.items.get(key.item)
    if (item === undefined) return false
    if (!versionsOf(this.itemOf(item)).includes(version) || item.bytes.length !== source.size) return false
    return Buffer.compare(item.bytes, await source.read({ start: 0, end: source.size })) === 0
  }

  item(key: ItemKey): DriveItem {
    const item = this.itemOf(this.#get(key))
    const childCount = this.counted.get(item.id)
    return childCount === undefined ? item : { ...item, childCount }
  }

  child(parent: ItemKey, name: string): DriveItem | undefined {
    const child = this.items.has(parent.item) ? this.#childNamed(parent.item, name) : undefined
    return child && this.itemOf(child)
  }

  children(folder: ItemKey): DriveItem[] {
    const { id } = this.#get(folder)
    this.#listed.set(id, this.changed.length)
    return [...this.items.values()].filter(item => item.parent === id).map(item => this.itemOf(item))
  }

  notUnderstoodIn(folder: ItemId): readonly NotUnderstood[] {
    return this.notUnderstood.filter(({ parent }) => parent === folder)
  }

  // --- inside ---

  async #receive(
    source: UploadSource,
    progress: UploadProgress,
    check: () => Promise<void>,
  ): Promise<Uint8Array> {
    const pieces: Uint8Array[] = []
    const isLarge = source.size > FRAGMENT
    let session = progress.session?.url
    if (session !== undefined && this.sessions.get(session)?.size !== source.size) session = undefined
    if (isLarge && session === undefined) {
      session = `https://upload.test/${this.sessions.size}`
      this.sessions.set(session, { received: 0, size: source.size })
      progress.setSession({ url: session, expires: this.now() + 900_000 })
    }
    const state = session === undefined ? undefined : this.sessions.get(session)
    const resumedAt = state?.received ?? 0
    if (resumedAt > 0) this.log.push(`resume at ${resumedAt}`)
    for (let start = 0; start < source.size; start += FRAGMENT) {
      const end = Math.min(source.size, start + FRAGMENT)
      // What has arrived before is read for the model's sake only.
      pieces.push(Uint8Array.from(await source.read({ start, end } satisfies ByteRange)))
      if (end <= resumedAt) continue
      await check()
      if (state) state.received = end
      progress.sent(end)
    }
    if (session !== undefined) {
      this.sessions.delete(session)
      progress.ended({ url: session, expires: 0 })
    }
    return Buffer.concat(pieces)
  }

  #taken(item: Held): DriveItem {
    if (/\.docx$/.test(item.name)) {
      if (this.rewrites === 'in the answer') this.#setBytes(item, rewritten(item.bytes), item.modified)
      if (this.rewrites === 'later') this.#promotions.push(item.id)
    }
    return this.itemOf(item)
  }

  #held(
    id: ItemId,
    parent: ItemId | undefined,
    name: string,
    kind: Held['kind'],
    bytes: Uint8Array,
    modified: Milliseconds,
  ): Held {
    return { id, parent, name, kind, bytes, modified, version: 1, contentVersion: 1 }
  }

  #add(parent: Held, name: string, kind: Held['kind'], bytes: Uint8Array, modified: Milliseconds): Held {
    const id = `I${++this.#lastId}` as ItemId
    const item = this.#held(id, parent.id, this.keepsName(name), kind, bytes, modified)
    this.items.set(id, item)
    this.changed.push(id)
    this.log.push(`${kind === 'file' ? 'new' : 'folder'} ${this.#pathOf(item)}`)
    return item
  }

  #setBytes(item: Held, bytes: Uint8Array, modified: Milliseconds): void {
    item.bytes = bytes
    item.modified = modified
    item.version++
    item.contentVersion++
    this.changed.push(item.id)
    this.log.push(`version ${this.#pathOf(item)}`)
  }

  #update(item: Held, { name, parent, modified }: ItemUpdate): void {
    const from = this.#pathOf(item)
    if (name !== undefined) item.name = this.keepsName(name)
    if (parent !== undefined) item.parent = parent
    if (modified !== undefined) item.modified = modified
    item.version++
    this.changed.push(item.id)
    this.log.push(
      name === undefined && parent === undefined ? `time ${from}` : `move ${from} ${this.#pathOf(item)}`,
    )
  }

  /** @returns what was removed */
  #remove(item: Held): readonly Held[] {
    this.log.push(`delete ${this.#pathOf(item)}`)
    const queue = [item]
    const removed: Held[] = []
    for (let at = queue.pop(); at; at = queue.pop()) {
      removed.push(at)
      for (const child of this.items.values()) if (child.parent === at.id) queue.push(child)
      this.items.delete(at.id)
      this.changed.push(at.id)
    }
    return removed
  }

  #checkETag(item: Held, eTag: string | undefined): void {
    if (eTag !== undefined && eTag !== this.itemOf(item).eTag)
      throw new Fault('stale-content', 'resourceModified')
  }

  #checkLocked(item: Held): void {
    if (this.lockedNames.has(item.name)) throw new Fault('locked', 'resourceLocked')
  }

  #checkQuota(more: Bytes): void {
    const used = [...this.items.values()].reduce((sum, item) => sum + item.bytes.length, 0)
    if (used + more > this.quota) throw new Fault('quota-full', 'quotaLimitReached')
  }

  #get(key: ItemKey): Held {
    const item = this.items.get(key.item)
    if (item === undefined) throw new Fault('item-not-found', 'itemNotFound')
    return item
  }

  #folder(key: ItemKey): Held {
    const item = this.#get(key)
    if (item.kind !== 'folder') throw new Fault('protocol-error', 'not a folder')
    return item
  }

  #found(path: string): Held {
    const item = this.find(path)
    if (item === undefined) throw new Error(`the service has no ${path}`)
    return item
  }

  #split(path: string): { parent: Held; name: string } {
    const slash = path.lastIndexOf('/')
    return { parent: this.#found(slash < 0 ? '' : path.slice(0, slash)), name: path.slice(slash + 1) }
  }

  #childNamed(parent: ItemId, name: string): Held | undefined {
    const folded = foldedName(name)
    return [...this.items.values()].find(item => item.parent === parent && foldedName(item.name) === folded)
  }

  #pathOf(item: Held): string {
    const parent = item.parent && this.items.get(item.parent)
    return parent && parent.id !== this.root ? `${this.#pathOf(parent)}/${item.name}` : item.name
  }
}

function rewritten(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([bytes, Buffer.from(' (with properties)')])
}

/** The way to the service of one run of the program: it can be slow, break, or lose answers. */
export class Link implements RemoteWriter, RemoteFolder, RemoteItems {
  readonly service: FakeService
  /** Called at each step; may throw, or never come back. */
  onStep: (step: Step) => Promise<void> | void = () => undefined
  /** Everything hangs from now on: the program was killed. */
  isDead = false
  readonly #carried: Operation[] = []

  constructor(service: FakeService) {
    this.service = service
  }

  /** How often the service was asked for this, in this run. */
  carried(operation: Operation): number {
    return this.#carried.filter(each => each === operation).length
  }

  /** The next such operation fails; after it was carried out, where the answer is lost. */
  failNext(operation: Operation, code: FaultCode, phase: Step['phase'] = 'request'): void {
    this.atNext(operation, phase, () => {
      throw new Fault(code, `told to fail: ${code}`)
    })
  }

  /** Something happens meanwhile, at the next such step alone. @returns whether it has happened */
  atNext(operation: Operation, phase: Step['phase'], act: () => Promise<void> | void): () => boolean {
    const before = this.onStep
    let hasHappened = false
    this.onStep = async step => {
      if (step.operation !== operation || step.phase !== phase) return await before(step)
      this.onStep = before
      hasHappened = true
      await act()
    }
    return () => hasHappened
  }

  async upload(target: UploadTarget, source: UploadSource, progress: UploadProgress, signal: AbortSignal) {
    const name = target.kind === 'new' ? target.name : (this.service.items.get(target.item.item)?.name ?? '')
    return await this.#carry('upload', name, signal, async () => {
      const check = async () => {
        await this.#alive()
        signal.throwIfAborted()
        await Promise.resolve()
      }
      return await this.service.upload(target, source, progress, check)
    })
  }

  async endUpload(_: TenantId, sessionUrl: string, signal: AbortSignal): Promise<void> {
    await this.#carry('endUpload', sessionUrl, signal, () => {
      this.service.sessions.delete(sessionUrl)
    })
  }

  async createFolder(parent: ItemKey, name: string, signal: AbortSignal) {
    return await this.#carry('createFolder', name, signal, () => this.service.createFolder(parent, name))
  }

  async update(key: ItemKey, update: ItemUpdate, eTag: string | undefined, signal: AbortSignal) {
    return await this.#carry('update', update.name ?? '', signal, () =>
      this.service.update(key, update, eTag),
    )
  }

  async delete(key: ItemKey, eTag: string | undefined, signal: AbortSignal) {
    await this.#carry('delete', key.item, signal, () => this.service.delete(key, eTag))
  }

  async holds(key: ItemKey, version: ContentVersion, source: UploadSource, signal: AbortSignal) {
    return await this.#carry('holds', key.item, signal, () => this.service.holds(key, version, source))
  }

  async current(keys: readonly ItemKey[], signal: AbortSignal) {
    return await this.#carry('current', String(keys.length), signal, () =>
      keys.map(key => (this.service.items.has(key.item) ? this.service.item(key) : undefined)),
    )
  }

  async item(key: ItemKey, signal: AbortSignal) {
    return await this.#carry('item', key.item, signal, () => this.service.item(key))
  }

  async child(parent: ItemKey, name: string, signal: AbortSignal) {
    return await this.#carry('child', name, signal, () => this.service.child(parent, name))
  }

  async *children(folder: ItemKey, signal: AbortSignal): AsyncIterable<FolderPage> {
    const items = await this.#carry('children', folder.item, signal, () => this.service.children(folder))
    yield { items, notUnderstood: this.service.notUnderstoodIn(folder.item) }
  }

  async #carry<Answer>(
    operation: Operation,
    name: string,
    signal: AbortSignal,
    work: () => Answer | Promise<Answer>,
  ): Promise<Answer> {
    signal.throwIfAborted()
    await this.#step({ operation, phase: 'request', name }, signal)
    signal.throwIfAborted()
    this.#carried.push(operation)
    const answer = await work()
    await this.#step({ operation, phase: 'answer', name }, signal)
    return answer
  }

  async #step(step: Step, signal: AbortSignal): Promise<void> {
    await this.#alive()
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
    })
    aborted.catch(() => undefined)
    await Promise.race([this.onStep(step), aborted])
    await this.#alive()
  }

  async #alive(): Promise<void> {
    if (this.isDead) await new Promise<never>(() => undefined)
  }
}

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Test } from 'tap'
import { DirtyFiles, type OpenDirty } from '../../src/dirty/dirty-files.js'
import { PlainDirtyFile } from '../../src/dirty/plain-dirty-file.js'
import { LocalWriter } from '../../src/fs/local-writer.js'
import { recoverUnsent } from '../../src/fs/recover-unsent.js'
import { contentSource } from '../../src/hydration/content-source.js'
import { fingerprintFile } from '../../src/hydration/fingerprint.js'
import { hashBytes } from '../../src/hydration/hash-in-slices.js'
import type { DirtyFile } from '../../src/model/dirty-file.js'
import { ByteRanges, type ByteRange } from '../../src/model/byte-ranges.js'
import { Fault } from '../../src/model/fault.js'
import type { Bytes, Ino, ItemId, LibraryId, Milliseconds, TenantId } from '../../src/model/ids.js'
import type { NewLibrary } from '../../src/model/library.js'
import type { OpenForWriting } from '../../src/model/open-for-writing.js'
import type { ItemChange } from '../../src/store/item-change.js'
import type { ItemRecord } from '../../src/store/item-record.js'
import { Store } from '../../src/store/store.js'
import { DeltaRound } from '../../src/sync/delta-round.js'
import type { GivenBack } from '../../src/uploads/deletion-sender.js'
import type { Conflict } from '../../src/uploads/item-sender.js'
import { Uploader, type OwedStatus } from '../../src/uploads/uploader.js'
import { projects } from './drive-world.js'
import { versionsOf } from './fake-remote.js'
import { FakeService, Link, shown } from './fake-service.js'
import { TestClock } from './test-clock.js'

export const forever: AbortSignal = new AbortController().signal
const USER = { uid: 1000, gid: 1000 }

export interface UploadsWorldOptions {
  readonly directory: string
  readonly clock?: TestClock
  readonly services?: ReadonlyMap<TenantId, FakeService>
  readonly massDeletion?: number
}

interface Held {
  readonly dirty: OpenDirty
  readonly since: Milliseconds
}

/** One run of the program, without a kernel: what is done here, and what of it is sent to fake services. */
export class UploadsWorld {
  readonly directory: string
  readonly clock: TestClock
  readonly store: Store
  readonly dirty: DirtyFiles
  readonly writer: LocalWriter
  readonly uploader: Uploader
  readonly link: Link
  readonly service: FakeService
  readonly conflicts: Conflict[] = []
  /** What was deleted here, and has come back. */
  readonly givenBack: GivenBack[] = []
  /** Libraries whose service has refused a write. */
  readonly denied: LibraryId[] = []
  readonly troubles: string[] = []
  readonly changes: ItemChange[] = []
  /** Files that a program has open for writing. */
  readonly opened = new Map<Ino, Held>()
  /** Folders that had to be asked for. */
  readonly listedAgain: string[] = []
  readonly library: LibraryId
  /** Ranges of the base that were fetched. */
  readonly fetched: ByteRange[] = []
  /** Called before a whole content is fetched; may throw. */
  failsToFetch: (() => void | Promise<void>) | undefined
  readonly #options: UploadsWorldOptions
  isStopped = false
  /** Of this run: who waits for it must not be kept by what outlives it. */
  readonly #run = new AbortController()

  constructor(options: UploadsWorldOptions) {
    this.#options = options
    this.directory = options.directory
    this.clock = options.clock ?? new TestClock()
    const { clock } = this
    this.store = new Store(join(this.directory, 'store.sqlite'), clock.now())
    const boot = 1n
    this.dirty = new DirtyFiles({
      directory: join(this.directory, 'unsent'),
      boot,
      make: state => new PlainDirtyFile(state, clock),
    })
    const { store, dirty } = this
    const known = store.libraries.byRoot(writable.root)
    this.library = known?.id ?? store.addLibrary(writable, clock.now()).library.id
    const placeInCache = (ino: Ino, generation: number) => cachePath(this.directory, ino, generation)
    recoverUnsent({
      store,
      dirty,
      cachePath: placeInCache,
      asideDirectory: join(this.directory, 'set-aside'),
      now: clock.now(),
      onTrouble: event => void this.troubles.push(event),
    })
    this.service =
      options.services?.get(writable.root.tenant) ?? new FakeService(writable.root.item, () => clock.now())
    this.link = new Link(this.service)
    const onTrouble = (event: string) => void this.troubles.push(event)
    this.writer = new LocalWriter({ store, dirty, clock, owner: USER, onTrouble })
    this.uploader = new Uploader({
      store,
      dirty,
      base: { open: (item, size) => this.#base(item, size) },
      fingerprintFile: fingerprintFile(hashBytes),
      hashBytes,
      writer: this.link,
      folders: this.link,
      clock,
      random: () => 0.5,
      hostName: 'laptop.example',
      cachePath: placeInCache,
      ...(options.massDeletion === undefined ? {} : { massDeletion: options.massDeletion }),
      onConflict: conflict => void this.conflicts.push(conflict),
      onGivenBack: given => void this.givenBack.push(given),
      onDenied: library => void this.denied.push(library),
      onTrouble: (event, failure) => {
        this.troubles.push(
          event === 'uploader-bug' ? `uploader-bug ${String((failure as Error).stack)}` : event,
        )
      },
    })
    this.uploader.belongsTo({
      changed: changes => void this.changes.push(...changes),
      ownContent: ino => this.#ownContent(ino),
      openForWriting: ino => this.#use(ino),
      noteWritten: ino => {
        const opened = this.dirty.opened(ino)
        if (opened !== undefined) this.#noteOpen(opened)
      },
    })
    this.writer.tells(this.uploader)
    this.uploader.start()
  }

  // --- what programs do here ---

  write(path: string, text: string | Uint8Array): Ino {
    const known = this.find(path)
    const bytes = typeof text === 'string' ? Buffer.from(text) : text
    if (known === undefined) {
      const { parent, name } = this.#split(path)
      const made = this.writer.create(parent, name, 'file', 0o644)
      if (made.dirty === undefined) throw new Error('a file without bytes')
      made.dirty.file.write(0, bytes)
      this.#note(made.dirty)
      return made.item.ino
    }
    const opened = this.writer.beginContent(known, 'empty')
    opened.file.truncate(0)
    opened.file.write(0, bytes)
    this.#note(opened)
    return known.ino
  }

  /** Some bytes of what is there. */
  patch(path: string, offset: Bytes, text: string): Ino {
    const item = this.item(path)
    const opened = this.writer.beginContent(item, 'over-base')
    opened.file.write(offset, Buffer.from(text))
    this.#note(opened)
    return item.ino
  }

  /** The cache file becomes the changed one, as where a kernel reads it by itself. */
  takeOver(path: string, change: (file: DirtyFile) => void): void {
    const item = this.item(path)
    const cached = cachePath(this.directory, item.ino, item.generation)
    const opened = this.writer.beginContent(item, { takeOver: cached })
    change(opened.file)
    this.#note(opened)
  }

  /** A program opens it for writing and keeps it open; it is made where it is not there. */
  hold(path: string, size: 'as it is' | 'empty' = 'as it is'): Ino {
    const known = this.find(path)
    const since = this.clock.now()
    if (known === undefined) {
      const { parent, name } = this.#split(path)
      const made = this.writer.create(parent, name, 'file', 0o644)
      if (made.dirty === undefined) throw new Error('a file without bytes')
      this.opened.set(made.item.ino, { dirty: made.dirty, since })
      return made.item.ino
    }
    if (this.store.owed.of(known.ino)?.content === true) this.writer.beforeWriting(known.ino)
    const dirty = this.writer.beginContent(known, size === 'empty' ? 'empty' : 'over-base')
    this.opened.set(known.ino, { dirty, since })
    return known.ino
  }

  /** That program writes; nobody hears of it. */
  writeOpen(path: string, offset: Bytes, bytes: string | Uint8Array): void {
    this.#held(path).dirty.file.write(offset, Buffer.from(bytes))
  }

  async fsync(path: string): Promise<void> {
    const { dirty } = this.#held(path)
    const writes = dirty.file.writes()
    this.#noteOpen(dirty)
    await this.dirty.sync(dirty)
    dirty.file.saved = writes
    this.uploader.wake()
  }

  /** It closes the file. */
  letGo(path: string): void {
    this.letGoOf(this.item(path).ino)
  }

  /** The same, also where it has no name any more. */
  letGoOf(ino: Ino): void {
    const held = this.opened.get(ino)
    if (held === undefined) throw new Error('it is not open')
    const { dirty } = held
    this.opened.delete(ino)
    this.#noteOpen(dirty)
    this.dirty.release(dirty)
    this.uploader.closed(ino)
  }

  /** Where a file is that a program has open; `undefined`: nowhere any more. */
  heldPath(ino: Ino): string | undefined {
    const names: string[] = []
    for (let item = this.store.items.byIno(ino); item?.kind !== 'library';) {
      if (item === undefined) return undefined
      names.unshift(item.name)
      item = this.store.items.byIno(item.parent)
    }
    return names.join('/')
  }

  #held(path: string): Held {
    const held = this.opened.get(this.item(path).ino)
    if (held === undefined) throw new Error(`${path} is not open`)
    return held
  }

  #noteOpen(dirty: OpenDirty): void {
    if (dirty.file.noted === dirty.file.revision) return
    this.writer.noteContent(dirty)
    dirty.file.noted = dirty.file.revision
  }

  #use(ino: Ino): OpenForWriting | undefined {
    const held = this.opened.get(ino)
    if (held === undefined) return undefined
    const { file } = held.dirty
    const { writtenAt, saved } = file
    return { program: 'editor', pid: 4711, since: held.since, writtenAt, isSaved: saved === file.writes() }
  }

  mkdir(path: string): void {
    const { parent, name } = this.#split(path)
    this.writer.create(parent, name, 'folder', 0o755)
  }

  remove(path: string): void {
    const item = this.item(path)
    this.writer.remove(item, item.kind === 'file' ? 'file' : 'folder')
    if (item.kind === 'file') this.dirty.discard(item.ino)
  }

  rename(from: string, to: string): void {
    const { parent, name } = this.#split(to)
    const there = this.store.items.byName(parent.ino, name)
    this.writer.rename(this.item(from), parent, name, 0)
    if (there !== undefined && this.store.items.byIno(there.ino) === undefined) this.dirty.discard(there.ino)
  }

  find(path: string): ItemRecord | undefined {
    let at = this.store.items.byRemoteId(this.library, writable.root.item)
    for (const name of path.split('/').filter(part => part !== '')) {
      at = at && this.store.items.byName(at.ino, name)
    }
    return at
  }

  item(path: string): ItemRecord {
    const item = this.find(path)
    if (item === undefined) throw new Error(`there is no ${path} here`)
    return item
  }

  /** What a program would read; downloaded where it is not here. */
  read(path: string): string {
    return shown(this.#bytesOf(path))
  }

  #bytesOf(path: string): Uint8Array {
    const item = this.item(path)
    const owed = this.store.owed.of(item.ino)
    if (owed?.content === true) {
      const opened = this.dirty.open(item.ino, owed.base.size)
      try {
        const bytes = Buffer.from(opened.file.read({ start: 0, end: opened.file.size }))
        for (const { start, end } of opened.file.fromBase({ start: 0, end: opened.file.size })) {
          this.#bytesAt(item).copy(bytes, start, start, end)
        }
        return bytes
      } finally {
        this.dirty.release(opened)
      }
    }
    return this.#bytesAt(item)
  }

  /** All paths with their contents; folders end with a slash. */
  tree(): Record<string, string> {
    const tree: Record<string, string> = {}
    const walk = (folder: ItemRecord, prefix: string) => {
      for (const child of this.store.items.children(folder.ino)) {
        const path = prefix + child.name
        const item = this.item(path)
        if (item.kind === 'file') tree[path] = this.read(path)
        else {
          tree[`${path}/`] = ''
          walk(item, `${path}/`)
        }
      }
    }
    walk(this.item(''), '')
    return tree
  }

  // --- time and the other side ---

  /** Everything that can be sent is; what cannot is returned. */
  async send(): Promise<readonly OwedStatus[]> {
    return await this.uploader.settled(this.#run.signal)
  }

  /** As long as waiting helps. */
  async drain(): Promise<readonly OwedStatus[]> {
    let left = await this.send()
    for (let round = 0; round < 10 && left.length > 0; round++) {
      this.clock.advance(2 * 60_000)
      await this.pull()
      left = await this.send()
    }
    return left
  }

  /** What the service tells of its changes, since the last time. */
  async pull(): Promise<void> {
    await this.#pull(Number(this.store.cursors.get(this.library)?.cursor ?? 0), false)
  }

  /** The service composes an answer with all items, and what happens `meanwhile` is not in it. */
  async pullBefore(meanwhile: () => Promise<unknown>, isFull: boolean): Promise<void> {
    await this.#pull(0, isFull, meanwhile)
  }

  async #pull(cursor: number, isFull: boolean, meanwhile?: () => Promise<unknown>): Promise<void> {
    const { store, library, clock } = this
    const record = store.libraries.byId(library)
    if (record === undefined) throw new Error('no library')
    const round = new DeltaRound({
      store,
      guard: { judge: (_, gone) => gone },
      library: record,
      items: this.link,
      isFull,
      now: () => clock.now(),
      onChanges: changes => void this.changes.push(...changes),
      onTrouble: event => void this.troubles.push(event),
    })
    const next = this.service.changed.length
    const root = this.service.items.get(this.service.root)
    const changes = [
      ...(isFull && root ? [this.service.itemOf(root)] : []),
      ...this.service.changesSince(cursor).map(change => ({ ...change })),
    ]
    await meanwhile?.()
    await round.apply({ changes, cursor: String(next) }, forever)
    await round.finish(String(next), forever)
    this.#listFolders(this.item(''))
  }

  /** As whoever opens a folder of which not everything is known. */
  #listFolders(folder: ItemRecord): void {
    const { store, service, clock, library } = this
    const isUnsure = folder.listing.kind === 'unlisted' || folder.listing.kind === 'doubted'
    if (isUnsure && service.items.has(folder.remoteId)) {
      this.listedAgain.push(folder.name)
      const key = { ...writable.root, item: folder.remoteId }
      store.change(clock.now(), edit => {
        for (const child of service.children(key)) edit.put(library, folder.ino, child, { kind: 'unlisted' })
        edit.setListing(folder.ino, { kind: 'listed', at: clock.now() })
      })
    }
    for (const ino of store.items.childInos(folder.ino)) {
      const child = store.items.byIno(ino)
      if (child?.kind === 'folder') this.#listFolders(child)
    }
  }

  /** The program is killed, and started again. */
  restart(): UploadsWorld {
    this.link.isDead = true
    this.isStopped = true
    // Nothing of the old run is told to end; its connection would keep the file of the new one locked.
    this.store.close()
    const services = new Map([[writable.root.tenant, this.service]])
    return new UploadsWorld({ ...this.#options, clock: this.clock, services })
  }

  async stop(): Promise<void> {
    if (this.isStopped) return
    this.isStopped = true
    this.link.isDead = false
    await this.uploader.close()
    this.store.close()
  }

  #note(opened: Parameters<LocalWriter['noteContent']>[0]): void {
    this.writer.noteContent(opened)
    this.dirty.release(opened)
  }

  #split(path: string): { parent: ItemRecord; name: string } {
    const slash = path.lastIndexOf('/')
    return { parent: this.item(slash < 0 ? '' : path.slice(0, slash)), name: path.slice(slash + 1) }
  }

  #bytesAt(item: ItemRecord): Buffer {
    const path = cachePath(this.directory, item.ino, item.generation)
    if (this.store.content.get(item.ino, item.generation)?.verified === true) return readFileSync(path)
    return this.#download(item, path)
  }

  /** As hydration does: only the version that is known, and what is told of it before its bytes. */
  #download({ ino, generation, remoteId }: ItemRecord, path: string): Buffer {
    const { store, service, clock } = this
    const source = contentSource(store, ino, generation)
    const there = service.items.get(remoteId)
    if (source === undefined || there === undefined) throw new Fault('item-not-found', 'itemNotFound')
    const told = service.itemOf(there)
    if (!versionsOf(told).includes(source.version)) throw new Fault('stale-content', 'another version by now')
    store.change(clock.now(), edit => edit.contentTold(ino, generation, told))
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, there.bytes)
    const present = new ByteRanges([{ start: 0, end: there.bytes.length }])
    store.content.save({ ino, generation, present, verified: true, accessed: clock.now() })
    return Buffer.from(there.bytes)
  }

  async #ownContent(ino: Ino): Promise<void> {
    const { store, directory } = this
    const item = store.items.byIno(ino)
    if (item === undefined || store.owed.of(ino)?.content === true) return
    if (store.content.get(ino, item.generation)?.verified !== true)
      this.fetched.push({ start: 0, end: item.size })
    await this.failsToFetch?.()
    const bytes = this.#bytesAt(item)
    const cached = cachePath(directory, ino, item.generation)
    mkdirSync(dirname(cached), { recursive: true })
    writeFileSync(cached, bytes)
    this.dirty.release(this.writer.ownContent(item, { takeOver: cached }))
  }

  /** What is local of a file, and was sent, is not any more. */
  freeUp(path: string): void {
    const { ino, generation } = this.item(path)
    if (this.store.owed.of(ino)?.content === true) return
    this.store.content.remove(ino, generation)
    rmSync(cachePath(this.directory, ino, generation), { force: true })
  }

  #base(item: ItemRecord, size: Bytes) {
    return {
      size,
      isHere: this.store.content.get(item.ino, item.generation)?.verified === true,
      read: async (range: ByteRange) => {
        await Promise.resolve()
        this.fetched.push(range)
        return Uint8Array.from(this.#bytesAt(item).subarray(range.start, range.end))
      },
      close: () => undefined,
    }
  }
}

const writable: NewLibrary = { ...projects, access: 'write', root: { ...projects.root, item: 'R' as ItemId } }

function cachePath(directory: string, ino: Ino, generation: number): string {
  return join(directory, 'content', `${ino}-${generation}`)
}

export function startUploads(t: Test, options: Partial<UploadsWorldOptions> = {}): UploadsWorld {
  // Before `t.testdir()`, which tap would remove first otherwise.
  t.teardown(() => world.stop())
  const world = new UploadsWorld({ directory: t.testdir(), ...options })
  return world
}

/** The other side has these, and both sides know it. */
export async function startWith(
  t: Test,
  files: Readonly<Record<string, string>>,
  options: Partial<UploadsWorldOptions> = {},
): Promise<UploadsWorld> {
  const world = startUploads(t, options)
  for (const [path, text] of Object.entries(files)) {
    const folders = path.split('/').slice(0, -1)
    folders.forEach((_, depth) => void world.service.mkdir(folders.slice(0, depth + 1).join('/')))
    if (!path.endsWith('/')) world.service.put(path, text, world.clock.now() - 86_400_000)
  }
  await world.pull()
  world.service.log.length = 0
  return world
}

export function restart(t: Test, world: UploadsWorld): UploadsWorld {
  const next = world.restart()
  t.teardown(() => next.stop())
  return next
}

/** Both sides have the same, nothing is owed, and nobody met a bug. */
export async function converges(
  t: Test,
  world: UploadsWorld,
  expected: Record<string, string>,
): Promise<void> {
  t.same(await world.drain(), [], 'nothing is owed')
  await world.pull()
  t.same(world.service.tree(), expected, 'what the other side has')
  t.same(world.tree(), expected, 'what is here')
  t.same(
    world.troubles.filter(event => event.startsWith('uploader-bug')),
    [],
  )
}

import { setMaxListeners } from 'node:events'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Test } from 'tap'
import { DirtyFiles } from '../../src/dirty/dirty-files.js'
import { PlainDirtyFile, type DirtyFileState } from '../../src/dirty/plain-dirty-file.js'
import type { OpenFile } from '../../src/fs/file-system.js'
import { LocalWriter } from '../../src/fs/local-writer.js'
import { HydrationGate, type HydrationGateDeps } from '../../src/fs/hydration-gate.js'
import { MountedDrive } from '../../src/fs/mounted-drive.js'
import { recoverUnsent } from '../../src/fs/recover-unsent.js'
import { PinKeeper } from '../../src/fs/pin-keeper.js'
import { CacheLimits, type Limits } from '../../src/hydration/cache-limits.js'
import { ContentCache } from '../../src/hydration/content-cache.js'
import type { HashBytes } from '../../src/hydration/content-file.js'
import type { HashFile } from '../../src/hydration/hash-in-slices.js'
import { GuardedContent, type ContentGuards } from '../../src/hydration/guarded-content.js'
import { HydrationLog } from '../../src/hydration/hydration-log.js'
import { HydrationPolicy, type HydrationRule, type Program } from '../../src/hydration/hydration-policy.js'
import { Hydrator } from '../../src/hydration/hydrator.js'
import { OfflineMemory } from '../../src/hydration/offline-memory.js'
import type { ByteRange } from '../../src/model/byte-ranges.js'
import type { DirtyFile } from '../../src/model/dirty-file.js'
import type { DriveItem } from '../../src/model/drive-item.js'
import {
  type Bytes,
  nodeId,
  type Ino,
  ROOT_INO,
  type DriveId,
  type ItemId,
  type NodeId,
  type TenantId,
} from '../../src/model/ids.js'
import type { Library, NewLibrary } from '../../src/model/library.js'
import { Store } from '../../src/store/store.js'
import { RemovalGuard } from '../../src/sync/removal-guard.js'
import { readSync } from 'node:fs'
import { FakeRemote } from './fake-remote.js'
import { TestClock } from './test-clock.js'

export const forever: AbortSignal = new AbortController().signal
// Many wait with it at once; nothing leaks.
setMaxListeners(0, forever)
export const ROOT = nodeId(ROOT_INO, 0)
export const OWNER = 1000
export const CALLER = { pid: 1, uid: OWNER }
export const LIBRARY_ROOT = 'root-of-projects' as ItemId

/** A stand-in for QuickXorHash that the fake remote and the drive agree on. */
export function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64').slice(0, 28)
}

export const projects: NewLibrary = {
  root: { tenant: 'tenant-contoso' as TenantId, drive: 'b!projects' as DriveId, item: LIBRARY_ROOT },
  scope: 'library',
  organization: 'Contoso',
  name: 'Team - Projects',
  webUrl: 'https://contoso.sharepoint.com/sites/team/Projects',
  host: 'contoso.sharepoint.com',
  access: 'read',
}

export function folderItem(id: string, name: string, parentId: string = LIBRARY_ROOT): DriveItem {
  return { ...fileItem(id, name, new Uint8Array(0), parentId), kind: 'folder', quickXorHash: undefined }
}

export function fileItem(
  id: string,
  name: string,
  bytes: Uint8Array,
  parentId: string = LIBRARY_ROOT,
): DriveItem {
  return {
    id: id as ItemId,
    parentId: parentId as ItemId,
    name,
    kind: 'file',
    size: bytes.length,
    modified: Date.UTC(2026, 0, 2, 3, 4, 5),
    created: Date.UTC(2025, 0, 1),
    eTag: `"${id},1"`,
    cTag: undefined,
    quickXorHash: hashOf(bytes),
    mimeType: undefined,
    webUrl: undefined,
  }
}

/** A program as it is recognised by its name alone. */
export function program(name: string): Program {
  return { name, path: `/usr/bin/${name}`, names: [name], comm: name.slice(0, 15), arguments: [] }
}

/** Bytes that differ everywhere: a range at the wrong place is not equal by chance. */
export function pattern(size: number, seed = 1): Uint8Array {
  const words = new Uint32Array(Math.ceil(size / 4))
  let state = seed * 2_654_435_761
  for (let i = 0; i < words.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    words[i] = state
  }
  return new Uint8Array(words.buffer, 0, size)
}

export interface DriveWorldOptions {
  /** Hashes pieces while they arrive; absent: the whole file at its end. */
  readonly hashBytes?: HashBytes
  /** Absent: at once, and noted in `hashed`. */
  readonly hashFile?: HashFile
  readonly directory?: string
  readonly remote?: FakeRemote
  readonly clock?: TestClock
  /** Before the defaults. */
  readonly rules?: readonly HydrationRule[]
  /** Of the cache. */
  readonly limits?: Limits
  readonly massDeletion?: number
  /** Files can be changed here; the library is shared for writing. */
  readonly writable?: boolean
  /** Of files that are no larger, all is fetched when something is written over them. */
  readonly smallBase?: Bytes
  readonly makeDirty?: (state: DirtyFileState) => DirtyFile
  /** Tells this run of the machine from others. */
  readonly boot?: bigint
  /** What an administrator has decided; see policy-world.ts. */
  readonly administrator?: Administrator
}

export interface Administrator extends Pick<HydrationGateDeps, 'filePolicy' | 'audit' | 'policy'> {
  readonly guards: ContentGuards
  readonly limits: () => Limits
}

/** One run of the daemon, without a kernel: a drive over a fake other side. */
export class DriveWorld {
  readonly directory: string
  readonly remote: FakeRemote
  readonly clock: TestClock
  readonly store: Store
  readonly cache: ContentCache
  readonly hydrator: Hydrator
  readonly drive: MountedDrive
  readonly dirty: DirtyFiles
  readonly writer: LocalWriter
  readonly #library: NewLibrary
  /** What the kernel was told. */
  readonly told: string[] = []
  readonly troubles: string[] = []
  readonly hashed: string[] = []
  /** Who runs, by process id: the program and its ancestors. */
  readonly programs = new Map<number, readonly Program[]>()
  readonly hydrationLog: HydrationLog
  readonly keeper: PinKeeper
  readonly limits: CacheLimits
  readonly guard: RemovalGuard
  /** On the disk of the cache. */
  freeBytes = Infinity
  /** Whether it is the disk of what was changed here. */
  holdsChanges = true

  constructor(options: DriveWorldOptions & { readonly directory: string }) {
    this.directory = options.directory
    this.remote = options.remote ?? new FakeRemote()
    this.clock = options.clock ?? new TestClock()
    this.store = new Store(join(this.directory, 'state', 'store.sqlite'), this.clock.now())
    const onTrouble = (event: string) => void this.troubles.push(event)
    const hashFile = (fd: number, size: number) => {
      const bytes = Buffer.alloc(size)
      for (let done = 0; done < size;) done += readSync(fd, bytes, done, size - done, done)
      this.hashed.push(hashOf(bytes))
      return Promise.resolve(hashOf(bytes))
    }
    const { store, clock, remote } = this
    this.cache = new ContentCache({
      store,
      directory: join(this.directory, 'content'),
      clock,
      hashFile: options.hashFile ?? hashFile,
      onTrouble,
      ...(options.hashBytes === undefined ? {} : { hashBytes: options.hashBytes }),
    })
    const offline = new OfflineMemory(clock)
    const { administrator } = options
    const content = administrator ? new GuardedContent(remote, administrator.guards) : remote
    this.hydrator = new Hydrator({ store, cache: this.cache, remote: content, clock, offline })
    this.guard = new RemovalGuard({ store, threshold: options.massDeletion ?? 200 })
    this.limits = new CacheLimits({
      store,
      cache: this.cache,
      clock,
      limits: administrator?.limits ?? (() => options.limits ?? {}),
      freeBytes: () => this.freeBytes,
      holdsChanges: () => this.holdsChanges,
      onTrouble,
    })
    const onArrived = (bytes: number) => this.limits.grew(bytes)
    this.hydrationLog = new HydrationLog({ store, clock, onArrived, onTrouble })
    const { hydrator, hydrationLog } = this
    this.keeper = new PinKeeper({ store, hydrator, log: hydrationLog, clock, onTrouble })
    const gate = new HydrationGate({
      programs: { lineageOf: pid => Promise.resolve(this.programs.get(pid) ?? []) },
      policy: new HydrationPolicy(options.rules),
      hydrator,
      log: hydrationLog,
      room: this.limits,
      ...administrator,
    })
    this.#library = { ...projects, access: options.writable === true ? 'write' : 'read' }
    this.dirty = new DirtyFiles({
      directory: join(this.directory, 'unsent'),
      boot: options.boot ?? 1n,
      make: options.makeDirty ?? (state => new PlainDirtyFile(state, clock)),
    })
    const owner = { uid: OWNER, gid: OWNER }
    this.writer = new LocalWriter({ store, dirty: this.dirty, clock, owner, onTrouble })
    this.drive = new MountedDrive({
      writer: this.writer,
      store,
      cache: this.cache,
      hydrator: this.hydrator,
      gate,
      keeper: this.keeper,
      limits: this.limits,
      // Most tests count what they fetch themselves.
      smallBase: options.smallBase ?? 0,
      folders: remote,
      guard: this.guard,
      clock,
      offline,
      cacheDirectory: this.directory,
      onTrouble,
    })
    this.drive.attach({
      entryChanged: (parent, name) => void this.told.push(`entry ${parent} ${name}`),
      attributesChanged: node => void this.told.push(`attributes ${node}`),
      contentReplaced: node => void this.told.push(`content ${node}`),
      everythingChanged: () => void this.told.push('everything'),
      contentDirty: node => void this.told.push(`dirty ${node}`),
    })
  }

  /** As the daemon does before it serves anything. */
  recover(): void {
    const asideDirectory = join(this.directory, 'aside')
    const onTrouble = (event: string, { message }: Error) => void this.troubles.push(`${event}: ${message}`)
    const { store, dirty, cache } = this
    const cachePath = (ino: Ino, generation: number) => cache.pathOf(ino, generation)
    recoverUnsent({ store, dirty, cachePath, asideDirectory, now: this.clock.now(), onTrouble })
  }

  /** The library that the tests use; added when it is not there. */
  library(): Library {
    return this.store.libraries.byRoot(projects.root) ?? this.drive.addLibrary(this.#library)
  }

  /** Walks from the root of the drive; listings as they are needed. */
  async node(...names: string[]): Promise<NodeId> {
    let node = ROOT
    for (const name of ['Contoso', 'Team - Projects', ...names]) {
      const found = await this.drive.lookup(node, name, forever)
      if (found === undefined) throw new Error(`there is no ${name}`)
      node = found.node
    }
    return node
  }

  async open(...names: string[]): Promise<OpenFile> {
    return this.openAs(1, ...names)
  }

  /** @param pid a key of {@link programs}, or of nobody that is known */
  async openAs(pid: number, ...names: string[]): Promise<OpenFile> {
    return this.drive.open(await this.node(...names), 0, { pid, uid: 0 }, forever)
  }

  async names(node: NodeId): Promise<string[]> {
    await this.drive.opendir(node, forever)
    return this.drive.readdir(node).map(({ name }) => name)
  }

  read(file: OpenFile, range: ByteRange): Promise<Uint8Array> {
    return this.drive.read(file.handle, range, forever)
  }

  async stop(): Promise<void> {
    await this.keeper.close()
    await this.limits.close()
    await this.drive.close()
    this.hydrationLog.close()
    this.store.close()
  }
}

export function startWorld(t: Test, options: DriveWorldOptions = {}): DriveWorld {
  // Before `t.testdir()`, which tap would remove first otherwise.
  t.teardown(() => world.stop())
  const world = new DriveWorld({ ...options, directory: options.directory ?? t.testdir() })
  let isStopped = false
  const stop = world.stop.bind(world)
  world.stop = async () => {
    if (isStopped) return
    isStopped = true
    await stop()
  }
  return world
}

// A limit for tests that are red, not a wait.
const GIVE_UP_AFTER_MILLISECONDS = 10_000

/** Lets happen what needs no answer from the test: disk, promises. Until `condition` holds. */
export async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + GIVE_UP_AFTER_MILLISECONDS
  while (!condition()) {
    if (performance.now() >= end) throw new Error('what was waited for did not happen')
    await new Promise(resolve => setImmediate(resolve))
  }
}

/**
 * Lets happen what would happen by now, if it happened; for what should not. The disk is waited for: on a busy machine an fsync
 * takes longer than any number of turns, and a test's clock must not run ahead of it.
 */
export async function aWhile(turns = 100): Promise<void> {
  const end = performance.now() + GIVE_UP_AFTER_MILLISECONDS
  for (let turn = 0; turn < turns;) {
    await new Promise(resolve => setImmediate(resolve))
    if (!isDiskBusy() || performance.now() >= end) turn++
  }
}

/** Whether Node's thread pool reads or writes something for this process. */
function isDiskBusy(): boolean {
  return process.getActiveResourcesInfo().some(name => name.startsWith('FSReq'))
}

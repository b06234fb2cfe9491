import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { getgid, getuid } from 'node:process'
import type { FileSystem, KernelView } from '../fs/file-system.js'
import { Fault } from '../model/fault.js'
import type { Bytes, Milliseconds, NodeId } from '../model/ids.js'
import type { FuseNativeBinding } from './fuse-native-package.js'
import { packListing, packStat, packStatfs, type Listing, type Owner } from './fuse-native-records.js'
import { FuseNativeSession, type FuseOperations } from './fuse-native-session.js'
import { OpenPaths } from './open-paths.js'
import { PathResolver } from './path-resolver.js'
import type { Mount, MountOptions, Transport } from './transport.js'

/** How long the kernel believes a name without asking: nobody tells it of changes. docs/SEMANTICS.md says so. */
const NAMES_SECONDS = 1
// The file system has deadlines of its own for every wait; this one only catches our bugs.
const REQUEST_DEADLINE: Milliseconds = 90_000
/** The kernel closes files a moment after the program has. */
const CLOSING_TAKES: Milliseconds = 1_000
const LOOKED_AFTER_EVERY: Milliseconds = 1_000
/** The package cuts longer ones off. In bytes, with the NUL. */
const LONGEST_DIRECTORY = 1024

/** The caller is not told. */
const NOBODY = { pid: 0, uid: 0 } as const

export interface FuseNativeTransportDeps {
  readonly binding: FuseNativeBinding
  readonly mounts: SystemMounts
  /** A request failed for a reason that is not a {@link Fault}: a bug. The kernel got EIO. */
  readonly onBug: (operation: string, failure: unknown) => void
}

/** The package can mount, and nothing else. */
export interface SystemMounts {
  /**
   * Whether a drive is mounted at `directory`. Does not touch it: we are who would have to answer. Rejects when the
   * system does not say.
   */
  isMounted(directory: string): Promise<boolean>
  /** Unmounts lazily. */
  detach(directory: string): Promise<void>
  /** The same, for a process that is about to exit. Never throws. */
  detachNow(directory: string): void
}

/**
 * The portable transport: libfuse 2, by the fuse-native package. Knows paths only, cannot tell the kernel of changes and
 * is not told of interrupted callers; what follows from that is in docs/SEMANTICS.md, "The other transport".
 */
export class FuseNativeTransport implements Transport {
  readonly #deps: FuseNativeTransportDeps

  constructor(deps: FuseNativeTransportDeps) {
    this.#deps = deps
  }

  mount(fileSystem: FileSystem, options: MountOptions): Mount {
    checkMachine()
    if (Buffer.byteLength(options.directory) >= LONGEST_DIRECTORY)
      throw refused(options.directory, 'its path is too long')
    return new FuseNativeMount(this.#deps, fileSystem, options)
  }
}

class FuseNativeMount implements Mount, KernelView, FuseOperations {
  readonly directory: string
  readonly gone: Promise<void>
  readonly #deps: FuseNativeTransportDeps
  readonly #fs: FileSystem
  readonly #owner: Owner = { uid: getuid?.() ?? 0, gid: getgid?.() ?? 0 }
  readonly #resolver: PathResolver
  readonly #open = new OpenPaths()
  readonly #session: FuseNativeSession
  readonly #lookAfter: NodeJS.Timeout
  readonly #onExit: () => void
  #resolveGone = () => {}

  constructor(deps: FuseNativeTransportDeps, fileSystem: FileSystem, options: MountOptions) {
    this.#deps = deps
    this.#fs = fileSystem
    this.#resolver = new PathResolver(fileSystem)
    this.directory = options.directory
    this.gone = new Promise(resolve => {
      this.#resolveGone = resolve
    })
    this.#session = this.#start(options)
    this.#onExit = () => deps.mounts.detachNow(this.directory)
    process.once('exit', this.#onExit)
    this.#lookAfter = setInterval(() => void this.#endIfUnmounted(), LOOKED_AFTER_EVERY).unref()
  }

  get view(): KernelView {
    return this
  }

  async unmount(): Promise<void> {
    try {
      await this.#deps.mounts.detach(this.directory)
    } catch (failure) {
      // Somebody else may have been faster.
      if (await this.#deps.mounts.isMounted(this.directory)) throw failure
    }
    this.#end()
  }

  // --- what the kernel is to forget: it cannot be told, so what is here is our own memory ---

  entryChanged(parent: NodeId, name: string): void {
    this.#resolver.forget(parent, name)
  }

  attributesChanged(): void {
    // Asked for each time.
  }

  contentReplaced(): void {
    // Pages are dropped at each open, and `OpenPaths` keeps contents apart.
  }

  everythingChanged(): void {
    this.#resolver.forgetAll()
  }

  // --- what the kernel asks ---

  async getattr(path: string, signal: AbortSignal): Promise<Uint32Array> {
    const open = this.#open.nodeOf(path)
    const attributes = open === undefined ? await this.#resolver.find(path, signal) : this.#fs.getattr(open)
    return packStat(attributes, this.#owner)
  }

  fgetattr(handle: number): Uint32Array {
    return packStat(this.#fs.getattr(this.#open.get(handle).node), this.#owner)
  }

  async readdir(path: string, signal: AbortSignal): Promise<Listing> {
    const { node } = await this.#resolver.find(path, signal)
    await this.#fs.opendir(node, signal)
    const parent = this.#fs.getattr(this.#fs.parentOf(node))
    return packListing(this.#fs.readdir(node), this.#fs.getattr(node), parent, this.#owner)
  }

  async open(path: string, flags: number, signal: AbortSignal): Promise<number> {
    const { node } = await this.#resolver.find(path, signal)
    await this.#closedElsewhere(path, node, signal)
    const { handle: file } = await this.#fs.open(node, flags, NOBODY, signal)
    try {
      signal.throwIfAborted()
      this.#refuseOtherContent(path, node)
      return this.#open.add({ path, node, file })
    } catch (failure) {
      this.#fs.release(file)
      throw failure
    }
  }

  async read(handle: number, start: Bytes, length: Bytes, signal: AbortSignal): Promise<Uint8Array> {
    return await this.#fs.read(this.#open.get(handle).file, { start, end: start + length }, signal)
  }

  release(handle: number): void {
    this.#fs.release(this.#open.remove(handle).file)
  }

  statfs(): Uint32Array {
    return packStatfs(this.#fs.statistics())
  }

  async getxattr(path: string, name: string, signal: AbortSignal): Promise<Uint8Array> {
    // Not "no such attribute": then `ls -l` asks for each file again.
    if (!/^(user|com\.apple)\./.test(name) && process.platform === 'linux')
      throw new Fault('not-supported', `There are no attributes like ${name}`)
    return await this.#fs.getxattr(await this.#nodeOf(path, signal), name, signal)
  }

  async listxattr(path: string, signal: AbortSignal): Promise<readonly string[]> {
    return this.#fs.listxattr(await this.#nodeOf(path, signal))
  }

  async #nodeOf(path: string, signal: AbortSignal): Promise<NodeId> {
    return (await this.#resolver.find(path, signal)).node
  }

  /** Gives whoever has an older content open a moment: a program that has just closed it is not done closing. */
  async #closedElsewhere(path: string, node: NodeId, signal: AbortSignal): Promise<void> {
    const isOpen = () => (this.#open.nodeOf(path) ?? node) !== node
    if (!isOpen()) return
    await new Promise<void>(resolve => {
      const end = () => {
        stopListening()
        clearTimeout(timer)
        resolve()
      }
      const stopListening = this.#open.onClose(() => {
        if (!isOpen()) end()
      })
      const timer = setTimeout(end, CLOSING_TAKES)
      signal.addEventListener('abort', end, { once: true })
    })
    signal.throwIfAborted()
    this.#refuseOtherContent(path, node)
  }

  #refuseOtherContent(path: string, node: NodeId): void {
    if ((this.#open.nodeOf(path) ?? node) === node) return
    throw new Fault(
      'stale-content',
      'The file was replaced, and a program still has its older content open',
      {
        nextStep: 'Close it there',
      },
    )
  }

  // --- the mount itself ---

  #start({ directory, allowOther }: MountOptions): FuseNativeSession {
    const { binding, onBug } = this.#deps
    const mountOptions = [
      'ro',
      'fsname=b2bmount',
      'subtype=b2bmount',
      // Our inode numbers, not libfuse's.
      'use_ino',
      // The kernel compares modes, as by the other transport.
      'default_permissions',
      `entry_timeout=${NAMES_SECONDS}`,
      'negative_timeout=0',
      // A program that has opened a file must not be shown the size of the content that was there before.
      'attr_timeout=0',
      // Neither kernel_cache nor auto_cache: pages are dropped at each open. Time and size do not tell two contents apart.
      ...(allowOther ? ['allow_other'] : []),
    ]
    try {
      return new FuseNativeSession({
        binding,
        directory,
        mountOptions,
        operations: this,
        deadline: REQUEST_DEADLINE,
        onBug,
      })
    } catch (failure) {
      throw refused(directory, 'standard error, or the log, says why', failure)
    }
  }

  async #endIfUnmounted(): Promise<void> {
    // A machine that cannot say, for want of descriptors, is asked again.
    const isMounted = await this.#deps.mounts.isMounted(this.directory).catch(() => true)
    if (!isMounted) this.#end()
  }

  #end(): void {
    clearInterval(this.#lookAfter)
    process.off('exit', this.#onExit)
    this.#session.close()
    for (const handle of this.#open.handles()) this.release(handle)
    this.#resolveGone()
  }
}

/** @throws {Fault} `fuse-missing`, `fusermount-missing` */
function checkMachine(): void {
  if (process.platform !== 'linux') return
  if (!existsSync('/dev/fuse')) {
    throw new Fault('fuse-missing', 'This machine has no /dev/fuse', {
      nextStep: 'Load the kernel module with: sudo modprobe fuse (in a container, pass the device to it)',
    })
  }
  // libfuse 2 runs it by this name; packages of FUSE 3 have it as another name of fusermount3.
  const folders = ['/usr/local/bin', ...(process.env['PATH'] ?? '').split(':')]
  if (getuid?.() !== 0 && !folders.some(folder => existsSync(join(folder, 'fusermount')))) {
    throw new Fault('fusermount-missing', 'fusermount is not installed', {
      nextStep:
        'Install it with: sudo apt-get install fuse3 (elsewhere the package may be called fuse or fuse2)',
    })
  }
}

function refused(directory: string, why: string, cause?: unknown): Fault {
  return new Fault('mount-refused', `The drive cannot be mounted at ${directory}: ${why}`, {
    nextStep: 'Run: b2bmount doctor',
    cause,
  })
}

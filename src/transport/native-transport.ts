import { constants } from 'node:fs'
import { getgid, getuid } from 'node:process'
import type * as Native from '../../native/index.js'
import { toErrno } from '../fs/errno.js'
import type {
  AttributeChanges,
  Caller,
  DirectoryEvent,
  FileSystem,
  KernelView,
  LocalContent,
  OpenFile,
} from '../fs/file-system.js'
import type { DirtyFile } from '../model/dirty-file.js'
import { Fault, isFault } from '../model/fault.js'
import { LARGEST_FILE } from '../model/file-size.js'
import type { NodeId } from '../model/ids.js'
import { ListingAhead } from './listing-ahead.js'
import { packEntries, packNode } from './node-record.js'
import type { Mount, MountOptions, Transport } from './transport.js'

// Invalidation is pushed, so the kernel may keep what it knows. A day bounds the harm of a bug.
const KERNEL_CACHE_SECONDS = 24 * 60 * 60
// The file system has deadlines of its own for every wait; this one only catches our bugs.
const REQUEST_DEADLINE_MILLISECONDS = 90_000
// About 200 bytes each: what LOOKUP, GETATTR and READDIRPLUS find without JavaScript.
const NATIVE_ENTRIES = 400_000
// mknod(2) makes something new, or nothing.
const MKNOD_FLAGS = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY
const ANNOUNCED = { appeared: 0, vanished: 1, changed: 2 } as const
const STATISTICS_INTERVAL_MILLISECONDS = 5_000

export interface NativeTransportDeps {
  readonly addon: Pick<typeof Native, 'Session'>
  /** A request failed for a reason that is not a {@link Fault}: a bug. The kernel got EIO. */
  readonly onBug: (operation: string, failure: unknown) => void
}

/** The kernel's own protocol, spoken by `native/`. */
export class NativeTransport implements Transport {
  readonly #deps: NativeTransportDeps

  constructor(deps: NativeTransportDeps) {
    this.#deps = deps
  }

  mount(fileSystem: FileSystem, options: MountOptions): Mount {
    return new NativeMount(this.#deps, fileSystem, options)
  }
}

/** A cache file that the session reads by itself. */
interface Registration {
  readonly id: number
  readonly node: NodeId
  readonly stop: () => void
  handles: number
  verified: boolean
  dirty: DirtyFile | undefined
}

/** What a {@link DirtyFile} must be for the session to write it. Implemented by `dirty/native-dirty-file.ts`. */
interface NativelyWritten {
  readonly native: Native.DirtyFile
}

type Answerable = Exclude<Native.Request, { op: 'listed' | 'release' | 'cancelled' | 'stopped' }>

class NativeMount implements Mount, KernelView {
  readonly directory: string
  readonly gone: Promise<void>
  readonly #deps: NativeTransportDeps
  readonly #fs: FileSystem
  readonly #session: Native.Session
  readonly #waiting = new Map<number, AbortController>()
  readonly #contents = new Map<LocalContent, Registration>()
  readonly #handles = new Map<number, { readonly node: NodeId; readonly content: LocalContent }>()
  readonly #ahead: ListingAhead
  readonly #statisticsTimer: NodeJS.Timeout
  #resolveGone = () => {}

  constructor(deps: NativeTransportDeps, fileSystem: FileSystem, options: MountOptions) {
    this.#deps = deps
    this.#fs = fileSystem
    this.directory = options.directory
    this.gone = new Promise(resolve => {
      this.#resolveGone = resolve
    })
    this.#session = startSession(deps, options, requests =>
      requests.forEach(request => this.#receive(request)),
    )
    this.#ahead = new ListingAhead({
      fileSystem,
      holds: node => this.#session.holdsListing(node),
      offer: (node, entries) =>
        this.#session.offerListing(node, packEntries(entries), this.#parentRecord(node)),
      onBug: failure => deps.onBug('listing-ahead', failure),
    })
    this.#tellStatistics()
    this.#statisticsTimer = setInterval(
      () => this.#tellStatistics(),
      STATISTICS_INTERVAL_MILLISECONDS,
    ).unref()
  }

  get view(): KernelView {
    return this
  }

  async unmount(): Promise<void> {
    await this.#session.unmount()
    this.#end()
  }

  entryChanged(parent: NodeId, name: string): void {
    this.#session.invalidateEntry(parent, name)
  }

  attributesChanged(node: NodeId): void {
    this.#session.invalidateAttributes(node)
  }

  contentReplaced(node: NodeId): void {
    // The new version has another nodeid. Pages and local bytes of the old one stay good for who has it open;
    // what is missing of it the file system refuses by itself, with the reason.
    this.#session.invalidateAttributes(node)
  }

  isPassedThrough(node: NodeId): boolean {
    return this.#session.isPassedThrough(node)
  }

  contentDirty(node: NodeId, file: DirtyFile): void {
    this.#changedHere(node, file)
  }

  announce({ what, directory, path, name, isFolder, attributes }: DirectoryEvent): void {
    const record = attributes && packNode(attributes, name)
    this.#session.announce(ANNOUNCED[what], directory, path.join('/'), name, isFolder, record)
  }

  everythingChanged(): void {
    this.#session.invalidateAll()
  }

  #receive(request: Native.Request): void {
    switch (request.op) {
      case 'listed':
        this.#fs.listingRead(request.node as NodeId)
        return this.#ahead.used(request.node as NodeId)
      case 'release':
        return this.#release(request.handle)
      case 'cancelled':
        return this.#waiting.get(request.id)?.abort(new Fault('cancelled', 'The program stopped waiting'))
      case 'stopped':
        return this.#end()
      default:
        void this.#answer(request)
    }
  }

  async #answer(request: Answerable): Promise<void> {
    const abort = new AbortController()
    this.#waiting.set(request.id, abort)
    try {
      await this.#perform(request, abort.signal)
    } catch (failure) {
      if (!isFault(failure)) this.#deps.onBug(request.op, failure)
      this.#session.replyError(request.id, toErrno(failure))
    } finally {
      this.#waiting.delete(request.id)
    }
  }

  async #perform(request: Answerable, signal: AbortSignal): Promise<void> {
    const session = this.#session
    switch (request.op) {
      case 'lookup': {
        const found = await this.#fs.lookup(request.parent as NodeId, request.name, signal)
        if (found) session.replyEntry(request.id, packNode(found, request.name))
        else session.replyNoEntry(request.id)
        return
      }
      case 'getattr':
        return session.replyAttributes(request.id, packNode(this.#fs.getattr(request.node as NodeId)))
      case 'readdir': {
        const node = request.node as NodeId
        // The kernel opens directories without asking.
        await this.#fs.opendir(node, signal)
        session.replyListing(request.id, packEntries(this.#fs.readdir(node)), this.#parentRecord(node))
        return this.#ahead.asked(node)
      }
      case 'open':
        return this.#open(request.id, request.node as NodeId, request.flags, request, signal)
      case 'read':
        // Answered natively as soon as the bytes are there: see #register.
        return this.#fs.ensurePresent(request.handle, { start: request.start, end: request.end }, signal)
      case 'getxattr': {
        const value = await this.#fs.getxattr(request.node as NodeId, request.name, signal)
        return session.replyBytes(request.id, value)
      }
      case 'setxattr':
        this.#fs.setxattr(request.node as NodeId, request.name, request.value)
        return session.replyDone(request.id)
      case 'removexattr':
        this.#fs.removexattr(request.node as NodeId, request.name)
        return session.replyDone(request.id)
      case 'create':
        return this.#create(request, signal)
      case 'mkdir': {
        const { id, parent, name, permissions } = request
        const made = await this.#fs.mkdir(parent as NodeId, name, permissions, request, signal)
        return session.replyEntry(id, packNode(made, name))
      }
      case 'unlink':
        await this.#fs.unlink(request.parent as NodeId, request.name, request, signal)
        return session.replyDone(request.id)
      case 'rmdir':
        await this.#fs.rmdir(request.parent as NodeId, request.name, request, signal)
        return session.replyDone(request.id)
      case 'rename': {
        const { id, name, newName, flags } = request
        const [from, to] = [request.parent as NodeId, request.newParent as NodeId]
        await this.#fs.rename(from, name, to, newName, flags, request, signal)
        return session.replyDone(id)
      }
      case 'setattr':
        return this.#setattr(request, signal)
      case 'begin-write': {
        const open = this.#handles.get(request.handle)
        const dirty = await this.#fs.beginWrite(request.handle, signal)
        if (open) this.#changedHere(open.node, dirty)
        return session.replyDone(request.id)
      }
      case 'fsync':
        await this.#fs.fsync(request.handle, signal)
        return session.replyDone(request.id)
    }
  }

  #parentRecord(node: NodeId): Uint8Array {
    return packNode(this.#fs.getattr(this.#fs.parentOf(node)))
  }

  async #open(id: number, node: NodeId, flags: number, caller: Caller, signal: AbortSignal): Promise<void> {
    const opened = await this.#fs.open(node, flags, caller, signal)
    if (signal.aborted) return this.#fs.release(opened.handle)
    const content = this.#opened(node, opened)
    await this.#answerOpened(node, opened, signal, () => this.#session.replyOpen(id, opened.handle, content))
  }

  async #create(request: Native.Request & { op: 'create' }, signal: AbortSignal): Promise<void> {
    const { id, parent, name, permissions, flags } = request
    const mode = flags ?? MKNOD_FLAGS
    const made = await this.#fs.create(parent as NodeId, name, permissions, mode, request, signal)
    const record = packNode(made.attributes, name)
    if (flags === undefined) {
      this.#fs.release(made.handle)
      return this.#session.replyEntry(id, record)
    }
    const { node } = made.attributes
    const content = this.#opened(node, made)
    await this.#answerOpened(node, made, signal, () =>
      this.#session.replyCreate(id, record, made.handle, content),
    )
  }

  /** @param answer whether it could be answered */
  async #answerOpened(
    node: NodeId,
    { handle }: OpenFile,
    signal: AbortSignal,
    answer: () => boolean,
  ): Promise<void> {
    if (answer()) return
    // It is to be written, and the kernel reads its cache file by itself.
    try {
      this.#changedHere(node, await this.#fs.beginWrite(handle, signal))
    } catch (failure) {
      this.#release(handle)
      throw failure
    }
    answer()
  }

  async #setattr(request: Native.Request & { op: 'setattr' }, signal: AbortSignal): Promise<void> {
    const node = request.node as NodeId
    const attributes = await this.#fs.setattr(node, toChanges(request), request.handle, request, signal)
    this.#session.replyAttributes(request.id, packNode(attributes))
  }

  /** @returns what the session calls the content of this new handle */
  #opened(node: NodeId, { handle, content, dirty }: OpenFile): number {
    const registration = this.#contents.get(content) ?? this.#register(node, content)
    registration.handles++
    this.#handles.set(handle, { node, content })
    if (content.verified && !registration.verified) {
      registration.verified = true
      this.#session.contentVerified(registration.id)
    }
    if (dirty) this.#changedHere(node, dirty)
    return registration.id
  }

  /** All who have the node open read and write by `dirty` from now on. */
  #changedHere(node: NodeId, dirty: DirtyFile): void {
    for (const registration of this.#contents.values()) {
      if (registration.node !== node || registration.dirty === dirty) continue
      registration.dirty = dirty
      this.#session.contentDirty(registration.id, node, nativelyWritten(dirty).native)
    }
  }

  #register(node: NodeId, content: LocalContent): Registration {
    const present = new Float64Array([...content.present].flatMap(range => [range.start, range.end]))
    const id = this.#session.addContent(content.fd, content.size, present, content.verified)
    const stop = content.onPresent(range => this.#session.contentPresent(id, range.start, range.end))
    const registration = { id, node, stop, handles: 0, verified: content.verified, dirty: undefined }
    this.#contents.set(content, registration)
    return registration
  }

  #release(handle: number): void {
    const open = this.#handles.get(handle)
    if (!open) return
    this.#handles.delete(handle)
    // First: what the session shows of the file it shows until the file system has noted it.
    this.#fs.release(handle)
    const registration = this.#contents.get(open.content)
    if (registration && --registration.handles === 0) {
      this.#contents.delete(open.content)
      registration.stop()
      this.#session.dropContent(registration.id)
    }
  }

  #tellStatistics(): void {
    const { totalBytes, freeBytes, availableBytes } = this.#fs.statistics()
    this.#session.setStatistics(totalBytes, freeBytes, availableBytes)
  }

  #end(): void {
    clearInterval(this.#statisticsTimer)
    this.#ahead.close()
    for (const abort of this.#waiting.values()) abort.abort(new Fault('cancelled', 'The drive was unmounted'))
    for (const handle of [...this.#handles.keys()]) this.#release(handle)
    this.#resolveGone()
  }
}

function nativelyWritten(dirty: DirtyFile): NativelyWritten {
  if ('native' in dirty) return dirty as DirtyFile & NativelyWritten
  throw new Error('the kernel transport writes native dirty files only')
}

function toChanges(request: Native.Request & { op: 'setattr' }): AttributeChanges {
  const { size, modified, permissions, owner, group, touched } = request
  return {
    ...(size !== undefined && { size }),
    ...(modified !== undefined && { modified }),
    ...(permissions !== undefined && { permissions }),
    ...(owner !== undefined && { uid: owner }),
    ...(group !== undefined && { gid: group }),
    touched,
  }
}

function startSession(
  deps: NativeTransportDeps,
  options: MountOptions,
  onRequests: (requests: readonly Native.Request[]) => void,
): Native.Session {
  try {
    return new deps.addon.Session(
      {
        directory: options.directory,
        source: 'b2bmount',
        subtype: 'b2bmount',
        readOnly: options.readOnly,
        allowOther: options.allowOther,
        uid: getuid?.() ?? 0,
        gid: getgid?.() ?? 0,
        passthrough: options.passthrough,
        timeoutSeconds: KERNEL_CACHE_SECONDS,
        deadlineMilliseconds: REQUEST_DEADLINE_MILLISECONDS,
        maxEntries: NATIVE_ENTRIES,
        largestFile: LARGEST_FILE,
      },
      onRequests,
    )
  } catch (failure) {
    throw mountFault(failure, options.directory)
  }
}

function mountFault(failure: unknown, directory: string): Fault {
  const { code, message } = failure as NodeJS.ErrnoException
  switch (code) {
    case 'ENOENT':
      return new Fault('fuse-missing', 'This machine has no /dev/fuse', {
        nextStep: 'Load the kernel module with: sudo modprobe fuse (in a container, pass the device to it)',
        cause: failure,
      })
    case 'NO_FUSERMOUNT':
      return new Fault('fusermount-missing', 'fusermount3 is not installed', {
        nextStep: 'Install it with: sudo apt-get install fuse3',
        cause: failure,
      })
    case 'MOUNT_POINT':
      return new Fault('mount-point-missing', `Nothing can be mounted at ${directory}: ${message}`, {
        nextStep: 'Choose a directory of yours.',
        cause: failure,
      })
    case 'EBUSY':
      return new Fault('already-mounted', `Something is mounted at ${directory} already`, {
        nextStep: 'Choose another directory.',
        cause: failure,
      })
    default:
      return new Fault('mount-refused', `The drive cannot be mounted at ${directory}: ${message}`, {
        nextStep: 'Run: b2bmount doctor',
        cause: failure,
      })
  }
}

import type { ByteRange, ByteRanges } from '../model/byte-ranges.js'
import type { DirtyFile } from '../model/dirty-file.js'
import type { Bytes, Ino, Milliseconds, NodeId } from '../model/ids.js'

/** What `stat` shows of one inode. */
export interface Attributes {
  /** The kernel's identity; changes when the other side replaces the content. */
  readonly node: NodeId
  /** `st_ino`; stays the same for the life of the item. */
  readonly ino: Ino
  readonly kind: 'file' | 'directory'
  readonly size: Bytes
  /**
   * 512-byte blocks that are local. At least 1 for a non-empty file: GNU tar and cp take a file
   * of zero blocks for one hole and write zeros without reading it.
   */
  readonly blocks: number
  readonly modified: Milliseconds
  readonly changed: Milliseconds
  /** `st_birthtime`; 0: nobody knows. */
  readonly created: Milliseconds
  /** Permission bits, without the type. */
  readonly permissions: number
  readonly links: number
}

export interface Entry {
  /** As shown on the drive: valid UTF-8, 1 to 255 bytes, no '/', no NUL, never '.' or '..'. */
  readonly name: string
  readonly attributes: Attributes
}

/** Who asks: the FUSE header's ids. `pid` is a thread id, 0 when it is not visible from here. */
export interface Caller {
  readonly pid: number
  readonly uid: number
}

/** Where a file's local bytes are. Owned by hydration; the transport reads `fd` and never closes it. */
export interface LocalContent {
  /** Sparse cache file of `size` bytes, open for reading and writing. */
  readonly fd: number
  readonly size: Bytes
  /** What is local now. Grows; {@link LocalContent.onPresent} tells when. */
  readonly present: ByteRanges
  /** All bytes are local and their hash is the service's (or it has none). */
  readonly verified: boolean
  /**
   * Calls `listener` for each range right after its bytes are in the file, until the returned function is called.
   */
  onPresent(listener: (range: ByteRange) => void): () => void
}

export interface OpenFile {
  /** Never 0; never reused while the daemon runs. */
  readonly handle: number
  readonly content: LocalContent
  /** Where the file was changed here. One that is opened before the first write gets it by {@link FileSystem.beginWrite}. */
  readonly dirty?: DirtyFile
}

/** What `chmod`, `chown`, `truncate` and `utimensat` want to have changed. */
export interface AttributeChanges {
  readonly size?: Bytes
  readonly modified?: Milliseconds
  /** Bits of the permissions, without the type. */
  readonly permissions?: number
  readonly uid?: number
  readonly gid?: number
  /** Something is set, be it to what it was, or what is not kept: the time of reading. `st_ctime` tells. */
  readonly touched?: boolean
}

export interface Created extends OpenFile {
  readonly attributes: Attributes
}

export interface FileSystemStatistics {
  readonly totalBytes: Bytes
  readonly freeBytes: Bytes
  /** Of the free ones: to whoever is not root. */
  readonly availableBytes: Bytes
}

/**
 * The mounted drive, in terms of inodes, without a kernel.
 * Every method throws {@link Fault}; `src/fs/errno.ts` makes a number of it. Anything else thrown is a bug (EIO).
 * `signal` ends this caller's wait (a killed or interrupted process), not work that others share.
 */
export interface FileSystem {
  /** `undefined`: no such name. Waits for the network only while the folder was never listed. */
  lookup(parent: NodeId, name: string, signal: AbortSignal): Promise<Attributes | undefined>
  getattr(node: NodeId): Attributes
  /** Returns once the folder's listing is in the store; at once when it is known already, also offline. */
  opendir(node: NodeId, signal: AbortSignal): Promise<void>
  /** The listing from the store, in ascending order of `ino`, without '.' and '..'. */
  readdir(node: NodeId): readonly Entry[]
  /**
   * What {@link readdir} would say, if it is in the store: for who keeps listings ahead of a program that walks the tree.
   * Tells nobody that somebody looks at the folder; {@link FileSystem.listingRead} does.
   */
  listingKnown(node: NodeId): readonly Entry[] | undefined
  /** A program reads what {@link listingKnown} had given out ahead of it. */
  listingRead(node: NodeId): void
  /** The containing directory; the root's is itself. */
  parentOf(node: NodeId): NodeId
  /** Binds a handle to the version of now. Downloads nothing. @param flags open(2) flags */
  open(node: NodeId, flags: number, caller: Caller, signal: AbortSignal): Promise<OpenFile>
  /** Makes `range` (clamped to the size) readable in the handle's `content.fd`. */
  ensurePresent(handle: number, range: ByteRange, signal: AbortSignal): Promise<void>
  /** `ensurePresent` and the bytes: for transports without access to the cache file, and for tests. */
  read(handle: number, range: ByteRange, signal: AbortSignal): Promise<Uint8Array>
  /** The last descriptor is closed; also what a mapping has changed since is noted now. */
  release(handle: number): void

  /**
   * Makes a file and opens it.
   * @param permissions the mode of open(2) after the program's umask
   * @param flags open(2) flags
   * @throws {Fault} `name-taken` with O_EXCL, `is-a-directory`, `name-refused`, `read-only`, …
   */
  create(
    parent: NodeId,
    name: string,
    permissions: number,
    flags: number,
    caller: Caller,
    signal: AbortSignal,
  ): Promise<Created>
  /** @throws {Fault} `name-taken`, `name-refused`, `read-only`, … */
  mkdir(
    parent: NodeId,
    name: string,
    permissions: number,
    caller: Caller,
    signal: AbortSignal,
  ): Promise<Attributes>
  /** @throws {Fault} `item-not-found`, `is-a-directory`, `read-only`, … */
  unlink(parent: NodeId, name: string, caller: Caller, signal: AbortSignal): Promise<void>
  /** @throws {Fault} `item-not-found`, `not-a-directory`, `not-empty`, `read-only`, … */
  rmdir(parent: NodeId, name: string, caller: Caller, signal: AbortSignal): Promise<void>
  /**
   * @param flags renameat2(2)'s
   * @throws {Fault} `name-taken` with RENAME_NOREPLACE; `cross-library`, `not-supported`, `not-empty`, …
   */
  rename(
    parent: NodeId,
    name: string,
    newParent: NodeId,
    newName: string,
    flags: number,
    caller: Caller,
    signal: AbortSignal,
  ): Promise<void>
  /** @param handle where the change came by an open file */
  setattr(
    node: NodeId,
    changes: AttributeChanges,
    handle: number | undefined,
    caller: Caller,
    signal: AbortSignal,
  ): Promise<Attributes>
  /**
   * Before the first byte is written by way of a handle: when it resolves the file is dirty, and a crash cannot make us
   * forget that. From then on whoever has the file open reads and writes by {@link DirtyFile}, and what was written outlives
   * this process without another word: close(2) need not be told of.
   * Of a file that is dirty, what it has, also by way of a handle that only reads.
   */
  beginWrite(handle: number, signal: AbortSignal): Promise<DirtyFile>
  /** {@link FileSystem.beginWrite} and the bytes: for transports that do not write themselves, and for tests. */
  write(handle: number, offset: Bytes, bytes: Uint8Array, signal: AbortSignal): Promise<void>
  /** fsync(2): what was written outlives this machine's power. A directory's node, for fsync of a directory, alike. */
  fsync(handle: number | undefined, signal: AbortSignal): Promise<void>

  /** Never asks the network. */
  statistics(): FileSystemStatistics
  /** @throws {Fault} `no-attribute` */
  getxattr(node: NodeId, name: string, signal: AbortSignal): Uint8Array | Promise<Uint8Array>
  /**
   * Only `user.b2bmount.pin` can be set, to what is wanted of the item: a wish, not content.
   * @throws {Fault} `read-only` for others, `invalid-value`
   */
  setxattr(node: NodeId, name: string, value: string): void
  /** The item is to be as its folder again. @throws {Fault} `read-only` for other attributes */
  removexattr(node: NodeId, name: string): void
  /** Names to list: none of ours, so that `cp -a` does not copy them. */
  listxattr(node: NodeId): readonly string[]
}

/** What happened in a directory, for whoever watches it. */
export interface DirectoryEvent {
  readonly what: 'appeared' | 'vanished' | 'changed'
  readonly directory: NodeId
  /** Names from the root of the drive to the directory. */
  readonly path: readonly string[]
  readonly name: string
  readonly isFolder: boolean
  /** Of what is there now. */
  readonly attributes: Attributes | undefined
}

/**
 * The kernel's caches, as the file system sees them: told after the store has the new state.
 * Implemented by a transport; calls return at once and are carried out in order.
 */
export interface KernelView {
  /** `name` in `parent` appeared, vanished, or leads to another node. */
  entryChanged(parent: NodeId, name: string): void
  /** Attributes of `node` changed; its content did not. */
  attributesChanged(node: NodeId): void
  /** The content that `node` stood for was replaced: its open handles fail with ESTALE where not local. */
  contentReplaced(node: NodeId): void
  /**
   * The file of `node` was changed here, by whichever way: whoever has it open reads and writes by `file` from now on. May be
   * said more than once. Absent where all bytes go through {@link FileSystem.read} and {@link FileSystem.write}.
   */
  contentDirty?(node: NodeId, file: DirtyFile): void
  /** Whether this kernel reads the cache file of `node` by itself: what is written has to be in that very file. */
  isPassedThrough?(node: NodeId): boolean
  /** Bytes of `node` were changed here by way of another mount: pages that the kernel has of it are old. */
  pagesChanged?(node: NodeId): void
  /** Tells programs that watch a directory, where the transport can; after the calls that belong to it. */
  announce?(event: DirectoryEvent): void
  /** More changed than is worth telling one by one. */
  everythingChanged(): void
}

/**
 * What the addon exports. Loaded by `src/transport/native-addon.ts` only.
 * All methods are called on the JavaScript thread and never block on the kernel or the disk; only the constructor and
 * `detach` wait, some milliseconds, for the mount.
 */

export interface SessionOptions {
  /** Absolute path of an existing, empty directory. */
  readonly directory: string
  /** First column of /proc/mounts, for example `b2bmount`. */
  readonly source: string
  /** The file system type is `fuse.<subtype>`. */
  readonly subtype: string
  /**
   * Whatever would change something fails with EROFS, except setting our attributes. The kernel does not know: it would
   * refuse those, too, so `/proc/mounts` says `rw`.
   */
  readonly readOnly: boolean
  readonly allowOther: boolean
  /** Owner of every inode, and without `allowOther` the only user who may use the mount (also root may not). */
  readonly uid: number
  readonly gid: number
  /** Let the kernel read verified content by itself (FUSE_PASSTHROUGH), where the process and the kernel can. */
  readonly passthrough: boolean
  /** How long the kernel may keep entries and attributes; invalidation makes it safe. */
  readonly timeoutSeconds: number
  /** A request that JavaScript has not answered by then gets EIO. Content that makes progress restarts the count. */
  readonly deadlineMilliseconds: number
  /** Entries kept natively for LOOKUP, GETATTR and READDIRPLUS; the oldest directories go first. */
  readonly maxEntries: number
  /** Bytes; writing and allocating beyond it is EFBIG, before anything else is done. */
  readonly largestFile: number
}

/** One kernel request that needs JavaScript. `id` is to be answered exactly once, by a `reply…` method. */
export type Request =
  | {
      readonly op: 'lookup'
      readonly id: number
      readonly parent: number
      readonly name: string
      readonly pid: number
      readonly uid: number
    }
  | { readonly op: 'getattr'; readonly id: number; readonly node: number }
  /** The listing is not (or no longer) held natively. Answer with `replyListing`. */
  | { readonly op: 'readdir'; readonly id: number; readonly node: number }
  | {
      readonly op: 'open'
      readonly id: number
      readonly node: number
      readonly flags: number
      readonly pid: number
      readonly uid: number
    }
  /**
   * A READ of bytes that are not local. It is parked natively and answered by itself once
   * `contentPresent` has covered it; `replyError` fails it.
   */
  | {
      readonly op: 'read'
      readonly id: number
      readonly handle: number
      readonly start: number
      readonly end: number
      readonly pid: number
    }
  /** Only of names that begin with `user.b2bmount.`. No names are listed. Answer with `replyBytes`. */
  | { readonly op: 'getxattr'; readonly id: number; readonly node: number; readonly name: string }
  /** Of the same names; `value` has at most 255 bytes, `flags` are XATTR_CREATE and XATTR_REPLACE. Answer with `replyDone`. */
  | {
      readonly op: 'setxattr'
      readonly id: number
      readonly node: number
      readonly name: string
      readonly value: string
      readonly flags: number
    }
  | { readonly op: 'removexattr'; readonly id: number; readonly node: number; readonly name: string }
  /** CREATE, and MKNOD of a file without a handle (then `flags` is undefined). `replyCreate`, or `replyEntry` for MKNOD. */
  | {
      readonly op: 'create'
      readonly id: number
      readonly parent: number
      readonly name: string
      /** Permission bits that the program wants to have; its umask has been applied. */
      readonly permissions: number
      readonly flags: number | undefined
      readonly pid: number
      readonly uid: number
    }
  /** Answer with `replyEntry`. */
  | {
      readonly op: 'mkdir'
      readonly id: number
      readonly parent: number
      readonly name: string
      readonly permissions: number
      readonly pid: number
      readonly uid: number
    }
  /**
   * Answer with `replyDone`. The name is gone natively then, and the parent's listing goes on without it; so the kernel and
   * the addon need not be told by an invalidation. The same holds for `create`, `mkdir` and `rename`.
   */
  | {
      readonly op: 'unlink' | 'rmdir'
      readonly id: number
      readonly parent: number
      readonly name: string
      readonly pid: number
      readonly uid: number
    }
  /** RENAME and RENAME2. Answer with `replyDone`. The node moves to its new place, what was there is gone. */
  | {
      readonly op: 'rename'
      readonly id: number
      readonly parent: number
      readonly name: string
      readonly newParent: number
      readonly newName: string
      readonly flags: number
      readonly pid: number
      readonly uid: number
    }
  /**
   * Only what is to change is there. Answer with `replyAttributes`. A new size may make contents dirty that are open:
   * call `contentDirty` for them before.
   */
  | {
      readonly op: 'setattr'
      readonly id: number
      readonly node: number
      readonly handle: number | undefined
      readonly size: number | undefined
      /** Milliseconds since the epoch. */
      readonly modified: number | undefined
      readonly permissions: number | undefined
      /** `owner`, `group`: as chown(2) says. */
      readonly owner: number | undefined
      readonly group: number | undefined
      /** Something is set, be it to what it was, or what is not kept: the time of reading. */
      readonly touched: boolean
      readonly pid: number
      readonly uid: number
    }
  /**
   * The first WRITE or FALLOCATE of a content that is not dirty yet: parked, with its bytes. Call `contentDirty`, then
   * `replyDone`: it is carried out by a native thread, and so are all that follow.
   */
  | { readonly op: 'begin-write'; readonly id: number; readonly handle: number; readonly pid: number }
  /** FSYNC of a handle whose content is dirty, and FSYNCDIR (then without a handle). `replyDone`. */
  | { readonly op: 'fsync'; readonly id: number; readonly handle: number | undefined }
  /** An offered listing is read for the first time; nothing to answer. */
  | { readonly op: 'listed'; readonly node: number }
  /** The kernel has closed the handle; nothing to answer. */
  | { readonly op: 'release'; readonly handle: number }
  /**
   * Request `id` has been answered natively, nobody waits for it any more: it was interrupted (INTERRUPT, or FLUSH of its
   * handle: EINTR), it expired (EIO), or it was a `read` of content that was dropped. Not sent for
   * requests that have not been delivered yet.
   *
   * A `create`, `mkdir`, `unlink`, `rmdir`, `rename` or `setattr` that is interrupted is not answered: somebody waits, and
   * should hear soon, EINTR if nothing was changed. If it expires, an answer that still comes tells the kernel.
   */
  | { readonly op: 'cancelled'; readonly id: number }
  /**
   * The mount is gone: `unmount`, somebody else unmounted it, or the connection was aborted. The last event. Requests still
   * waiting have been answered; handles still open get no `release`.
   */
  | { readonly op: 'stopped' }

export interface Statistics {
  /** Kernel requests by opcode name, for example `LOOKUP`. */
  readonly requests: Readonly<Record<string, number>>
  /** Of these, how many went to JavaScript. */
  readonly forwarded: number
  /** Opens that were served by passthrough. */
  readonly passthroughOpens: number
  /** Requests that JavaScript did not answer within the deadline. */
  readonly expired: number
  /** Bytes answered to READ by native threads. */
  readonly readBytes: number
  /** Bytes of WRITEs that were carried out. */
  readonly writtenBytes: number
  /** Entries held natively now. */
  readonly entries: number
}

/**
 * A packed node record, little-endian, length a multiple of 8:
 *
 *    0 u32 length of the record, padding included      4 u32 length of the name in bytes
 *    8 f64 nodeid      16 f64 st_ino     24 f64 size   32 f64 512-byte blocks
 *   40 f64 mtime, milliseconds since the epoch         48 f64 ctime, the same
 *   56 u32 st_mode with the type     60 u32 nlink
 *   64 f64 time of birth, milliseconds since the epoch, 0: not known    72 name, UTF-8, zero-padded
 *
 * Numbers are f64 because 53 bits are what JavaScript counts with; a BigInt costs ten times as much.
 */
export type NodeRecord = Uint8Array

export class Session {
  /**
   * Mounts, negotiates and starts the threads. `onRequests` is called on the JavaScript thread with what has gathered.
   * The session keeps the event loop alive until `stopped`.
   * Serves inode 1 as the root.
   * @throws {Error} with `code` `ENOENT` (no /dev/fuse), `MOUNT_POINT` (the directory is missing, no directory or not
   *   accessible), `EBUSY` (a FUSE file system, perhaps a dead one, is mounted there: see `detach`), `EPERM`,
   *   `NO_FUSERMOUNT` (not root and fusermount3 is missing), `FUSERMOUNT` (it refused: `message` is what it printed),
   *   `EPROTO` (kernel older than 5.4), `EIO`
   * @throws {TypeError} for options that are not as described, like all methods for their arguments
   */
  constructor(options: SessionOptions, onRequests: (requests: readonly Request[]) => void)

  /** What was negotiated. */
  readonly protocol: { readonly minor: number; readonly passthrough: boolean; readonly epoch: boolean }

  replyError(id: number, errno: number): void
  /**
   * Answers `lookup`, `mkdir`, and `create` without flags. Kept natively, unless anything was invalidated since the
   * request was delivered: then the answer may be old, and is given to this one caller with no validity. The same holds
   * for the other answers.
   */
  replyEntry(id: number, record: NodeRecord): void
  /** Answers `lookup`: no such name; the kernel may remember it. */
  replyNoEntry(id: number): void
  /** Answers `getattr` and `setattr`. */
  replyAttributes(id: number, record: NodeRecord): void
  /**
   * Answers `readdir` and keeps the listing.
   * @param records all children, packed one after the other, in ascending order of st_ino, without '.' and '..'
   * @param parent record of the parent directory, for '..' (its name is not used)
   */
  replyListing(id: number, records: Uint8Array, parent: NodeRecord): void
  /** Keeps a listing that nobody has asked for yet; arguments as of `replyListing`. `listed` tells when somebody does. */
  offerListing(node: number, records: Uint8Array, parent: NodeRecord): void
  holdsListing(node: number): boolean
  /**
   * Answers `open`. `handle` is ours to choose, above 0; READ and RELEASE name it. If the request was cancelled meanwhile,
   * `release` of the handle follows at once. All contents of one node must have the same bytes.
   * @returns false: nothing was answered. The node is to be written, and `isPassedThrough`: see there, then answer again
   */
  replyOpen(id: number, handle: number, content: number): boolean
  /** Answers `create`: as `replyEntry` and `replyOpen`. */
  replyCreate(id: number, record: NodeRecord, handle: number, content: number): boolean
  /**
   * Whether the kernel reads the cache file of this node by itself. Whoever changes it then makes that very file the file
   * of a `DirtyFile` without a log, and calls `contentDirty`: else who reads would not see what is written.
   */
  isPassedThrough(node: number): boolean
  /** Answers `setxattr`, `removexattr`, `unlink`, `rmdir`, `rename`, `begin-write` and `fsync`. */
  replyDone(id: number): void
  /** Answers `getxattr`, at most 64 KiB; size probing and ERANGE are native. */
  replyBytes(id: number, bytes: Uint8Array): void

  /**
   * Registers a cache file. The descriptor is duplicated.
   * @param present pairs start, end
   * @returns content id, never reused
   */
  addContent(fd: number, size: number, present: Float64Array, verified: boolean): number
  /** The bytes are in the file: answers parked reads that are covered now, on a native thread. */
  contentPresent(content: number, start: number, end: number): void
  contentVerified(content: number): void
  /**
   * The content has been changed here: from now on it is read and written by way of `dirty`, with the bytes of the cache
   * file where `dirty` has none of its own. Once it was written, size and times of `node` are those of `dirty` in every
   * answer, until the content is dropped.
   */
  contentDirty(content: number, node: number, dirty: DirtyFile): void
  /** Closes the descriptor; parked reads get EIO. Call after the last `release`. */
  dropContent(content: number): void

  /** Forgets (parent, name) natively and in the kernel; the parent's listing too. */
  invalidateEntry(parent: number, name: string): void
  /** Forgets the attributes of a node natively and in the kernel. */
  invalidateAttributes(node: number): void
  /** Forgets the cached pages of a node; waiting reads of it fail with ESTALE. */
  invalidateContent(node: number): void
  /** Forgets all entries, listings and attributes. Pages stay: the content of a node does not change. */
  invalidateAll(): void

  /**
   * Raises inotify's events for who watches the directory: the change is repeated through the mount, by a thread that is
   * answered natively. To be called after the invalidation that belongs to it. More than can be told soon is dropped.
   *
   * @param what 0: `name` has appeared, 1: it has vanished, 2: the item's content or attributes have changed
   * @param path of the directory below the mount point: names with '/' between two, '' for the root
   * @param record of the item, unless it has vanished
   */
  announce(
    what: 0 | 1 | 2,
    directory: number,
    path: string,
    name: string,
    isDirectory: boolean,
    record?: NodeRecord,
  ): void

  /** Answers to STATFS from now on. */
  setStatistics(totalBytes: number, freeBytes: number, availableBytes: number): void

  statistics(): Statistics
  /**
   * Resolves when the mount has gone and all threads have ended, after `stopped`. Lazy: open files see ENOTCONN.
   * What is waiting gets EIO. Afterwards all methods do nothing. Rejects, with a `code` as of the constructor, when the
   * dead mount could not be taken away.
   */
  unmount(): Promise<void>
}

/**
 * The bytes of a file that was changed here. Used by the threads of all sessions and by JavaScript; a lock of its own keeps
 * their calls apart. Every byte below `size` is one of: written (in the file), given by the base (below `baseEnd` and
 * not written), or zero.
 *
 * What was written is in a log besides, so that it is known after a crash: records of 24 bytes, three u64 little-endian:
 *
 *   1, start, end   these bytes are in the file. Appended after them.
 *   2, size, 0      truncated, or grown by zeros: the base gives nothing from here on. Appended before it is carried out.
 *   3, boot, length appended by JavaScript (`src/dirty/range-log.ts`), on this log or its duplicate: it is opened with O_APPEND.
 *
 * A record that says nothing new is left out. Without a log descriptor (-1) there is no base, and the file is all there is.
 */
export class DirtyFile {
  /**
   * The descriptors are duplicated. The file's own length is its size.
   * @param written pairs start, end
   * @param modified milliseconds since the epoch
   * @throws {Error} with a `code` of errno
   */
  constructor(fd: number, log: number, baseEnd: number, written: Float64Array, modified: number)
  readonly size: number
  /** Milliseconds since the epoch, of the last change. */
  readonly modified: number
  /** Of the last change of bytes or attributes since it was opened; 0: none. */
  readonly changed: number
  /** Counts the changes, from 0. */
  readonly revision: number
  /** Milliseconds since the epoch: when a byte, or the size, was changed last; at first of now. */
  readonly writtenAt: number
  /** Counts the changes of bytes and size, from 0. Waits for one under way, which may have put a part of its bytes. */
  writes(): number
  /** Somebody has changed bytes by a mapping that the kernel serves by itself, at `modified`. */
  writtenOutside(modified: number): void
  /** The revision that whoever owns the file has noted of it, 0 at first. */
  noted: number
  /** Permission bits that fchmod(2) has set while it was open for writing; set it where they are changed otherwise. */
  get permissions(): number | undefined
  set permissions(permissions: number)
  readonly baseEnd: number
  /** Pairs start, end: what of [start, end) the base gives. */
  fromBase(start: number, end: number): Float64Array
  /** Pairs start, end. */
  written(): Float64Array
  /** These wait for the disk's cache, as write(2) does. @throws {Error} with a `code` of errno; nothing was changed */
  write(offset: number, bytes: Uint8Array): void
  truncate(size: number): void
  zero(start: number, end: number): void
  /** Bytes of the base, written only where the base still gives them. No change. */
  fill(offset: number, bytes: Uint8Array): void
  /** Up to the size; zeros for what the base gives. */
  read(start: number, end: number): Uint8Array
  setModified(modified: number): void
  /** Of JavaScript, which says no more but what it is like; sessions go on with it. Closes its descriptors. */
  close(): void
}

/** Whom TLS connections trust, and the sessions that they resume. Holds on to nothing else. */
export class TlsTrust {
  /** @param roots PEM; the only certificate authorities that count. @throws {TypeError} if there is none in it */
  constructor(roots: string)
}

export interface TlsTarget {
  /** IP addresses, tried in this order. */
  readonly addresses: readonly string[]
  readonly port: number
  /** DNS name or IP address that the other side must prove to be. */
  readonly host: string
}

export type TlsEvent =
  /** The other side has proven who it is. */
  | { readonly kind: 'connected' }
  /** `length` bytes have arrived in buffer 0 or 1. It is yours until `taken()`; no other `data` comes before. */
  | { readonly kind: 'data'; readonly buffer: 0 | 1; readonly length: number }
  /** So many bytes more are in the file of `store()`; `hash` is their quickXorHash, as if they were a file. */
  | { readonly kind: 'stored'; readonly length: number; readonly hash: string }
  /** They could not be written; `code` is of errno (`ENOSPC`). Only `closed` follows. */
  | { readonly kind: 'store-failed'; readonly code: string; readonly message: string }
  /**
   * The last event. `code` is of errno (`ECONNRESET`), of a certificate's verification as node:tls names it
   * (`CERT_HAS_EXPIRED`), or `ERR_SSL_PROTOCOL`; none: the other side or `destroy()` has closed the connection.
   */
  | { readonly kind: 'closed'; readonly code?: string; readonly message?: string }

/**
 * A connection of TLS 1.2 or 1.3 with a thread of its own, by the OpenSSL inside Node.js. There on Linux only, and
 * where Node.js exports its OpenSSL (ask before use). Half the processor time per byte of node:tls: nothing is copied
 * between decryption and the buffer, and JavaScript is called once for what has gathered while it was busy.
 */
export class TlsConnection {
  /**
   * Connects. Keeps the event loop alive, until `unref()`.
   * @param first, second what is received alternates between them; not to be touched but as `data` says
   */
  constructor(
    trust: TlsTrust,
    target: TlsTarget,
    first: Uint8Array,
    second: Uint8Array,
    onEvent: (event: TlsEvent) => void,
  )
  /** Sends as soon as there is a connection. */
  write(text: string): void
  taken(): void
  /**
   * Instead of `taken()`: and the next `length` bytes belong into the open file `fd`, from `offset` on. They come as
   * `stored`, those behind them as `data` again. The descriptor is duplicated.
   */
  store(fd: number, offset: number, length: number): void
  /** `closed` follows. */
  destroy(): void
  ref(): void
  unref(): void
}

/** Base64, as Graph reports it. @see https://learn.microsoft.com/onedrive/developer/code-snippets/quickxorhash */
export function quickXorHash(bytes: Uint8Array): string
/** The hash of bytes [start, start + length) of an open file, as if they were a file, from a worker thread. It cannot be stopped: keep it short. */
export function quickXorHashRange(fd: number, start: number, length: number): Promise<string>
/**
 * Lazily unmounts whatever is mounted at `directory`, as root by umount2(2), else by fusermount3.
 * @throws {Error} with `code` `EINVAL` (nothing is mounted there), `EPERM`, `EIO`, `NO_FUSERMOUNT`, `FUSERMOUNT`
 */
export function detach(directory: string): void

/**
 * Locks an open file, or a directory, for as long as it is open: by flock(2). Another process, and another descriptor of
 * this one, finds it held, until the last copy of the descriptor is closed, by whomever or by the end of the process.
 * `impossible`: this file system has no such locks, or none of directories.
 */
export function tryLock(fd: number): 'locked' | 'held' | 'impossible'

/**
 * From the next SIGINT, SIGTERM or SIGHUP on, or {@link beginEnding}, the process lives so long at most, whatever its threads
 * do, JavaScript's included. For signals that JavaScript handles already. Linux only.
 */
export function limitEnding(milliseconds: number): void
/** Begins the time of {@link limitEnding}. */
export function beginEnding(): void
/**
 * Takes the mounts away and ends the process. Unlike process.exit() it does not wait for the thread pool, of which a thread
 * may be asking a disk or a name server that does not answer. Linux only.
 */
export function exitNow(code: number): never

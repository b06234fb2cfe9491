import type { ByteRange } from './byte-ranges.js'
import type { DriveChange, DriveItem } from './drive-item.js'
import type { Fault } from './fault.js'
import type { Bytes, ContentVersion, ItemId, ItemKey, Milliseconds, TenantId } from './ids.js'
import type { Library, LibraryAccess } from './library.js'
import type { ThumbnailBox } from './thumbnail.js'

/**
 * Receives a download in order. The chunk is only valid until the returned promise settles
 * (or until the call returns, when it returns nothing).
 */
export interface ContentSink {
  (chunk: Uint8Array, offset: Bytes): Promise<void> | void
  /**
   * Where the bytes that come next, from `offset` on, may be written by whoever receives them, instead of being handed
   * over. Asked after a chunk was taken; `undefined`: go on as before.
   */
  readonly direct?: (offset: Bytes, length: Bytes) => DirectStore | undefined
  /** Of which item, as the service has it, all bytes are that come next. Told before the first of them; may be told again. */
  readonly describes?: (item: DriveItem) => void
}

/** A place in a file for bytes that are under way. */
export interface DirectStore {
  readonly fd: number
  readonly position: Bytes
  /** At most what was asked for. */
  readonly length: Bytes
  /** So many bytes more are in the file. `hash`: their QuickXorHash, as if they were a file. May throw, as the sink. */
  stored(length: Bytes, hash: string): void
  /** What it means that they could not be written. */
  fault(failure: Error): Error
}

/** A content that a file has had, as it is known in the version history. */
export interface PastContent {
  readonly size: Bytes
  readonly modified: Milliseconds
}

/** What hydration needs of the cloud. Implemented by `graph/content.ts`. */
export interface RemoteContent {
  /**
   * Delivers every byte of `range`, in order, over one connection.
   *
   * @param version the content that the caller opened; bytes of another version are never delivered. One that is only
   *   described may be any that fits, and is one and the same from the first byte to the last: `sink.describes`
   * @param signal aborts the request; the promise then rejects with the signal's reason
   * @param past the version history is looked at, too: where something was changed here over this content
   * @throws {Fault} `stale-content` when the service has another version by now, `offline`, `timed-out`,
   *   `throttled`, `access-denied`, `download-blocked`, `malware-detected`, `item-not-found`,
   *   `sign-in-required`, `server-error`, `protocol-error`. Bytes delivered before are good.
   */
  fetch(
    item: ItemKey,
    version: ContentVersion,
    range: ByteRange,
    sink: ContentSink,
    signal: AbortSignal,
    past?: PastContent,
  ): Promise<void>
}

/** What the service has of one thumbnail. */
export type FoundThumbnail =
  /** Bytes as they came; they begin like an image, nothing else of them is known. */
  | { readonly kind: 'image'; readonly bytes: Uint8Array }
  /** It makes none of this file. */
  | { readonly kind: 'none' }
  /** It promised one and delivered something else. */
  | { readonly kind: 'unusable' }
  /** The item, or its thumbnail, is of another version than was asked for. */
  | { readonly kind: 'other-version' }
  | { readonly kind: 'failed'; readonly fault: Fault }

export interface WantedThumbnail {
  readonly item: ItemKey
  readonly version: ContentVersion
}

/** What thumbnails need of the cloud. Implemented by `graph/thumbnails.ts`. */
export interface RemoteThumbnails {
  /**
   * Asks for up to {@link RemoteThumbnails.mostAtOnce} thumbnails of one tenant, in the background of everything else.
   *
   * @param box the image may be larger or smaller
   * @param found called once for each wanted one, by its place, as soon as it is known
   * @throws {Fault} what concerns all of them: `offline`, `throttled`, `sign-in-required`, …; or the signal's reason
   */
  fetch(
    wanted: readonly WantedThumbnail[],
    box: ThumbnailBox,
    found: (place: number, thumbnail: FoundThumbnail) => void,
    signal: AbortSignal,
  ): Promise<void>
  readonly mostAtOnce: number
}

/** An item that makes no sense to us. It is not shown, and it is there all the same. */
export interface NotUnderstood {
  /** As far as it can be read. */
  readonly id: ItemId | undefined
  /** The folder that it is in, as far as the service says so. */
  readonly parent: ItemId | undefined
}

export interface FolderPage {
  readonly items: readonly DriveItem[]
  /** A folder is empty only where this is so, too. */
  readonly notUnderstood: readonly NotUnderstood[]
}

/** What browsing needs of the cloud. Implemented by `graph/children.ts`. */
export interface RemoteFolder {
  /**
   * The children of a folder, page by page. Not a snapshot while others write.
   *
   * @throws {Fault} `server-error` also where a page is of another folder, however often it is asked for
   */
  children(folder: ItemKey, signal: AbortSignal): AsyncIterable<FolderPage>
}

/** What is asked of single items. Implemented by `graph/items-now.ts`. */
export interface RemoteItems {
  /**
   * Items of one tenant, as they are now.
   *
   * @returns in the order of `keys`; `undefined` in place of what is gone or makes no sense
   * @throws {Fault} what concerns all of them: `offline`, `throttled`, `sign-in-required`, …; or the signal's reason
   */
  current(keys: readonly ItemKey[], signal: AbortSignal): Promise<(DriveItem | undefined)[]>
}

/** What tells that something has changed, without saying what. Implemented by `graph/change-hints.ts`. */
export interface RemoteHints {
  /**
   * Resolves when the service's promise to tell is over and has to be renewed, soon after which it is asked again.
   *
   * @param onListening from now on nothing is missed; called once
   * @throws {Fault} `not-supported`, `access-denied` where it does not tell us; what breaks connections: `offline`, …
   */
  listen(root: ItemKey, onListening: () => void, onHint: () => void, signal: AbortSignal): Promise<void>
}

/** Implemented by `libraries/library-rights.ts`. */
export interface RemoteRights {
  /**
   * What we may do with a library; `unknown` where nobody tells guests.
   *
   * @throws {Fault} where the first to be asked could not be: `offline`, `throttled`, `sign-in-required`, …
   */
  accessTo(library: Pick<Library, 'root' | 'scope' | 'host'>, signal: AbortSignal): Promise<LibraryAccess>
}

export interface DeltaPage {
  readonly changes: readonly DriveChange[]
  /** Set on the last page only: where to ask next time. */
  readonly cursor: string | undefined
  /** Neither shown nor taken for deleted. */
  readonly notUnderstood?: readonly NotUnderstood[]
}

/** What enumeration needs of the cloud. Implemented by `graph/delta.ts`. */
export interface RemoteDelta {
  /**
   * All items (no cursor) or what changed since `cursor`, page by page.
   *
   * @param root the mount root of the library: the drive's root or a shared folder
   * @throws {Fault} `resync-required` when the cursor is too old, `not-supported` or `access-denied`
   *   where delta is refused for this folder
   */
  pages(
    root: ItemKey,
    isDriveRoot: boolean,
    cursor: string | undefined,
    signal: AbortSignal,
  ): AsyncIterable<DeltaPage>
}

/** What an upload makes of its bytes. */
export type UploadTarget =
  /** A new file. @see RemoteWriter.upload `name-taken` */
  | { readonly kind: 'new'; readonly parent: ItemKey; readonly name: string }
  /** A new version, unless the item has changed since it had this eTag. */
  | { readonly kind: 'version'; readonly item: ItemKey; readonly eTag: string | undefined }

export interface UploadSource {
  readonly size: Bytes
  readonly modified: Milliseconds
  /** Exactly the bytes of `range`, which nobody changes any more. */
  read(range: ByteRange): Promise<Uint8Array>
  /** Waited for before so many bytes of it are sent. */
  readonly admit?: (bytes: Bytes) => Promise<void>
}

/** Where the service has gathered a part of an upload. The address is a secret. */
export interface UploadSession {
  readonly url: string
  readonly expires: Milliseconds
}

/** How far an upload is; outlives the process. */
export interface UploadProgress {
  /** Of an upload of these very bytes that broke off. */
  readonly session: UploadSession | undefined
  /** Of uploads of other bytes to the same place that broke off: while they last, they hold the name. */
  readonly outdated: readonly UploadSession[]
  /**
   * Called with a new session as soon as its address is known, also when nobody wants the upload any more, and when the time at
   * which it ends has changed.
   */
  setSession(session: UploadSession): void
  /** It is not gone on with, and the service may still have it. */
  left(session: UploadSession): void
  /** The service has said that it has this session no more. */
  ended(session: UploadSession): void
  /** So many bytes have arrived, in all. */
  sent(bytes: Bytes): void
}

export interface ItemUpdate {
  readonly name?: string
  /** Of the same drive. */
  readonly parent?: ItemId
  readonly modified?: Milliseconds
}

/** What uploads need of the cloud. Implemented by `graph/writes.ts`. */
export interface RemoteWriter {
  /**
   * Everything arrives or nothing does; also an answer that was lost is found out about. A file of the same name, or a
   * version, that has these very bytes when the service refuses them is taken for ours: they are read back and compared.
   *
   * @returns the item as it is now, with these bytes or with what SharePoint has made of them
   * @throws {Fault} `name-taken` (409), `stale-content` (412: changed meanwhile), `locked` (423), `quota-full` (507), `upload-held`,
   *   `file-too-large`, `name-refused`, `name-too-long`, `access-denied`, `item-not-found` (the item or the folder),
   *   `throttled`, `offline`, `sign-in-required`, …; or the signal's reason
   */
  upload(
    target: UploadTarget,
    source: UploadSource,
    progress: UploadProgress,
    signal: AbortSignal,
  ): Promise<DriveItem>
  /** @throws {Fault} `name-taken` where there is anything of that name; as {@link RemoteWriter.upload} */
  createFolder(parent: ItemKey, name: string, signal: AbortSignal): Promise<DriveItem>
  /** Renames, moves, sets the time. @throws {Fault} as {@link RemoteWriter.upload} */
  update(item: ItemKey, update: ItemUpdate, eTag: string | undefined, signal: AbortSignal): Promise<DriveItem>
  /** Into the recycle bin of the site; what is gone already is well. @throws {Fault} as {@link RemoteWriter.upload} */
  delete(item: ItemKey, eTag: string | undefined, signal: AbortSignal): Promise<void>
  /** Nothing of it arrives any more that has not arrived already. @throws {Fault} as {@link RemoteWriter.upload} */
  endUpload(tenant: TenantId, sessionUrl: string, signal: AbortSignal): Promise<void>
  /**
   * Whether the service has exactly these bytes as this version of the file: they are read back and compared.
   * @returns also false where that cannot be found out, or the file has another version by now
   * @throws {Fault} what passes: `offline`, `throttled`, …
   */
  holds(item: ItemKey, version: ContentVersion, source: UploadSource, signal: AbortSignal): Promise<boolean>
  /** As it is now. @throws {Fault} `item-not-found`, … */
  item(item: ItemKey, signal: AbortSignal): Promise<DriveItem>
  /** What has this name in a folder; `undefined`: nothing. */
  child(parent: ItemKey, name: string, signal: AbortSignal): Promise<DriveItem | undefined>
}

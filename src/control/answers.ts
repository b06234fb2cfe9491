import type { FaultCode } from '../model/fault.js'
import type { Bytes, Milliseconds, TenantId } from '../model/ids.js'
import type { Library } from '../model/library.js'
import type { TransportName } from '../model/transport-name.js'

/**
 * What the daemon answers. `b2bmount … --json` prints these shapes as they are (docs/CLI.md),
 * so a field is added, never renamed. Names from other organizations are raw here; printing sanitises them.
 */

/** The one account that is signed in, in its home tenant. */
export interface Account {
  /** `ann@fabrikam.example` */
  readonly username: string
  readonly displayName: string | undefined
  readonly homeTenant: TenantId
}

/** `internal-error` is a bug: whatever was thrown that is not a Fault. */
export type ProblemCode = FaultCode | 'internal-error'

/** A failure as it travels: what {@link Fault} says, without its stack. */
export interface Problem {
  readonly code: ProblemCode
  readonly message: string
  readonly nextStep?: string
}

export type LibraryState =
  /** Items are being listed for the first time, or again after a resync. */
  | 'listing'
  | 'up-to-date'
  | 'offline'
  | 'sign-in-needed'
  | 'access-removed'
  /** An administrator of this machine does not allow the organization. */
  | 'blocked-by-policy'
  /** Something else failed; `problem` says what. */
  | 'needs-attention'

export interface LibraryStatus extends Library {
  readonly state: LibraryState
  /** Items in the store. */
  readonly items: number
  /** Bytes of file content on this machine. */
  readonly localBytes: Bytes
  /** When the other organization was last asked with success; epoch. */
  readonly checked: Milliseconds | undefined
  readonly problem?: Problem
  /** The other organization tells us at once when something changes. */
  readonly pushed: boolean
  /** Since when it has not been shared with us any more; epoch. */
  readonly accessRemoved?: Milliseconds
  /** Items that it has deleted, too many at once to be removed before you have been asked. */
  readonly heldDeletions?: HeldDeletions
  /** What was deleted here, too much at once to go before you have been asked: so many items. */
  readonly ownDeletions?: number
  /** Files that are always to be on this machine, and could not be had: so many, at least; why the first could not. */
  readonly failedPins?: { readonly items: number; readonly problem: Problem }
}

export interface HeldDeletions {
  /** Those in folders included. */
  readonly items: number
  /** There are more; nobody has counted them. */
  readonly orMore: boolean
}

/** What was decided about deletions that had been held back. */
export interface DeletionsReport {
  readonly library: Library
  readonly decision: 'accept' | 'reject'
  /** Whether the other organization had deleted them, or you have, on this machine. */
  readonly whose: 'theirs' | 'ours'
  readonly items: number
  readonly orMore: boolean
}

export interface AddedLibrary {
  readonly library: Library
  /** Sentences for the user: that access is read-only, that the same site has other libraries to add, … */
  readonly notes: readonly string[]
}

/** Where a Sync button's address leads. */
export interface LinkHost {
  /** A SharePoint host of the user's cloud, in lower case. */
  readonly host: string
  /** The user has added something of it before, or has configured that it needs no question. */
  readonly isKnown: boolean
}

export interface Mount {
  /** Absolute path of the mount point. */
  readonly directory: string
  readonly since: Milliseconds
  /** `undefined` of a mount that an earlier daemon had left. */
  readonly transport: TransportName | undefined
  /** Nothing on the drive can be written, whatever its libraries allow. */
  readonly readOnly?: ReadOnlyDrive
}

export interface ReadOnlyDrive {
  /** The rest of a sentence that begins with "read-only, because". */
  readonly why: string
  readonly nextStep: string
}

export interface DaemonStatus {
  readonly version: string
  readonly pid: number
  readonly cloud: string
  readonly started: Milliseconds
  readonly account: Account | undefined
  readonly mounts: readonly Mount[]
  readonly libraries: readonly LibraryStatus[]
  /** `undefined` from an older daemon. */
  readonly policy?: PolicyStatus
  /** What was changed here and not sent yet; `undefined` from an older daemon. */
  readonly unsent?: UnsentReport
  /** Files that both sides had changed, since the daemon was started; the latest last. */
  readonly conflicts?: readonly Conflict[]
  /** Since the daemon was started; the latest last. */
  readonly notDeleted?: readonly NotDeleted[]
}

/** What an administrator of this machine has decided: docs/POLICY.md. */
export interface PolicyStatus {
  readonly file: string
  readonly state: 'none' | 'in-force' | 'unusable'
  /** Those that the file has; of the last one that could be read where it is unusable. */
  readonly keys: readonly string[]
  /** Why it is unusable. */
  readonly problem?: Problem
  /** Less is free on the disk than the administrator wants. */
  readonly disk?: { readonly freeBytes: Bytes; readonly leastBytes: Bytes; readonly stopsDownloads: boolean }
  /** Libraries that are to be on the drive and could not be added, by the administrator's names. */
  readonly notAdded: readonly { readonly name: string; readonly problem: Problem }[]
}

/** Of the programs that have a file open for writing, the one that opened it first. */
export interface OpenedBy {
  readonly program: string
  /** 0: of another pid namespace. */
  readonly pid: number
  readonly since: Milliseconds
}

/** What was done here and not there yet, of one item. */
export interface UnsentItem {
  /** Absolute where the drive is mounted, else from the drive's root; of what was deleted, where it was. */
  readonly path: string
  readonly change: 'new-file' | 'new-folder' | 'content' | 'name' | 'times' | 'deletion'
  /** `held`: too much was deleted at once, and you have not been asked yet. */
  readonly state: 'sending' | 'waiting' | 'held'
  readonly since: Milliseconds
  /** Of the file; 0 of other changes. */
  readonly size: Bytes
  readonly sentBytes: Bytes
  /** A program has the file open for writing. */
  readonly openedBy?: OpenedBy
  /** Why it could not be sent the last time. */
  readonly problem?: Problem
  /** When it is tried again; absent: as soon as its turn has come. */
  readonly nextAttempt?: Milliseconds
}

/** Both sides had changed a file: theirs has kept its name. */
export interface Conflict {
  readonly at: Milliseconds
  readonly name: string
  /** Path of what was written here, as of {@link UnsentItem}. */
  readonly copy: string
}

/** What was deleted here, and is here again: the organization does not delete it. */
export interface NotDeleted {
  readonly at: Milliseconds
  /** As of {@link UnsentItem}. */
  readonly path: string
  readonly problem: Problem
}

export interface UnsentReport {
  /** The oldest first; at most {@link MOST_UNSENT}. */
  readonly items: readonly UnsentItem[]
  /** Of all. */
  readonly total: number
  readonly bytes: Bytes
  /** Of `sync --wait`: deletions that the other side has refused meanwhile. */
  readonly notDeleted?: readonly NotDeleted[]
}

/** What `export` has written. */
export interface ExportReport {
  readonly directory: string
  readonly files: number
  readonly bytes: Bytes
  /** Files whose other bytes are with the organization only, and could not be had; a note beside each says which. */
  readonly incomplete: readonly string[]
  readonly failures: readonly { readonly path: string; readonly problem: Problem }[]
}

/** What a program may cause: see docs/SEMANTICS.md, "Who may download". */
export type HydrationVerdict = 'full' | 'head-only' | 'local-only' | 'deny'

export interface Hydration {
  /** The last time. */
  readonly at: Milliseconds
  readonly program: string
  /** Absolute where the drive is mounted, else from the drive's root; the name alone of what is gone. */
  readonly path: string
  readonly bytes: Bytes
  readonly verdict: HydrationVerdict
}

export interface Refusal {
  /** The last time, as the rest. */
  readonly at: Milliseconds
  readonly program: string
  readonly path: string
  /** Reads and opens that were refused. */
  readonly count: number
  readonly verdict: HydrationVerdict
}

/** The latest first. */
export interface HydrationReport {
  readonly hydrations: readonly Hydration[]
  readonly refusals: readonly Refusal[]
}

/**
 * OneDrive's words; `partly-local` is an online-only file of which some ranges have been read. `syncing` and `attention`:
 * it is to be always available, and is being downloaded, or could not be.
 */
export type ItemState =
  'online-only' | 'partly-local' | 'locally-available' | 'always-available' | 'syncing' | 'attention'

/** What is wanted of an item: what was said of it, or of the nearest folder around it. */
export type ItemPin = 'always-local' | 'online-only' | 'unspecified'

/** What `pin` has done, for one path. */
export interface PinReport {
  readonly path: string
  /** Downloaded now; what was local already is not counted. */
  readonly files: number
  readonly bytes: Bytes
  /** What could not be had; it is tried again by itself. At most 100. */
  readonly failures: readonly { readonly path: string; readonly problem: Problem }[]
}

export interface UnpinReport {
  readonly path: string
  /** What holds now: that of the folder around it, if something was said of that. */
  readonly pin: ItemPin
}

export interface FreeUpReport {
  readonly path: string
  readonly files: number
  readonly bytes: Bytes
  /** Files that keep their bytes: open, or to be always available. */
  readonly kept: number
}

/** One file or folder of the drive. */
export interface ItemStatus {
  /** Absolute path, as asked. */
  readonly path: string
  readonly kind: 'file' | 'folder'
  /** Of a folder: by what is in it. `undefined` for the folders that `find` finds: it does not look into them. */
  readonly state: ItemState | undefined
  readonly pin: ItemPin
  readonly size: Bytes
  readonly localBytes: Bytes
  readonly modified: Milliseconds
  /** `undefined` above the libraries: the drive itself and its organizations. */
  readonly library: Library | undefined
  readonly webUrl: string | undefined
  /** What of it was not sent; of a folder, what needs attention first of what is in it. */
  readonly unsent?: UnsentItem
  /** Changes that were not sent, with those in a folder. */
  readonly unsentIn?: number
  /** Why it could not be downloaded, or is not given out. */
  readonly problem?: Problem
  /** Of a folder: what in it the problem is of. */
  readonly problemAt?: string
  /** You have deleted it, and it is here again. */
  readonly notDeleted?: NotDeleted
}

/** What a search has found; the best first. */
export interface FoundItems {
  /** Paths are absolute where the drive is mounted, else from the drive's root on. */
  readonly items: readonly ItemStatus[]
  /** There are more than were asked for. */
  readonly more: boolean
  /** Everything that the drive knows of was looked through; `false`: the index is still being made. */
  readonly complete: boolean
}

/** One thumbnail. */
export interface ThumbnailAnswer {
  /** Who made it: the other organization; or b2bmount, of the local file or of a preview within the file. */
  readonly source: 'service' | 'content' | 'preview'
  /** Absolute path of the PNG, where file managers look for it; `undefined` where it could not be written there. */
  readonly file: string | undefined
  /** The PNG, in base64. */
  readonly png: string
}

/** What is kept. */
export interface ThumbnailTotals {
  readonly images: number
  readonly bytes: Bytes
  /** Files of which it is known that they have no thumbnail, for now. */
  readonly none: number
}

export interface ThumbnailsAnswer extends ThumbnailTotals {
  /** What is being made for folders that were opened. */
  readonly waiting: { readonly folders: number; readonly files: number }
  /** Why nothing is made at the moment. */
  readonly problem?: Problem
}

export interface Check {
  /** What was checked, as a short noun: `login.microsoftonline.com`, `Contoso`. */
  readonly name: string
  readonly verdict: 'ok' | 'warn' | 'fail'
  /** What was found, one sentence without a full stop. */
  readonly found: string
  readonly nextStep?: string
}

/** What only the user can do while a command runs. */
export type Prompt =
  /** Open `url` in a browser of this machine; the command goes on when the browser comes back. */
  | { readonly kind: 'browser'; readonly url: string }
  /** Open `url` in any browser and type `userCode`. */
  | {
      readonly kind: 'device-code'
      readonly url: string
      readonly userCode: string
      readonly expires: Milliseconds
    }

/** Shown while a command runs longer than two seconds. `done` and `total` in the same unit, when there is one. */
export interface Progress {
  readonly message: string
  readonly done?: number
  readonly total?: number
}

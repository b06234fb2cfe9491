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
}

export interface AddedLibrary {
  readonly library: Library
  /** Sentences for the user: that access is read-only, that the same site has other libraries to add, … */
  readonly notes: readonly string[]
}

export interface Mount {
  /** Absolute path of the mount point. */
  readonly directory: string
  readonly since: Milliseconds
  /** `undefined` of a mount that an earlier daemon had left. */
  readonly transport: TransportName | undefined
}

export interface DaemonStatus {
  readonly version: string
  readonly pid: number
  readonly cloud: string
  readonly started: Milliseconds
  readonly account: Account | undefined
  readonly mounts: readonly Mount[]
  readonly libraries: readonly LibraryStatus[]
}

/** OneDrive's words; `partly-local` is an online-only file of which some ranges have been read. */
export type ItemState = 'online-only' | 'partly-local' | 'locally-available'

/** One file or folder of the drive. */
export interface ItemStatus {
  /** Absolute path, as asked. */
  readonly path: string
  readonly kind: 'file' | 'folder'
  /** `undefined` for folders. */
  readonly state: ItemState | undefined
  readonly size: Bytes
  readonly localBytes: Bytes
  readonly modified: Milliseconds
  /** `undefined` above the libraries: the drive itself and its organizations. */
  readonly library: Library | undefined
  readonly webUrl: string | undefined
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

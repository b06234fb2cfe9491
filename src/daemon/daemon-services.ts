import type { Clock } from '../concurrency/clock.js'
import type {
  Account,
  AddedLibrary,
  Check,
  DaemonStatus,
  DeletionsReport,
  ExportReport,
  FoundItems,
  FreeUpReport,
  HydrationReport,
  ItemStatus,
  LibraryStatus,
  LinkHost,
  Mount,
  PinReport,
  UnpinReport,
  UnsentReport,
  ThumbnailAnswer,
  ThumbnailsAnswer,
  ThumbnailTotals,
} from '../control/answers.js'
import type { Conversation } from '../control/control-server.js'
import type { Config } from '../control/config.js'
import type { Paths } from '../control/paths.js'
import type { PolicySource } from '../control/policy-file.js'
import type { Cloud } from '../model/cloud.js'
import type { Library } from '../model/library.js'
import type { TransportName } from '../model/transport-name.js'
import type { Log } from './log.js'

export interface ActiveMount extends Mount {
  /** Resolves when the mount is gone, whoever unmounted it. Never rejects. */
  readonly gone: Promise<void>
}

/** Without what only this process can use. */
export function toMount({ directory, since, transport, readOnly }: ActiveMount): Mount {
  return { directory, since, transport, ...(readOnly && { readOnly }) }
}

export interface MountRequest {
  /** Absolute, existing, empty, not a mount point: `mount-point.ts` has seen to it. */
  readonly directory: string
  /** Absent: whichever this machine has. */
  readonly transport?: TransportName
}

/**
 * Everything a user can ask of the daemon. Called by `command-handlers.ts`, implemented by `services.ts`.
 *
 * Every method throws {@link Fault}; anything else is a bug ("internal error"). `signal` aborts when the
 * client cancels, disconnects or the daemon stops; methods then reject soon, with the signal's reason.
 */
export interface DaemonServices {
  /**
   * Signs in to the home tenant, or again to the tenant of an added organization that asks for it.
   *
   * @param request.organization as shown on the drive, its SharePoint host, domain or tenant id; absent: home
   * @throws {Fault} `sign-in-failed`, `personal-account`, `blocked-by-policy`, `consent-required`, `app-misconfigured`,
   *   `not-added` (no such organization), `timed-out`, `offline`
   */
  signIn(
    request: { readonly deviceCode: boolean; readonly organization?: string },
    conversation: Conversation,
    signal: AbortSignal,
  ): Promise<Account>

  /** Forgets tokens and account; libraries and local files stay. Returns who it was. @throws {Fault} `not-signed-in` */
  signOut(signal: AbortSignal): Promise<Account>

  /** Never asks the network. @throws {Fault} `not-signed-in` */
  whoAmI(): Promise<Account>

  /**
   * @param request.address as pasted, any form: invitation link, site, library or folder address, `odopen://sync…`
   * @throws {Fault} `address-malformed`, `single-file`, `anyone-link`, `already-added`, `not-a-guest`,
   *   `invitation-pending`, `consent-required`, `access-denied`, `tenant-not-found`, `sign-in-required`, …
   */
  addLibrary(
    request: { readonly address: string },
    conversation: Conversation,
    signal: AbortSignal,
  ): Promise<AddedLibrary>

  /**
   * Where an address of the Sync button leads, and whether that is known. Never asks the network: the address may be
   * anybody's, and to ask about it would tell them who has clicked.
   *
   * @throws {Fault} `address-malformed`
   */
  linkHost(request: { readonly address: string }): Promise<LinkHost>

  /** In the order of the drive: organization, then name. Never asks the network. */
  listLibraries(): Promise<readonly LibraryStatus[]>

  /**
   * Forgets a library and its local content; the other organization notices nothing.
   *
   * @param request.library its id, its address, its name, `Organization/Name`, or its path on a mounted drive
   * @param request.anyway also what was changed there and not sent is deleted
   * @throws {Fault} `not-added`, `unsent-changes`; `usage` when the name fits several
   */
  removeLibrary(
    request: { readonly library: string; readonly anyway: boolean },
    signal: AbortSignal,
  ): Promise<Library>

  /**
   * Removes, or keeps, what the other organization has deleted and was held back.
   *
   * @param request.library as of {@link removeLibrary}
   * @throws {Fault} `not-added`; `usage`: nothing of it is held back
   */
  decideDeletions(
    request: { readonly library: string; readonly path?: string; readonly decision: 'accept' | 'reject' },
    signal: AbortSignal,
  ): Promise<DeletionsReport>

  /**
   * Mounts the drive; returns when it answers.
   *
   * @throws {Fault} `already-mounted` (the drive, elsewhere), `transport-missing`, `fuse-missing`, `fusermount-missing`,
   *   `mount-refused`
   */
  mount(request: MountRequest, signal: AbortSignal): Promise<ActiveMount>

  /**
   * Returns when it is gone; files that are open answer ENOTCONN.
   *
   * @param request.directory absolute; absent: every mount of this daemon
   * @returns what was unmounted
   * @throws {Fault} `not-mounted`
   */
  unmount(request: { readonly directory?: string }): Promise<readonly Mount[]>

  /** Never asks the network. */
  status(): Promise<Omit<DaemonStatus, 'version' | 'pid' | 'cloud' | 'started'>>

  /**
   * Never asks the network, hydrates nothing.
   *
   * @param request.path absolute, below a mount of this daemon
   * @throws {Fault} `not-mounted` (not on the drive), `item-not-found`
   */
  itemStatus(request: { readonly path: string }): Promise<ItemStatus>

  /** Which programs have downloaded what, and which were refused. Never asks the network. */
  hydrations(): Promise<HydrationReport>

  /**
   * Keeps an item, and everything in it, always local. Returns when it is; the pin stays when the command is cancelled.
   *
   * @param request.path as of {@link itemStatus}
   * @throws {Fault} `not-mounted`, `item-not-found`; what cannot be downloaded is in the answer
   */
  pin(request: { readonly path: string }, conversation: Conversation, signal: AbortSignal): Promise<PinReport>

  /** Ends that; bytes stay until somebody needs the room. @throws {Fault} `not-mounted`, `item-not-found` */
  unpin(request: { readonly path: string }): Promise<UnpinReport>

  /** Makes an item, and everything in it, online-only. @throws {Fault} `not-mounted`, `item-not-found` */
  freeUp(request: { readonly path: string }, signal: AbortSignal): Promise<FreeUpReport>

  /**
   * Sends what was changed here, also what waits for its next attempt.
   *
   * @param request.wait until nothing is left but what waits for you, or for a network
   * @returns what is left
   */
  sync(
    request: { readonly wait: boolean },
    conversation: Conversation,
    signal: AbortSignal,
  ): Promise<UnsentReport>

  /**
   * Copies what was changed here and not sent, whatever has become of the account or the library.
   *
   * @param request.directory absolute; made if it is missing; nothing in it is overwritten
   * @throws {Fault} `disk-full`, `local-io`
   */
  exportUnsent(
    request: { readonly directory: string },
    conversation: Conversation,
    signal: AbortSignal,
  ): Promise<ExportReport>

  /**
   * Items whose names have words that begin so. Never asks the network.
   * @throws {Fault} `usage`: there is no letter and no digit in it
   */
  find(request: { readonly words: string; readonly limit: number }, signal: AbortSignal): Promise<FoundItems>

  /**
   * Hydrates nothing.
   *
   * @param request.path absolute, of a file below a mount of this daemon
   * @param request.size in pixels; @param request.previews whether ranges of the file may be read
   * @throws {Fault} `not-mounted`, `item-not-found`, `no-thumbnail`, `offline`, …
   */
  thumbnail(
    request: { readonly path: string; readonly size: number; readonly previews: boolean },
    signal: AbortSignal,
  ): Promise<ThumbnailAnswer>

  thumbnailsStatus(): Promise<ThumbnailsAnswer>

  /** Deletes ours. @returns what there was */
  clearThumbnails(): Promise<ThumbnailTotals>

  /**
   * What only the daemon can check: login and Graph host reachable, clock skew, account, each tenant's token, the store.
   * A check that fails is an answer, not a throw.
   */
  doctorChecks(conversation: Conversation, signal: AbortSignal): Promise<readonly Check[]>

  /** Whether ending the daemon now would interrupt something: a mount, a listing, unsent bytes. Cheap; polled. */
  isBusy(): boolean

  /** Unmounts, stops background work, closes the store. Called once, last. Never rejects for what it cannot undo. */
  close(): Promise<void>
}

/** What the composition root is given. */
export interface DaemonEnvironment {
  readonly cloud: Cloud
  readonly config: Config
  readonly paths: Paths
  readonly log: Log
  readonly clock: Clock
  /** Where the administrator's policy is; absent: {@link SYSTEM_POLICY}. For tests; nothing that a user can set. */
  readonly policy?: PolicySource
}

/**
 * Exported by `services.ts` as `openServices`. Fast: opens the store, starts background work, asks no network.
 * @throws {Fault} `store-corrupt`, `disk-full`, `local-io`
 */
export type OpenServices = (environment: DaemonEnvironment) => Promise<DaemonServices>

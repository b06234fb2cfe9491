import { mkdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Accounts } from '../auth/accounts.js'
import { MsalClient } from '../auth/msal-client.js'
import { SignIn } from '../auth/sign-in.js'
import { TokenCacheFile } from '../auth/token-cache-file.js'
import { TokenSource } from '../auth/token-source.js'
import { Pace } from '../concurrency/pace.js'
import { SYSTEM_POLICY } from '../control/policy-file.js'
import { productVersion } from '../control/version.js'
import type { FileSystem } from '../fs/file-system.js'
import { FinderDrive, type FinderDriveDeps } from '../fs/finder-drive.js'
import { HydrationGate } from '../fs/hydration-gate.js'
import { MountedDrive } from '../fs/mounted-drive.js'
import { PinKeeper } from '../fs/pin-keeper.js'
import { ProcPrograms } from '../fs/proc-programs.js'
import { GraphFolder } from '../graph/children.js'
import { GraphChangeHints } from '../graph/change-hints.js'
import { GraphContent } from '../graph/content.js'
import { GraphDelta } from '../graph/delta.js'
import { DownloadUrls } from '../graph/download-urls.js'
import { GraphClient } from '../graph/graph-client.js'
import { GraphItems } from '../graph/items-now.js'
import { GraphListItems } from '../graph/list-items.js'
import { GraphSharing } from '../graph/sharing.js'
import { Throttle } from '../graph/throttle.js'
import { GraphThumbnails } from '../graph/thumbnails.js'
import { GraphViewpoint } from '../graph/viewpoint.js'
import { HintSockets } from '../http/hint-sockets.js'
import { HttpClient } from '../http/http-client.js'
import { CacheLimits } from '../hydration/cache-limits.js'
import { ContentCache } from '../hydration/content-cache.js'
import { GuardedContent } from '../hydration/guarded-content.js'
import { fingerprintFile } from '../hydration/fingerprint.js'
import { hashBytes, hashFileInPieces, hashFileInSlices } from '../hydration/hash-in-slices.js'
import { HydrationLog } from '../hydration/hydration-log.js'
import { Hydrator } from '../hydration/hydrator.js'
import { LocalContents } from '../hydration/local-bytes.js'
import { OfflineMemory } from '../hydration/offline-memory.js'
import { LibraryRights } from '../libraries/library-rights.js'
import { LibraryResolver } from '../libraries/resolve.js'
import { Revival } from '../libraries/revival.js'
import { SharePointRights } from '../libraries/sharepoint-rights.js'
import { TenantDiscovery } from '../libraries/tenant-discovery.js'
import { WakeUp } from '../libraries/wake-up.js'
import type { Bytes, Ino, TenantId } from '../model/ids.js'
import { OrganizationNames } from '../model/organization-names.js'
import { DamagedStore } from '../store/database.js'
import { beginAgain } from '../store/rescue.js'
import { Store } from '../store/store.js'
import type { SyncStatus } from '../sync/library-follower.js'
import { LibrarySync } from '../sync/library-sync.js'
import { RemovalGuard } from '../sync/removal-guard.js'
import { Decoder } from '../thumbnails/decoder/decoder.js'
import { DesktopThumbnails } from '../thumbnails/desktop-thumbnails.js'
import { RangedPreviews } from '../thumbnails/embedded-preview.js'
import { FolderWatchers } from '../thumbnails/folder-watchers.js'
import { FreedesktopStore } from '../thumbnails/freedesktop-store.js'
import { OpenedFolders } from '../thumbnails/opened-folders.js'
import { ThumbnailCache } from '../thumbnails/thumbnail-cache.js'
import { ThumbnailService } from '../thumbnails/thumbnail-service.js'
import { Thumbnails } from '../thumbnails/thumbnails.js'
import { loadFuseNative } from '../transport/fuse-native-package.js'
import { FuseNativeTransport } from '../transport/fuse-native-transport.js'
import { loadNativeAddon, nativeTls, type NativeAddon } from '../transport/native-addon.js'
import { NativeTransport } from '../transport/native-transport.js'
import type { Uploader } from '../uploads/uploader.js'
import { AccessRemovedPurge } from './access-removed-purge.js'
import type { DaemonEnvironment } from './daemon-services.js'
import { detachMount, detachMountNow } from './mount-probe.js'
import { isDriveMounted } from './mount-table.js'
import { fuseDescriptors } from './run-program.js'
import { Transports } from './transports.js'
import { NameSearch } from './name-search.js'
import { freeBytesAt, limitsOf } from './cache-limits-config.js'
import { CurrentRules } from './hydration-rules.js'
import { AuditLog } from './audit-log.js'
import { buildWriting, type WritingParts } from './build-writing.js'
import { FileRules } from './file-rules.js'
import { OnlineAccess } from './online-access.js'
import { PolicyHolder } from './policy-holder.js'
import { TenantPolicy } from './tenant-policy.js'

/** The subsystems, connected. */
export interface Parts {
  readonly store: Store
  readonly http: HttpClient
  readonly accounts: Accounts
  readonly signIn: SignIn
  readonly tokens: TokenSource
  readonly organizations: OrganizationNames
  readonly discovery: TenantDiscovery
  readonly resolver: LibraryResolver
  readonly cache: ContentCache
  readonly hydrationLog: HydrationLog
  readonly keeper: PinKeeper
  readonly limits: CacheLimits
  readonly decoder: Decoder
  readonly thumbnails: Thumbnails
  readonly drive: MountedDrive
  /** What is mounted: the drive, with what this machine's file manager asks for. */
  readonly mounted: FileSystem
  readonly sync: LibrarySync
  readonly uploads: Uploader
  readonly conflicts: WritingParts['conflicts']
  readonly givenBack: WritingParts['givenBack']
  readonly guard: RemovalGuard
  readonly transports: Transports
  readonly search: NameSearch
  readonly policy: PolicyHolder
  readonly tenants: TenantPolicy
  readonly audit: AuditLog
  /** On the disk of the content cache. */
  readonly freeBytes: () => Bytes
}

/**
 * The composition root: the only function that knows every class. Asks no network.
 * @throws {Fault} `disk-full`, `local-io`, `configuration-invalid`; `store-corrupt`: the next call succeeds
 */
export function build({ cloud, config, paths, log, clock, policy: source }: DaemonEnvironment): Parts {
  const onTrouble = (event: string, failure: unknown) => log.warn(event, { failure })
  const report = (problem: string) => log.warn('answer-unusable', { problem })
  const random = () => Math.random()

  const store = openStore(join(paths.stateDirectory, 'store.sqlite'), log, clock.now())
  const organizations = new OrganizationNames()
  for (const { root, organization } of store.libraries.all()) organizations.learn(root.tenant, organization)

  const addon = tryNativeAddon()
  const userAgent = `NONISV|b2bmount|b2bmount/${productVersion()}`
  const http = new HttpClient({
    cloud,
    userAgent,
    environment: process.env,
    native: addon.found && nativeTls(addon.found),
  })
  const tokenCache = new TokenCacheFile({
    file: join(paths.stateDirectory, 'tokens.json'),
    warn: message => log.warn('token-cache', { message }),
  })
  const msal = new MsalClient({ cloud, http, cache: tokenCache })
  const accounts = new Accounts({ msal, cache: tokenCache })
  const policy = new PolicyHolder({ source: source ?? SYSTEM_POLICY, clock, onTrouble })
  const tenants = new TenantPolicy({ holder: policy, accounts, organizations })
  const hasAdded = (tenant: TenantId) => store.libraries.countOfTenant(tenant) > 0
  const tokens = new TokenSource({
    cloud,
    msal,
    accounts,
    clock,
    organizations,
    policy: tenants,
    hasAdded,
  })
  const signIn = new SignIn({ cloud, msal, accounts, clock, organizations })

  const throttle = new Throttle(clock)
  const wakeUp = new WakeUp({ http, tokens })
  const addressesOf = (tenant: TenantId) =>
    store.libraries.all().flatMap(({ root, webUrl }) => (root.tenant === tenant ? [webUrl] : []))
  const revival = new Revival({ wakeUp, addressesOf, clock })
  const graph = new GraphClient({
    cloud,
    http,
    tokens,
    throttle,
    clock,
    random,
    organizations,
    revival,
    // The synchronisation is not built yet; nobody is asked before it is.
    onRefused: (tenant, drive) => sync.refused(tenant, drive),
    onMoved: (tenant, from, to) => {
      log.warn('drive-moved', { tenant, from, to })
      store.libraries.moveDrive(tenant, from, to)
    },
  })
  const urls = new DownloadUrls({ graph, clock, organizations })
  const content = new GraphContent({ http, urls, throttle, clock, random, organizations })
  const folders = new GraphFolder({ graph, report })
  const delta = new GraphDelta({ graph, report })
  const connections = new HintSockets({ cloud, userAgent, environment: process.env })
  const hints = new GraphChangeHints({ graph, connections, clock })
  const discovery = new TenantDiscovery({ cloud, http })
  const sharing = new GraphSharing({ graph, report })
  const rights = new LibraryRights({
    permissions: sharing,
    viewpoint: new GraphViewpoint(graph),
    sharePoint: new SharePointRights({ http, tokens, clock, places: new GraphListItems(graph) }),
  })
  const resolver = new LibraryResolver({
    cloud,
    sharing,
    rights,
    tenants: discovery,
    wakeUp,
    organizations,
  })

  const cacheDirectory = join(paths.cacheDirectory, 'content')
  mkdirSync(cacheDirectory, { recursive: true, mode: 0o700 })
  const offline = new OfflineMemory(clock, tenant => {
    uploads.reached(tenant)
    sync.reached(tenant)
  })
  const hashes = {
    hashFile: addon.found ? hashFileInPieces(addon.found.quickXorHashRange) : hashFileInSlices,
    hashBytes: addon.found?.quickXorHash ?? hashBytes,
  }
  const cache = new ContentCache({ store, directory: cacheDirectory, clock, ...hashes, onTrouble })
  const freeBytes = () => freeBytesAt(cacheDirectory)
  const guards = {
    refusalOf: (tenant: TenantId, signal: AbortSignal) => tenants.refusalOf(tenant, signal),
    leastFree: () => policy.policy.leastFree,
    freeBytes,
  }
  const guarded = new GuardedContent(content, {
    ...guards,
    pace: new Pace(clock, () => policy.policy.downloadRate),
  })
  const hydrator = new Hydrator({ store, cache, remote: guarded, clock, offline })
  const rules = new CurrentRules(config, policy)
  const limits = new CacheLimits({
    store,
    cache,
    clock,
    limits: () => limitsOf(config, policy.policy),
    freeBytes,
    holdsChanges: () => statSync(cacheDirectory).dev === statSync(paths.stateDirectory).dev,
    onTrouble,
  })
  const hydrationLog = new HydrationLog({ store, clock, onArrived: bytes => limits.grew(bytes), onTrouble })
  const programs = new ProcPrograms({ clock, needsArguments: names => rules.needsArguments(names) })
  // Code that runs for the first time takes some milliseconds: not while the first program waits.
  void programs.lineageOf(process.pid)
  const online = new OnlineAccess({
    clock,
    statusOf: (id): SyncStatus => sync.statusOf(id),
    ask: ({ root }, signal) => sharing.itemById(root.tenant, root.drive, root.item, signal),
  })
  const audit = new AuditLog({ stateDirectory: paths.stateDirectory, store, clock, onTrouble })
  const keeper = new PinKeeper({ store, hydrator, log: hydrationLog, clock, onTrouble })
  const decoder = new Decoder({ hidden: fuseDescriptors })
  const unpaced = new GuardedContent(content, { ...guards, pace: new Pace(clock, () => undefined) })
  const thumbnails = buildThumbnails({ store, clock, onTrouble, offline, content: unpaced, decoder }, paths, {
    remote: new GraphThumbnails({ graph, http, throttle, organizations }),
    contents: new LocalContents(store, cache),
    // The drive is not built yet; nobody is told before it is.
    tell: ino => drive.lookAgain(ino),
  })
  const onRefused = (ino: Ino) => thumbnails.refused(ino)
  const gate = new HydrationGate({
    programs,
    policy: rules,
    hydrator,
    log: hydrationLog,
    room: limits,
    filePolicy: new FileRules({ store, holder: policy, tenants, online }),
    audit,
    onRefused,
  })
  const guard = new RemovalGuard({ store, ...massDeletionOf(config) })
  const { writer, uploads, conflicts, givenBack } = buildWriting({
    store,
    cache,
    hydrator,
    clock,
    log,
    stateDirectory: paths.stateDirectory,
    addon: addon.found,
    fingerprintFile: fingerprintFile(hashes.hashBytes),
    hashBytes: hashes.hashBytes,
    folders,
    graph: { graph, http, throttle, organizations, content: guarded, clock, random },
    guards,
    uploadRate: () => policy.policy.uploadRate,
    massDeletion: config.massDeletionThreshold,
    // The synchronisation is not built yet; nothing is sent before it is.
    onDenied: library => sync.writeRefused(library),
    neverUploaded: () => policy.policy.neverUploaded,
  })
  const drive = new MountedDrive({
    store,
    guard,
    cache,
    hydrator,
    gate,
    keeper,
    limits,
    folders,
    clock,
    offline,
    cacheDirectory,
    onTrouble,
    watcher: thumbnails,
    writer,
  })
  uploads.belongsTo(drive)
  const purge = new AccessRemovedPurge({
    // What nobody can read deletes nothing.
    policy: () => (policy.problem === undefined ? policy.policy.accessRemoved : { kind: 'keep' }),
    directory: paths.stateDirectory,
    now: () => clock.now(),
    rootOf: ({ id, root }) => store.items.byRemoteId(id, root.item)?.ino,
    purge: root => drive.purge(root),
    onTrouble,
  })
  const sync = new LibrarySync({
    store,
    delta,
    items: new GraphItems({ graph, throttle, organizations }),
    guard,
    hints,
    rights,
    drive,
    clock,
    offline,
    onTrouble,
    onAccessRemoved: library => void purge.refused(library),
  })
  const mounted =
    (config.finderIcons ?? process.platform === 'darwin')
      ? finderDrive({ drive, icons: thumbnails, clock }, paths.cacheDirectory)
      : drive
  const onBug = (operation: string, failure: unknown) => log.error('bug', { operation, failure })
  const transports = new Transports({
    kernel: () => {
      if (addon.found === undefined) throw addon.failure
      if (process.platform !== 'linux') throw new Error('it mounts on Linux only')
      return new NativeTransport({ addon: addon.found, onBug })
    },
    'fuse-native': () =>
      new FuseNativeTransport({
        binding: loadFuseNative(),
        mounts: { isMounted: isDriveMounted, detach: detachMount, detachNow: detachMountNow },
        onBug,
      }),
  })
  const search = new NameSearch({ store, clock, onTrouble })
  return {
    store,
    http,
    accounts,
    signIn,
    tokens,
    organizations,
    discovery,
    resolver,
    cache,
    hydrationLog,
    keeper,
    limits,
    decoder,
    thumbnails,
    drive,
    mounted,
    sync,
    uploads,
    conflicts,
    givenBack,
    guard,
    transports,
    search,
    policy,
    tenants,
    audit,
    freeBytes,
  }
}

function massDeletionOf({ massDeletionThreshold: threshold }: DaemonEnvironment['config']) {
  return threshold === undefined ? {} : { threshold }
}

type Found = { readonly found: NativeAddon } | { readonly found?: never; readonly failure: Error }

/** Where it could not be built, others do its work, more slowly. */
function tryNativeAddon(): Found {
  try {
    return { found: loadNativeAddon() }
  } catch (failure) {
    return { failure: failure as Error }
  }
}

interface ThumbnailParts {
  readonly store: Store
  readonly clock: DaemonEnvironment['clock']
  readonly onTrouble: (event: string, failure: unknown) => void
  readonly offline: OfflineMemory
  readonly content: GuardedContent
  readonly decoder: Decoder
}

interface ThumbnailPorts {
  readonly remote: GraphThumbnails
  readonly contents: LocalContents
  readonly tell: (file: Ino) => void
}

function buildThumbnails(
  { store, clock, onTrouble, offline, content, decoder }: ThumbnailParts,
  { cacheDirectory, thumbnailDirectory }: DaemonEnvironment['paths'],
  { remote, contents, tell }: ThumbnailPorts,
): Thumbnails {
  const cache = new ThumbnailCache({ store, directory: join(cacheDirectory, 'thumbnails'), clock, onTrouble })
  const watchers = new FolderWatchers({ clock, tell })
  const desktop = new DesktopThumbnails({
    store,
    shared: new FreedesktopStore({ directory: thumbnailDirectory, clock, onTrouble }),
    isLocal: ({ ino, generation }) => contents.isLocal(ino, generation),
    watchers,
  })
  const previews = new RangedPreviews(content)
  const service = new ThumbnailService({
    store,
    cache,
    remote,
    local: contents,
    previews,
    decoder,
    clock,
    onTrouble,
  })
  const reasonNotToAsk = (tenant: TenantId) => offline.reasonNotToAsk(tenant)
  const folders = new OpenedFolders({ store, service, desktop, clock, reasonNotToAsk, onTrouble })
  return new Thumbnails({ store, service, cache, desktop, folders, watchers, onTrouble })
}

function finderDrive(deps: Pick<FinderDriveDeps, 'drive' | 'icons' | 'clock'>, cacheDirectory: string) {
  const directory = join(cacheDirectory, 'finder')
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const volumeIcon = readFileSync(new URL('../../../src/desktop/assets/b2bmount.icns', import.meta.url))
  return new FinderDrive({ ...deps, volumeIcon, directory })
}

/**
 * A damaged store costs what is known of the libraries, not the drive: it is kept as evidence and a new one begun. But
 * somebody must hear of it, so this start fails.
 */
function openStore(path: string, log: DaemonEnvironment['log'], now: number): Store {
  try {
    return new Store(path, now)
  } catch (failure) {
    if (!(failure instanceof DamagedStore)) throw failure
    log.error('store-corrupt', { failure })
    throw beginAgain(path, failure.evidence, failure, now)
  }
}

import { statSync } from 'node:fs'
import type { SignInOptions } from '../auth/sign-in.js'
import type {
  Account,
  AddedLibrary,
  Check,
  DeletionsReport,
  ExportReport,
  FoundItems,
  FreeUpReport,
  LibraryState,
  LibraryStatus,
  LinkHost,
  Mount,
  PinReport,
  ThumbnailAnswer,
  ThumbnailsAnswer,
  UnpinReport,
  UnsentReport,
} from '../control/answers.js'
import type { RequiredLibrary } from '../control/admin-policy.js'
import type { Conversation } from '../control/control-server.js'
import { GUID } from '../control/config.js'
import { ASK } from '../control/policy-file.js'
import { toProblem } from '../control/problem.js'
import type { ArgumentsOf } from '../control/protocol.js'
import { shellQuote } from '../control/shell-quote.js'
import { nodeOf } from '../fs/drive-nodes.js'
import { syncButtonHost } from '../libraries/address.js'
import { isDomain } from '../libraries/tenant-discovery.js'
import type { ResolvedLibrary } from '../libraries/resolve.js'
import { Fault, isFault, type FaultCode } from '../model/fault.js'
import type { Ino, TenantId } from '../model/ids.js'
import type { Library } from '../model/library.js'
import { LIBRARY_SCOPES } from '../model/scopes.js'
import { boxFor } from '../model/thumbnail.js'
import { needsAttention } from '../model/upload-patience.js'
import type { ItemRecord } from '../store/item-record.js'
import type { SyncStatus } from '../sync/library-follower.js'
import type { Mount as KernelMount } from '../transport/transport.js'
import { AutoMount } from './auto-mount.js'
import { build, type Parts } from './build.js'
import {
  toMount,
  type ActiveMount,
  type DaemonEnvironment,
  type DaemonServices,
  type MountRequest,
  type OpenServices,
} from './daemon-services.js'
import { networkChecks, tenantChecks } from './doctor-checks.js'
import { hydrationReport } from './hydration-report.js'
import { reasonsOf } from './item-reasons.js'
import { itemAt, itemStatus } from './item-status.js'
import { policyChecks, policyStatus } from './policy-status.js'
import { thumbnailChecks } from './thumbnail-checks.js'
import { conflictsOf, notDeletedOf, unsentReport } from './unsent.js'

export const openServices: OpenServices = environment => {
  const parts = build(environment)
  parts.sync.start()
  parts.uploads.start()
  void parts.drive.deleteRemoved()
  void parts.cache.sweep()
  parts.keeper.start()
  parts.limits.start()
  void parts.thumbnails.sweep()
  // Found out now: later somebody waits for a folder's first thumbnails.
  void parts.decoder.confinement()
  const services = new Services(environment, parts)
  services.obeyPolicy()
  return Promise.resolve(services)
}

interface RunningMount extends ActiveMount {
  readonly kernel: KernelMount
}

const MOST_FAILURES = 100

/** What the user sees of each failure of the synchronisation; the others need attention. */
const STATE_OF_FAILURE: Partial<Readonly<Record<FaultCode, LibraryState>>> = {
  offline: 'offline',
  'timed-out': 'offline',
  'not-signed-in': 'sign-in-needed',
  'sign-in-required': 'sign-in-needed',
  'access-removed': 'access-removed',
  'not-a-guest': 'access-removed',
}

class Services implements DaemonServices {
  readonly #environment: DaemonEnvironment
  readonly #parts: Parts
  readonly #mounts = new Map<string, RunningMount>()
  readonly #autoMount: AutoMount

  constructor(environment: DaemonEnvironment, parts: Parts) {
    this.#environment = environment
    this.#parts = parts
    const { policy, accounts } = parts
    this.#autoMount = new AutoMount({
      clock: environment.clock,
      required: () => (policy.problem === undefined ? policy.policy.libraries : []),
      isSignedIn: async signal => (await accounts.current(signal).catch(unlessNotSignedIn)) !== undefined,
      add: (library, signal) => this.#addRequired(library, signal),
      onTrouble: (event, failure) => environment.log.warn(event, { failure }),
    })
  }

  /** From now on, also when it changes. */
  obeyPolicy(): void {
    const { policy, sync, keeper, limits } = this.#parts
    policy.onChange(() => {
      this.#environment.log.info('policy-changed', { keys: policy.policy.keys })
      limits
        .enforce()
        .catch((failure: unknown) => this.#environment.log.warn('cache-not-limited', { failure }))
      sync.wake()
      keeper.wake()
      this.#autoMount.wake()
    })
    policy.start()
    this.#autoMount.wake()
  }

  async signIn(
    request: { readonly deviceCode: boolean; readonly organization?: string },
    conversation: Conversation,
    signal: AbortSignal,
  ): Promise<Account> {
    const { signIn, tokens, sync, uploads } = this.#parts
    const options = request.organization === undefined ? {} : await this.#stepUp(request.organization, signal)
    const account = request.deviceCode
      ? await signIn.byDeviceCode(
          code => conversation.prompt({ kind: 'device-code', ...code }),
          signal,
          options,
        )
      : await signIn.inBrowser(url => conversation.prompt({ kind: 'browser', url }), signal, options)
    tokens.forget(options.tenant)
    sync.wake()
    uploads.retry()
    this.#autoMount.wake()
    return account
  }

  async signOut(signal: AbortSignal): Promise<Account> {
    const account = await this.#parts.accounts.signOut(signal)
    this.#parts.tokens.forget()
    return account
  }

  whoAmI(): Promise<Account> {
    return this.#parts.accounts.current(new AbortController().signal)
  }

  async addLibrary(
    request: { readonly address: string },
    conversation: Conversation,
    signal: AbortSignal,
  ): Promise<AddedLibrary> {
    const { resolver, accounts, policy } = this.#parts
    // Before anything is asked of the other organization, which could only refuse somebody unknown.
    await accounts.current(signal)
    policy.look()
    if (policy.problem !== undefined) throw policy.problem
    conversation.progress({ message: 'Looking for the library' })
    const resolved = await resolver.resolve(request.address, signal)
    return { library: this.#added(resolved), notes: notesOn(resolved) }
  }

  #added({ library: found }: ResolvedLibrary): Library {
    const { drive, sync, organizations } = this.#parts
    const library = drive.addLibrary(found)
    organizations.learn(library.root.tenant, library.organization)
    sync.add(library.id)
    this.#environment.log.info('library-added', { library: library.id, tenant: library.root.tenant })
    return library
  }

  linkHost({ address }: { readonly address: string }): Promise<LinkHost> {
    const { cloud, config } = this.#environment
    const host = syncButtonHost(address, cloud)
    const isKnown =
      this.#parts.store.libraries.all().some(library => library.host === host) ||
      (config.syncButtonHosts ?? []).some(known => known.toLowerCase() === host)
    return Promise.resolve({ host, isKnown })
  }

  /** One that an administrator wants. */
  async #addRequired({ address, tenant }: RequiredLibrary, signal: AbortSignal): Promise<void> {
    const { resolver, store, tenants } = this.#parts
    const refusal = await tenants.refusalOf(tenant, signal)
    if (refusal) throw refusal
    const resolved = await resolver.resolve(address, signal)
    const { root } = resolved.library
    if (root.tenant !== tenant) {
      throw new Fault('tenant-not-found', 'Its webUrl belongs to another tenant than its tenantId says', {
        nextStep: ASK,
      })
    }
    if (store.libraries.byRoot(root) === undefined) this.#added(resolved)
  }

  async listLibraries(): Promise<readonly LibraryStatus[]> {
    const { store, sync, uploads, guard, tokens, tenants, policy } = this.#parts
    const { signal } = new AbortController()
    // Who asks how things are has perhaps just changed it.
    policy.look()
    return await Promise.all(
      store.libraries.all().map(async ({ enumerated: _, accessRemoved, ...library }) => {
        const { phase, checked, isTold, ...last } = sync.statusOf(library.id)
        const ban = await tenants.refusalOf(library.root.tenant, signal)
        // Known since anybody asked, not only since the library was asked for changes.
        const problem = ban ?? tokens.problemOf(library.root.tenant, LIBRARY_SCOPES) ?? last.problem
        const held = guard.waiting(library.id)
        const ownDeletions = uploads.heldDeletions(library.id)
        const failedPins = this.#failedPins(library)
        const state = stateOf(phase, problem, {
          isRemoved: accessRemoved !== undefined,
          isHeld: held.items > 0 || failedPins !== undefined,
        })
        return {
          ...library,
          state: ban === undefined ? state : 'blocked-by-policy',
          items: store.items.countOfLibrary(library.id),
          localBytes: store.content.bytesOfLibrary(library.id),
          checked,
          pushed: isTold,
          ...(problem === undefined ? {} : { problem: toProblem(problem) }),
          ...(accessRemoved === undefined ? {} : { accessRemoved }),
          ...(held.items === 0 ? {} : { heldDeletions: held }),
          ...(ownDeletions === 0 ? {} : { ownDeletions }),
          ...(failedPins === undefined ? {} : { failedPins }),
        }
      }),
    )
  }

  async removeLibrary(
    request: { readonly library: string; readonly anyway: boolean },
    signal: AbortSignal,
  ): Promise<Library> {
    const library = await this.#libraryMeant(request.library, signal)
    // Before anything of it has ended.
    if (!request.anyway) this.#parts.drive.checkNothingUnsent(library.id)
    await this.#parts.sync.remove(library.id)
    await this.#parts.thumbnails.forgetLibrary(library)
    this.#parts.drive.removeLibrary(library.id, request.anyway)
    void this.#parts.drive.deleteRemoved()
    this.#environment.log.info('library-removed', { library: library.id, tenant: library.root.tenant })
    return library
  }

  async decideDeletions(
    { library: text, path, decision }: ArgumentsOf<'deletions'>,
    signal: AbortSignal,
  ): Promise<DeletionsReport> {
    const { guard, store, sync, uploads } = this.#parts
    const isSingle = decision === 'reject' && path !== undefined
    const single = isSingle ? await this.#takeBack(path, signal) : undefined
    if (single !== undefined) return single
    const library = await this.#libraryMeant(text, signal)
    const own = uploads.heldDeletions(library.id)
    if (own > 0) {
      this.#environment.log.info('own-deletions-decided', { library: library.id, decision, items: own })
      if (decision === 'accept') uploads.consentToDeletions(library.id)
      else
        for (const folder of uploads.undoDeletions(library.id))
          await this.#parts.drive.refreshFolder(folder, signal)
      return { library: withoutRecord(library), decision, whose: 'ours', items: own, orMore: false }
    }
    const waiting = guard.waiting(library.id)
    const kept = store.held.all(library.id).length
    if (waiting.items === 0 && (decision === 'reject' || kept === 0)) {
      throw new Fault(
        'usage',
        `Nothing that ${library.organization} has deleted in ${library.name} is held back`,
        {
          nextStep: 'See the libraries with:  b2bmount status',
        },
      )
    }
    if (decision === 'accept') sync.consent(library.id)
    else store.held.keep(library.id)
    this.#environment.log.info('deletions-decided', { library: library.id, decision, items: waiting.items })
    return { library: withoutRecord(library), decision, whose: 'theirs', ...waiting }
  }

  /** A single deletion, by the path of what was deleted. @returns `undefined`: nothing of this path is to be deleted */
  async #takeBack(path: string, signal: AbortSignal): Promise<DeletionsReport | undefined> {
    const { store, uploads, drive } = this.#parts
    const directory = this.#mountAround(path) ?? ''
    const undone = uploads.undoDeletionAt(path.slice(directory.length).split('/').filter(Boolean))
    const library = undone && store.libraries.byId(undone.library)
    if (undone === undefined || library === undefined) return undefined
    this.#environment.log.info('deletion-taken-back', { library: library.id, items: undone.items })
    for (const folder of undone.folders) await drive.refreshFolder(folder, signal)
    return {
      library: withoutRecord(library),
      decision: 'reject',
      whose: 'ours',
      items: undone.items,
      orMore: false,
    }
  }

  mount({ directory, transport: wanted }: MountRequest): Promise<ActiveMount> {
    const [elsewhere] = this.#mounts.keys()
    if (elsewhere !== undefined) {
      throw new Fault('already-mounted', `The drive is mounted at ${elsewhere} already`, {
        nextStep: `To mount it elsewhere, run first:  b2bmount unmount ${shellQuote(elsewhere)}`,
      })
    }
    const { drive, mounted, transports, thumbnails } = this.#parts
    const { name, transport, readOnly } = transports.choose(wanted)
    const { log, clock } = this.#environment
    const kernel = transport.mount(mounted, {
      directory,
      readOnly: false,
      allowOther: false,
      passthrough: isOneDisk(this.#environment.paths),
    })
    const detach = drive.attach(kernel.view)
    const noMoreThumbnails = thumbnails.mounted(directory)
    const gone = kernel.gone.then(() => {
      detach()
      noMoreThumbnails()
      this.#mounts.delete(directory)
      log.info('unmounted', { directory })
    })
    const mount = {
      directory,
      since: clock.now(),
      transport: name,
      ...(readOnly && { readOnly }),
      gone,
      kernel,
    }
    this.#mounts.set(directory, mount)
    log.info('mounted', { directory, transport: name })
    return Promise.resolve(mount)
  }

  async unmount({ directory }: { readonly directory?: string }): Promise<readonly Mount[]> {
    const mounts = [...this.#mounts.values()].filter(
      mount => directory === undefined || mount.directory === directory,
    )
    if (mounts.length === 0) {
      throw new Fault(
        'not-mounted',
        directory === undefined ? 'The drive is not mounted' : `No drive is mounted at ${directory}`,
        { nextStep: 'See where it is mounted with:  b2bmount status' },
      )
    }
    for (const mount of mounts) {
      await mount.kernel.unmount()
      await mount.gone
    }
    return mounts.map(toMount)
  }

  async status() {
    const account = await this.whoAmI().catch(unlessNotSignedIn)
    return {
      account,
      mounts: [...this.#mounts.values()].map(toMount),
      libraries: await this.listLibraries(),
      policy: policyStatus({ ...this.#parts, autoMount: this.#autoMount }),
      unsent: this.#unsent(),
      conflicts: conflictsOf(this.#parts, this.#directory()),
      notDeleted: notDeletedOf(this.#parts, this.#directory()),
    }
  }

  itemStatus({ path }: { readonly path: string }) {
    const item = this.#itemAt(path)
    const reasons = reasonsOf(this.#parts, item, this.#mountAround(path) ?? '')
    // Of a file that is being written the store learns when it is closed.
    const { size } = item.kind === 'file' ? this.#parts.drive.getattr(nodeOf(item)) : item
    return Promise.resolve({ ...itemStatus(this.#parts, item, path), size, ...reasons })
  }

  async pin(
    { path }: { readonly path: string },
    conversation: Conversation,
    signal: AbortSignal,
  ): Promise<PinReport> {
    const { drive, keeper } = this.#parts
    const { ino } = this.#itemAt(path)
    drive.pin(ino, 'always-local')
    const { files, bytes, failures } = await keeper.keep(ino, signal, ({ done, total }) =>
      conversation.progress({ message: 'Downloading files', done, total }),
    )
    const reported = failures.slice(0, MOST_FAILURES).map(({ ino: failed, fault }) => ({
      path: this.#pathOf(failed),
      problem: toProblem(fault),
    }))
    return { path, files, bytes, failures: reported }
  }

  unpin({ path }: { readonly path: string }): Promise<UnpinReport> {
    const { drive, store } = this.#parts
    const { ino } = this.#itemAt(path)
    drive.pin(ino, 'unspecified')
    return Promise.resolve({ path, pin: store.pins.of(ino) })
  }

  async freeUp({ path }: { readonly path: string }, signal: AbortSignal): Promise<FreeUpReport> {
    const { drive, store } = this.#parts
    const { ino } = this.#itemAt(path)
    // Who says so of the very thing means it; of what is in it, only what nobody wants to keep.
    if (store.pins.of(ino) === 'always-local') drive.unkeep(ino)
    return { path, ...(await drive.freeUp(ino, signal)) }
  }

  async sync(
    { wait }: { readonly wait: boolean },
    conversation: Conversation,
    signal: AbortSignal,
  ): Promise<UnsentReport> {
    const { uploads } = this.#parts
    const began = this.#environment.clock.now()
    uploads.retry()
    let total = 0
    if (wait) {
      await uploads.settled(signal, ({ left }) => {
        total = Math.max(total, left)
        conversation.progress({ message: 'Sending changes', done: total - left, total })
      })
    }
    const notDeleted = notDeletedOf(this.#parts, this.#directory()).filter(({ at }) => at >= began)
    return { ...this.#unsent(), ...(notDeleted.length > 0 && { notDeleted }) }
  }

  async exportUnsent(
    { directory }: { readonly directory: string },
    conversation: Conversation,
    signal: AbortSignal,
  ): Promise<ExportReport> {
    conversation.progress({ message: 'Copying what has not been sent' })
    const { failed, ...report } = await this.#parts.uploads.exportUnsent(directory, signal)
    const reported = failed.slice(0, MOST_FAILURES)
    return {
      directory,
      ...report,
      failures: reported.map(({ path, fault }) => ({ path, problem: toProblem(fault) })),
    }
  }

  #unsent(): UnsentReport {
    return unsentReport(this.#parts, this.#directory())
  }

  /** Files that are always to be here, and have failed so often that nobody expects them by themselves. */
  #failedPins({ id, root }: Library): LibraryStatus['failedPins'] {
    const { store, keeper } = this.#parts
    const folder = store.items.byRemoteId(id, root.item)
    const failing = folder === undefined ? [] : [...keeper.failuresIn(folder.ino)]
    const tired = failing.filter(({ failing: { fault, attempts } }) => needsAttention(fault.code, attempts))
    const [first] = tired
    return first && { items: tired.length, problem: toProblem(first.failing.fault) }
  }

  /** Where the drive is mounted; '' where it is not. */
  #directory(): string {
    const [directory = ''] = this.#mounts.keys()
    return directory
  }

  hydrations() {
    const { store, hydrationLog } = this.#parts
    hydrationLog.flush()
    const [directory = ''] = this.#mounts.keys()
    return Promise.resolve(hydrationReport(store, directory))
  }

  async find(
    { words, limit }: { readonly words: string; readonly limit: number },
    signal: AbortSignal,
  ): Promise<FoundItems> {
    const { store, search } = this.#parts
    if (!store.names.isSearchable(words)) {
      throw new Fault('usage', `There is no letter and no digit in ${JSON.stringify(words)}`, {
        nextStep: 'Search for the beginnings of words of the name.',
      })
    }
    const { found, ...rest } = await search.search(words, limit, signal)
    const [directory] = this.#mounts.keys()
    const items = found.map(({ item, path }) => {
      const shown = [...(directory === undefined ? [] : [directory]), ...path].join('/')
      return itemStatus(this.#parts, item, shown, 'at files')
    })
    return { items, ...rest }
  }

  async thumbnail(
    request: { readonly path: string; readonly size: number; readonly previews: boolean },
    signal: AbortSignal,
  ): Promise<ThumbnailAnswer> {
    const { path, size, previews } = request
    const { thumbnails } = this.#parts
    const made = await thumbnails.make(this.#itemAt(path).ino, boxFor(size), previews, signal)
    return { ...made, png: Buffer.from(made.png).toString('base64') }
  }

  thumbnailsStatus(): Promise<ThumbnailsAnswer> {
    const { waiting, ...totals } = this.#parts.thumbnails.status()
    const { folders, files, problem } = waiting
    const status = { ...totals, waiting: { folders, files } }
    return Promise.resolve(problem === undefined ? status : { ...status, problem: toProblem(problem) })
  }

  clearThumbnails() {
    return this.#parts.thumbnails.clear()
  }

  async doctorChecks(conversation: Conversation, signal: AbortSignal): Promise<readonly Check[]> {
    const { store, http, tokens, organizations, accounts } = this.#parts
    const { cloud, clock } = this.#environment
    this.#parts.policy.look()
    const deps = { cloud, http, clock, tokens, organizations }
    conversation.progress({ message: 'Asking the service' })
    const [mount] = this.#mounts.values()
    const network = [this.#parts.transports.check(mount?.transport), ...(await networkChecks(deps, signal))]
    const local = await thumbnailChecks(this.#environment.paths.thumbnailDirectory, this.#parts.decoder)
    local.push(...policyChecks({ ...this.#parts, autoMount: this.#autoMount }))
    const account = await accounts.current(signal).catch(unlessNotSignedIn)
    if (account === undefined) {
      const nextStep = 'Run:  b2bmount sign-in'
      return [...local, ...network, { name: 'Account', verdict: 'warn', found: 'not signed in', nextStep }]
    }
    conversation.progress({ message: 'Asking each organization' })
    const tenants = new Set(store.libraries.all().map(library => library.root.tenant))
    const organizationsFound = await tenantChecks(deps, [...tenants], signal)
    const signedIn = { name: 'Account', verdict: 'ok' as const, found: account.username }
    return [...local, ...network, signedIn, ...organizationsFound]
  }

  isBusy(): boolean {
    const { sync, keeper, uploads } = this.#parts
    return this.#mounts.size > 0 || sync.isBusy() || keeper.isBusy || !uploads.isIdle
  }

  async close(): Promise<void> {
    const { sync, search, thumbnails, decoder, drive, keeper, limits, hydrationLog, http, store } =
      this.#parts
    const { policy, audit, uploads } = this.#parts
    for (const mount of this.#mounts.values()) {
      await mount.kernel.unmount()
      await mount.gone
    }
    search.close()
    await policy.close()
    await this.#autoMount.close()
    await uploads.close()
    await sync.close()
    await thumbnails.close()
    decoder.close()
    await keeper.close()
    await limits.close()
    await drive.close()
    hydrationLog.close()
    audit.close()
    await http.close()
    store.close()
  }

  /** Signing in where the organization asks for more than the account's own one did. */
  async #stepUp(organization: string, signal: AbortSignal): Promise<SignInOptions> {
    const tenant = await this.#tenantOf(organization, signal)
    const refusal = await this.#parts.tenants.refusalOf(tenant, signal)
    if (refusal) throw refusal
    const claims = await this.#parts.tokens.claimsFor(tenant, LIBRARY_SCOPES, signal)
    return claims === undefined ? { tenant } : { tenant, claims }
  }

  /** @param name as shown on the drive, a SharePoint host, a domain, or a tenant id */
  async #tenantOf(name: string, signal: AbortSignal): Promise<TenantId> {
    const { store, discovery } = this.#parts
    const wanted = name.toLowerCase()
    const library = store.libraries
      .all()
      .find(({ organization, host, root }) =>
        [organization.toLowerCase(), host, root.tenant].includes(wanted as TenantId),
      )
    if (library !== undefined) return library.root.tenant
    // Of an organization that asks for a sign-in before its first library can be added.
    if (GUID.test(wanted)) return wanted as TenantId
    if (wanted.endsWith(this.#environment.cloud.sharePointSuffix))
      return await discovery.tenantOf(wanted, signal)
    if (isDomain(wanted)) return await discovery.tenantOfDomain(wanted, signal)
    throw new Fault('not-added', `No library of ${name} has been added`, {
      nextStep: 'See the organizations with:  b2bmount list',
    })
  }

  async #libraryMeant(text: string, signal: AbortSignal): Promise<Library> {
    const { store, resolver } = this.#parts
    const all = store.libraries.all()
    const named = all.filter(({ id, name, organization, webUrl }) =>
      [String(id), name, `${organization}/${name}`, webUrl].includes(text),
    )
    const [only, another] = named
    if (only !== undefined && another === undefined) return only
    if (another !== undefined) {
      throw new Fault('usage', `${named.length} libraries are called ${text}`, {
        nextStep: `Say which by its number in \`b2bmount list\`, for example:  b2bmount remove ${another.id}`,
      })
    }
    const directory = this.#mountAround(text)
    if (directory !== undefined) {
      const library = store.libraries.byId(itemAt(store, directory, text).library)
      if (library !== undefined) return library
    }
    if (/^(https|odopen):/i.test(text)) {
      const { root } = (await resolver.resolve(text, signal)).library
      const library = store.libraries.byRoot(root)
      if (library !== undefined) return library
    }
    throw new Fault('not-added', `No library ${text} has been added`, {
      nextStep: 'See what has been added with:  b2bmount list',
    })
  }

  /** @throws {Fault} `not-mounted`, `item-not-found` */
  #itemAt(path: string): ItemRecord {
    const directory = this.#mountAround(path)
    if (directory === undefined) {
      throw new Fault('not-mounted', `${path} is not on the drive`, {
        nextStep: 'See where the drive is mounted with:  b2bmount status',
      })
    }
    return itemAt(this.#parts.store, directory, path)
  }

  #pathOf(ino: Ino): string {
    const { store } = this.#parts
    const item = store.items.byIno(ino)
    const [directory = ''] = this.#mounts.keys()
    return [directory, ...(item === undefined ? [] : (store.pathOf(item) ?? []))].join('/')
  }

  #mountAround(path: string): string | undefined {
    return [...this.#mounts.keys()].find(directory => path === directory || path.startsWith(`${directory}/`))
  }
}

function unlessNotSignedIn(failure: unknown): undefined {
  if (!isFault(failure, 'not-signed-in')) throw failure
}

function stateOf(
  phase: SyncStatus['phase'],
  problem: Fault | undefined,
  { isRemoved, isHeld }: { readonly isRemoved: boolean; readonly isHeld: boolean },
): LibraryState {
  // Also when nobody can be asked at the moment.
  if (isRemoved) return 'access-removed'
  if (problem !== undefined) return STATE_OF_FAILURE[problem.code] ?? 'needs-attention'
  if (isHeld) return 'needs-attention'
  return phase === 'listing' ? 'listing' : 'up-to-date'
}

/** What leaves the daemon of a library. */
function withoutRecord({ id, root, scope, organization, name, webUrl, host, access }: Library): Library {
  return { id, root, scope, organization, name, webUrl, host, access }
}

function notesOn({ library, otherLibraries, notes }: ResolvedLibrary): string[] {
  return [
    ...(library.access === 'read' ? [`${library.organization} lets you read this, not change it.`] : []),
    ...notes,
    ...otherLibraries.map(
      ({ name, webUrl }) =>
        `The same site has another library, ${name}. To add it:  b2bmount add ${shellQuote(webUrl)}`,
    ),
  ]
}

/** Whether a file of the cache can become an unsent one: else the kernel must not read it by itself. */
function isOneDisk({ cacheDirectory, stateDirectory }: DaemonEnvironment['paths']): boolean {
  return statSync(cacheDirectory).dev === statSync(stateDirectory).dev
}

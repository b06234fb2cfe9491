import type {
  Account,
  ExportReport,
  FreeUpReport,
  HydrationReport,
  ItemStatus,
  LibraryStatus,
  PinReport,
  ThumbnailAnswer,
  UnpinReport,
  UnsentReport,
} from '../../../src/control/answers.js'
import {
  toMount,
  type ActiveMount,
  type DaemonServices,
  type MountRequest,
} from '../../../src/daemon/daemon-services.js'
import { Fault } from '../../../src/model/fault.js'
import type { DriveId, ItemId, LibraryId, TenantId } from '../../../src/model/ids.js'

export const ANN: Account = {
  username: 'ann@fabrikam.example',
  displayName: 'Ann Other',
  homeTenant: '11111111-2222-3333-4444-555555555555' as TenantId,
}

export const PROJECTS: LibraryStatus = {
  id: 1 as LibraryId,
  root: {
    tenant: '66666666-2222-3333-4444-555555555555' as TenantId,
    drive: 'b!drive' as DriveId,
    item: '01ROOT' as ItemId,
  },
  scope: 'library',
  organization: 'Contoso',
  name: 'Projects - Documents',
  webUrl: 'https://contoso.sharepoint.com/sites/Projects/Shared%20Documents',
  host: 'contoso.sharepoint.com',
  access: 'write',
  state: 'up-to-date',
  items: 1234,
  localBytes: 12_300_000,
  checked: 0,
  pushed: false,
}

/** Behaves like the product's services, without a network, a kernel or a disk. */
export class FakeServices implements DaemonServices {
  account: Account | undefined
  libraries: LibraryStatus[] = []
  readonly mounts = new Map<string, { active: ActiveMount; vanish: () => void }>()
  closed = false
  busy = false

  async signIn(
    request: { deviceCode: boolean },
    conversation: Parameters<DaemonServices['signIn']>[1],
    signal: AbortSignal,
  ): Promise<Account> {
    signal.throwIfAborted()
    const url = 'https://login.example/authorize?state=x'
    conversation.prompt(
      request.deviceCode
        ? { kind: 'device-code', url: 'https://login.example/device', userCode: 'ABC-123', expires: 0 }
        : { kind: 'browser', url },
    )
    this.account = ANN
    return ANN
  }

  async signOut(): Promise<Account> {
    const account = await this.whoAmI()
    this.account = undefined
    return account
  }

  async whoAmI(): Promise<Account> {
    if (this.account !== undefined) return this.account
    throw new Fault('not-signed-in', 'Nobody is signed in', { nextStep: 'Run:  b2bmount sign-in' })
  }

  /** `wait`: until it is cancelled. `bug`: throws what nobody understands. */
  async addLibrary(
    { address }: { address: string },
    conversation: Parameters<DaemonServices['addLibrary']>[1],
    signal: AbortSignal,
  ) {
    conversation.progress({ message: 'Asking Contoso', done: 1, total: 2 })
    if (address === 'wait')
      await new Promise((_, reject) => (signal.onabort = () => reject(signal.reason as Error)))
    if (address === 'bug') throw new TypeError('secret of the daemon')
    if (address.startsWith('odopen:') && this.libraries.length > 0)
      throw new Fault('already-added', 'Contoso/Projects is on your drive already')
    this.libraries = [PROJECTS]
    return { library: PROJECTS, notes: ['You may only read it.'] }
  }

  async linkHost({ address }: { address: string }) {
    const host = /webUrl=https%3A%2F%2F([^%]*)/.exec(address)?.[1]
    if (host === undefined) throw new Fault('address-malformed', 'This is not an address of the Sync button')
    return { host, isKnown: this.libraries.length > 0 }
  }

  async listLibraries(): Promise<readonly LibraryStatus[]> {
    return this.libraries
  }

  async decideDeletions({ library: name, decision }: { library: string; decision: 'accept' | 'reject' }) {
    const { items: _, localBytes: __, ...library } = await this.removeLibrary({ library: name })
    return { library, decision, whose: 'theirs' as const, items: 321, orMore: false }
  }

  async removeLibrary({ library }: { library: string }) {
    const found = this.libraries.find(({ name }) => name === library)
    if (found === undefined) throw new Fault('not-added', `There is no library named ${library}`)
    this.libraries = []
    return found
  }

  async mount({ directory, transport = 'kernel' }: MountRequest): Promise<ActiveMount> {
    let vanish = () => {}
    const gone = new Promise<void>(resolve => (vanish = resolve))
    const active = { directory, since: 1, transport, gone }
    this.mounts.set(directory, { active, vanish })
    return active
  }

  async unmount({ directory }: { directory?: string }) {
    const found = [...this.mounts.values()].filter(
      ({ active }) => (directory ?? active.directory) === active.directory,
    )
    if (found.length === 0) throw new Fault('not-mounted', 'The drive is not mounted')
    for (const { active, vanish } of found) {
      this.mounts.delete(active.directory)
      vanish()
    }
    return found.map(({ active }) => toMount(active))
  }

  async status() {
    const mounts = [...this.mounts.values()].map(({ active }) => toMount(active))
    return { account: this.account, mounts, libraries: this.libraries, unsent: await this.sync() }
  }

  async itemStatus({ path }: { path: string }): Promise<ItemStatus> {
    if (![...this.mounts.keys()].some(directory => path.startsWith(directory))) {
      throw new Fault('not-mounted', `${path} is not on a mounted drive`)
    }
    return {
      path,
      kind: 'file',
      state: 'online-only',
      pin: 'unspecified',
      size: 5_000_000,
      localBytes: 0,
      modified: 0,
      library: PROJECTS,
      webUrl: path.endsWith('hostile') ? 'https://evil.example/x' : `${PROJECTS.webUrl}/file`,
    }
  }

  async find({ words, limit }: { words: string; limit: number }) {
    const [directory = 'nowhere'] = this.mounts.keys()
    const item = {
      ...(await this.itemStatus({ path: `${directory}/Contoso/Projects/${words}.docx` })),
      size: limit,
    }
    return { items: words === 'nothing' ? [] : [item], more: words === 'many', complete: words !== 'early' }
  }

  async thumbnail({ path }: { path: string }): Promise<ThumbnailAnswer> {
    if (path.endsWith('.txt')) throw new Fault('no-thumbnail', 'There is none')
    return { source: 'service', file: path, png: '' }
  }

  async thumbnailsStatus() {
    return { images: 2, bytes: 2000, none: 1, waiting: { folders: 0, files: 0 } }
  }

  async clearThumbnails() {
    return { images: 2, bytes: 2000, none: 1 }
  }

  async doctorChecks() {
    return [{ name: 'graph.example', verdict: 'ok' as const, found: 'reachable' }]
  }

  hydrations(): Promise<HydrationReport> {
    const path = '/home/ann/B2B/Contoso/Projects - Documents/\u001b[2Jplan.docx'
    return Promise.resolve({
      hydrations: [{ at: 0, program: 'soffice.bin', path, bytes: 1_500_000, verdict: 'full' }],
      refusals: [{ at: 0, program: 'tumblerd', path, count: 2_000, verdict: 'local-only' }],
    })
  }

  pin({ path }: { path: string }): Promise<PinReport> {
    const problem = { code: 'offline', message: 'There is no connection' } as const
    const failures = path.endsWith('unreachable') ? [{ path: `${path}/plan.docx`, problem }] : []
    return Promise.resolve({ path, files: 3, bytes: 1_500_000, failures })
  }

  unpin({ path }: { path: string }): Promise<UnpinReport> {
    return Promise.resolve({ path, pin: 'unspecified' })
  }

  freeUp({ path }: { path: string }): Promise<FreeUpReport> {
    return Promise.resolve({ path, files: 2, bytes: 3_000_000, kept: 1 })
  }

  /** One file is locked over there as long as {@link busy}. */
  async sync(): Promise<UnsentReport> {
    if (!this.busy) return { items: [], total: 0, bytes: 0 }
    const path = '/home/ann/B2B/Contoso/Projects - Documents/\u001b[2Jplan.docx'
    const problem = {
      code: 'locked',
      message: 'Somebody has it open',
      nextStep: 'It is tried again.',
    } as const
    const plan = { path, change: 'content', size: 1_500_000, sentBytes: 0, since: 0 } as const
    const items = [
      { ...plan, state: 'waiting' as const, problem },
      { ...plan, path: '/x/gone', change: 'deletion' as const, size: 0, state: 'held' as const },
      { ...plan, path: '/x/new', sentBytes: 500_000, change: 'new-file' as const, state: 'sending' as const },
    ]
    return { items, total: 25, bytes: 3_000_000 }
  }

  async exportUnsent({ directory }: { directory: string }): Promise<ExportReport> {
    const problem = { code: 'disk-full', message: 'The disk is full' } as const
    const failures = directory.endsWith('full') ? [{ path: '/x/new', problem }] : []
    const incomplete = directory.endsWith('half') ? ['/y/half'] : []
    return { directory, files: 2, bytes: 3_000_000, incomplete, failures }
  }

  isBusy(): boolean {
    return this.busy || this.mounts.size > 0
  }

  async close(): Promise<void> {
    await this.unmount({}).catch(() => [])
    this.closed = true
  }
}

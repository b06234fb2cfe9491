import type { Cloud } from '../model/cloud.js'
import { displayText } from '../model/display-text.js'
import { Fault, isFault } from '../model/fault.js'
import type { TenantId } from '../model/ids.js'
import type { NewLibrary } from '../model/library.js'
import type { OrganizationNames } from '../model/organization-names.js'
import type { RemoteRights } from '../model/remote.js'
import type { Drive, LinkTerms, RemoteSharing, SharedItem, Site } from '../model/sharing.js'
import { parseAddress, type Address } from './address.js'
import { libraryName } from './library-name.js'
import { Locator, type Located } from './locate.js'
import { readablePath, sitePathOf } from './server-path.js'

export interface ResolvedLibrary {
  readonly library: NewLibrary
  /** Of the same site, where the address named the site only. */
  readonly otherLibraries: readonly { readonly name: string; readonly webUrl: string }[]
  /** Sentences for the user: what will not work, and why. */
  readonly notes: readonly string[]
}

export interface LibraryResolverDeps {
  readonly cloud: Pick<Cloud, 'sharePointSuffix'>
  readonly sharing: RemoteSharing
  readonly rights: RemoteRights
  readonly tenants: { tenantOf(host: string, signal: AbortSignal): Promise<TenantId> }
  readonly wakeUp: { visit(tenant: TenantId, host: string, site: string, signal: AbortSignal): Promise<void> }
  readonly organizations: OrganizationNames
}

/** From what the user pasted to a library that can be mounted, or to a refusal that says why not. */
export class LibraryResolver {
  readonly #deps: LibraryResolverDeps
  readonly #locator: Locator

  constructor(deps: LibraryResolverDeps) {
    this.#deps = deps
    this.#locator = new Locator(deps.sharing)
  }

  /**
   * @param text as the user pasted it
   * @throws {Fault} `address-malformed`, `tenant-not-found`, `single-file`, `anyone-link`, `personal-account`,
   *   `access-denied`, `item-not-found`, what the tenant's sign-in refuses (`not-a-guest`, `invitation-pending`,
   *   `consent-required`, `sign-in-required`, …), and the network's
   */
  async resolve(text: string, signal: AbortSignal): Promise<ResolvedLibrary> {
    const { cloud, tenants, organizations } = this.#deps
    const address = parseAddress(text, cloud)
    const tenant = await tenants.tenantOf(address.host, signal)
    organizations.suggest(tenant, hostLabel(address.host, cloud))
    const located = await this.#locate(tenant, address, signal)
    const terms = await this.#terms(tenant, address, signal)
    if (terms?.scope === 'anonymous') throw anyoneLink()
    refuseFiles(located.shared)
    return await this.#describe(tenant, address, located, terms, signal)
  }

  async #locate(tenant: TenantId, address: Address, signal: AbortSignal): Promise<Located> {
    try {
      return await this.#locator.locate(tenant, address, signal)
    } catch (failure) {
      if (!isFault(failure, 'access-denied')) throw await this.#better(failure, tenant, address, signal)
    }
    await this.#deps.wakeUp.visit(tenant, address.host, siteOf(address), signal)
    try {
      return await this.#locator.locate(tenant, address, signal)
    } catch (failure) {
      throw await this.#better(failure, tenant, address, signal)
    }
  }

  /** A refusal in the user's words, where we know more than Graph says. */
  async #better(failure: unknown, tenant: TenantId, address: Address, signal: AbortSignal): Promise<unknown> {
    if (!isFault(failure, 'access-denied', 'item-not-found')) return failure
    if ((await this.#terms(tenant, address, signal))?.scope === 'anonymous') return anyoneLink(failure)
    const organization = this.#deps.organizations.nameOf(tenant)
    if (isFault(failure, 'item-not-found')) {
      return new Fault(
        'item-not-found',
        `${organization} has nothing at this address that is shared with you`,
        {
          cause: failure,
          nextStep:
            'Check the address; if it is right, ask the person who shared it to share it with your account.',
        },
      )
    }
    return new Fault('access-denied', `${organization} does not let you see what is at this address`, {
      cause: failure,
      nextStep:
        address.kind === 'site'
          ? 'If only a library or folder of the site was shared with you, add its link instead. ' +
            'Otherwise open the address once in your browser, then add it again.'
          : 'Open the address once in your browser, then add it again; if the browser refuses too, ask for access.',
    })
  }

  /** Only a sharing link has terms; and they are nice to know, not needed. */
  async #terms(tenant: TenantId, address: Address, signal: AbortSignal): Promise<LinkTerms | undefined> {
    if (address.kind !== 'sharing-link') return undefined
    return await this.#deps.sharing.linkTerms(tenant, address.url, signal)
  }

  async #describe(
    tenant: TenantId,
    address: Address,
    { shared, drive: knownDrive, site: knownSite, others }: Located,
    terms: LinkTerms | undefined,
    signal: AbortSignal,
  ): Promise<ResolvedLibrary> {
    const { sharing, rights } = this.#deps
    const drive = knownDrive ?? (await ifShown(sharing.drive(tenant, shared.key.drive, signal)))
    if (drive?.kind === 'personal') throw personalDrive()
    const site = knownSite ?? (await this.#siteOf(tenant, shared, drive, signal))
    const isDriveRoot = shared.isDriveRoot || (drive !== undefined && shared.item.webUrl === drive.webUrl)
    const place = {
      root: shared.key,
      scope: isDriveRoot ? 'library' : 'folder',
      host: address.host,
    } as const
    const [access, organization] = await Promise.all([
      rights.accessTo(place, signal),
      this.#organization(tenant, signal),
    ])
    const { modified, created } = shared.item
    const library: NewLibrary = {
      ...place,
      times: { modified, created },
      organization,
      name: libraryName(shared, isDriveRoot, drive, site),
      webUrl: shared.item.webUrl ?? drive?.webUrl ?? site?.webUrl ?? `https://${address.host}/`,
      access,
    }
    return {
      library,
      otherLibraries: others.map(({ name, webUrl }) => ({ name, webUrl })),
      notes:
        terms?.blocksDownload === true ? ['This link lets you see names only: downloads are blocked.'] : [],
    }
  }

  async #siteOf(
    tenant: TenantId,
    shared: SharedItem,
    drive: Drive | undefined,
    signal: AbortSignal,
  ): Promise<Site | undefined> {
    // A person's OneDrive is a site too, but is called after the person.
    if (shared.siteId === undefined || drive?.kind === 'business') return undefined
    return await ifShown(this.#deps.sharing.siteById(tenant, shared.siteId, signal))
  }

  async #organization(tenant: TenantId, signal: AbortSignal): Promise<string> {
    const { sharing, organizations } = this.#deps
    const name = await sharing.organizationName(tenant, signal)
    if (name !== undefined) organizations.learn(tenant, name)
    return organizations.nameOf(tenant)
  }
}

/** OneDrive's own rule: sites, libraries and folders can be synced, single files cannot. */
function refuseFiles({ item }: SharedItem): void {
  if (item.kind === 'folder') return
  const name = displayText(item.name) ?? 'This'
  const what = item.kind === 'file' ? 'a single file' : 'a notebook'
  throw new Fault('single-file', `${name} is ${what}; only sites, libraries and folders can be added`, {
    nextStep: 'Open it in your browser, or ask for the folder that contains it to be shared with you.',
  })
}

function anyoneLink(cause?: unknown): Fault {
  return new Fault(
    'anyone-link',
    'This is an "Anyone" link: it is not bound to your account and cannot be added',
    {
      cause,
      nextStep: 'Ask for a link for specific people, made out to your account.',
    },
  )
}

function personalDrive(): Fault {
  return new Fault(
    'personal-account',
    'This belongs to a Microsoft personal account, not to an organization',
    {
      nextStep: 'Only SharePoint and OneDrive of organizations can be added.',
    },
  )
}

async function ifShown<Value>(asked: Promise<Value>): Promise<Value | undefined> {
  try {
    return await asked
  } catch (failure) {
    if (isFault(failure, 'access-denied', 'item-not-found', 'not-supported', 'protocol-error'))
      return undefined
    throw failure
  }
}

function siteOf(address: Address): string {
  switch (address.kind) {
    case 'site':
      return address.path
    case 'path':
      return address.site
    case 'sharing-link':
      return sitePathInLink(address.url)
    case 'list':
      return sitePathOf(readablePath(new URL(address.url).pathname) ?? '')
  }
}

/** `/:f:/s/Team/…` is in `/sites/Team`, `/:f:/t/…` in `/teams`, `/:f:/g/personal/…` in `/personal`. */
function sitePathInLink(url: string): string {
  const match = /^\/:[a-z]+:\/([a-z])\/([^/]+)(?:\/([^/]+))?/i.exec(new URL(url).pathname)
  const [, form = '', first = '', second = ''] = match ?? []
  const sites: Readonly<Record<string, string>> = {
    s: `/sites/${first}`,
    t: `/teams/${first}`,
    g: first === 'personal' ? `/personal/${second}` : '',
  }
  return sites[form.toLowerCase()] ?? ''
}

function hostLabel(host: string, { sharePointSuffix }: Pick<Cloud, 'sharePointSuffix'>): string {
  return host.slice(0, -sharePointSuffix.length).replace(/-my$/, '')
}

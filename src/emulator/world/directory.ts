import { OPEN_SHARING, type SharingControl } from '../sharing/sharing-control.js'
import { guidFrom, type Guid } from './guid.js'

/** The tenant that all personal Microsoft accounts share. */
export const PERSONAL_TENANT: Guid = '9188040d-6c67-4c5b-b112-36a304b66dad'

/** An account in the tenant where it lives. */
export interface User {
  readonly oid: Guid
  readonly tenant: Guid
  /** User principal name, also the address to sign in with. */
  readonly upn: string
  readonly displayName: string
  /** Refresh tokens issued before are revoked. */
  tokensValidFrom: number
}

/** A user as one tenant knows it: its own member, or the guest object of somebody else's. */
export interface Principal {
  readonly oid: Guid
  readonly kind: 'member' | 'guest'
  readonly user: User
  /** `pending`: invited, invitation not redeemed. */
  state: 'redeemed' | 'pending'
  /** SharePoint has not met this guest: Graph answers 403 until one SharePoint call was made. */
  sharePointKnows: boolean
}

/**
 * - granted: the app has its service principal and consent
 * - user: the user may consent on the sign-in page
 * - admin: only an administrator may, on the adminconsent page
 */
export type Consent = 'granted' | 'user' | 'admin'

export interface TenantOptions {
  readonly id: Guid
  /** Short name: first label of its hosts. */
  readonly slug: string
  readonly displayName: string
  readonly domain: string
  readonly personal?: boolean
}

export class Tenant {
  readonly id: Guid
  readonly slug: string
  readonly displayName: string
  readonly domain: string
  readonly personal: boolean
  consent: Consent = 'granted'
  /** Whether the app's consent covers SharePoint's own API too, besides Graph. */
  sharePointConsent = true
  sharing: SharingControl = OPEN_SHARING
  /** AADSTS code by upn, or by `*` for everybody: the answer to any token request. */
  readonly refusals = new Map<string, number>()
  /** When, by upn, continuous access evaluation ended what was signed in before. */
  readonly challenges = new Map<string, number>()
  /** Users who passed multi-factor authentication here. */
  readonly passedMfa = new Set<string>()
  readonly #byUser = new Map<Guid, Principal>()

  constructor(options: TenantOptions) {
    this.id = options.id
    this.slug = options.slug
    this.displayName = options.displayName
    this.domain = options.domain
    this.personal = options.personal ?? false
  }

  get sharePointHost(): string {
    return `${this.slug}.sharepoint.com`
  }

  get oneDriveHost(): string {
    return `${this.slug}-my.sharepoint.com`
  }

  get initialDomain(): string {
    return `${this.slug}.onmicrosoft.com`
  }

  get principals(): readonly Principal[] {
    return [...this.#byUser.values()]
  }

  /** The first member, who owns the sites, is the administrator too. */
  isAdmin(principal: Principal): boolean {
    return this.principals.find(({ kind }) => kind === 'member') === principal
  }

  isNamed(name: string): boolean {
    const asked = name.toLowerCase()
    return [this.id, this.slug, this.domain, this.initialDomain].includes(asked)
  }

  addMember(name: string, displayName: string): Principal {
    const upn = `${name}@${this.domain}`
    const user: User = {
      oid: guidFrom('user', upn),
      tenant: this.id,
      upn,
      displayName,
      tokensValidFrom: 0,
    }
    return this.#know({ oid: user.oid, kind: 'member', user, state: 'redeemed', sharePointKnows: true })
  }

  addGuest(user: User, state: Principal['state'] = 'redeemed', sharePointKnows = true): Principal {
    return this.#know({
      oid: guidFrom('guest', this.id, user.oid),
      kind: 'guest',
      user,
      state,
      sharePointKnows,
    })
  }

  removeGuest(user: User): boolean {
    return this.#byUser.delete(user.oid)
  }

  principalOf(user: User): Principal | undefined {
    return this.#byUser.get(user.oid)
  }

  principal(oid: Guid): Principal | undefined {
    return this.principals.find(each => each.oid === oid)
  }

  #know(principal: Principal): Principal {
    this.#byUser.set(principal.user.oid, principal)
    return principal
  }
}

/** `ann_fabrikam.example#EXT#@contoso.onmicrosoft.com` */
export function principalName(principal: Principal, tenant: Tenant): string {
  if (principal.kind === 'member') return principal.user.upn
  return `${principal.user.upn.replace('@', '_')}#EXT#@${tenant.initialDomain}`
}

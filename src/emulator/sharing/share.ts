import { randomUUID } from 'node:crypto'
import type { Principal, Tenant, User } from '../world/directory.js'
import type { Drive, Item } from '../world/drive.js'
import type { Grant, SharingLink, Site } from '../world/site.js'
import type { World } from '../world/world.js'
import { invitationMail, sharingMail } from './mails.js'
import type { Mail } from './outbox.js'
import { type SharingObstacle, sharingObstacle } from './sharing-control.js'

/** Somebody cannot be shared with, or invited. */
export class SharingRefused extends Error {
  override readonly name = 'SharingRefused'
  /** `nobody`: no account of this world has the address. */
  readonly obstacle: SharingObstacle | 'nobody'

  constructor(obstacle: SharingObstacle | 'nobody') {
    super(`cannot be shared: ${obstacle}`)
    this.obstacle = obstacle
  }
}

export interface ShareRequest {
  readonly site: Site
  /** `undefined`: the whole site. */
  readonly on: { readonly drive: Drive; readonly item: Item } | undefined
  readonly by: Principal
  readonly email: string
  readonly role: 'read' | 'write'
  readonly message: string | undefined
  /** By mail, with a link that gives access when it is opened; otherwise access is there at once. */
  readonly sendInvitation: boolean
  readonly expires: number | undefined
}

export interface Share {
  /** `undefined`: a one-time passcode is all that this person gets. */
  readonly principal: Principal | undefined
  readonly user: User
  readonly link: SharingLink | undefined
  readonly grant: Grant | undefined
  readonly mail: Mail | undefined
}

/** A person shares a site, a library or a folder with somebody. @throws {SharingRefused} */
export function share(world: World, request: ShareRequest): Share {
  const { site, on, by, email, role } = request
  const user = world.user(email)
  if (!user) throw new SharingRefused('nobody')
  const principal = guestFor(site.tenant, user, by, on === undefined)
  if (on === undefined) {
    // A site's guests are put into its groups, invited or not.
    const grant = principal && site.grant(principal, role)
    return { principal, user, link: undefined, grant, mail: send(world, request, site.webUrl) }
  }
  if (principal && !request.sendInvitation) {
    const grant = site.grant(principal, role, on)
    return { principal, user, link: undefined, grant, mail: undefined }
  }
  const link = linkFor(request, on, user)
  const mail = request.sendInvitation ? send(world, request, link.url) : undefined
  return { principal, user, link, grant: undefined, mail }
}

/** The member or guest that the tenant has, or now has. */
function guestFor(tenant: Tenant, user: User, by: Principal, wholeSite: boolean): Principal | undefined {
  const known = tenant.principalOf(user)
  if (known?.kind === 'member') return known
  check(tenant, user, by)
  if (known) return known
  if (!tenant.sharing.enableAzureADB2BIntegration && !wholeSite) return undefined
  return tenant.addGuest(user, 'pending', false)
}

function check(tenant: Tenant, user: User, by: Principal): void {
  const obstacle = sharingObstacle(tenant.sharing, {
    email: user.upn,
    isGuest: tenant.principalOf(user) !== undefined,
    inviter: by.kind === 'guest' ? 'guest' : tenant.isAdmin(by) ? 'admin' : 'member',
  })
  if (obstacle) throw new SharingRefused(obstacle)
}

function linkFor(request: ShareRequest, on: { drive: Drive; item: Item }, user: User): SharingLink {
  const { site, role, expires } = request
  const type = role === 'write' ? 'edit' : 'view'
  const known = site.links.find(
    link =>
      link.item === on.item && link.type === type && link.recipients.join() === user.oid && !link.revoked,
  )
  return known ?? site.share(on.drive, on.item, { scope: 'users', type, recipients: [user.oid], expires })
}

function send(world: World, { site, on, by, email, message }: ShareRequest, link: string): Mail {
  const isLibrary = on?.item.parent === undefined
  const what = on === undefined ? 'site' : isLibrary ? 'library' : on.item.kind === 'file' ? 'file' : 'folder'
  const letter = {
    to: email,
    by: by.user.displayName,
    organization: site.tenant.displayName,
    what,
    name: on === undefined ? site.title : isLibrary ? on.drive.name : on.item.name,
    message,
    link,
  } as const
  return world.outbox.send(sharingMail(letter), world.clock.now())
}

/** What `POST /invitations` makes. */
export interface Invitation {
  readonly id: string
  readonly ticket: string
  readonly tenant: Tenant
  readonly guest: Principal
  /** Where the guest goes after accepting. */
  readonly redirectUrl: string
}

export function invite(
  world: World,
  tenant: Tenant,
  by: Principal,
  wanted: { email: string; redirectUrl: string; message: string | undefined; sendMessage: boolean },
): Invitation {
  const user = world.user(wanted.email)
  if (!user) throw new SharingRefused('nobody')
  check(tenant, user, by)
  const guest = tenant.principalOf(user) ?? tenant.addGuest(user, 'pending', false)
  const { redirectUrl } = wanted
  const invitation = { id: randomUUID(), ticket: randomUUID(), tenant, guest, redirectUrl }
  world.invitations.push(invitation)
  if (wanted.sendMessage) {
    const letter = {
      to: wanted.email,
      by: by.user.displayName,
      organization: tenant.displayName,
      message: wanted.message,
      link: redeemUrl(invitation),
    }
    world.outbox.send(invitationMail(letter), world.clock.now())
  }
  return invitation
}

export const INVITATION_HOST = 'invitations.microsoft.com'

export function redeemUrl({ tenant, guest, ticket }: Invitation): string {
  const query = new URLSearchParams({ tenant: tenant.id, user: guest.oid, ticket, ver: '2.0' })
  return `https://${INVITATION_HOST}/redeem/?${query.toString()}`
}

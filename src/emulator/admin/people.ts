import { isKnownAadsts } from '../entra/aadsts.js'
import type { Consent, Tenant, User } from '../world/directory.js'
import type { Role } from '../world/site.js'
import type { World } from '../world/world.js'
import { AdminError } from './admin-error.js'
import { controlSharing, shareWith } from './sharing.js'

/**
 * What administrators of tenants and owners of sites do: invitations, permissions, policies.
 * The body has `do` and what it needs; see docs/EMULATOR.md.
 */
export function changePeople(world: World, body: Record<string, unknown>) {
  const kind = String(body['do'])
  switch (kind) {
    case 'invite':
      return invite(requireTenant(world, body), requireUser(world, body), body['pending'] === true)
    case 'remove-guest':
      return { removed: requireTenant(world, body).removeGuest(requireUser(world, body)) }
    case 'set-state': {
      const principal = requirePrincipal(world, body)
      if (body['state'] === 'pending' || body['state'] === 'redeemed') principal.state = body['state']
      if (typeof body['sharePointKnows'] === 'boolean') principal.sharePointKnows = body['sharePointKnows']
      return { state: principal.state, sharePointKnows: principal.sharePointKnows }
    }
    case 'consent':
      return consent(requireTenant(world, body), body)
    case 'refuse':
      return refuse(requireTenant(world, body), body)
    case 'allow':
      requireTenant(world, body).refusals.delete(refusedUser(body))
      return { refusals: Object.fromEntries(requireTenant(world, body).refusals) }
    case 'challenge': {
      const user = requireUser(world, body)
      const now = world.clock.now() + 1
      requireTenant(world, body).challenges.set(user.upn, now)
      return { user: user.upn, challenged: new Date(now).toISOString() }
    }
    case 'revoke-tokens': {
      const user = requireUser(world, body)
      user.tokensValidFrom = world.clock.now() + 1
      return { user: user.upn, tokensValidFrom: new Date(user.tokensValidFrom).toISOString() }
    }
    case 'revoke-link': {
      const link = world.link(String(body['url']))
      if (!link) throw new AdminError('no such link')
      link.revoked = true
      return { revoked: link.site.revoke(grant => grant.link === link) }
    }
    case 'revoke-access': {
      const principal = requirePrincipal(world, body)
      const site = requireSite(world, body)
      return { revoked: site.revoke(grant => grant.principal === principal.oid) }
    }
    case 'block-download': {
      const site = requireSite(world, body)
      return { blocksDownload: (site.blocksDownload = body['blocked'] !== false) }
    }
    case 'share':
      return shareWith(world, requireSite(world, body), body)
    case 'sharing-control':
      return controlSharing(requireTenant(world, body), body)
    case 'grant':
      return grant(world, body)
    default:
      throw new AdminError(`'${kind}' is not something people do here, see docs/EMULATOR.md`)
  }
}

function invite(tenant: Tenant, user: User, pending: boolean) {
  const principal = tenant.addGuest(user, pending ? 'pending' : 'redeemed')
  return { oid: principal.oid, state: principal.state }
}

function consent(tenant: Tenant, body: Record<string, unknown>) {
  const { consent: toGraph, sharePoint } = body
  if (toGraph !== undefined || sharePoint === undefined) tenant.consent = requireConsent(toGraph)
  if (sharePoint !== undefined && typeof sharePoint !== 'boolean') {
    throw new AdminError('sharePoint: true or false')
  }
  tenant.sharePointConsent = sharePoint ?? tenant.sharePointConsent
  return { consent: tenant.consent, sharePoint: tenant.sharePointConsent }
}

function refuse(tenant: Tenant, body: Record<string, unknown>) {
  const code = Number(body['code'])
  if (!isKnownAadsts(code)) throw new AdminError(`AADSTS${code} is not emulated`)
  tenant.refusals.set(refusedUser(body), code)
  tenant.passedMfa.clear()
  return { refusals: Object.fromEntries(tenant.refusals) }
}

function grant(world: World, body: Record<string, unknown>) {
  const principal = requirePrincipal(world, body)
  const site = requireSite(world, body)
  const role = String(body['role'])
  if (role !== 'read' && role !== 'write' && role !== 'owner')
    throw new AdminError('role: read, write or owner')
  const drive = site.libraries.find(each => each.id === body['drive'])
  const item = drive && (typeof body['item'] === 'string' ? drive.find(body['item']) : drive.root)
  if (body['drive'] !== undefined && (!drive || !item)) throw new AdminError('no such item')
  const given = site.grant(principal, role satisfies Role, drive && item ? { drive, item } : undefined)
  return { id: given.id }
}

function refusedUser(body: Record<string, unknown>): string {
  return typeof body['user'] === 'string' ? body['user'].toLowerCase() : '*'
}

function requireTenant(world: World, body: Record<string, unknown>): Tenant {
  const tenant = world.tenant(String(body['tenant']))
  if (!tenant) throw new AdminError('no such tenant')
  return tenant
}

function requireUser(world: World, body: Record<string, unknown>): User {
  const user = world.user(String(body['user']))
  if (!user) throw new AdminError('no such user')
  return user
}

function requirePrincipal(world: World, body: Record<string, unknown>) {
  const principal = requireTenant(world, body).principalOf(requireUser(world, body))
  if (!principal) throw new AdminError('this tenant does not know the user')
  return principal
}

function requireSite(world: World, body: Record<string, unknown>) {
  const site = world.sites.find(each => each.webUrl === body['site'] || each.id === body['site'])
  if (!site) throw new AdminError('no such site')
  return site
}

function requireConsent(value: unknown): Consent {
  if (value === 'granted' || value === 'user' || value === 'admin') return value
  throw new AdminError('consent: granted, user or admin')
}

import type { Tenant, User } from '../world/directory.js'
import type { App, World } from '../world/world.js'
import { asksForMfa } from './aadsts.js'

/** What stands between a user and a token of a tenant. */
export type Obstacle =
  | { readonly kind: 'not-here' }
  | { readonly kind: 'pending' }
  | { readonly kind: 'consent' }
  | { readonly kind: 'admin-consent' }
  | { readonly kind: 'code'; readonly code: number }

/** The tenant that a URL means: the aliases mean the user's own. */
export function resolveTenant(world: World, name: string, user?: User): Tenant | undefined {
  const asked = name.toLowerCase()
  if (asked === 'organizations' || asked === 'common' || asked === 'consumers') {
    return user && world.tenant(user.tenant)
  }
  return world.tenant(asked)
}

export function isAlias(name: string): boolean {
  return ['organizations', 'common', 'consumers'].includes(name.toLowerCase())
}

export function obstacle(
  world: World,
  tenant: Tenant,
  user: User,
  app: App | undefined,
): Obstacle | undefined {
  const outbound = world.tenant(user.tenant)?.refusals.get(user.upn)
  const refused = tenant.refusals.get(user.upn) ?? tenant.refusals.get('*') ?? outboundOnly(outbound)
  const principal = tenant.principalOf(user)
  if (!principal) return { kind: 'not-here' }
  const satisfied = refused !== undefined && asksForMfa(refused) && tenant.passedMfa.has(user.upn)
  if (refused !== undefined && !satisfied) return { kind: 'code', code: refused }
  if (principal.state === 'pending') return { kind: 'pending' }
  if (app === undefined || app.firstParty === true) return undefined
  if (tenant.consent === 'admin') return { kind: 'admin-consent' }
  if (tenant.consent === 'user') return { kind: 'consent' }
  return undefined
}

/** The home tenant's outbound policy refuses tokens of other tenants too. */
function outboundOnly(code: number | undefined): number | undefined {
  return code === 500212 ? code : undefined
}

export function obstacleCode(what: Obstacle): number {
  switch (what.kind) {
    case 'not-here':
      return 50020
    case 'pending':
      return 50014
    case 'consent':
    case 'admin-consent':
      return 65001
    case 'code':
      return what.code
  }
}

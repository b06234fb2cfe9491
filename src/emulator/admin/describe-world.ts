import { principalName } from '../world/directory.js'
import type { Tenant } from '../world/directory.js'
import type { Site } from '../world/site.js'
import type { World } from '../world/world.js'

/** What there is, with every id and address that a test or a person may want to paste. */
export function describeWorld(world: World) {
  return {
    now: new Date(world.clock.now()).toISOString(),
    addresses: world.addresses,
    apps: world.apps,
    users: world.users().map(({ upn, displayName, oid, tenant }) => ({ upn, displayName, oid, tenant })),
    tenants: world.tenants.map(tenant => describeTenant(world, tenant)),
  }
}

function describeTenant(world: World, tenant: Tenant) {
  return {
    id: tenant.id,
    slug: tenant.slug,
    displayName: tenant.displayName,
    domain: tenant.domain,
    initialDomain: tenant.initialDomain,
    sharePointHost: tenant.sharePointHost,
    consent: tenant.consent,
    sharing: tenant.sharing,
    refusals: Object.fromEntries(tenant.refusals),
    people: tenant.principals.map(principal => ({
      upn: principal.user.upn,
      name: principalName(principal, tenant),
      oid: principal.oid,
      kind: principal.kind,
      state: principal.state,
      sharePointKnows: principal.sharePointKnows,
    })),
    sites: world.sites.filter(site => site.tenant === tenant).map(describeSite),
  }
}

function describeSite(site: Site) {
  return {
    id: site.id,
    title: site.title,
    webUrl: site.webUrl,
    siteId: site.siteId,
    webId: site.webId,
    libraries: site.libraries.map(drive => ({
      name: drive.name,
      driveId: drive.id,
      listId: drive.listId,
      rootId: drive.rootId,
      webUrl: drive.webUrl,
    })),
    links: site.links.map(link => ({
      url: link.url,
      scope: link.scope,
      type: link.type,
      item: link.item.id,
      drive: link.drive.id,
      revoked: link.revoked,
    })),
    grants: site.grants.map(grant => ({
      principal: site.tenant.principal(grant.principal)?.user.upn ?? grant.principal,
      role: grant.role,
      item: grant.on?.item.id ?? null,
      drive: grant.on?.drive.id ?? null,
    })),
  }
}

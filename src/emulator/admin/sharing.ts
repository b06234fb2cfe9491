import { share, SharingRefused } from '../sharing/share.js'
import { changedControl } from '../sharing/sharing-control.js'
import type { Principal, Tenant } from '../world/directory.js'
import type { Site } from '../world/site.js'
import type { World } from '../world/world.js'
import { AdminError } from './admin-error.js'

type Body = Readonly<Record<string, unknown>>

/** A member shares a site, a library or a folder with somebody outside, as by SharePoint's Share button. */
export function shareWith(world: World, site: Site, body: Body) {
  const { drive: driveId, item: itemId, path, with: email, role, message } = body
  const drive = driveId === undefined ? undefined : site.libraries.find(each => each.id === driveId)
  const item =
    typeof itemId === 'string'
      ? drive?.find(itemId)
      : drive?.at(typeof path === 'string' ? path.split('/').filter(Boolean) : [])
  if (driveId !== undefined && (!drive || !item)) throw new AdminError('no such item')
  if (typeof email !== 'string') throw new AdminError("with: somebody's address")
  try {
    const { link, mail, principal } = share(world, {
      site,
      on: drive && item && { drive, item },
      by: sharer(site.tenant, body['by']),
      email,
      role: role === 'read' ? 'read' : 'write',
      message: typeof message === 'string' ? message : undefined,
      sendInvitation: body['sendInvitation'] !== false,
      expires: undefined,
    })
    return { link: link?.url ?? site.webUrl, mail: mail?.id ?? null, guest: principal?.state ?? null }
  } catch (failure) {
    if (failure instanceof SharingRefused) throw new AdminError(failure.message)
    throw failure
  }
}

export function controlSharing(tenant: Tenant, body: Body) {
  const changed = changedControl(tenant.sharing, body)
  if (typeof changed === 'string') throw new AdminError(changed)
  return (tenant.sharing = changed)
}

/** Whoever is named, else the tenant's administrator. */
function sharer(tenant: Tenant, name: unknown): Principal {
  const principal = tenant.principals.find(each =>
    typeof name === 'string' ? each.user.upn === name.toLowerCase() : tenant.isAdmin(each),
  )
  if (!principal) throw new AdminError('by: somebody whom the tenant knows')
  return principal
}

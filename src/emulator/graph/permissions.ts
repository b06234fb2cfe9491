import { type Answer, json } from '../http/answer.js'
import { isWithin } from '../world/drive.js'
import type { Grant, SharingLink } from '../world/site.js'
import { timestamp } from '../clock.js'
import { encodeShareId } from './address.js'
import type { Access, PlacedItem } from './access.js'
import { accessDenied, notFound } from './graph-error.js'
import type { GraphRequest } from './request.js'

type Json = Record<string, unknown>

export function listPermissions(access: Access, request: GraphRequest, placed: PlacedItem): Answer {
  const { drive, item } = placed
  return json(200, {
    '@odata.context': `https://graph.microsoft.com/v1.0/$metadata#drives('${drive.id}')/items('${item.id}')/permissions`,
    value: permissionsOf(access, request, placed),
  })
}

export function getPermission(access: Access, request: GraphRequest, placed: PlacedItem, id: string): Answer {
  const permission = permissionsOf(access, request, placed).find(each => each['id'] === id)
  if (!permission) throw notFound()
  return json(200, permission)
}

/** Owners see every permission of an item, everybody else only what applies to them. */
function permissionsOf(access: Access, request: GraphRequest, placed: PlacedItem): Json[] {
  const role = access.requireItem(request.caller, placed)
  const { site, drive, item } = placed
  const { caller } = request
  if (caller.principal.kind === 'guest') {
    // As for guests whose rights come from a group of SharePoint's.
    if (drive.rules.guestPermissions === 'refused') throw accessDenied()
    if (drive.rules.guestPermissions === 'none') return []
  }
  const applies = (grant: Grant) => !grant.on || (grant.on.drive === drive && isWithin(item, grant.on.item))
  const grants = site.grants.filter(
    grant => applies(grant) && (role === 'owner' || grant.principal === caller.principal.oid),
  )
  const links = role === 'owner' ? site.links.filter(link => link.item === item && !link.revoked) : []
  return [
    ...grants.filter(grant => !grant.link).map(grant => grantJson(request, grant)),
    ...links.map(link => linkJson(request, link)),
    ...grants.flatMap(grant => (grant.link && role !== 'owner' ? [linkJson(request, grant.link)] : [])),
  ]
}

function grantJson({ caller }: GraphRequest, grant: Grant): Json {
  const principal = caller.tenant.principal(grant.principal)
  const user = {
    id: grant.principal,
    displayName: principal?.user.displayName ?? '',
    email: principal?.user.upn ?? '',
  }
  return { id: grant.id, roles: [grant.role], grantedToV2: { user }, grantedTo: { user } }
}

export function linkJson({ caller }: GraphRequest, link: SharingLink): Json {
  const recipients = link.recipients.flatMap(oid => {
    const principal = caller.tenant.principals.find(each => each.user.oid === oid)
    return principal ? [{ user: { id: principal.oid, displayName: principal.user.displayName } }] : []
  })
  return {
    id: link.id,
    roles: [link.type === 'edit' ? 'write' : 'read'],
    shareId: encodeShareId(link.url),
    hasPassword: false,
    ...(link.expires !== undefined && { expirationDateTime: timestamp(link.expires) }),
    ...(link.scope === 'users' && { grantedToIdentitiesV2: recipients, grantedToIdentities: recipients }),
    link: {
      scope: link.scope,
      type: link.type,
      webUrl: link.url,
      preventsDownload: link.site.blocksDownload,
    },
  }
}

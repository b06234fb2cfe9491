import { timestamp } from '../clock.js'
import { type Answer, json, type Refusal } from '../http/answer.js'
import { type Invitation, invite, redeemUrl, share, type Share, SharingRefused } from '../sharing/share.js'
import type { World } from '../world/world.js'
import type { Access, PlacedItem } from './access.js'
import { encodeShareId } from './address.js'
import { accessDenied, badRequest, refuse } from './graph-error.js'
import type { GraphRequest } from './request.js'

type Body = Readonly<Record<string, unknown>>

/** `POST …/items/{id}/invite`: sharing with people by their address. */
export async function inviteToItem(
  world: World,
  access: Access,
  request: GraphRequest,
  placed: PlacedItem,
): Promise<Answer> {
  if (access.requireItem(request.caller, placed) === 'read') throw accessDenied()
  const body = await bodyOf(request)
  const { recipients, roles, requireSignIn, sendInvitation, message, expirationDateTime } = body
  if (!Array.isArray(recipients) || recipients.length === 0) throw badRequest('recipients is required')
  if (body['password'] !== undefined) throw notEmulatedHere('password of an invitation')
  if (requireSignIn !== true) throw notEmulatedHere('an invitation without requireSignIn')
  const role = Array.isArray(roles) && roles.includes('write') ? 'write' : 'read'
  const shares = recipients.map(recipient =>
    refusing(() =>
      share(world, {
        site: placed.site,
        on: { drive: placed.drive, item: placed.item },
        by: request.caller.principal,
        email: emailOf(recipient),
        role,
        message: typeof message === 'string' ? message : undefined,
        sendInvitation: sendInvitation === true,
        expires: typeof expirationDateTime === 'string' ? Date.parse(expirationDateTime) : undefined,
      }),
    ),
  )
  return json(200, {
    '@odata.context': `https://${request.exchange.host}/v1.0/$metadata#Collection(permission)`,
    value: shares.map(each => shareJson(each, role)),
  })
}

function shareJson({ principal, user, link, grant }: Share, role: string) {
  const known = { user: { displayName: user.displayName, id: principal?.oid, email: user.upn } }
  return {
    id: grant?.id ?? link?.id,
    roles: [role],
    grantedTo: known,
    grantedToV2: known,
    hasPassword: false,
    invitation: { email: user.upn, signInRequired: true },
    ...(link && { shareId: encodeShareId(link.url) }),
    ...(link?.expires !== undefined && { expirationDateTime: timestamp(link.expires) }),
  }
}

/** `POST /invitations`: a guest account, without anything being shared. */
export async function createInvitation(world: World, request: GraphRequest): Promise<Answer> {
  const { caller } = request
  const body = await bodyOf(request)
  const { invitedUserEmailAddress: email, inviteRedirectUrl: redirectUrl, invitedUserMessageInfo } = body
  if (typeof email !== 'string' || typeof redirectUrl !== 'string' || !URL.canParse(redirectUrl)) {
    throw refuse(400, 'BadRequest', 'invitedUserEmailAddress and inviteRedirectUrl are required.')
  }
  if (body['resetRedemption'] === true) throw notEmulatedHere('resetRedemption')
  const info = (invitedUserMessageInfo ?? {}) as { customizedMessageBody?: unknown }
  const message = info.customizedMessageBody
  const invitation = refusing(() =>
    invite(world, caller.tenant, caller.principal, {
      email,
      redirectUrl,
      message: typeof message === 'string' ? message : undefined,
      sendMessage: body['sendInvitationMessage'] === true,
    }),
  )
  return json(201, invitationJson(invitation, body))
}

function invitationJson(invitation: Invitation, body: Body) {
  const { guest } = invitation
  return {
    '@odata.context': 'https://graph.microsoft.com/v1.0/$metadata#invitations/$entity',
    id: invitation.id,
    inviteRedeemUrl: redeemUrl(invitation),
    invitedUserDisplayName: guest.user.displayName,
    invitedUserType: 'Guest',
    invitedUserEmailAddress: guest.user.upn,
    sendInvitationMessage: body['sendInvitationMessage'] === true,
    resetRedemption: false,
    inviteRedirectUrl: invitation.redirectUrl,
    status: guest.state === 'pending' ? 'PendingAcceptance' : 'Completed',
    invitedUser: { id: guest.oid },
  }
}

function emailOf(recipient: unknown): string {
  const email = (recipient as { email?: unknown } | null)?.email
  if (typeof email !== 'string') throw notEmulatedHere('recipients by alias or objectId')
  return email
}

async function bodyOf(request: GraphRequest): Promise<Body> {
  try {
    return JSON.parse((await request.exchange.body()).toString('utf8')) as Body
  } catch {
    throw badRequest('The body is not JSON.')
  }
}

function notEmulatedHere(what: string): Refusal {
  return refuse(501, 'notImplemented', `The emulator does not emulate: ${what}`)
}

function refusing<Value>(work: () => Value): Value {
  try {
    return work()
  } catch (failure) {
    throw failure instanceof SharingRefused ? refusalOf(failure) : failure
  }
}

function refusalOf({ obstacle }: SharingRefused): Refusal {
  switch (obstacle) {
    case 'sharing-disabled':
      return refuse(403, 'accessDenied', 'Sharing with people outside your organization is turned off.')
    case 'not-a-guest-yet':
      return refuse(403, 'accessDenied', 'Sharing is allowed with guests already in your directory only.')
    case 'domain':
      return refuse(
        403,
        'accessDenied',
        'Your organization does not allow sharing with users from this domain.',
      )
    case 'inviter':
      return refuse(
        403,
        'Authorization_RequestDenied',
        'Guest invitations not allowed for your company. Contact your company administrator for more details.',
      )
    case 'nobody':
      return notEmulatedHere('an invitation to an address that has no account in this world')
  }
}

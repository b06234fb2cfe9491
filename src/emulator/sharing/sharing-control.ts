/**
 * What a tenant's administrators allow of sharing with people outside. Names and values are those of Graph's
 * `sharepointSettings` and `authorizationPolicy`, the last one's that of `Set-SPOTenant`.
 */
export interface SharingControl {
  readonly sharingCapability:
    'disabled' | 'existingExternalUserSharingOnly' | 'externalUserSharingOnly' | 'externalUserAndGuestSharing'
  readonly sharingDomainRestrictionMode: 'none' | 'allowList' | 'blockList'
  readonly sharingAllowedDomainList: readonly string[]
  readonly sharingBlockedDomainList: readonly string[]
  readonly allowInvitesFrom:
    'none' | 'adminsAndGuestInviters' | 'adminsGuestInvitersAndAllMembers' | 'everyone'
  /** Off: shared files and folders make no guests; their recipients get one-time passcodes by mail. */
  readonly enableAzureADB2BIntegration: boolean
}

export const OPEN_SHARING: SharingControl = {
  sharingCapability: 'externalUserAndGuestSharing',
  sharingDomainRestrictionMode: 'none',
  sharingAllowedDomainList: [],
  sharingBlockedDomainList: [],
  allowInvitesFrom: 'everyone',
  enableAzureADB2BIntegration: true,
}

/** Why somebody outside cannot be shared with. */
export type SharingObstacle = 'sharing-disabled' | 'not-a-guest-yet' | 'domain' | 'inviter'

export interface Asked {
  readonly email: string
  /** Whether the tenant has a guest with this address. */
  readonly isGuest: boolean
  readonly inviter: 'admin' | 'member' | 'guest'
}

export function sharingObstacle(control: SharingControl, asked: Asked): SharingObstacle | undefined {
  const { sharingCapability } = control
  if (sharingCapability === 'disabled') return 'sharing-disabled'
  if (!allowsDomain(control, asked.email)) return 'domain'
  if (asked.isGuest) return undefined
  if (sharingCapability === 'existingExternalUserSharingOnly') return 'not-a-guest-yet'
  return mayInvite(control, asked.inviter) ? undefined : 'inviter'
}

function allowsDomain(control: SharingControl, email: string): boolean {
  const domain = email.slice(email.lastIndexOf('@') + 1).toLowerCase()
  const has = (list: readonly string[]) => list.some(each => each.toLowerCase() === domain)
  switch (control.sharingDomainRestrictionMode) {
    case 'none':
      return true
    case 'allowList':
      return has(control.sharingAllowedDomainList)
    case 'blockList':
      return !has(control.sharingBlockedDomainList)
  }
}

function mayInvite({ allowInvitesFrom }: SharingControl, inviter: Asked['inviter']): boolean {
  switch (allowInvitesFrom) {
    case 'none':
      return false
    case 'adminsAndGuestInviters':
      return inviter === 'admin'
    case 'adminsGuestInvitersAndAllMembers':
      return inviter !== 'guest'
    case 'everyone':
      return true
  }
}

const VALUES: Readonly<Partial<Record<keyof SharingControl, readonly string[]>>> = {
  sharingCapability: [
    'disabled',
    'existingExternalUserSharingOnly',
    'externalUserSharingOnly',
    'externalUserAndGuestSharing',
  ],
  sharingDomainRestrictionMode: ['none', 'allowList', 'blockList'],
  allowInvitesFrom: ['none', 'adminsAndGuestInviters', 'adminsGuestInvitersAndAllMembers', 'everyone'],
}

/** `control` with what `body` says; what it says otherwise, as sentences. */
export function changedControl(
  control: SharingControl,
  body: Readonly<Record<string, unknown>>,
): SharingControl | string {
  const changes: Record<string, unknown> = {}
  for (const name of Object.keys(OPEN_SHARING) as (keyof SharingControl)[]) {
    const value = body[name]
    if (value === undefined) continue
    const allowed = VALUES[name]
    const fits =
      allowed !== undefined
        ? typeof value === 'string' && allowed.includes(value)
        : name === 'enableAzureADB2BIntegration'
          ? typeof value === 'boolean'
          : Array.isArray(value) && value.every(each => typeof each === 'string')
    if (!fits) return `${name}: ${allowed?.join(', ') ?? 'a list of domains, or true or false'}`
    changes[name] = value
  }
  return { ...control, ...changes }
}

import { Fault } from '../model/fault.js'
import type { TenantId } from '../model/ids.js'
import type { MsalClient, Profile } from './msal-client.js'
import type { TokenCacheFile } from './token-cache-file.js'

/** The one account that is signed in, in its home tenant. */
export interface Account {
  /** `ann@fabrikam.example` */
  readonly username: string
  readonly displayName: string | undefined
  readonly homeTenant: TenantId
}

/** The tenant of all Microsoft personal accounts. */
const PERSONAL_ACCOUNTS = '9188040d-6c67-4c5b-b112-36a304b66dad'

export interface AccountsDeps {
  readonly msal: MsalClient
  readonly cache: TokenCacheFile
}

export class Accounts {
  readonly #deps: AccountsDeps

  constructor(deps: AccountsDeps) {
    this.#deps = deps
  }

  /** @throws {Fault} `not-signed-in` */
  async current(signal: AbortSignal): Promise<Account> {
    return toAccount(await this.homeProfile(signal))
  }

  /** What MSAL needs to act for the account. @throws {Fault} `not-signed-in` */
  async homeProfile(signal: AbortSignal): Promise<Profile> {
    const profile = homeProfileAmong(await this.#deps.msal.profiles(signal))
    if (profile !== undefined) return profile
    throw new Fault('not-signed-in', 'You are not signed in', { nextStep: 'Run: b2bmount sign-in' })
  }

  /** Makes `profile` the only account: its predecessor's tokens go. */
  async keepOnly(profile: Profile, signal: AbortSignal): Promise<void> {
    const others = (await this.#deps.msal.profiles(signal)).filter(
      other => other.homeAccountId !== profile.homeAccountId,
    )
    for (const other of others) await this.#deps.msal.remove(other, signal)
  }

  /** Removes one account and its tokens from this machine. */
  async remove(profile: Profile, signal: AbortSignal): Promise<void> {
    await this.#deps.msal.remove(profile, signal)
  }

  /** Removes the account and all tokens from this machine. @throws {Fault} `not-signed-in` */
  async signOut(signal: AbortSignal): Promise<Account> {
    const account = await this.current(signal)
    await this.#deps.cache.erase()
    return account
  }
}

export function toAccount(profile: Profile): Account {
  return { username: profile.username, displayName: profile.name, homeTenant: homeTenantOf(profile) }
}

/** MSAL's `homeAccountId` is `<object id>.<tenant id>`, of the home tenant, whichever tenant's profile it is. */
export function homeTenantOf(profile: Pick<Profile, 'homeAccountId'>): TenantId {
  return (profile.homeAccountId.split('.')[1] ?? '').toLowerCase() as TenantId
}

export function isPersonal(profile: Pick<Profile, 'homeAccountId' | 'tenantId'>): boolean {
  return homeTenantOf(profile) === PERSONAL_ACCOUNTS || profile.tenantId.toLowerCase() === PERSONAL_ACCOUNTS
}

function homeProfileAmong(profiles: readonly Profile[]): Profile | undefined {
  return profiles.find(profile => profile.tenantId.toLowerCase() === homeTenantOf(profile)) ?? profiles[0]
}

import { ASK } from '../control/policy-file.js'
import { Fault, isFault } from '../model/fault.js'
import type { TenantId } from '../model/ids.js'
import type { OrganizationNames } from '../model/organization-names.js'
import type { PolicyHolder } from './policy-holder.js'

export interface TenantPolicyDeps {
  readonly holder: Pick<PolicyHolder, 'policy' | 'problem'>
  readonly accounts: { current(signal: AbortSignal): Promise<{ readonly homeTenant: TenantId }> }
  readonly organizations: OrganizationNames
}

/** Which organizations an administrator lets this machine have to do with. */
export class TenantPolicy {
  readonly #deps: TenantPolicyDeps

  constructor(deps: TenantPolicyDeps) {
    this.#deps = deps
  }

  /**
   * Why nothing may be asked of `tenant`; `undefined` where it may. Asks no network.
   * @throws {Fault} what keeps the account from being read
   */
  async refusalOf(tenant: TenantId, signal: AbortSignal): Promise<Fault | undefined> {
    const { policy, problem } = this.#deps.holder
    if (problem !== undefined) return (await this.isExternal(tenant, signal)) ? problem : undefined
    const { allowedTenants, blockedTenants, blocksExternal } = policy
    const isListed = allowedTenants?.has(tenant) ?? !blockedTenants.has(tenant)
    if (!isListed) return this.#refusal(tenant)
    return blocksExternal && (await this.isExternal(tenant, signal)) ? this.#refusal(tenant) : undefined
  }

  /** Of another organization than the account. */
  async isExternal(tenant: TenantId, signal: AbortSignal): Promise<boolean> {
    try {
      return (await this.#deps.accounts.current(signal)).homeTenant !== tenant
    } catch (failure) {
      if (!isFault(failure, 'not-signed-in')) throw failure
      return true
    }
  }

  #refusal(tenant: TenantId): Fault {
    return new Fault(
      'blocked-by-policy',
      `The administrator of this machine does not allow ${this.#deps.organizations.nameOf(tenant)}`,
      { nextStep: ASK },
    )
  }
}

import { Fault, type FaultOptions } from './fault.js'
import type { TenantId } from './ids.js'

/** Only the user can go on: an interactive sign-in in `tenant` (undefined: in the home tenant). */
export class SignInRequired extends Fault {
  readonly tenant: TenantId | undefined
  /** What the tenant wants proven, for the `claims` parameter of the sign-in. Not for people. */
  readonly claims: string | undefined

  constructor(
    message: string,
    {
      tenant,
      claims,
      ...options
    }: FaultOptions & { tenant?: TenantId | undefined; claims?: string | undefined },
  ) {
    super('sign-in-required', message, options)
    this.tenant = tenant
    this.claims = claims
  }
}

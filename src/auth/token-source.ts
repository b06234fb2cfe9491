import type { Clock } from '../concurrency/clock.js'
import { SingleFlight } from '../concurrency/single-flight.js'
import type { Cloud } from '../model/cloud.js'
import { waitAfter, type Pace } from '../model/attempts.js'
import { Fault, isFault } from '../model/fault.js'
import type { Milliseconds, TenantId } from '../model/ids.js'
import type { OrganizationNames } from '../model/organization-names.js'
import { homeTenantOf, type Accounts } from './accounts.js'
import { entraFault } from './entra-fault.js'
import { EntraRefusal } from './entra-refusal.js'
import type { IssuedToken, MsalClient, Profile } from './msal-client.js'

export interface TokenSourceDeps {
  readonly cloud: Pick<Cloud, 'loginHost' | 'clientId'>
  readonly msal: MsalClient
  readonly accounts: Pick<Accounts, 'homeProfile'>
  readonly clock: Clock
  readonly organizations: OrganizationNames
  /** Absent: every organization may be asked. */
  readonly policy?: TenantRule
  /** Whether something of the tenant has been added: it has let the account in before. */
  readonly hasAdded?: (tenant: TenantId) => boolean
}

/** Which organizations an administrator allows. Implemented by `daemon/tenant-policy.ts`. */
export interface TenantRule {
  refusalOf(tenant: TenantId, signal: AbortSignal): Promise<Fault | undefined>
}

export interface TokenOptions {
  /** A token that the service did not take: it is never returned again. */
  readonly refused?: string
  /** What the service wants proven, as JSON text. */
  readonly claims?: string
}

// MSAL renews from five minutes before the end; a request that waits in a queue must still find the token good.
const EXPIRY_MARGIN: Milliseconds = 5 * 60_000

// Entra takes who asks again and again for a loop, and stops answering (AADSTS50196).
const REFUSAL_STANDS: Pace = { first: 30_000, longest: 30 * 60_000 }
const LONGEST_ASKED_TO_WAIT: Milliseconds = 60 * 60_000

interface Refusal {
  readonly problem: Fault
  readonly since: Milliseconds
  /** Refusals in a row. */
  readonly times: number
}

/** Access tokens for every tenant, from the one account, without the user. */
export class TokenSource {
  readonly #deps: TokenSourceDeps
  readonly #issued = new Map<string, IssuedToken>()
  /** What the services of a tenant, or its sign-in, wanted proven last. */
  readonly #wanted = new Map<TenantId, string>()
  /** Why a tenant gave no token for some scopes when it was asked last. */
  readonly #refused = new Map<string, Refusal>()
  readonly #asking = new SingleFlight<IssuedToken>()
  readonly #signIns = new Map<TenantId, number>()

  constructor(deps: TokenSourceDeps) {
    this.#deps = deps
  }

  /**
   * @throws {Fault} `blocked-by-policy`, `not-signed-in`, `sign-in-required`, whatever {@link entraFault} makes of a refusal,
   *   and the network's
   */
  async tokenFor(
    tenant: TenantId,
    scopes: readonly string[],
    signal: AbortSignal,
    options: TokenOptions = {},
  ): Promise<string> {
    // Before what is known: whatever is asked of an organization needs a token, and so stops here.
    const ban = await this.#deps.policy?.refusalOf(tenant, signal)
    if (ban) throw ban
    const key = keyOf(tenant, scopes)
    const known = this.#issued.get(key)
    if (known !== undefined && options.claims === undefined && this.#isGood(known, options.refused)) {
      return known.accessToken
    }
    const refusal = this.#refused.get(key)
    if (refusal !== undefined && this.#stands(refusal)) throw refusal.problem
    if (options.claims !== undefined) this.#wanted.set(tenant, options.claims)
    const flight = JSON.stringify([key, options.refused !== undefined, options.claims])
    const token = await this.#asking.run(flight, signal, async shared => {
      const issued = await this.#ask(tenant, scopes, shared, options)
      this.#issued.set(key, issued)
      this.#refused.delete(key)
      return issued
    })
    return token.accessToken
  }

  /**
   * What the user must prove when signing in at `tenant`: it has told somebody before, or tells now. `undefined` where it
   * wants nothing special; other refusals are for the sign-in to meet.
   */
  async claimsFor(
    tenant: TenantId,
    scopes: readonly string[],
    signal: AbortSignal,
  ): Promise<string | undefined> {
    if (!this.#wanted.has(tenant)) await this.tokenFor(tenant, scopes, signal).catch(unlessFault)
    signal.throwIfAborted()
    return this.#wanted.get(tenant)
  }

  /** Why `tenant` gives no token, as far as is known. Asks nobody. */
  problemOf(tenant: TenantId, scopes: readonly string[]): Fault | undefined {
    return this.#refused.get(keyOf(tenant, scopes))?.problem
  }

  /** {@link tokenFor} by asking, whatever is known. */
  async freshTokenFor(tenant: TenantId, scopes: readonly string[], signal: AbortSignal): Promise<string> {
    const known = this.#issued.get(keyOf(tenant, scopes))?.accessToken
    return await this.tokenFor(tenant, scopes, signal, known === undefined ? {} : { refused: known })
  }

  signInsAt(tenant: TenantId): number {
    return this.#signIns.get(tenant) ?? 0
  }

  /**
   * After a sign-in or sign-out: what is known in memory belongs to another time.
   * @param signedInAt where somebody has just signed in
   */
  forget(signedInAt?: TenantId): void {
    if (signedInAt !== undefined) this.#signIns.set(signedInAt, this.signInsAt(signedInAt) + 1)
    this.#issued.clear()
    this.#wanted.clear()
    this.#refused.clear()
  }

  /**
   * Where only a sign-in helps, which is told to {@link forget}, or time, as the service says. An administrator's consent is
   * told to nobody.
   */
  #stands({ problem, since, times }: Refusal): boolean {
    const age = this.#deps.clock.now() - since
    if (isFault(problem, 'throttled')) {
      return age < Math.min((problem.retryAfterSeconds ?? 0) * 1_000, LONGEST_ASKED_TO_WAIT)
    }
    return isFault(problem, 'sign-in-required') && age < waitAfter(REFUSAL_STANDS, times)
  }

  #isGood(token: IssuedToken, refused: string | undefined): boolean {
    return token.accessToken !== refused && token.expires - EXPIRY_MARGIN > this.#deps.clock.now()
  }

  async #ask(
    tenant: TenantId,
    scopes: readonly string[],
    signal: AbortSignal,
    { refused, claims }: TokenOptions,
  ): Promise<IssuedToken> {
    const { msal, accounts } = this.#deps
    const profile = await accounts.homeProfile(signal)
    try {
      let token = await msal.silent(profile, tenant, scopes, signal, { claims })
      // The refused token may be the one that MSAL has stored; or another process has stored a newer one meanwhile.
      if (token.accessToken === refused)
        token = await msal.silent(profile, tenant, scopes, signal, { fresh: true })
      return this.#verified(token, tenant)
    } catch (failure) {
      if (!(failure instanceof EntraRefusal)) throw failure
      if (failure.claims !== undefined) this.#wanted.set(tenant, failure.claims)
      const problem = entraFault(failure, this.#asked(tenant, profile))
      if (!isFault(problem, 'server-error')) {
        const key = keyOf(tenant, scopes)
        const times = (this.#refused.get(key)?.times ?? 0) + 1
        this.#refused.set(key, { problem, since: this.#deps.clock.now(), times })
      }
      throw problem
    }
  }

  /** A token of another tenant would make its services say that nothing exists. */
  #verified(token: IssuedToken, tenant: TenantId): IssuedToken {
    if (token.tenant.toLowerCase() === tenant) return token
    const organization = this.#deps.organizations.nameOf(tenant)
    throw new Fault(
      'sign-in-failed',
      `The sign-in service answered for another organization than ${organization}`,
    )
  }

  #asked(tenant: TenantId, profile: Profile) {
    const { cloud, organizations } = this.#deps
    return {
      tenant,
      organization: organizations.nameOf(tenant),
      isHome: homeTenantOf(profile) === tenant,
      wasLetIn: this.#deps.hasAdded?.(tenant) ?? false,
      cloud,
    }
  }
}

function keyOf(tenant: TenantId, scopes: readonly string[]): string {
  return [tenant, ...scopes].join(' ')
}

function unlessFault(failure: unknown): undefined {
  if (!(failure instanceof Fault)) throw failure
}

import { createHash, randomBytes } from 'node:crypto'
import type { Clock } from '../concurrency/clock.js'
import type { Cloud } from '../model/cloud.js'
import { Fault } from '../model/fault.js'
import type { Milliseconds, TenantId } from '../model/ids.js'
import type { OrganizationNames } from '../model/organization-names.js'
import { HOME_SCOPES, LIBRARY_SCOPES } from '../model/scopes.js'
import { homeTenantOf, isPersonal, toAccount, type Account, type Accounts } from './accounts.js'
import { entraFault } from './entra-fault.js'
import { EntraRefusal } from './entra-refusal.js'
import { Loopback, type AuthorizeAnswer } from './loopback.js'
import { ANY_ORGANIZATION, type IssuedToken, type MsalClient, type Profile } from './msal-client.js'

export interface SignInDeps {
  readonly cloud: Pick<Cloud, 'loginHost' | 'clientId'>
  readonly msal: MsalClient
  readonly accounts: Accounts
  readonly clock: Clock
  readonly organizations: OrganizationNames
}

export interface SignInOptions {
  /** Sign in at this resource tenant, with the account that is signed in; undefined: at home, with any account. */
  readonly tenant?: TenantId
  /** What the tenant wants proven, as JSON text. */
  readonly claims?: string
}

export interface ShownDeviceCode {
  readonly url: string
  readonly userCode: string
  /** Epoch. */
  readonly expires: Milliseconds
}

// As long as Entra's device codes live.
const DEADLINE: Milliseconds = 15 * 60_000

/** Where and as whom: what both ways of signing in share. */
interface Plan {
  readonly authority: TenantId | typeof ANY_ORGANIZATION
  readonly scopes: readonly string[]
  readonly claims: string | undefined
  /** Who must come back, when we know it. */
  readonly expected: Profile | undefined
}

/** Signing in with the user's help: by a browser on this machine, or by a code typed into any browser. */
export class SignIn {
  readonly #deps: SignInDeps

  constructor(deps: SignInDeps) {
    this.#deps = deps
  }

  /**
   * @param openBrowser shows the page to the user; may return at once
   * @throws {Fault} `sign-in-failed`, `personal-account`, `timed-out`, and what {@link entraFault} makes of a refusal
   */
  async inBrowser(
    openBrowser: (url: string) => Promise<void> | void,
    signal: AbortSignal,
    options: SignInOptions = {},
  ): Promise<Account> {
    return await this.#within(signal, async inTime => {
      const plan = await this.#plan(options, inTime)
      const state = randomBytes(32).toString('base64url')
      const codeVerifier = randomBytes(32).toString('base64url')
      const loopback = await Loopback.listen(state)
      try {
        const { redirectUri } = loopback
        const codeChallenge = createHash('sha256').update(codeVerifier).digest('base64url')
        const loginHint = plan.expected?.username
        const url = await this.#deps.msal.authorizeUrl(
          { ...plan, redirectUri, state, codeChallenge, loginHint },
          inTime,
        )
        await openBrowser(url)
        const answer = await loopback.answer(inTime)
        return await this.#showing(
          answer,
          plan,
          async () => {
            const code = codeOf(answer)
            return await this.#deps.msal.redeemCode({ ...plan, redirectUri, code, codeVerifier }, inTime)
          },
          inTime,
        )
      } finally {
        loopback.close()
      }
    })
  }

  /** @param show tells the user where to type which code */
  async byDeviceCode(
    show: (code: ShownDeviceCode) => void,
    signal: AbortSignal,
    options: SignInOptions = {},
  ): Promise<Account> {
    return await this.#within(signal, async inTime => {
      const plan = await this.#plan(options, inTime)
      try {
        const token = await this.#deps.msal.byDeviceCode(
          plan,
          ({ url, userCode, lifetime }) =>
            show({ url, userCode, expires: this.#deps.clock.now() + lifetime }),
          inTime,
        )
        return await this.#admit(token, plan, inTime)
      } catch (failure) {
        throw this.#explained(failure, plan)
      }
    })
  }

  async #plan({ tenant, claims }: SignInOptions, signal: AbortSignal): Promise<Plan> {
    if (tenant === undefined) {
      return { authority: ANY_ORGANIZATION, scopes: HOME_SCOPES, claims, expected: undefined }
    }
    const expected = await this.#deps.accounts.homeProfile(signal)
    return { authority: tenant, scopes: LIBRARY_SCOPES, claims, expected }
  }

  /** The browser's last page tells how it really ended, not only that a code came back. */
  async #showing(
    answer: AuthorizeAnswer,
    plan: Plan,
    redeem: () => Promise<IssuedToken>,
    signal: AbortSignal,
  ): Promise<Account> {
    try {
      const account = await this.#admit(await redeem(), plan, signal)
      answer.show('signed-in')
      return account
    } catch (failure) {
      const explained = this.#explained(failure, plan)
      answer.show({ failure: explained instanceof Fault ? explained.message : 'Something went wrong' })
      throw explained
    }
  }

  /** Whom we let in; everybody else's tokens leave the cache again. */
  async #admit({ profile, tenant }: IssuedToken, plan: Plan, signal: AbortSignal): Promise<Account> {
    const { accounts, organizations } = this.#deps
    if (isPersonal(profile)) {
      await accounts.remove(profile, signal)
      throw new Fault('personal-account', 'This is a Microsoft personal account', {
        nextStep: 'Sign in with the work or school account that the other organizations invited.',
      })
    }
    if (plan.expected !== undefined && profile.homeAccountId !== plan.expected.homeAccountId) {
      await accounts.remove(profile, signal)
      throw new Fault(
        'sign-in-failed',
        `You signed in as ${profile.username}, not as ${plan.expected.username}`,
        {
          nextStep: `Sign in as ${plan.expected.username}, or change the account with: b2bmount sign-in`,
        },
      )
    }
    if (plan.authority !== ANY_ORGANIZATION && tenant.toLowerCase() !== plan.authority) {
      const organization = organizations.nameOf(plan.authority)
      throw new Fault(
        'sign-in-failed',
        `The sign-in service answered for another organization than ${organization}`,
      )
    }
    await accounts.keepOnly(profile, signal)
    return toAccount(plan.expected ?? profile)
  }

  #explained(failure: unknown, { authority, expected }: Plan): unknown {
    if (!(failure instanceof EntraRefusal)) return failure
    const { cloud, organizations } = this.#deps
    const tenant = authority === ANY_ORGANIZATION ? undefined : authority
    return entraFault(failure, {
      tenant,
      organization: tenant === undefined ? 'Your organization' : organizations.nameOf(tenant),
      isHome: tenant === undefined || (expected !== undefined && homeTenantOf(expected) === tenant),
      cloud,
    })
  }

  /** Nobody may ever come back from the browser. */
  async #within<Value>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<Value>): Promise<Value> {
    const late = new AbortController()
    const done = new AbortController()
    this.#deps.clock.sleep(DEADLINE, AbortSignal.any([signal, done.signal])).then(
      () => late.abort(tooLate()),
      () => {},
    )
    try {
      return await work(AbortSignal.any([signal, late.signal]))
    } finally {
      done.abort()
    }
  }
}

/** @throws {EntraRefusal} what the sign-in page refused, or that the user gave up */
function codeOf({ code, error, errorCode }: AuthorizeAnswer): string {
  if (code !== undefined && error === undefined) return code
  throw new EntraRefusal({
    status: 0,
    error: error !== undefined && /^\w{1,64}$/.test(error) ? error : 'unknown_error',
    codes: errorCode === undefined ? [] : [errorCode],
  })
}

function tooLate(): Fault {
  return new Fault('timed-out', 'Nobody signed in within 15 minutes', {
    nextStep: 'Run b2bmount sign-in again.',
  })
}

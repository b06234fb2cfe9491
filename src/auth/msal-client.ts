import {
  AuthError,
  InteractionRequiredAuthError,
  LogLevel,
  PromptValue,
  PublicClientApplication,
  ResponseMode,
  type AccountInfo,
  type AuthenticationResult,
} from '@azure/msal-node'
import type { HttpSender } from '../http/message.js'
import type { Cloud } from '../model/cloud.js'
import { Fault } from '../model/fault.js'
import type { Milliseconds, TenantId } from '../model/ids.js'
import { SignInRequired } from '../model/sign-in-required.js'
import { MsalNetwork } from './msal-network.js'
import type { TokenCacheFile } from './token-cache-file.js'

/** Any work or school account; not `common`, which would let personal accounts in. */
export const ANY_ORGANIZATION = 'organizations'

/** One account as one tenant sees it. */
export type Profile = Pick<
  AccountInfo,
  'homeAccountId' | 'environment' | 'tenantId' | 'username' | 'localAccountId' | 'name'
>

export interface IssuedToken {
  /** A secret. */
  readonly accessToken: string
  readonly expires: Milliseconds
  /** The tenant that issued it, which need not be the one that was asked. */
  readonly tenant: string
  readonly profile: Profile
}

export interface DeviceCode {
  readonly url: string
  readonly userCode: string
  readonly lifetime: Milliseconds
}

export interface MsalClientDeps {
  readonly cloud: Pick<Cloud, 'loginHost' | 'clientId'>
  readonly http: HttpSender
  readonly cache: TokenCacheFile
}

export interface AuthorizeRequest {
  readonly authority: TenantId | typeof ANY_ORGANIZATION
  readonly scopes: readonly string[]
  readonly redirectUri: string
  readonly state: string
  /** S256 of the verifier. */
  readonly codeChallenge: string
  readonly loginHint?: string | undefined
  readonly claims?: string | undefined
}

/**
 * The one door to MSAL. Its failures come out as {@link EntraRefusal}, {@link Fault} or the signal's reason.
 *
 * Each operation has a `PublicClientApplication` of its own and they share the cache file: MSAL empties and reloads its
 * memory around awaits, so that two operations on one instance can each see it empty; and when one tenant answers
 * `bad_token`, MSAL drops the refresh token, which serves all tenants, from that instance's memory only.
 */
export class MsalClient {
  readonly #deps: MsalClientDeps

  constructor(deps: MsalClientDeps) {
    this.#deps = deps
  }

  /** A token without the user. @param options.fresh do not answer from the cache */
  async silent(
    profile: Profile,
    tenant: TenantId,
    scopes: readonly string[],
    signal: AbortSignal,
    options: { readonly fresh?: boolean; readonly claims?: string | undefined } = {},
  ): Promise<IssuedToken> {
    return await this.#run(signal, async msal =>
      toToken(
        await msal.acquireTokenSilent({
          scopes: [...scopes],
          authority: this.#authority(tenant),
          // With the home account as it is, MSAL would answer with the home tenant's cached token.
          account: { ...profile, tenantId: tenant },
          forceRefresh: options.fresh ?? false,
          ...(options.claims === undefined ? {} : { claims: options.claims }),
        }),
      ),
    )
  }

  /** Where the user's browser must go. */
  async authorizeUrl(request: AuthorizeRequest, signal: AbortSignal): Promise<string> {
    return await this.#run(signal, msal =>
      msal.getAuthCodeUrl({
        scopes: [...request.scopes],
        authority: this.#authority(request.authority),
        redirectUri: request.redirectUri,
        responseMode: ResponseMode.QUERY,
        codeChallenge: request.codeChallenge,
        codeChallengeMethod: 'S256',
        state: request.state,
        ...(request.loginHint === undefined
          ? { prompt: PromptValue.SELECT_ACCOUNT }
          : { loginHint: request.loginHint }),
        ...(request.claims === undefined ? {} : { claims: request.claims }),
      }),
    )
  }

  async redeemCode(
    request: Pick<AuthorizeRequest, 'authority' | 'scopes' | 'redirectUri' | 'claims'> & {
      readonly code: string
      readonly codeVerifier: string
    },
    signal: AbortSignal,
  ): Promise<IssuedToken> {
    return await this.#run(signal, async msal =>
      toToken(
        await msal.acquireTokenByCode({
          scopes: [...request.scopes],
          authority: this.#authority(request.authority),
          redirectUri: request.redirectUri,
          code: request.code,
          codeVerifier: request.codeVerifier,
          ...(request.claims === undefined ? {} : { claims: request.claims }),
        }),
      ),
    )
  }

  async byDeviceCode(
    request: Pick<AuthorizeRequest, 'authority' | 'scopes' | 'claims'>,
    show: (code: DeviceCode) => void,
    signal: AbortSignal,
  ): Promise<IssuedToken> {
    const cancellable = {
      scopes: [...request.scopes],
      authority: this.#authority(request.authority),
      ...(request.claims === undefined ? {} : { claims: request.claims }),
      deviceCodeCallback: (response: { verificationUri: string; userCode: string; expiresIn: number }) =>
        show({
          url: response.verificationUri,
          userCode: response.userCode,
          lifetime: response.expiresIn * 1000,
        }),
      cancel: false,
    }
    const cancel = () => {
      cancellable.cancel = true
    }
    signal.addEventListener('abort', cancel, { once: true })
    try {
      return await this.#run(signal, async msal => toToken(await msal.acquireTokenByDeviceCode(cancellable)))
    } finally {
      signal.removeEventListener('abort', cancel)
    }
  }

  /** Every tenant's view of every account in the cache. */
  async profiles(signal: AbortSignal): Promise<readonly Profile[]> {
    return await this.#run(signal, async msal => await msal.getAllAccounts())
  }

  /** Forgets the account, with all its tokens for all tenants. */
  async remove(profile: Profile, signal: AbortSignal): Promise<void> {
    await this.#run(signal, msal => msal.signOut({ account: profile }))
  }

  async #run<Value>(
    signal: AbortSignal,
    work: (msal: PublicClientApplication) => Promise<Value>,
  ): Promise<Value> {
    signal.throwIfAborted()
    const network = new MsalNetwork(this.#deps.http, signal)
    try {
      return await abortable(work(this.#instance(network)), signal)
    } catch (failure) {
      signal.throwIfAborted()
      if (failure instanceof Fault) throw failure
      throw network.trouble ?? localRefusal(failure)
    }
  }

  #instance(network: MsalNetwork): PublicClientApplication {
    const { cloud, cache } = this.#deps
    return new PublicClientApplication({
      auth: {
        clientId: cloud.clientId,
        authority: this.#authority(ANY_ORGANIZATION),
        // Ours by configuration: no need to ask Microsoft whether the host is an authority.
        knownAuthorities: [cloud.loginHost],
        // "CP1": we understand claims challenges, so tokens may be revoked at once and live longer.
        clientCapabilities: ['CP1'],
      },
      cache: { cachePlugin: cache },
      system: {
        networkClient: network,
        disableInternalRetries: true,
        loggerOptions: { loggerCallback: () => {}, piiLoggingEnabled: false, logLevel: LogLevel.Error },
      },
    })
  }

  #authority(tenant: TenantId | typeof ANY_ORGANIZATION): string {
    return `https://${this.#deps.cloud.loginHost}/${tenant}`
  }
}

function toToken(result: AuthenticationResult | null): IssuedToken {
  if (result?.account == null || result.accessToken === '' || result.expiresOn === null) {
    throw new Fault('sign-in-failed', 'The sign-in service answered without a token', {
      nextStep: 'Run: b2bmount sign-in',
    })
  }
  return {
    accessToken: result.accessToken,
    expires: result.expiresOn.getTime(),
    tenant: result.tenantId,
    profile: result.account,
  }
}

/** MSAL refused without asking: its cache has no (usable) refresh token, or we asked it for something impossible. */
function localRefusal(failure: unknown): Error {
  if (!(failure instanceof AuthError))
    return failure instanceof Error ? failure : new Error('MSAL threw no error')
  const options = { cause: failure, nextStep: 'Run: b2bmount sign-in' }
  return failure instanceof InteractionRequiredAuthError
    ? new SignInRequired('You are signed out, or your sign-in has expired', options)
    : new Fault('sign-in-failed', `The sign-in did not succeed (${failure.errorCode})`, options)
}

/** MSAL knows no signals: the wait ends, and the operation dies with its network. */
async function abortable<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  let stop = () => {}
  const aborted = new Promise<never>((_, reject) => {
    const onAbort = () => reject(signal.reason as Error)
    signal.addEventListener('abort', onAbort, { once: true })
    stop = () => signal.removeEventListener('abort', onAbort)
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    stop()
  }
}

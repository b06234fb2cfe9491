import { createHash, randomBytes } from 'node:crypto'
import type { Principal, Tenant, User } from '../world/directory.js'
import { principalName } from '../world/directory.js'
import type { World } from '../world/world.js'
import type { Signing } from './signing.js'

const TOKEN_SECONDS = 3599
const REFRESH_DAYS = 90
const DAY = 24 * 60 * 60 * 1000

/** What a refresh token stands for: a user and an application, in no tenant. */
export interface RefreshGrant {
  readonly user: string
  readonly clientId: string
  readonly scopes: readonly string[]
  readonly issued: number
  /** When the person was last in front of the sign-in page. */
  readonly authenticated: number
}

/** Who makes a request: read from an access token. */
export interface Caller {
  readonly tenant: Tenant
  readonly principal: Principal
  readonly scopes: readonly string[]
  readonly audience: string
  readonly clientId: string
  /** When the person was last in front of the sign-in page. */
  readonly authenticated: number
}

export interface TokenRequest {
  readonly tenant: Tenant
  readonly principal: Principal
  readonly clientId: string
  readonly scopes: readonly string[]
  readonly nonce: string | undefined
  readonly clientInfo: boolean
  readonly authenticated: number
  /** Client capabilities from the `claims` parameter: `CP1`. */
  readonly capabilities: readonly string[]
}

export type AccessTokenProblem = 'missing' | 'invalid' | 'expired' | 'revoked'

export class Tokens {
  readonly #world: World
  readonly #signing: Signing

  constructor(world: World, signing: Signing) {
    this.#world = world
    this.#signing = signing
  }

  /** The body of a successful answer of the token endpoint. */
  async answer(request: TokenRequest) {
    const { tenant, principal, scopes } = request
    const resource = resourceOf(scopes)
    const now = Math.floor(this.#world.clock.now() / 1000)
    const shared = {
      iat: now,
      nbf: now,
      exp: now + TOKEN_SECONDS + 1,
      oid: principal.oid,
      tid: tenant.id,
      name: principal.user.displayName,
      sub: pairwise(principal.oid, request.clientId),
      uti: randomBytes(16).toString('base64url'),
      rh: '0.A',
      ...(principal.kind === 'guest' && { idp: `https://sts.windows.net/${principal.user.tenant}/` }),
    }
    const granted = grantedScopes(scopes, resource)
    const accessToken = await this.#signing.signJwt({
      ...shared,
      aud: resource,
      iss: `https://sts.windows.net/${tenant.id}/`,
      appid: request.clientId,
      scp: granted.map(scope => scope.split('/').at(-1)).join(' '),
      upn: principalName(principal, tenant),
      unique_name: principal.user.upn,
      idtyp: 'user',
      ver: '1.0',
      auth_time: request.authenticated / 1000,
      ...(request.capabilities.length > 0 && { xms_cc: request.capabilities }),
    })
    const idToken = await this.#signing.signJwt({
      ...shared,
      aud: request.clientId,
      iss: `https://login.microsoftonline.com/${tenant.id}/v2.0`,
      preferred_username: principal.user.upn,
      ver: '2.0',
      ...(request.nonce !== undefined && { nonce: request.nonce }),
    })
    const refresh: RefreshGrant = {
      user: principal.user.oid,
      clientId: request.clientId,
      scopes,
      issued: this.#world.clock.now(),
      authenticated: request.authenticated,
    }
    return {
      token_type: 'Bearer',
      scope: [...granted, ...scopes.filter(isIdentityScope)].join(' '),
      expires_in: TOKEN_SECONDS,
      ext_expires_in: TOKEN_SECONDS,
      access_token: accessToken,
      ...(scopes.includes('offline_access') && { refresh_token: this.#signing.seal(refresh) }),
      ...(scopes.includes('openid') && { id_token: idToken }),
      ...(request.clientInfo && { client_info: clientInfo(principal.user) }),
    }
  }

  /** The grant, or the AADSTS code why there is none. */
  redeemRefreshToken(token: string, clientId: string): RefreshGrant | { refused: number; issued?: number } {
    const grant = this.#signing.unseal(token) as Partial<RefreshGrant> | undefined
    if (!grant?.user || !grant.scopes || grant.issued === undefined || grant.authenticated === undefined)
      return { refused: 70000 }
    if (grant.clientId !== clientId) return { refused: 70000 }
    if (grant.issued + REFRESH_DAYS * DAY <= this.#world.clock.now()) {
      return { refused: 700082, issued: grant.issued }
    }
    const user = this.#world.user(grant.user)
    if (!user) return { refused: 50034 }
    if (grant.issued < user.tokensValidFrom) return { refused: 50173 }
    return grant as RefreshGrant
  }

  async caller(authorization: string | undefined): Promise<Caller | AccessTokenProblem> {
    const token = /^bearer\s+(\S+)$/i.exec(authorization ?? '')?.[1]
    if (token === undefined) return 'missing'
    const claims = await this.#signing.verifyJwt(token)
    const tenant = claims && this.#world.tenant(String(claims['tid']))
    const principal = tenant?.principal(String(claims?.['oid']))
    if (!claims || !tenant) return 'invalid'
    if ((claims.exp ?? 0) * 1000 <= this.#world.clock.now()) return 'expired'
    if (!principal) return 'revoked'
    return {
      tenant,
      principal,
      scopes: String(claims['scp']).split(' '),
      audience: String(claims.aud),
      clientId: String(claims['appid']),
      authenticated: Number(claims['auth_time']) * 1000,
    }
  }
}

export const GRAPH_RESOURCE = 'https://graph.microsoft.com'

/** The API that the scopes belong to: Graph unless they name another. */
function resourceOf(scopes: readonly string[]): string {
  const named = scopes.find(scope => scope.startsWith('https://'))
  return named ? new URL(named).origin : GRAPH_RESOURCE
}

function grantedScopes(scopes: readonly string[], resource: string): string[] {
  const asked = scopes.filter(scope => !isIdentityScope(scope) && scope !== 'offline_access')
  const short = asked.map(scope =>
    scope.startsWith(GRAPH_RESOURCE) ? scope.slice(GRAPH_RESOURCE.length + 1) : scope,
  )
  if (!short.some(scope => scope.endsWith('.default'))) return short
  return resource === GRAPH_RESOURCE
    ? ['Files.ReadWrite.All', 'Sites.Read.All', 'User.Read']
    : [`${resource}/AllSites.Write`, `${resource}/.default`]
}

function isIdentityScope(scope: string): boolean {
  return ['openid', 'profile', 'email'].includes(scope)
}

/** Always the home identity, whichever tenant answers. */
function clientInfo(user: User): string {
  return Buffer.from(JSON.stringify({ uid: user.oid, utid: user.tenant })).toString('base64url')
}

function pairwise(oid: string, clientId: string): string {
  return createHash('sha256').update(`${oid}|${clientId}`).digest('base64url')
}

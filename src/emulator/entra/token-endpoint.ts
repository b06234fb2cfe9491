import { createHash } from 'node:crypto'
import { timestamp } from '../clock.js'
import { type Answer, json, Refusal } from '../http/answer.js'
import { type Exchange, formOf } from '../http/exchange.js'
import type { Tenant, User } from '../world/directory.js'
import type { App, World } from '../world/world.js'
import { aadstsBody, type EntraContext, type Fields, refuseToken } from './aadsts.js'
import { isAlias, obstacle, obstacleCode, resolveTenant } from './policy.js'
import { fieldsFor } from './sign-in-page.js'
import type { SignIns } from './sign-ins.js'
import type { Tokens } from './tokens.js'

export interface TokenEndpointDeps {
  readonly world: World
  readonly signIns: SignIns
  readonly tokens: Tokens
}

/** What a redeemed grant of any type comes down to. */
interface Redeemed {
  readonly user: User
  readonly scopes: readonly string[]
  readonly nonce?: string | undefined
  readonly authenticated: number
}

/** POST `…/token` and `…/devicecode`. */
export class TokenEndpoint {
  readonly #world: World
  readonly #signIns: SignIns
  readonly #tokens: Tokens

  constructor(deps: TokenEndpointDeps) {
    this.#world = deps.world
    this.#signIns = deps.signIns
    this.#tokens = deps.tokens
  }

  async deviceCode(tenant: string, exchange: Exchange, context: EntraContext): Promise<Answer> {
    const form = await formOf(exchange)
    const app = this.#requireApp(tenant, form, context)
    const scopes = scopesOf(form)
    if (scopes.length === 0) throw refuseToken(90014, context, { field: 'scope' })
    const device = this.#signIns.startDevice(tenant, app, scopes, this.#world.clock.now())
    const uri = 'https://microsoft.com/devicelogin'
    return json(200, {
      user_code: device.userCode,
      device_code: device.deviceCode,
      verification_uri: uri,
      expires_in: 900,
      interval: 5,
      message:
        `To sign in, use a web browser to open the page ${uri} and enter the code ` +
        `${device.userCode} to authenticate.`,
    })
  }

  async token(name: string, exchange: Exchange, context: EntraContext): Promise<Answer> {
    const form = await formOf(exchange)
    const app = this.#requireApp(name, form, context)
    const redeemed = this.#redeem(form, app, context)
    const tenant = resolveTenant(this.#world, name, redeemed.user)
    if (!tenant) throw refuseToken(90002, context, { tenant: name })
    const what = obstacle(this.#world, tenant, redeemed.user, app)
    if (what) throw refuseToken(obstacleCode(what), context, fieldsFor(tenant, redeemed.user, app))
    const principal = tenant.principalOf(redeemed.user)
    if (!principal) throw refuseToken(50020, context, fieldsFor(tenant, redeemed.user, app))
    // Continuous access evaluation ended it: a silent request does not begin it again.
    if (redeemed.authenticated < (tenant.challenges.get(redeemed.user.upn) ?? 0)) {
      throw refuseToken(50078, context)
    }
    const asked = scopesOf(form)
    const scopes = asked.length > 0 ? asked : redeemed.scopes
    const foreign = this.#foreignResource(scopes, tenant.slug)
    if (foreign !== undefined) {
      throw refuseToken(500011, context, { resource: foreign, tenant: tenant.displayName })
    }
    if (lacksConsent(tenant, app, scopes)) {
      throw refuseToken(65001, context, fieldsFor(tenant, redeemed.user, app))
    }
    const answer = await this.#tokens.answer({
      tenant,
      principal,
      clientId: app.clientId,
      scopes,
      nonce: redeemed.nonce,
      clientInfo: form.get('client_info') === '1',
      authenticated: redeemed.authenticated,
      capabilities: capabilitiesOf(form.get('claims')),
    })
    return json(200, answer, { 'Cache-Control': 'no-store, no-cache', Pragma: 'no-cache' })
  }

  #redeem(form: URLSearchParams, app: App, context: EntraContext): Redeemed {
    switch (form.get('grant_type')) {
      case 'authorization_code':
        return this.#redeemCode(form, app, context)
      case 'refresh_token':
        return this.#redeemRefreshToken(form, app, context)
      case 'device_code':
      case 'urn:ietf:params:oauth:grant-type:device_code':
        return this.#redeemDeviceCode(form, app, context)
      case null:
        throw refuseToken(90014, context, { field: 'grant_type' })
      default:
        throw refuseToken(70000, context)
    }
  }

  #redeemCode(form: URLSearchParams, app: App, context: EntraContext): Redeemed {
    const code = this.#signIns.findCode(form.get('code') ?? '')
    if (code?.request.app !== app) throw refuseToken(70000, context)
    if (code.redeemed) throw refuseToken(54005, context)
    if (code.expires <= context.now) throw refuseToken(70008, context)
    if (form.get('redirect_uri') !== code.request.redirectUri) throw refuseToken(50011, context)
    const challenge = code.request.codeChallenge
    if (challenge !== undefined) {
      const verifier = createHash('sha256')
        .update(form.get('code_verifier') ?? '')
        .digest('base64url')
      if (verifier !== challenge) throw refuseToken(501481, context)
    }
    code.redeemed = true
    const { user, authenticated, request } = code
    return { user, scopes: request.scopes, nonce: request.nonce, authenticated }
  }

  #redeemRefreshToken(form: URLSearchParams, app: App, context: EntraContext): Redeemed {
    const grant = this.#tokens.redeemRefreshToken(form.get('refresh_token') ?? '', app.clientId)
    if ('refused' in grant) {
      const fields: Fields = grant.issued === undefined ? {} : { issued: timestamp(grant.issued) }
      throw refuseToken(grant.refused, context, fields)
    }
    const user = this.#world.user(grant.user)
    if (!user) throw refuseToken(50034, context)
    return { user, scopes: grant.scopes, authenticated: grant.authenticated }
  }

  #redeemDeviceCode(form: URLSearchParams, app: App, context: EntraContext): Redeemed {
    const device = this.#signIns.findDevice(form.get('device_code') ?? '')
    if (device?.app !== app) throw refuseToken(70018, context)
    if (device.expires <= context.now) throw refuseToken(70019, context)
    if (device.state === 'pending') throw refuseToken(70016, context)
    this.#signIns.endDevice(device)
    if (device.state === 'declined') {
      throw new Refusal(json(400, { ...aadstsBody(65004, context), error: 'authorization_declined' }))
    }
    return { user: device.state, scopes: device.scopes, authenticated: context.now }
  }

  #requireApp(tenant: string, form: URLSearchParams, context: EntraContext): App {
    if (!isAlias(tenant) && !this.#world.tenant(tenant)) throw refuseToken(90002, context, { tenant })
    const clientId = form.get('client_id') ?? ''
    const app = this.#world.app(clientId)
    if (!app) throw refuseToken(700016, context, { client: clientId, tenant })
    return app
  }

  /** A token for another tenant's SharePoint cannot be had here. */
  #foreignResource(scopes: readonly string[], slug: string): string | undefined {
    const named = scopes.find(scope => scope.startsWith('https://'))
    const host = named && new URL(named).hostname
    const known = ['graph.microsoft.com', `${slug}.sharepoint.com`, `${slug}-my.sharepoint.com`]
    return host !== undefined && !known.includes(host) ? `https://${host}` : undefined
  }
}

/** An app may have consent for Graph and none for SharePoint's own API. */
function lacksConsent(tenant: Tenant, app: App, scopes: readonly string[]): boolean {
  if (tenant.sharePointConsent || app.firstParty === true) return false
  return [tenant.sharePointHost, tenant.oneDriveHost].some(host =>
    scopes.some(scope => scope.startsWith(`https://${host}/`)),
  )
}

function scopesOf(form: URLSearchParams): string[] {
  return (form.get('scope') ?? '').split(' ').filter(scope => scope !== '')
}

/** `{"access_token":{"xms_cc":{"values":["CP1"]}}}` */
function capabilitiesOf(claims: string | null): string[] {
  if (claims === null) return []
  try {
    const parsed = JSON.parse(claims) as { access_token?: { xms_cc?: { values?: unknown } } }
    const values = parsed.access_token?.xms_cc?.values
    return Array.isArray(values) ? values.filter(value => typeof value === 'string') : []
  } catch {
    return []
  }
}

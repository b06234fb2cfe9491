import { randomUUID } from 'node:crypto'
import { type Answer, empty, json, redirect, Refusal, withHeaders } from '../http/answer.js'
import { type Exchange, header } from '../http/exchange.js'
import { notEmulated, type Route } from '../http/route.js'
import type { World } from '../world/world.js'
import { type EntraContext, refuseToken } from './aadsts.js'
import { instanceDiscovery, openidConfiguration } from './discovery.js'
import { isAlias } from './policy.js'
import type { Signing } from './signing.js'
import { SignInPage } from './sign-in-page.js'
import { SignIns } from './sign-ins.js'
import { TokenEndpoint } from './token-endpoint.js'
import type { Tokens } from './tokens.js'
import { messagePage } from './pages.js'

export interface EntraDeps {
  readonly world: World
  readonly signing: Signing
  readonly tokens: Tokens
}

/** `login.microsoftonline.com`: one security token service per tenant, and the page where people sign in. */
export class Entra {
  readonly signIns = new SignIns()
  readonly #deps: EntraDeps
  readonly #page: SignInPage
  readonly #tokenEndpoint: TokenEndpoint

  constructor(deps: EntraDeps) {
    this.#deps = deps
    this.#page = new SignInPage({ world: deps.world, signIns: this.signIns })
    this.#tokenEndpoint = new TokenEndpoint({ ...deps, signIns: this.signIns })
  }

  route(exchange: Exchange): Route {
    const [, tenant = '', ...rest] = exchange.path.split('/')
    const what = `${exchange.method} ${rest.join('/')}`
    const route = (name: string, run: (context: EntraContext) => Promise<Answer> | Answer): Route => ({
      name,
      run: () => this.#run(exchange, run),
    })
    switch (what) {
      case 'GET v2.0/.well-known/openid-configuration':
        return route('openid-configuration', context => {
          const id = this.#requireTenant(tenant, context)
          return json(200, openidConfiguration(tenant, id))
        })
      case 'GET discovery/v2.0/keys':
      case 'GET discovery/keys':
        return route('keys', () => json(200, { keys: [this.#deps.signing.publicJwk] }))
      case 'GET discovery/instance':
        return route('discovery-instance', () => json(200, instanceDiscovery()))
      case 'GET oauth2/v2.0/authorize':
        return route('authorize', context => this.#page.authorize(tenant, exchange.query, context))
      case 'POST oauth2/v2.0/token':
        return route('token', context => this.#tokenEndpoint.token(tenant, exchange, context))
      case 'POST oauth2/v2.0/devicecode':
        return route('devicecode', context => this.#tokenEndpoint.deviceCode(tenant, exchange, context))
      case 'GET oauth2/deviceauth':
        return route('deviceauth', () => this.#page.askForUserCode())
      case 'POST oauth2/deviceauth':
        return route('deviceauth', () => this.#page.enterUserCode(exchange))
      case 'POST login':
        return route('login', context => this.#page.step(exchange, context))
      case 'GET adminconsent':
      case 'GET v2.0/adminconsent':
        return route('adminconsent', () => this.#page.askAdmin(tenant, exchange.query))
      case 'POST adminconsent':
        return route('adminconsent', () => this.#page.adminConsents(tenant, exchange))
      case 'GET oauth2/v2.0/logout':
        return route('logout', () => logout(exchange.query))
      default:
        return notEmulated(`${exchange.method} https://login.microsoftonline.com/{tenant}/${rest.join('/')}`)
    }
  }

  /** `invitations.microsoft.com`, where the link of an invitation mail leads. */
  invitationRoute(exchange: Exchange): Route {
    if (exchange.method !== 'GET' || exchange.path.replace(/\/$/, '') !== '/redeem') {
      return notEmulated(`${exchange.method} https://${exchange.host}${exchange.path}`)
    }
    const run = () => this.#run(exchange, context => this.#page.redeem(exchange.query, context))
    return { name: 'redeem', run }
  }

  /** Throws AADSTS90002 for a name that no tenant has. */
  #requireTenant(name: string, context: EntraContext): string | undefined {
    if (isAlias(name)) return undefined
    const tenant = this.#deps.world.tenant(name)
    if (!tenant) throw refuseToken(90002, context, { tenant: name })
    return tenant.id
  }

  async #run(exchange: Exchange, run: (context: EntraContext) => Promise<Answer> | Answer): Promise<Answer> {
    const asked = header(exchange, 'client-request-id') ?? exchange.query.get('client-request-id')
    const context: EntraContext = {
      now: this.#deps.world.clock.now(),
      requestId: randomUUID(),
      correlationId: asked ?? randomUUID(),
    }
    let answer: Answer
    try {
      answer = await run(context)
    } catch (failure) {
      if (!(failure instanceof Refusal)) throw failure
      answer = failure.answer
    }
    return withHeaders(answer, {
      'x-ms-request-id': context.requestId,
      'x-ms-ests-server': '2.1.0.0 - EMULATOR ProdSlices',
      'client-request-id': context.correlationId,
      'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
    })
  }
}

function logout(query: URLSearchParams): Answer {
  const back = query.get('post_logout_redirect_uri')
  return back
    ? redirect(back)
    : messagePage(200, 'You signed out of your account', 'Close the browser window.')
}

/** `microsoft.com/devicelogin`, the address on the device's screen. */
export function deviceLoginRoute(exchange: Exchange): Route {
  if (exchange.method !== 'GET' || exchange.path.replace(/\/$/, '') !== '/devicelogin') {
    return notEmulated(`${exchange.method} https://${exchange.host}${exchange.path}`)
  }
  return {
    name: 'devicelogin',
    run: () => empty(302, { Location: 'https://login.microsoftonline.com/common/oauth2/deviceauth' }),
  }
}

import { randomBytes } from 'node:crypto'
import type { SignIns } from '../entra/sign-ins.js'
import { type Answer, empty, redirect } from '../http/answer.js'
import { type Exchange, formOf, header } from '../http/exchange.js'
import { SHAREPOINT_CLIENT_ID } from '../world/apps.js'
import type { Principal, Tenant, User } from '../world/directory.js'
import type { World } from '../world/world.js'

const DAY = 24 * 60 * 60 * 1000
const LIFETIME = 5 * DAY
const SESSION = 'FedAuth'
const STATE = 'OpenIdConnect.state'

/** Where the answer of a sign-in is posted to. */
export const FORMS_PAGE = '/_forms/default.aspx'

interface Session {
  readonly host: string
  readonly user: User
  readonly expires: number
}

/** Who a browser is at a SharePoint host: a cookie that a sign-in at Entra has earned. */
export class Sessions {
  readonly #world: World
  readonly #signIns: SignIns
  readonly #sessions = new Map<string, Session>()
  /** Addresses that people wanted to see before they had to sign in. */
  readonly #waiting = new Map<string, string>()

  constructor(deps: { readonly world: World; readonly signIns: SignIns }) {
    this.#world = deps.world
    this.#signIns = deps.signIns
  }

  /** `undefined` for strangers, and for guests that were removed since. */
  visitor(exchange: Exchange, tenant: Tenant): Principal | undefined {
    const session = this.#sessions.get(cookie(exchange, SESSION) ?? '')
    if (session?.host !== exchange.host || session.expires <= this.#world.clock.now()) return undefined
    return tenant.principalOf(session.user)
  }

  /** To the sign-in page, and from there back to this address. */
  signIn(exchange: Exchange, tenant: Tenant): Answer {
    const state = randomBytes(24).toString('base64url')
    const query = exchange.query.toString()
    this.#waiting.set(state, `${exchange.path}${query === '' ? '' : `?${query}`}`)
    const authorize = new URLSearchParams({
      client_id: SHAREPOINT_CLIENT_ID,
      response_type: 'code',
      response_mode: 'form_post',
      scope: 'openid',
      redirect_uri: formsPage(exchange.host),
      state,
    })
    const page = `https://login.microsoftonline.com/${tenant.id}/oauth2/v2.0/authorize`
    // The answer is posted by a page of another host: only so does the cookie come along.
    return redirect(`${page}?${authorize.toString()}`, {
      'Set-Cookie': `${STATE}=${state}; Path=/; Secure; HttpOnly; SameSite=None`,
    })
  }

  /** What the sign-in page has posted. */
  async answered(exchange: Exchange): Promise<Answer> {
    const form = await formOf(exchange)
    const state = form.get('state') ?? ''
    const wanted = this.#waiting.get(state)
    const code = this.#signIns.findCode(form.get('code') ?? '')
    const now = this.#world.clock.now()
    const isOurs =
      code?.request.redirectUri === formsPage(exchange.host) && !code.redeemed && code.expires > now
    if (wanted === undefined || cookie(exchange, STATE) !== state || !isOurs) return empty(403)
    this.#waiting.delete(state)
    code.redeemed = true
    const session = randomBytes(48).toString('base64url')
    this.#sessions.set(session, { host: exchange.host, user: code.user, expires: now + LIFETIME })
    return redirect(wanted, {
      'Set-Cookie': [
        `${SESSION}=${session}; Path=/; Secure; HttpOnly; SameSite=None`,
        `${STATE}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=None`,
      ],
    })
  }
}

function formsPage(host: string): string {
  return `https://${host}${FORMS_PAGE}`
}

function cookie(exchange: Exchange, name: string): string | undefined {
  const cookies = header(exchange, 'cookie')?.split(/;\s*/) ?? []
  return cookies.find(each => each.startsWith(`${name}=`))?.slice(name.length + 1)
}

import { randomUUID } from 'node:crypto'
import { type Answer, redirect } from '../http/answer.js'
import { type Exchange, formOf } from '../http/exchange.js'
import type { Tenant, User } from '../world/directory.js'
import { INVITATION_PORTAL } from '../world/apps.js'
import type { App, World } from '../world/world.js'
import { aadstsError, aadstsText, asksForMfa, type EntraContext, type Fields } from './aadsts.js'
import {
  accountPage,
  adminApprovalPage,
  adminConsentPage,
  consentPage,
  formPostPage,
  messagePage,
  mfaPage,
  redeemPage,
  termsPage,
  userCodePage,
} from './pages.js'
import { obstacle, resolveTenant } from './policy.js'
import type { AuthorizeRequest, DeviceRequest, SignIns, Visit } from './sign-ins.js'

export interface SignInPageDeps {
  readonly world: World
  readonly signIns: SignIns
}

/** The pages that a person walks through: account, invitation, second factor, consent. */
export class SignInPage {
  readonly #world: World
  readonly #signIns: SignIns

  constructor(deps: SignInPageDeps) {
    this.#world = deps.world
    this.#signIns = deps.signIns
  }

  authorize(tenant: string, query: URLSearchParams, context: EntraContext): Answer {
    const clientId = query.get('client_id') ?? ''
    const app = this.#world.app(clientId)
    const responseMode = query.get('response_mode') ?? 'query'
    const redirectUri = query.get('redirect_uri') ?? app?.redirectUris[0] ?? ''
    const named = resolveTenant(this.#world, tenant) ?? isPlaceholder(tenant)
    if (!named) return problemPage(90002, context, { tenant })
    if (!app) return problemPage(700016, context, { client: clientId, tenant })
    if (!isRegistered(app, redirectUri)) return problemPage(50011, context, {})
    if (responseMode !== 'query' && responseMode !== 'form_post' && responseMode !== 'fragment') {
      return problemPage(90014, context, { field: 'response_mode' })
    }
    const request: AuthorizeRequest = {
      kind: 'authorize',
      tenant,
      app,
      redirectUri,
      responseMode,
      scopes: (query.get('scope') ?? '').split(' ').filter(scope => scope !== ''),
      state: query.get('state') ?? undefined,
      nonce: query.get('nonce') ?? undefined,
      codeChallenge: query.get('code_challenge') ?? undefined,
      loginHint: query.get('login_hint')?.toLowerCase(),
      wantsConsent: query.get('prompt') === 'consent',
    }
    const refuse = (error: string, description: string) =>
      deliver(request, { error, error_description: description })
    if (query.get('response_type') !== 'code') {
      return refuse(
        'unsupported_response_type',
        'AADSTS700054: response_type is not enabled for the application.',
      )
    }
    if (request.scopes.length === 0) {
      return refuse('invalid_request', aadstsText(90014, { field: 'scope' }))
    }
    if (request.codeChallenge && query.get('code_challenge_method') !== 'S256') {
      return refuse('invalid_request', 'AADSTS501491: Invalid size or method of Code_Challenge parameter.')
    }
    if (query.get('prompt') === 'none') {
      // Nobody stays signed in at this page, so a silent request never finds a session.
      return refuse(aadstsError(50058), aadstsText(50058))
    }
    return this.#next(this.#signIns.visit(request), context)
  }

  /** The link of an invitation mail. */
  redeem(query: URLSearchParams, context: EntraContext): Answer {
    const invitation = this.#world.invitations.find(
      each =>
        each.ticket === query.get('ticket') &&
        each.tenant.id === query.get('tenant') &&
        each.tenant.principal(each.guest.oid) !== undefined,
    )
    if (!invitation) {
      return messagePage(400, 'Sorry', 'This invitation does not exist, or it was withdrawn.')
    }
    const { tenant } = invitation
    const request = { kind: 'redeem', tenant: tenant.id, app: INVITATION_PORTAL, invitation } as const
    return this.#next(this.#signIns.visit(request), context)
  }

  askForUserCode(): Answer {
    return userCodePage()
  }

  async enterUserCode(exchange: Exchange): Promise<Answer> {
    const form = await formOf(exchange)
    const device = this.#signIns.findDeviceByUserCode(form.get('otc') ?? '')
    if (!device || device.state !== 'pending' || device.expires <= this.#world.clock.now()) {
      return userCodePage("That code didn't work. Check the code and try again.")
    }
    return accountPage(this.#signIns.visit(device).id, device.app, this.#world.users())
  }

  /** One form that the person sent. */
  async step(exchange: Exchange, context: EntraContext): Promise<Answer> {
    const form = await formOf(exchange)
    const visit = this.#signIns.findVisit(form.get('visit') ?? '')
    if (!visit) return messagePage(400, 'Start again', 'This sign-in was finished or has timed out.')
    if (form.has('decline')) return this.#declined(visit, context)
    const account = form.get('account')
    if (account !== null) {
      visit.user = this.#world.user(account)
      if (!visit.user) return problemPage(50034, context, { tenant: visit.request.tenant })
    }
    const tenant = visit.user && resolveTenant(this.#world, visit.request.tenant, visit.user)
    if (visit.user && tenant) {
      if (form.get('mfa') === 'approve') tenant.passedMfa.add(visit.user.upn)
      if (form.get('redeem') === 'accept') redeem(tenant, visit.user)
      if (form.get('consent') === 'accept' && tenant.consent === 'user') tenant.consent = 'granted'
      if (form.get('consent') === 'accept') visit.consented = true
    }
    return this.#next(visit, context)
  }

  askAdmin(name: string, query: URLSearchParams): Answer {
    const tenant = this.#world.tenant(name)
    const app = this.#world.app(query.get('client_id') ?? '')
    if (!tenant || !app) return messagePage(400, 'Sorry', 'The tenant or the application is not known.')
    return adminConsentPage(app, tenant, {
      client_id: app.clientId,
      redirect_uri: query.get('redirect_uri') ?? '',
      state: query.get('state') ?? '',
    })
  }

  async adminConsents(name: string, exchange: Exchange): Promise<Answer> {
    const tenant = this.#world.tenant(name)
    const form = await formOf(exchange)
    const app = this.#world.app(form.get('client_id') ?? '')
    if (!tenant || !app) return messagePage(400, 'Sorry', 'The tenant or the application is not known.')
    tenant.consent = 'granted'
    const back = form.get('redirect_uri') ?? ''
    if (back === '' || !isRegistered(app, back)) {
      return messagePage(200, 'Permissions granted', `${app.name} may be used in ${tenant.displayName}.`)
    }
    const answer = new URLSearchParams({ admin_consent: 'True', tenant: tenant.id })
    if (form.get('state')) answer.set('state', form.get('state') ?? '')
    return redirect(`${back}?${answer.toString()}`)
  }

  /** The first page that still has something to ask; the answer to the application when none has. */
  #next(visit: Visit, context: EntraContext): Answer {
    const { request, user } = visit
    if (!user) return accountPage(visit.id, request.app, this.#choices(request))
    const personal = user.tenant === this.#world.personalTenant?.id
    if (personal && request.tenant.toLowerCase() === 'organizations') {
      return problemPage(500200, context, {})
    }
    const tenant = resolveTenant(this.#world, request.tenant, user)
    if (!tenant) return problemPage(90002, context, { tenant: request.tenant })
    const what = obstacle(this.#world, tenant, user, request.app)
    switch (what?.kind) {
      case 'not-here':
        return problemPage(50020, context, fieldsFor(tenant, user, request.app))
      case 'pending':
        return redeemPage(visit.id, tenant)
      case 'admin-consent':
        return adminApprovalPage(visit.id, request.app, tenant)
      case 'consent':
        return consentPage(visit.id, request.app, tenant, scopesOf(request))
      case 'code':
        if (what.code === 50158) return termsPage(visit.id, tenant)
        return asksForMfa(what.code)
          ? mfaPage(visit.id, tenant)
          : problemPage(what.code, context, fieldsFor(tenant, user, request.app))
      case undefined:
        break
    }
    if (request.kind === 'authorize' && request.wantsConsent && !visit.consented) {
      return consentPage(visit.id, request.app, tenant, request.scopes)
    }
    this.#signIns.endVisit(visit)
    switch (request.kind) {
      case 'device':
        return approveDevice(request, user)
      case 'redeem':
        return redirect(request.invitation.redirectUrl)
      case 'authorize':
        return this.#answer(request, user)
    }
  }

  #answer(request: AuthorizeRequest, user: User): Answer {
    const code = this.#signIns.issueCode(request, user, this.#world.clock.now())
    const clientInfo = Buffer.from(JSON.stringify({ uid: user.oid, utid: user.tenant })).toString('base64url')
    return deliver(request, { code, client_info: clientInfo, session_state: randomUUID() })
  }

  #declined(visit: Visit, context: EntraContext): Answer {
    this.#signIns.endVisit(visit)
    if (visit.request.kind === 'device') {
      visit.request.state = 'declined'
      return messagePage(200, 'Declined', 'You can close this window.')
    }
    if (visit.request.kind === 'redeem') {
      return messagePage(200, 'Declined', 'You have not accepted the invitation.')
    }
    const description = `${aadstsText(65004)} Trace ID: ${context.requestId} Correlation ID: ${context.correlationId}`
    return deliver(visit.request, { error: aadstsError(65004), error_description: description })
  }

  #choices(request: Visit['request']): readonly User[] {
    const hint = request.kind === 'authorize' ? request.loginHint : undefined
    const hinted = hint === undefined ? undefined : this.#world.user(hint)
    return hinted ? [hinted] : this.#world.users()
  }
}

function scopesOf(request: Visit['request']): readonly string[] {
  return request.kind === 'redeem' ? [] : request.scopes
}

function approveDevice(device: DeviceRequest, user: User): Answer {
  device.state = user
  return messagePage(
    200,
    `You have signed in to ${device.app.name} on your device`,
    'You can now close this window.',
  )
}

function redeem(tenant: Tenant, user: User): void {
  const principal = tenant.principalOf(user)
  if (principal) principal.state = 'redeemed'
}

export function fieldsFor(tenant: Tenant, user: User | undefined, app: App): Fields {
  return {
    tenant: tenant.displayName,
    client: app.clientId,
    app: app.name,
    ...(user && { idp: `https://sts.windows.net/${user.tenant}/` }),
  }
}

/** Most refusals never reach the application: the person reads them here. */
function problemPage(code: number, context: EntraContext, fields: Fields): Answer {
  return messagePage(
    400,
    'Sorry, but we’re having trouble signing you in.',
    `${aadstsText(code, fields)} Request Id: ${context.requestId} Correlation Id: ${context.correlationId}`,
  )
}

function deliver(request: AuthorizeRequest, fields: Readonly<Record<string, string>>): Answer {
  const all = { ...fields, ...(request.state !== undefined && { state: request.state }) }
  switch (request.responseMode) {
    case 'form_post':
      return formPostPage(request.redirectUri, all)
    case 'fragment':
      return redirect(`${request.redirectUri}#${new URLSearchParams(all).toString()}`)
    case 'query': {
      const glue = request.redirectUri.includes('?') ? '&' : '?'
      return redirect(`${request.redirectUri}${glue}${new URLSearchParams(all).toString()}`)
    }
  }
}

/** Where SharePoint takes a sign-in's answer. */
const FORMS_PAGE = /^https:\/\/[a-z0-9-]+\.sharepoint\.com\/_forms\/default\.aspx$/

/** `http://localhost` matches on any port, with or without a slash; everything else exactly. */
function isRegistered(app: App, redirectUri: string): boolean {
  if (app.firstParty === true) return FORMS_PAGE.test(redirectUri)
  return app.redirectUris.some(registered => {
    if (registered === redirectUri) return true
    if (!URL.canParse(redirectUri)) return false
    const asked = new URL(redirectUri)
    const known = new URL(registered)
    return (
      known.hostname === 'localhost' &&
      asked.hostname === 'localhost' &&
      asked.protocol === 'http:' &&
      asked.pathname === known.pathname
    )
  })
}

function isPlaceholder(tenant: string): boolean {
  return ['organizations', 'common', 'consumers'].includes(tenant.toLowerCase())
}

import { type Answer, html } from '../http/answer.js'
import { escapeHtml, hiddenFields, page } from '../http/html.js'
import type { Tenant, User } from '../world/directory.js'
import type { App } from '../world/world.js'

/** Every step of a sign-in posts here, with `visit` and the person's choice. */
const ACTION = 'https://login.microsoftonline.com/common/login'

export function accountPage(visit: string, app: App, users: readonly User[]): Answer {
  const choices = users.map(
    user =>
      `<button name="account" value="${escapeHtml(user.upn)}">${escapeHtml(user.displayName)}<br>` +
      `<small>${escapeHtml(user.upn)}</small></button>`,
  )
  return html(
    200,
    page(
      'Sign in to your account',
      `<h1>Pick an account</h1><p>to continue to ${escapeHtml(app.name)}</p>` +
        `<form method="post" action="${ACTION}">${hiddenFields({ visit })}${choices.join('')}</form>`,
    ),
  )
}

function stepPage(visit: string, title: string, text: string, choices: readonly [string, string, string][]) {
  const buttons = choices.map(
    ([name, value, label], i) =>
      `<button ${i === 0 ? 'class="primary" ' : ''}name="${name}" value="${value}">${escapeHtml(label)}</button>`,
  )
  return html(
    200,
    page(
      title,
      `<h1>${escapeHtml(title)}</h1><p>${escapeHtml(text)}</p>` +
        `<form method="post" action="${ACTION}">${hiddenFields({ visit })}${buttons.join('')}</form>`,
    ),
  )
}

export function mfaPage(visit: string, tenant: Tenant): Answer {
  return stepPage(
    visit,
    'Approve sign in request',
    `${tenant.displayName} requires multi-factor authentication.`,
    [['mfa', 'approve', 'I have approved it on my phone']],
  )
}

export function termsPage(visit: string, tenant: Tenant): Answer {
  return stepPage(
    visit,
    `${tenant.displayName} terms of use`,
    `In order to access ${tenant.displayName} resources, you must read the terms of use.`,
    [
      ['mfa', 'approve', 'Accept'],
      ['decline', 'yes', 'Decline'],
    ],
  )
}

export function redeemPage(visit: string, tenant: Tenant): Answer {
  return stepPage(
    visit,
    'Review permissions',
    `${tenant.displayName} has invited you. By accepting you become a guest of ${tenant.displayName}.`,
    [
      ['redeem', 'accept', 'Accept'],
      ['decline', 'yes', 'Cancel'],
    ],
  )
}

export function consentPage(visit: string, app: App, tenant: Tenant, scopes: readonly string[]): Answer {
  return stepPage(
    visit,
    'Permissions requested',
    `${app.name} would like, in ${tenant.displayName}: ${scopes.join(', ')}`,
    [
      ['consent', 'accept', 'Accept'],
      ['decline', 'yes', 'Cancel'],
    ],
  )
}

export function adminApprovalPage(visit: string, app: App, tenant: Tenant): Answer {
  return stepPage(
    visit,
    'Need admin approval',
    `${app.name} needs permission to access resources in ${tenant.displayName} that only an admin can grant. ` +
      '(AADSTS90094)',
    [['decline', 'yes', 'Return to the application without granting consent']],
  )
}

export function userCodePage(problem?: string): Answer {
  return html(
    200,
    page(
      'Enter code',
      `<h1>Enter code</h1><p>${escapeHtml(problem ?? 'Enter the code displayed on your app or device')}</p>` +
        `<form method="post" action="/common/oauth2/deviceauth"><input type="text" name="otc" autofocus>` +
        `<button class="primary">Next</button></form>`,
    ),
  )
}

export function adminConsentPage(app: App, tenant: Tenant, fields: Readonly<Record<string, string>>): Answer {
  return html(
    200,
    page(
      'Permissions requested',
      `<h1>Review for your organization</h1><p>${escapeHtml(app.name)} asks for access in ` +
        `${escapeHtml(tenant.displayName)}, for all of its users.</p>` +
        `<form method="post" action="/${tenant.id}/adminconsent">${hiddenFields(fields)}` +
        `<button class="primary" name="consent" value="accept">Accept</button></form>`,
    ),
  )
}

export function messagePage(status: number, title: string, text: string): Answer {
  return html(status, page(title, `<h1>${escapeHtml(title)}</h1><p>${escapeHtml(text)}</p>`))
}

/** Works without JavaScript too: then the person presses the button. */
export function formPostPage(redirectUri: string, fields: Readonly<Record<string, string>>): Answer {
  return html(
    200,
    page(
      'Working…',
      `<form method="post" name="hiddenform" action="${escapeHtml(redirectUri)}">${hiddenFields(fields)}` +
        `<noscript><p>Script is disabled. Press Continue.</p></noscript>` +
        `<button class="primary">Continue</button></form><script>document.forms[0].submit()</script>`,
    ),
  )
}

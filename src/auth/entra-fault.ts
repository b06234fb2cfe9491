import type { Cloud } from '../model/cloud.js'
import { Fault, type FaultCode } from '../model/fault.js'
import type { TenantId } from '../model/ids.js'
import { SignInRequired } from '../model/sign-in-required.js'
import type { EntraRefusal } from './entra-refusal.js'

export interface Asked {
  readonly tenant: TenantId | undefined
  /** What the user calls the tenant. */
  readonly organization: string
  /** Whether it is the home tenant of the account that was asked. */
  readonly isHome: boolean
  /** Whether the tenant has let the account in before. */
  readonly wasLetIn?: boolean
  readonly cloud: Pick<Cloud, 'loginHost' | 'clientId'>
}

/** What an organization can ask for that only a sign-in there settles. */
const STEP_UP = {
  mfa: 'sign in with a second factor',
  'mfa-enrolment': 'set up a second factor',
  // Microsoft tells neither which of the two, nor what they say.
  terms: 'agree to its terms of use, or to confirm who you are',
} as const
type StepUp = keyof typeof STEP_UP

/** What a refusal means for the user. */
type Meaning =
  | 'not-a-guest'
  | 'invitation-pending'
  | 'blocked-by-home'
  | 'blocked-by-organization'
  | 'tenant-restricted'
  | 'mfa'
  | 'terms'
  | 'mfa-enrolment'
  | 'device-or-risk'
  | 'consent'
  | 'not-assigned'
  | 'app-unknown'
  | 'app-setting'
  | 'tenant-unknown'
  | 'expired'
  | 'password-expired'
  | 'account-disabled'
  | 'app-disabled'
  | 'service-disabled'
  | 'account-locked'
  | 'declined'
  | 'code-expired'
  | 'cross-cloud'
  | 'transient'

/**
 * @see https://learn.microsoft.com/entra/identity-platform/reference-error-codes
 * Numbers that are not here are judged by the OAuth error alone.
 */
export const MEANING: Readonly<Record<number, Meaning>> = {
  50020: 'not-a-guest',
  50034: 'not-a-guest',
  51004: 'not-a-guest',
  90072: 'not-a-guest',
  16000: 'not-a-guest',
  16003: 'not-a-guest',
  50014: 'invitation-pending',
  500212: 'blocked-by-home',
  500213: 'blocked-by-organization',
  500021: 'tenant-restricted',
  500022: 'tenant-restricted',
  50074: 'mfa',
  50076: 'mfa',
  50078: 'mfa',
  50158: 'terms',
  50072: 'mfa-enrolment',
  50079: 'mfa-enrolment',
  50097: 'device-or-risk',
  50131: 'device-or-risk',
  53000: 'device-or-risk',
  53001: 'device-or-risk',
  53002: 'device-or-risk',
  53003: 'device-or-risk',
  53011: 'device-or-risk',
  530032: 'device-or-risk',
  50005: 'device-or-risk',
  50194: 'app-setting',
  65001: 'consent',
  65005: 'consent',
  65004: 'declined',
  90094: 'consent',
  90095: 'consent',
  650052: 'app-unknown',
  50105: 'not-assigned',
  700016: 'app-unknown',
  500011: 'app-unknown',
  7000112: 'app-disabled',
  500014: 'service-disabled',
  7000218: 'app-setting',
  90002: 'tenant-unknown',
  900023: 'tenant-unknown',
  70008: 'expired',
  70043: 'expired',
  50058: 'expired',
  50132: 'expired',
  50133: 'expired',
  50173: 'expired',
  700082: 'expired',
  50055: 'password-expired',
  50057: 'account-disabled',
  500571: 'account-disabled',
  50053: 'account-locked',
  70018: 'code-expired',
  70019: 'code-expired',
  1000104: 'cross-cloud',
  90033: 'transient',
  50196: 'transient',
}

/** Entra takes us for a program that asks in a loop. Whoever asks on is one; it does not say for how long. */
const LOOP = 50196
const LOOP_FORGOTTEN_AFTER_SECONDS = 60

/** A mere "bad grant". */
const SAYS_NOTHING = [70000]

/** Where no number is known, or one that {@link SAYS_NOTHING} more than its error does. */
const MEANING_OF_ERROR: Readonly<Record<string, Meaning>> = {
  invalid_grant: 'expired',
  login_required: 'expired',
  interaction_required: 'mfa',
  consent_required: 'consent',
  access_denied: 'declined',
  authorization_declined: 'declined',
  expired_token: 'code-expired',
  bad_verification_code: 'code-expired',
  invalid_client: 'app-setting',
  unauthorized_client: 'app-unknown',
  invalid_resource: 'app-unknown',
  invalid_scope: 'app-setting',
  temporarily_unavailable: 'transient',
  server_error: 'transient',
  slow_down: 'transient',
}

type Explain = (asked: Asked) => readonly [FaultCode, message: string, nextStep: string]

const EXPLANATION: Readonly<Record<Exclude<Meaning, StepUp | 'expired' | 'transient'>, Explain>> = {
  'not-a-guest': ({ organization, wasLetIn = false }) =>
    wasLetIn
      ? [
          'not-a-guest',
          `${organization} no longer knows your account as a guest`,
          'Ask the person who shared with you whether it was removed, and to invite this very account again.',
        ]
      : [
          'not-a-guest',
          `${organization} does not know your account as a guest`,
          'Accept their invitation first, or ask the person who shares with you to invite this very account: ' +
            'a link that asks for a code from a mail makes nobody a guest.',
        ],
  'invitation-pending': ({ organization, tenant }) => [
    'invitation-pending',
    `${organization} has invited you, but the invitation is not accepted yet`,
    `Accept it with the link of the invitation mail, or here: b2bmount sign-in ${tenant ?? ''}`.trim(),
  ],
  'blocked-by-home': ({ organization }) => [
    'blocked-by-policy',
    `Your own organization does not let you be a guest of ${organization}`,
    `Ask your IT department to allow outbound access to ${organization}.`,
  ],
  'blocked-by-organization': ({ organization }) => [
    'blocked-by-policy',
    `${organization} does not accept guests from your organization`,
    `Ask your contact at ${organization} to allow inbound access for your organization.`,
  ],
  'tenant-restricted': ({ organization }) => [
    'blocked-by-policy',
    `The network you are in does not allow sign-ins at ${organization}`,
    `Ask your IT department to allow ${organization} (tenant restrictions), or use another network.`,
  ],
  'device-or-risk': ({ organization }) => [
    'blocked-by-policy',
    `${organization} does not allow access from this device, place or app (conditional access)`,
    `Ask your contact at ${organization} for an exception for guests; signing in again does not help.`,
  ],
  consent: asked => [
    'consent-required',
    `${asked.organization} has not approved b2bmount yet`,
    `An administrator of ${asked.organization} can approve it here: ${adminConsentUrl(asked)}`,
  ],
  'not-assigned': ({ organization }) => [
    'consent-required',
    `${organization} lets only assigned people use b2bmount, and you are not one of them`,
    `Ask an administrator of ${organization} to assign the app to you.`,
  ],
  'app-unknown': asked => [
    'consent-required',
    `${asked.organization} does not know b2bmount yet`,
    `An administrator of ${asked.organization} can add it here: ${adminConsentUrl(asked)}`,
  ],
  'app-setting': ({ cloud }) => [
    'app-misconfigured',
    `The app registration ${cloud.clientId} is not set up for b2bmount`,
    'It must be multi-tenant, with "Allow public client flows" on and the redirect URI http://localhost.',
  ],
  'tenant-unknown': ({ organization }) => [
    'tenant-not-found',
    `Entra does not know ${organization}`,
    'Check the address; the organization may have been renamed or closed.',
  ],
  'password-expired': () => [
    'account-problem',
    'The password of your account has expired',
    'Change it in a browser at your own organization, then run: b2bmount sign-in',
  ],
  'account-disabled': ({ organization }) => [
    'account-problem',
    `Your account is disabled at ${organization}`,
    `Ask an administrator of ${organization}.`,
  ],
  'app-disabled': ({ organization }) => [
    'blocked-by-policy',
    `${organization} has disabled b2bmount for everybody there`,
    `Ask an administrator of ${organization} to enable the app; signing in again does not help.`,
  ],
  'service-disabled': ({ organization }) => [
    'blocked-by-policy',
    `${organization} has disabled SharePoint or Microsoft Graph, or its subscription has ended`,
    `Ask an administrator of ${organization}; signing in again does not help.`,
  ],
  'account-locked': () => [
    'account-problem',
    'Your account is locked after too many sign-ins with a wrong password',
    'Wait a while, or ask your IT department to unlock it.',
  ],
  declined: () => ['sign-in-failed', 'The sign-in was declined', 'Run b2bmount sign-in again and accept.'],
  'code-expired': () => ['sign-in-failed', 'The code was not entered in time', 'Run b2bmount sign-in again.'],
  'cross-cloud': ({ organization }) => [
    'blocked-by-policy',
    `${organization} is in another Microsoft cloud than your account; guests cannot cross`,
    `Ask ${organization} for an account of theirs.`,
  ],
}

/** Whoever can end it looks it up by its number. */
const FOR_ADMINISTRATORS: readonly Meaning[] = ['account-disabled', 'app-disabled', 'service-disabled']

export function entraFault(refusal: EntraRefusal, asked: Asked): Fault {
  const meaning = meaningOf(refusal, asked)
  if (meaning === 'transient') return transientFault(refusal)
  if (isStepUp(meaning)) return stepUp(meaning, refusal, asked)
  if (meaning === 'expired') {
    // One refresh token serves every tenant: if it is worn out, only the home tenant hands out another.
    return new SignInRequired('Your sign-in has expired', {
      cause: refusal,
      nextStep: 'Run: b2bmount sign-in',
    })
  }
  if (meaning === undefined) {
    const nextStep = asked.isHome
      ? 'Run: b2bmount sign-in'
      : `Give the number to your contact at ${asked.organization} if this does not help: ` +
        `b2bmount sign-in ${asked.tenant ?? ''}`.trim()
    const message = `${asked.organization} refused the sign-in (${refusal.message})`
    return new Fault('sign-in-failed', message, { cause: refusal, nextStep })
  }
  const [code, message, nextStep] = EXPLANATION[meaning](asked)
  const [number] = refusal.codes
  const isNumbered = FOR_ADMINISTRATORS.includes(meaning) && number !== undefined
  return new Fault(code, isNumbered ? `${message} (AADSTS${number})` : message, { cause: refusal, nextStep })
}

function meaningOf(refusal: EntraRefusal, { isHome }: Asked): Meaning | undefined {
  if (refusal.status === 429 || refusal.status >= 500) return 'transient'
  const known = refusal.codes.map(code => MEANING[code]).find(meaning => meaning !== undefined)
  if (known !== undefined) return known
  const byError = MEANING_OF_ERROR[refusal.error]
  // Another organization's own reason, which its number names, is none for signing in again at home.
  const isOtherReason =
    byError === 'expired' && !isHome && refusal.codes.some(code => !SAYS_NOTHING.includes(code))
  return isOtherReason ? undefined : byError
}

function transientFault(refusal: EntraRefusal): Fault {
  const isLoop = refusal.codes.includes(LOOP)
  const retryAfterSeconds = refusal.retryAfterSeconds ?? (isLoop ? LOOP_FORGOTTEN_AFTER_SECONDS : undefined)
  const wait = retryAfterSeconds === undefined ? {} : { retryAfterSeconds }
  const code = refusal.status === 429 || isLoop ? 'throttled' : 'server-error'
  return new Fault(code, 'The sign-in service does not answer properly at the moment', {
    ...wait,
    cause: refusal,
    nextStep: 'Try again in a few minutes.',
  })
}

function isStepUp(meaning: Meaning | undefined): meaning is StepUp {
  return meaning !== undefined && meaning in STEP_UP
}

function stepUp(meaning: StepUp, refusal: EntraRefusal, asked: Asked): SignInRequired {
  const { organization, tenant, isHome } = asked
  const message = `${organization} asks you to ${STEP_UP[meaning]}`
  const command = isHome || tenant === undefined ? 'b2bmount sign-in' : `b2bmount sign-in ${tenant}`
  return new SignInRequired(message, {
    tenant,
    claims: refusal.claims,
    cause: refusal,
    nextStep: `Run: ${command}`,
  })
}

function adminConsentUrl({ cloud, tenant }: Asked): string {
  const client = encodeURIComponent(cloud.clientId)
  return `https://${cloud.loginHost}/${tenant ?? 'organizations'}/adminconsent?client_id=${client}`
}

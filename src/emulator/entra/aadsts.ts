import { timestamp } from '../clock.js'
import { json, Refusal } from '../http/answer.js'

interface Shape {
  readonly error: string
  readonly text: string
  readonly suberror?: string
  readonly claims?: string
}

const MFA_CLAIMS =
  '{"access_token":{"capolids":{"essential":true,"values":["33333333-3333-4333-8333-333333333333"]}}}'

/**
 * AADSTS codes that a token request can be refused with. Texts are those of the public list of
 * codes; which OAuth error goes with a code is documented for few of them (docs/EMULATOR.md).
 */
// prettier-ignore
const SHAPES: Readonly<Record<number, Shape>> = {
  16000: { error: 'interaction_required', text: 'User account from identity provider does not exist in tenant and cannot access the application in that tenant. The account needs to be added as an external user in the tenant first.' },
  16003: { error: 'interaction_required', text: 'The user has not been added to the tenant.' },
  50005: { error: 'invalid_grant', text: 'User tried to sign in to a device from a platform not currently supported through Conditional Access policy.' },
  50011: { error: 'invalid_request', text: 'The redirect URI specified in the request does not match the redirect URIs configured for the application.' },
  50014: { error: 'invalid_grant', text: "The user's redemption is in a pending state. The guest user account is not fully created yet." },
  50020: { error: 'invalid_grant', text: "User account '{EmailHidden}' from identity provider '{idp}' does not exist in tenant '{tenant}' and cannot access the application '{client}'({app}) in that tenant. The account needs to be added as an external user in the tenant first." },
  50034: { error: 'invalid_grant', text: "The user account does not exist in the {tenant} directory. To sign into this application, the account must be added to the directory." },
  50053: { error: 'invalid_grant', text: 'The account is locked, you have tried to sign in too many times with an incorrect user ID or password.' },
  50055: { error: 'invalid_grant', text: 'The password is expired.', suberror: 'user_password_expired' },
  50057: { error: 'invalid_grant', text: 'The user account is disabled.' },
  50058: { error: 'login_required', text: 'A silent sign-in request was sent but no user is signed in.' },
  50072: { error: 'interaction_required', text: 'Due to a configuration change made by your administrator, you must enroll in multi-factor authentication to access the resource.', suberror: 'basic_action' },
  50074: { error: 'interaction_required', text: 'Strong authentication is required.', suberror: 'basic_action', claims: MFA_CLAIMS },
  50076: { error: 'interaction_required', text: "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access '00000003-0000-0000-c000-000000000000'.", suberror: 'basic_action', claims: MFA_CLAIMS },
  50078: { error: 'interaction_required', text: "Presented multi-factor authentication has expired due to policies configured by your administrator, you must refresh your multi-factor authentication to access '00000003-0000-0000-c000-000000000000'.", suberror: 'basic_action', claims: MFA_CLAIMS },
  50079: { error: 'interaction_required', text: 'Due to a configuration change made by your administrator, or because you moved to a new location, you must enroll in multi-factor authentication to access the resource.', suberror: 'basic_action' },
  50097: { error: 'interaction_required', text: 'Device authentication is required.', suberror: 'message_only' },
  50105: { error: 'invalid_grant', text: "The signed in user is not assigned to a role for the application '{client}'({app})." },
  50131: { error: 'invalid_grant', text: 'Device is not in required device state or the request was blocked due to suspicious activity, access policy, or security policy decisions.', suberror: 'message_only' },
  50132: { error: 'invalid_grant', text: 'The session is not valid due to password expiration or recent password change.', suberror: 'bad_token' },
  50133: { error: 'invalid_grant', text: 'Session is invalid due to expiration or recent password change.', suberror: 'bad_token' },
  50158: { error: 'interaction_required', text: 'External security challenge was not satisfied.', suberror: 'basic_action', claims: MFA_CLAIMS },
  50173: { error: 'invalid_grant', text: 'The provided grant has expired due to it being revoked, a fresh auth token is needed.', suberror: 'bad_token' },
  50194: { error: 'invalid_request', text: "Application '{client}'({app}) is not configured as a multi-tenant application." },
  50196: { error: 'invalid_grant', text: 'The server terminated an operation because it encountered a client request loop.' },
  51004: { error: 'invalid_grant', text: "The user account does not exist in the {tenant} directory. To sign into this application, the account must be added to the directory." },
  53000: { error: 'invalid_grant', text: 'Device is not in required device state: compliant.', suberror: 'message_only' },
  53001: { error: 'invalid_grant', text: 'Device is not in required device state: domain_joined.', suberror: 'message_only' },
  53002: { error: 'invalid_grant', text: 'Application used is not an approved application for Conditional Access.', suberror: 'message_only' },
  53003: { error: 'invalid_grant', text: 'Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.', suberror: 'message_only' },
  53011: { error: 'invalid_grant', text: 'User blocked due to risk on home tenant.', suberror: 'message_only' },
  54005: { error: 'invalid_grant', text: 'OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.' },
  65001: { error: 'invalid_grant', text: "The user or administrator has not consented to use the application with ID '{client}' named '{app}'. Send an interactive authorization request for this user and resource.", suberror: 'consent_required' },
  65004: { error: 'access_denied', text: 'User declined to consent to access the app.' },
  65005: { error: 'invalid_client', text: 'The application required resource access list does not contain applications discoverable by the resource.' },
  70000: { error: 'invalid_grant', text: 'Provided grant is invalid or malformed.' },
  70008: { error: 'invalid_grant', text: 'The provided authorization code or refresh token has expired due to inactivity.' },
  70016: { error: 'authorization_pending', text: 'OAuth 2.0 device flow error. Authorization is pending. Continue polling.' },
  70018: { error: 'bad_verification_code', text: 'Invalid verification code due to User typing in wrong user code for device code flow.' },
  70019: { error: 'expired_token', text: 'Verification code expired.' },
  70043: { error: 'invalid_grant', text: 'The refresh token has expired or is invalid due to sign-in frequency checks by conditional access.', suberror: 'bad_token' },
  90002: { error: 'invalid_request', text: "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud." },
  90014: { error: 'invalid_request', text: "The required field '{field}' is missing from the credential." },
  90033: { error: 'temporarily_unavailable', text: 'A transient error has occurred. Please try again.' },
  90072: { error: 'invalid_grant', text: "User account '{EmailHidden}' from identity provider '{idp}' does not exist in tenant '{tenant}' and cannot access the application '{client}'({app}) in that tenant. The account needs to be added as an external user in the tenant first." },
  90094: { error: 'invalid_grant', text: 'The grant requires admin permission.', suberror: 'consent_required' },
  90095: { error: 'invalid_grant', text: 'Admin consent is required for the permissions requested by this application. An admin consent request may be sent to the admin.', suberror: 'consent_required' },
  500011: { error: 'invalid_resource', text: 'The resource principal named {resource} was not found in the tenant named {tenant}.' },
  500014: { error: 'invalid_resource', text: "The service principal for resource '{resource}' is disabled." },
  500021: { error: 'access_denied', text: "Access to '{tenant}' tenant is denied." },
  500022: { error: 'access_denied', text: "Access to '{tenant}' tenant is denied." },
  500200: { error: 'invalid_request', text: 'User account is a personal Microsoft account. Personal Microsoft accounts are not supported for this application unless explicitly invited to an organization.' },
  500212: { error: 'access_denied', text: "The user's administrator has set an outbound access policy that does not allow access to the resource tenant." },
  500213: { error: 'access_denied', text: "The resource tenant's cross-tenant access policy does not allow this user to access this tenant." },
  500571: { error: 'invalid_grant', text: 'The guest user account is disabled.' },
  501481: { error: 'invalid_grant', text: 'The Code_Verifier does not match the code_challenge supplied in the authorization request.' },
  530032: { error: 'invalid_grant', text: 'Blocked by security policy.', suberror: 'message_only' },
  650052: { error: 'invalid_client', text: "The app is trying to access a service that your organization '{tenant}' lacks a service principal for." },
  700016: { error: 'unauthorized_client', text: "Application with identifier '{client}' was not found in the directory '{tenant}'." },
  700082: { error: 'invalid_grant', text: 'The refresh token has expired due to inactivity. The token was issued on {issued} and was inactive for 90.00:00:00.' },
  900023: { error: 'invalid_request', text: "Specified tenant identifier '{tenant}' is neither a valid DNS name, nor a valid external domain." },
  1000104: { error: 'invalid_grant', text: 'Cross cloud B2B is not enabled for this tenant.' },
  7000112: { error: 'unauthorized_client', text: "Application '{client}'({app}) is disabled." },
  7000218: { error: 'invalid_client', text: "The request body must contain the following parameter: 'client_assertion' or 'client_secret'." },
}

export function isKnownAadsts(code: number): boolean {
  return code in SHAPES
}

/** Codes that a person can settle on the sign-in page: by another factor, or (50158) by agreeing to terms of use. */
export function asksForMfa(code: number): boolean {
  return [50072, 50074, 50076, 50078, 50079, 50158].includes(code)
}

export interface EntraContext {
  readonly now: number
  readonly requestId: string
  readonly correlationId: string
}

export type Fields = Readonly<Record<string, string>>

export function aadstsText(code: number, fields: Fields = {}): string {
  const text = SHAPES[code]?.text ?? 'The request was refused.'
  return `AADSTS${code}: ${text.replace(/\{(\w+)\}/g, (whole, name: string) => fields[name] ?? whole)}`
}

export function aadstsError(code: number): string {
  return SHAPES[code]?.error ?? 'invalid_request'
}

export function aadstsBody(code: number, context: EntraContext, fields: Fields = {}) {
  const shape = SHAPES[code]
  const time = timestamp(context.now).replace('T', ' ')
  return {
    error: aadstsError(code),
    error_description:
      `${aadstsText(code, fields)} Trace ID: ${context.requestId} ` +
      `Correlation ID: ${context.correlationId} Timestamp: ${time}`,
    error_codes: [code],
    timestamp: time,
    trace_id: context.requestId,
    correlation_id: context.correlationId,
    error_uri: `https://login.microsoftonline.com/error?code=${code}`,
    ...(shape?.suberror && { suberror: shape.suberror }),
    ...(shape?.claims && { claims: shape.claims }),
  }
}

/** Thrown where a token request is refused. */
export function refuseToken(code: number, context: EntraContext, fields: Fields = {}): Refusal {
  return new Refusal(json(400, aadstsBody(code, context, fields), { 'Cache-Control': 'no-store, no-cache' }))
}

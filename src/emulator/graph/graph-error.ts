import { json, type Headers, Refusal } from '../http/answer.js'

export interface GraphErrorOptions {
  /** Code of the inner error. */
  readonly inner?: string
  /** Code of the error inside that. */
  readonly innermost?: string
  readonly headers?: Headers
}

/** The request ids are added where the answer leaves Graph. */
export function graphError(status: number, code: string, message: string, options: GraphErrorOptions = {}) {
  const innerError = {
    ...(options.inner !== undefined && { code: options.inner }),
    ...(options.innermost !== undefined && { innerError: { code: options.innermost } }),
  }
  return json(status, { error: { code, message, innerError } }, options.headers)
}

export function refuse(status: number, code: string, message: string, options?: GraphErrorOptions): Refusal {
  return new Refusal(graphError(status, code, message, options))
}

export function notFound(): Refusal {
  return refuse(404, 'itemNotFound', 'The resource could not be found.')
}

export function accessDenied(message = 'Access denied'): Refusal {
  return refuse(403, 'accessDenied', message)
}

export function badRequest(message: string, inner?: string): Refusal {
  return refuse(400, 'invalidRequest', message, inner === undefined ? {} : { inner })
}

const CHALLENGE =
  'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", ' +
  'client_id="00000003-0000-0000-c000-000000000000"'

export function unauthorized(message: string, extra = ''): Refusal {
  return refuse(401, 'InvalidAuthenticationToken', message, {
    headers: { 'WWW-Authenticate': CHALLENGE + extra },
  })
}

/** Continuous access evaluation: the client must come back with a token that has these claims. */
export function claimsChallenge(now: number): Refusal {
  const claims = { access_token: { nbf: { essential: true, value: String(Math.floor(now / 1000)) } } }
  const encoded = Buffer.from(JSON.stringify(claims)).toString('base64')
  return unauthorized(
    'Continuous access evaluation resulted in challenge with result: InteractionRequired and code: ' +
      'TokenIssuedBeforeRevocationTimestamp',
    `, error="insufficient_claims", claims="${encoded}"`,
  )
}

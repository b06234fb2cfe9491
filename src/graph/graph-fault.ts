import { isJsonObject, tryJsonObjectOf } from '../http/json.js'
import type { HttpResponse } from '../http/message.js'
import { Fault, type FaultCode, type FaultOptions } from '../model/fault.js'
import type { TenantId } from '../model/ids.js'
import { SignInRequired } from '../model/sign-in-required.js'
import { claimsChallengeOf } from './claims-challenge.js'

/** A refusal with an HTTP status, for the few places where the code alone does not tell. */
export class GraphFault extends Fault {
  readonly status: number

  constructor(status: number, code: FaultCode, message: string, options: FaultOptions) {
    super(code, message, options)
    this.status = status
  }
}

export interface Refused {
  readonly tenant: TenantId
  /** For the message: what the user calls the tenant. */
  readonly organization: string
}

/** Codes that say more than the status does, innermost first. @see graph-examples/error-codes.json */
const BY_CODE: Readonly<Record<string, FaultCode>> = {
  malwareDetected: 'malware-detected',
  virusSuspicious: 'malware-detected',
  resyncRequired: 'resync-required',
  resyncApplyDifferences: 'resync-required',
  resyncUploadDifferences: 'resync-required',
  resyncChangesApplyDifferences: 'resync-required',
  resyncChangesUploadDifferences: 'resync-required',
  syncStateNotFound: 'resync-required',
  syncStateInvalid: 'resync-required',
  notSupported: 'not-supported',
  pathIsTooLong: 'name-too-long',
  activityLimitReached: 'throttled',
  throttledRequest: 'throttled',
  serviceNotAvailable: 'throttled',
}

const BY_STATUS: Readonly<Record<number, FaultCode>> = {
  403: 'access-denied',
  404: 'item-not-found',
  405: 'not-supported',
  408: 'server-error',
  410: 'resync-required',
  412: 'stale-content',
  416: 'stale-content',
  422: 'not-supported',
  // Open for editing or checked out by somebody: it will be allowed again, but not soon.
  423: 'access-denied',
  429: 'throttled',
  500: 'server-error',
  501: 'not-supported',
  502: 'server-error',
  503: 'throttled',
  504: 'server-error',
  509: 'throttled',
}

const SENTENCE: Partial<Readonly<Record<FaultCode, (organization: string) => string>>> = {
  'access-denied': organization => `${organization} does not let you see this`,
  'item-not-found': organization =>
    `${organization} has no such item, or does not share it with you any more`,
  'malware-detected': organization => `${organization} found malware in this file and does not hand it out`,
  'not-supported': organization => `${organization}'s SharePoint does not support this request`,
  'resync-required': organization => `${organization} no longer knows what changed since we asked last`,
  'server-error': organization => `${organization}'s SharePoint failed to answer`,
  'stale-content': organization => `The file was changed at ${organization} meanwhile`,
  throttled: organization => `${organization}'s SharePoint asks us to slow down`,
  'name-too-long': organization => `The path is too long for ${organization}'s SharePoint`,
}

const NEXT_STEP: Partial<Readonly<Record<FaultCode, string>>> = {
  'access-denied': 'Ask the person who shared it with you to check your access.',
  'item-not-found': 'Ask the person who shared it with you whether it still exists.',
  'server-error': 'Try again in a few minutes.',
  throttled: 'Try again later.',
}

/** Makes of a refusal by Graph what the rest of the product decides by. Only codes count, never a text. */
export function graphFault(response: HttpResponse, { tenant, organization }: Refused): Fault {
  const codes = errorCodesOf(response)
  const options: FaultOptions = { ...requestIdOf(response), ...retryAfterOf(response) }
  if (response.status === 401) return unauthorized(response, codes, { tenant, organization }, options)
  const code =
    codes.map(name => BY_CODE[name]).find(known => known !== undefined) ?? BY_STATUS[response.status]
  if (code === undefined) {
    const answer = [response.status, ...codes].join(', ')
    const sentence = `${organization}'s SharePoint refused our request (${answer})`
    return new GraphFault(response.status, 'protocol-error', sentence, options)
  }
  const nextStep = NEXT_STEP[code]
  const sentence = SENTENCE[code]?.(organization) ?? `${organization}'s SharePoint answered: ${code}`
  return new GraphFault(
    response.status,
    code,
    sentence,
    nextStep === undefined ? options : { ...options, nextStep },
  )
}

/**
 * A guest whom SharePoint does not know yet gets 401 with SharePoint's codes, although the token is good;
 * signing in again would not help then (onedrive-api-docs #1039).
 */
function unauthorized(
  response: HttpResponse,
  codes: readonly string[],
  who: Refused,
  options: FaultOptions,
): Fault {
  const { tenant, organization } = who
  const claims = claimsChallengeOf(response.headers['www-authenticate'])
  if (claims === undefined && (codes.includes('accessDenied') || codes.includes('unauthenticated'))) {
    const nextStep = 'Ask the person who shared it with you to check your access.'
    return new GraphFault(401, 'access-denied', `${organization} does not let you see this`, {
      ...options,
      nextStep,
    })
  }
  return new SignInRequired(`${organization} asks you to sign in again`, {
    ...options,
    tenant,
    claims,
    nextStep: `Run: b2bmount sign-in ${tenant}`,
  })
}

/** Innermost first: the deepest known code says most. */
export function errorCodesOf(response: HttpResponse): string[] {
  const codes: string[] = []
  let inner: unknown = tryJsonObjectOf(response)?.['error']
  for (let depth = 0; depth < 8 && isJsonObject(inner); depth++) {
    const code = inner['code']
    // A code is a word; anything else must not reach a message or the log.
    if (typeof code === 'string' && /^[\w.-]{1,64}$/.test(code)) codes.unshift(code)
    inner = inner['innerError'] ?? inner['innererror']
  }
  return codes
}

function requestIdOf(response: HttpResponse): { requestId?: string } {
  const id = response.headers['request-id'] ?? response.headers['sprequestguid']
  return id !== undefined && /^[\w-]{1,64}$/.test(id) ? { requestId: id } : {}
}

// Longer pauses than a day are not meant for us.
const LONGEST_PAUSE_SECONDS = 86_400

/** Seconds, also with a fraction. (The date form is not used by Graph.) */
export function retryAfterOf(response: HttpResponse): { retryAfterSeconds?: number } {
  const header = response.headers['retry-after']
  if (header === undefined || !/^\d{1,9}(\.\d{1,6})?$/.test(header)) return {}
  return { retryAfterSeconds: Math.min(Number(header), LONGEST_PAUSE_SECONDS) }
}

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
  /** Whether something was to be changed. */
  readonly changing?: boolean
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
  pathTooDeep: 'name-too-long',
  invalidPath: 'name-refused',
  nameContainsInvalidCharacters: 'name-refused',
  nameAlreadyExists: 'name-taken',
  upload_name_conflict: 'name-taken',
  // Whatever the status: SharePoint says so with 409 and with 412 (reference R3).
  resourceModified: 'stale-content',
  entityTagDoesNotMatch: 'stale-content',
  resourceLocked: 'locked',
  lockMismatch: 'locked',
  lockOwnerMismatch: 'locked',
  quotaLimitReached: 'quota-full',
  maxFileSizeExceeded: 'file-too-large',
  maxStreamSizeExceeded: 'file-too-large',
  activityLimitReached: 'throttled',
  throttledRequest: 'throttled',
  serviceNotAvailable: 'throttled',
  // While it is being moved or repaired.
  serviceReadOnly: 'server-error',
}

const BY_STATUS: Readonly<Record<number, FaultCode>> = {
  403: 'access-denied',
  404: 'item-not-found',
  405: 'not-supported',
  408: 'server-error',
  409: 'name-taken',
  410: 'resync-required',
  412: 'stale-content',
  413: 'file-too-large',
  416: 'stale-content',
  422: 'not-supported',
  // Open for editing or checked out by somebody: it will be allowed again, but not soon.
  423: 'locked',
  429: 'throttled',
  500: 'server-error',
  501: 'not-supported',
  502: 'server-error',
  503: 'throttled',
  504: 'server-error',
  507: 'quota-full',
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
  'name-refused': organization => `${organization}'s SharePoint cannot hold a name like this`,
  'name-taken': organization => `There is something of this name at ${organization} already`,
  locked: organization => `Somebody at ${organization} has this open for editing, or checked out`,
  'quota-full': organization => `${organization}'s storage is full`,
  'file-too-large': organization => `The file is too large for ${organization}'s SharePoint`,
  'name-too-long': organization => `The path is too long for ${organization}'s SharePoint`,
}

const NEXT_STEP: Partial<Readonly<Record<FaultCode, string>>> = {
  'access-denied': 'Ask the person who shared it with you to check your access.',
  'item-not-found': 'Ask the person who shared it with you whether it still exists.',
  'server-error': 'Try again in a few minutes.',
  locked: 'Try again in a few minutes.',
  'quota-full': 'Ask the person who shared it with you to make room.',
  'name-refused': 'Rename it: without " * : < > ? / \\ |, and without a space or a period at the end.',
  'name-too-long': 'Give it, or one of its folders, a shorter name.',
  throttled: 'Try again later.',
}

/**
 * Makes of a refusal by Graph what the rest of the product decides by. Only codes count, never a text, and the service's code before
 * the status: 409 alone means several things.
 */
export function graphFault(response: HttpResponse, who: Refused): Fault {
  const { organization } = who
  const codes = errorCodesOf(response)
  const options: FaultOptions = {
    ...requestIdOf(response),
    ...retryAfterOf(response),
    ...sentenceIn(response),
  }
  if (response.status === 401) return unauthorized(response, codes, who, options)
  const code =
    codes.map(name => BY_CODE[name]).find(known => known !== undefined) ?? BY_STATUS[response.status]
  if (code === undefined) {
    const answer = [response.status, ...codes].join(', ')
    const sentence = `${organization}'s SharePoint refused our request (${answer})`
    return new GraphFault(response.status, 'protocol-error', sentence, options)
  }
  const nextStep = NEXT_STEP[code]
  const sentence = sentenceOf(code, who) ?? `${organization}'s SharePoint answered: ${code}`
  return new GraphFault(
    response.status,
    code,
    sentence,
    nextStep === undefined ? options : { ...options, nextStep },
  )
}

function sentenceOf(code: FaultCode, { organization, changing = false }: Refused): string | undefined {
  if (code === 'access-denied' && changing) return `${organization} does not let you change this`
  return SENTENCE[code]?.(organization)
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
  if (claims === undefined && codes.some(code => DENIED.includes(code))) {
    const nextStep = 'Ask the person who shared it with you to check your access.'
    const sentence = sentenceOf('access-denied', who) ?? ''
    return new GraphFault(401, 'access-denied', sentence, { ...options, nextStep })
  }
  return new SignInRequired(`${organization} asks you to sign in again`, {
    ...options,
    tenant,
    claims,
    nextStep: `Run: b2bmount sign-in ${tenant}`,
  })
}

/** By which SharePoint says, also with 401, that it is not the token; the last two as `HRESULT, type` of its own API. */
const DENIED = ['accessDenied', 'unauthenticated', '-2147024891', 'System.UnauthorizedAccessException']

/** Innermost first: the deepest known code says most. SharePoint's `HRESULT, type` counts as two. */
export function errorCodesOf(response: HttpResponse): string[] {
  const codes: string[] = []
  let inner: unknown = tryJsonObjectOf(response)?.['error']
  for (let depth = 0; depth < 8 && isJsonObject(inner); depth++) {
    const code = inner['code']
    // A code is a word; anything else must not reach a message or the log.
    const words = typeof code === 'string' ? code.split(/, ?/).slice(0, 2) : []
    if (words.every(word => /^[\w.-]{1,64}$/.test(word))) codes.unshift(...words)
    inner = inner['innerError'] ?? inner['innererror']
  }
  return codes
}

const LONGEST_SENTENCE = 200

/** The service's own sentence, of which a part may be the other organization's: plain text of one line, and not long. */
function sentenceIn(response: HttpResponse): { says?: string } {
  const error = tryJsonObjectOf(response)?.['error']
  const message = isJsonObject(error) ? error['message'] : undefined
  if (typeof message !== 'string') return {}
  const plain = message
    .slice(0, 10 * LONGEST_SENTENCE)
    .replace(/[\p{C}\p{Z}\s]+/gu, ' ')
    .replace(/[“”"]/g, "'")
    .trim()
  if (plain === '') return {}
  return { says: plain.length > LONGEST_SENTENCE ? `${plain.slice(0, LONGEST_SENTENCE)}…` : plain }
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

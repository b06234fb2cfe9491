import { claimsChallenge, graphError, unauthorized } from '../graph/graph-error.js'
import { RESYNC_MESSAGE } from '../graph/delta.js'
import { type Answer, json, JSON_TYPE, type Refusal, withHeaders } from '../http/answer.js'
import { expiredUrl } from '../sharepoint/download.js'
import type { FaultAction } from './fault-rule.js'

/** The answer that a fault gives instead of the work; `undefined` if the work is to be done. */
export function answerOfFault(action: FaultAction, now: number): Answer | undefined {
  const answer = bareAnswer(action, now)
  return answer && withHeaders(answer, action.headers ?? {})
}

function bareAnswer(action: FaultAction, now: number): Answer | undefined {
  if (action.unauthorized) return unauthorizedAnswer(action.unauthorized, now)
  if (action.resync) {
    return graphError(410, action.resync, RESYNC_MESSAGE, action.headers ? { headers: action.headers } : {})
  }
  if (action.body !== undefined) {
    return {
      status: action.status ?? 200,
      headers: {},
      body: { kind: 'text', type: action.headers?.['Content-Type'] ?? JSON_TYPE, text: action.body },
    }
  }
  if (action.status === undefined) return undefined
  const [code, message] = WORDS[action.status] ?? ['generalException', 'General exception while processing']
  const headers =
    action.retryAfterSeconds === undefined ? {} : { 'Retry-After': String(action.retryAfterSeconds) }
  if (action.status < 400) return json(action.status, {}, headers)
  const inner = action.status === 429 ? { inner: 'throttledRequest', innermost: 'quota' } : {}
  return graphError(action.status, action.code ?? code, action.message ?? message, { headers, ...inner })
}

const WORDS: Readonly<Record<number, readonly [code: string, message: string]>> = {
  400: ['invalidRequest', 'Invalid request'],
  403: ['accessDenied', 'Access denied'],
  404: ['itemNotFound', 'The resource could not be found.'],
  409: ['nameAlreadyExists', 'Name already exists'],
  412: ['resourceModified', "ETag does not match current item's value"],
  423: ['resourceLocked', 'The resource you are attempting to access is locked'],
  429: ['activityLimitReached', 'The app or user has been throttled.'],
  500: ['generalException', 'General exception while processing'],
  501: ['notSupported', 'The request is not supported by the system.'],
  502: ['badGateway', 'Bad gateway'],
  503: ['serviceNotAvailable', 'The service is temporarily unavailable. Try again later.'],
  504: ['gatewayTimeout', 'Gateway timeout'],
  507: ['quotaLimitReached', 'Insufficient Space Available'],
  509: ['bandwidthLimitExceeded', 'Bandwidth limit exceeded'],
}

function unauthorizedAnswer(kind: NonNullable<FaultAction['unauthorized']>, now: number): Answer {
  const refusal: Refusal = {
    expired: () => unauthorized('Lifetime validation failed, the token is expired.'),
    invalid: () => unauthorized('IDX14100: JWT is not well formed.'),
    'claims-challenge': () => claimsChallenge(now),
    'expired-url': () => expiredUrl(now / 1000 - 7200, now / 1000 - 3600),
  }[kind]()
  return refusal.answer
}

import { TIRED_AFTER, waitAfter, type Pace } from './attempts.js'
import type { Fault, FaultCode } from './fault.js'
import type { Milliseconds } from './ids.js'

const SECOND: Milliseconds = 1_000
const MINUTE: Milliseconds = 60 * SECOND
const HOUR: Milliseconds = 60 * MINUTE
const DAY: Milliseconds = 24 * HOUR

/** What else is hindered by what hinders one item: it is not tried one by one. */
export type Reach =
  | 'item'
  /** What needs space in the library; deletions go on. */
  | 'space'
  | 'library'
  | 'tenant'

export interface Patience extends Pace {
  readonly reach: Reach
  /** Nothing will come of waiting alone: somebody has to do something; or nobody knows after {@link TIRED_AFTER} attempts. */
  readonly attention: 'at once' | 'when tired' | 'never'
}

// Nobody is there: no request reaches anybody.
const absent: Patience = { reach: 'tenant', first: 5 * SECOND, longest: MINUTE, attention: 'never' }
// No wait is longer than the time that it has lasted already, so an outage is not made much longer by us.
const soon: Patience = { reach: 'item', first: 5 * SECOND, longest: 4 * HOUR, attention: 'when tired' }
const aWhile: Patience = { reach: 'item', first: 15 * SECOND, longest: 4 * HOUR, attention: 'when tired' }
const someone = (reach: Reach): Patience => ({
  reach,
  first: 5 * MINUTE,
  longest: HOUR,
  attention: 'at once',
})
// Whatever hinders it is in the item itself. Once a day, in case the service has learnt something.
const never: Patience = { reach: 'item', first: DAY, longest: DAY, attention: 'at once' }
// Sign-in ends it at once, see `Uploader.retry`.
const signIn: Patience = {
  reach: 'tenant',
  first: 30 * SECOND,
  longest: 30 * MINUTE,
  attention: 'at once',
}

/** When it is tried again. The table is in docs/SEMANTICS.md, "What goes back, and when". */
const PATIENCE: Partial<Readonly<Record<FaultCode, Patience>>> = {
  offline: absent,
  'timed-out': aWhile,
  'server-error': aWhile,
  'protocol-error': aWhile,
  throttled: { reach: 'tenant', first: 15 * SECOND, longest: 30 * MINUTE, attention: 'never' },
  'stale-content': soon,
  'name-taken': soon,
  'item-not-found': soon,
  'not-empty': aWhile,
  locked: { reach: 'item', first: MINUTE, longest: 30 * MINUTE, attention: 'never' },
  // The service ends it within a quarter of an hour. To ask costs little, and to wait longer helps nobody.
  'upload-held': { reach: 'item', first: MINUTE, longest: MINUTE, attention: 'when tired' },
  'quota-full': someone('space'),
  'access-denied': someone('item'),
  'read-only': someone('library'),
  'access-removed': someone('library'),
  'not-a-guest': someone('tenant'),
  'blocked-by-policy': someone('tenant'),
  'certificate-untrusted': someone('tenant'),
  'tenant-not-found': someone('tenant'),
  'consent-required': signIn,
  'invitation-pending': signIn,
  'account-problem': signIn,
  'app-misconfigured': signIn,
  'personal-account': signIn,
  'not-signed-in': signIn,
  'sign-in-required': signIn,
  'sign-in-failed': signIn,
  'name-refused': never,
  'name-too-long': never,
  'file-too-large': never,
  'malware-detected': never,
  'not-supported': never,
  'corrupt-content': { reach: 'item', first: MINUTE, longest: DAY, attention: 'at once' },
  'disk-full': someone('item'),
  'local-io': someone('item'),
}

const OTHERWISE: Patience = someone('item')

export function patienceWith(code: FaultCode): Patience {
  return PATIENCE[code] ?? OTHERWISE
}

/** Whether a person is to be told. @param attempts that have failed in a row */
export function needsAttention(code: FaultCode, attempts: number): boolean {
  const { attention } = patienceWith(code)
  return attention === 'at once' || (attention === 'when tired' && attempts >= TIRED_AFTER)
}

/**
 * How long until the next attempt.
 *
 * @param attempts that have failed so far, this one included
 * @param random from 0 to 1: many drives that lost the same service shall not come back at the same moment
 */
export function delayAfter(
  fault: Pick<Fault, 'code' | 'retryAfterSeconds'>,
  attempts: number,
  random: number,
): Milliseconds {
  const wait = waitAfter(patienceWith(fault.code), attempts, random)
  // The service's own wish counts as the least, up to a day.
  return Math.max(wait, Math.min(DAY, (fault.retryAfterSeconds ?? 0) * SECOND))
}

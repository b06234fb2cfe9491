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

export interface Patience {
  readonly reach: Reach
  /** The first wait; each further one is twice as long. */
  readonly first: Milliseconds
  readonly longest: Milliseconds
  /** Nothing will come of waiting alone: somebody has to do something. */
  readonly needsAttention: boolean
}

const soon = (reach: Reach): Patience => ({
  reach,
  first: 5 * SECOND,
  longest: MINUTE,
  needsAttention: false,
})
const aWhile = (reach: Reach): Patience => ({
  reach,
  first: 15 * SECOND,
  longest: 15 * MINUTE,
  needsAttention: false,
})
const someone = (reach: Reach): Patience => ({
  reach,
  first: 5 * MINUTE,
  longest: HOUR,
  needsAttention: true,
})
// Whatever hinders it is in the item itself. Once a day, in case the service has learnt something.
const never: Patience = { reach: 'item', first: DAY, longest: DAY, needsAttention: true }
// Sign-in ends it at once, see `Uploader.retry`.
const signIn: Patience = { reach: 'tenant', first: 30 * SECOND, longest: 5 * MINUTE, needsAttention: true }

/** When it is tried again. The table is in docs/SEMANTICS.md, "What goes back, and when". */
const PATIENCE: Partial<Readonly<Record<FaultCode, Patience>>> = {
  offline: soon('tenant'),
  'timed-out': aWhile('item'),
  'server-error': aWhile('item'),
  'protocol-error': aWhile('item'),
  throttled: aWhile('tenant'),
  'stale-content': soon('item'),
  'name-taken': soon('item'),
  'item-not-found': soon('item'),
  'not-empty': aWhile('item'),
  locked: { reach: 'item', first: MINUTE, longest: 10 * MINUTE, needsAttention: false },
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
  'corrupt-content': { reach: 'item', first: MINUTE, longest: DAY, needsAttention: true },
  'disk-full': someone('item'),
  'local-io': someone('item'),
}

const OTHERWISE: Patience = someone('item')

export function patienceWith(code: FaultCode): Patience {
  return PATIENCE[code] ?? OTHERWISE
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
  const { first, longest } = patienceWith(fault.code)
  const delay = Math.min(longest, first * 2 ** Math.min(30, attempts - 1))
  const jittered = Math.round(delay * (0.8 + 0.4 * random))
  // The service's own wish counts as the least, up to a day.
  return Math.max(jittered, Math.min(DAY, (fault.retryAfterSeconds ?? 0) * SECOND))
}

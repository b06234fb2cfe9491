import type { Milliseconds } from './ids.js'

/** How something that fails is tried again. */
export interface Pace {
  /** After the first failure; each further wait is twice as long. */
  readonly first: Milliseconds
  readonly longest: Milliseconds
}

/**
 * After so many whole attempts that failed in a row nothing passes by itself any more, as far as anybody can tell: a person is told.
 * Four waits: a bad minute of the service is over by then.
 */
export const TIRED_AFTER = 5

// 2^30 times anything is longer than any `longest`.
const MOST_DOUBLINGS = 30

/**
 * How long until the next attempt.
 *
 * @param attempts that have failed in a row, the last one included
 * @param random from 0 to 1: many that lost the same service shall not come back at the same moment. The wait is 0.8 to 1.2 times the plan's
 */
export function waitAfter({ first, longest }: Pace, attempts: number, random = 0.5): Milliseconds {
  const wait = Math.min(longest, first * 2 ** Math.min(MOST_DOUBLINGS, attempts - 1))
  return Math.round(wait * (0.8 + 0.4 * random))
}

import type { Milliseconds } from './ids.js'
import type { OpenForWriting } from './open-for-writing.js'

const SECOND: Milliseconds = 1_000
const MINUTE: Milliseconds = 60 * SECOND

/** Programs save in several steps: nothing is sent before it has been left alone for so long. */
export const SETTLING: Milliseconds = 2 * SECOND

/** A program that never leaves its file alone for so long has its file looked at all the same after this. */
const MOST_SETTLING: Milliseconds = 10 * SECOND
/** Then it must have been left alone for this: between the steps of one save there is less. */
const BETWEEN_STEPS: Milliseconds = 250

/**
 * What a program has open, and never says to be whole, counts as whole when it was left alone for so long. A mapping's pages reach
 * the drive up to 35 s after they were written (`dirty_expire_centisecs` 30 s, looked for every 5 s): what came last must be
 * older than that, or a part of a change could be missing.
 */
export const QUIET: Milliseconds = MINUTE

/** Versions that were sent of one file, lately. */
export interface VersionPace {
  /** When the last one was. */
  readonly sentAt: Milliseconds
  /** How many there were in a row, from 1. */
  readonly level: number
  /** A program had the file open for writing. */
  readonly whileOpen: boolean
}

const FIRST_GAP: Milliseconds = 10 * SECOND
const LONGEST_GAP: Milliseconds = 10 * MINUTE
/** Of a gap: a file that was left alone for this part of it is not being saved again and again. */
const QUIET_PART = 5
const LONGEST_QUIET: Milliseconds = MINUTE
/** As many gaps without a version, and the next one is the first again. */
const ROW_ENDS_AFTER = 4
/** What is older says nothing any more. */
export const PACE_FORGOTTEN_AFTER: Milliseconds = ROW_ENDS_AFTER * LONGEST_GAP

function gapAfter(level: number): Milliseconds {
  return Math.min(LONGEST_GAP, FIRST_GAP * 2 ** Math.min(30, level - 1))
}

/** When a change has settled. @param since when the file began to differ @param settling {@link SETTLING}; 0: somebody waits */
export function settledAt(changed: Milliseconds, since: Milliseconds, settling: Milliseconds): Milliseconds {
  return Math.min(changed + settling, Math.max(changed + BETWEEN_STEPS, since + MOST_SETTLING))
}

/**
 * When what a program has open may be copied as a whole.
 * @param abandoned how many copies in a row were in vain, because it was written to meanwhile
 */
export function wholeAt({ writtenAt, isSaved }: OpenForWriting, abandoned: number): Milliseconds {
  if (!isSaved) return writtenAt + QUIET
  return abandoned === 0 ? writtenAt : writtenAt + Math.min(QUIET, SETTLING * 2 ** Math.min(30, abandoned))
}

/** Whether it may be copied now. A clock that was set back says nothing. */
export function isWhole(use: OpenForWriting, abandoned: number, now: Milliseconds): boolean {
  const wait = wholeAt(use, abandoned) - now
  return wait <= 0 || wait > QUIET
}

/**
 * When the next version may be sent: the first at once, further ones of the same file ever more rarely; at once when the file
 * was left alone for some time, or was closed since the last one was sent. A service keeps a few hundred versions of a file, and a program that
 * saves by itself would push those out that a person wants back.
 *
 * @param pace `undefined`: none was sent lately
 * @param changed when the file was last changed
 */
export function nextVersionAt(
  pace: VersionPace | undefined,
  changed: Milliseconds,
  isOpen: boolean,
): Milliseconds {
  if (pace === undefined || (pace.whileOpen && !isOpen)) return 0
  const gap = gapAfter(pace.level)
  return Math.min(pace.sentAt + gap, changed + Math.min(LONGEST_QUIET, gap / QUIET_PART))
}

/** A version has been sent. */
export function paceAfter(
  before: VersionPace | undefined,
  now: Milliseconds,
  whileOpen: boolean,
): VersionPace {
  const elapsed = before === undefined ? Infinity : now - before.sentAt
  const goesOn = before !== undefined && elapsed >= 0 && elapsed <= ROW_ENDS_AFTER * gapAfter(before.level)
  return { sentAt: now, level: goesOn ? before.level + 1 : 1, whileOpen }
}

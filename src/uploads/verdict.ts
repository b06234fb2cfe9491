import type { DriveItem } from '../model/drive-item.js'
import { isRewritten } from '../model/rewritten.js'
import { compareContents, type ContentEvidence } from '../model/same-content.js'
import { isSameSecond } from '../model/same-second.js'
import { looksAsSent, type SentBytes } from '../model/sent-bytes.js'

/** How often a hash is waited for before two files of one name count as different. */
export const WAITS_FOR_HASH = 3

/** What is known of ours, for a comparison with what the service has. */
export interface OurContent {
  readonly name: string
  /** Of the content that our change began with, as of the last time that it was sure. */
  readonly base: ContentEvidence
  /** What was sent, each time with an unknown end. */
  readonly sent: readonly (SentBytes | undefined)[]
}

/**
 * Whose version the service has, where it is not the one that we had in mind: whether ours may take its place. None of these
 * says that the service has our bytes; that is proved by bytes alone.
 *
 * `earlier`: one that we sent. `base`: the content that our change began with; only
 * name, folder or metadata are others. `rewritten`: what SharePoint itself has made of the base. `other`: somebody has changed
 * it. `unknown`: it cannot be told yet, because the hash comes later.
 */
export type Verdict = 'earlier' | 'base' | 'rewritten' | 'other' | 'unknown'

/** Pure. */
export function verdictOn(theirs: DriveItem, { name, base, sent }: OurContent): Verdict {
  if (sent.some(each => looksAsSent(theirs, each))) return 'earlier'
  const comparison = compareContents(base, theirs)
  if (comparison === 'same' || comparison === 'alike') return 'base'
  // Its time stays what it was set to by whoever uploaded it; a person who edits sets another.
  if (isRewritten(name) && isSameSecond(theirs.modified, base.modified)) return 'rewritten'
  return theirs.quickXorHash === undefined ? 'unknown' : 'other'
}

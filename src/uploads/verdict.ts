import type { DriveItem } from '../model/drive-item.js'
import type { Milliseconds } from '../model/ids.js'
import { isRewritten } from '../model/rewritten.js'
import { isSameSecond } from '../model/same-second.js'

/** How often a hash is waited for before two files of one name count as different. */
export const WAITS_FOR_HASH = 3

/** What is known of a content over there, as of the last time that it was sure. */
export interface KnownContent {
  readonly quickXorHash: string | undefined
  readonly cTag: string | undefined
  readonly eTag: string | undefined
  readonly modified: Milliseconds | undefined
}

/** What is known of ours, for a comparison with what the service has. */
export interface OurContent {
  readonly name: string
  readonly base: KnownContent
  /** Of the bytes that are to be sent; `undefined`: none are. */
  readonly hash: string | undefined
  /** Of those that were sent before, with an unknown end. */
  readonly sentHash: string | undefined
}

/**
 * What the service's version is, where it is not the one that we had in mind.
 *
 * `ours`: these very bytes. `earlier`: those that we sent before. `base`: the content that our change began with; only
 * name, folder or metadata are others. `rewritten`: what SharePoint itself has made of the base. `other`: somebody has changed
 * it. `unknown`: it cannot be told yet, because the hash comes later.
 */
export type Verdict = 'ours' | 'earlier' | 'base' | 'rewritten' | 'other' | 'unknown'

/** Pure. */
export function verdictOn(theirs: DriveItem, { name, base, hash, sentHash }: OurContent): Verdict {
  const { quickXorHash: there } = theirs
  if (there !== undefined && there === hash) return 'ours'
  if (there !== undefined && there === sentHash) return 'earlier'
  if (there !== undefined && base.quickXorHash !== undefined) {
    if (there === base.quickXorHash) return 'base'
  } else if (theirs.cTag !== undefined && base.cTag !== undefined) {
    if (theirs.cTag === base.cTag) return 'base'
  } else if (theirs.eTag !== undefined && theirs.eTag === base.eTag) return 'base'
  // Its time stays what it was set to by whoever uploaded it; a person who edits sets another.
  if (isRewritten(name) && isSameSecond(theirs.modified, base.modified)) return 'rewritten'
  return there === undefined ? 'unknown' : 'other'
}

import type { Bytes, Milliseconds } from './ids.js'
import { isSameSecond } from './same-second.js'

/** What tells one content of a file from another. Any part may be missing in any answer. */
export interface ContentEvidence {
  /** `undefined`: not known any more. */
  readonly size: Bytes | undefined
  readonly quickXorHash: string | undefined
  readonly cTag: string | undefined
  readonly eTag: string | undefined
  readonly modified: Milliseconds | undefined
}

/**
 * What two descriptions of one file say of their bytes.
 *
 * `same`: the service says that they are one content. `other`: they are not. `alike`: size, hash and time agree, and no tag says
 * more: nobody who edits leaves all of them, unless he means to. `unsure`: nothing is proved.
 */
export type Comparison = 'same' | 'alike' | 'unsure' | 'other'

/**
 * The evidence, in this order:
 *
 * | both have | equal | different |
 * | --- | --- | --- |
 * | size | proves nothing | other |
 * | QuickXorHash | proves nothing | other |
 * | cTag | same | other |
 * | eTag | same | proves nothing: it may be a mere rename |
 * | no tag of any kind, and a time | same: nothing at all has changed | unsure |
 *
 * QuickXorHash is 160 bits of XOR: two pages that change places, or a byte that is repeated, leave it as it was, and
 * anybody can make other bytes of the same hash. So it proves difference and never equality.
 *
 * Pure.
 */
export function compareContents(one: ContentEvidence, other: ContentEvidence): Comparison {
  if (differ(one.size, other.size) || differ(one.quickXorHash, other.quickXorHash)) return 'other'
  if (one.cTag !== undefined && other.cTag !== undefined) return one.cTag === other.cTag ? 'same' : 'other'
  if (one.eTag !== undefined && one.eTag === other.eTag) return 'same'
  const hasTags = [one, other].some(({ cTag, eTag }) => cTag !== undefined || eTag !== undefined)
  if (!hasTags) return one.modified === other.modified ? 'same' : 'unsure'
  const isHashed = one.quickXorHash !== undefined && other.quickXorHash !== undefined
  const isTimed = one.modified !== undefined && isSameSecond(one.modified, other.modified)
  return isHashed && isTimed ? 'alike' : 'unsure'
}

function differ<Value>(one: Value | undefined, other: Value | undefined): boolean {
  return one !== undefined && other !== undefined && one !== other
}

/** Where an answer has no evidence of a kind, that of an earlier answer about the same content still holds. */
export function joinedEvidence<Evidence extends ContentEvidence>(
  newer: Evidence,
  older: ContentEvidence,
): Evidence {
  return {
    ...newer,
    quickXorHash: newer.quickXorHash ?? older.quickXorHash,
    cTag: newer.cTag ?? older.cTag,
    eTag: newer.eTag ?? older.eTag,
  }
}

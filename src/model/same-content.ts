import type { Bytes, Milliseconds } from './ids.js'

/** What tells one content of a file from another. Any part may be missing in any answer. */
export interface ContentEvidence {
  readonly size: Bytes
  readonly quickXorHash: string | undefined
  readonly cTag: string | undefined
  readonly eTag: string | undefined
  readonly modified: Milliseconds
}

/**
 * Whether two descriptions of one file are of the same bytes, as far as can be told: by the strongest evidence
 * that both have. SharePoint's delta omits cTag, and hashes come late. An eTag that differs may be a mere rename;
 * where nothing stronger is known it counts as another content, because downloading again does less harm than
 * mixing versions.
 */
export function sameContent(one: ContentEvidence, other: ContentEvidence): boolean {
  if (one.size !== other.size) return false
  if (one.quickXorHash !== undefined && other.quickXorHash !== undefined) {
    return one.quickXorHash === other.quickXorHash
  }
  if (one.cTag !== undefined && other.cTag !== undefined) return one.cTag === other.cTag
  if (one.eTag !== undefined && other.eTag !== undefined) return one.eTag === other.eTag
  return one.modified === other.modified
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

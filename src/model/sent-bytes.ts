import type { DriveItem } from './drive-item.js'
import type { Bytes, Milliseconds } from './ids.js'
import { isRewritten } from './rewritten.js'
import { isSameSecond } from './same-second.js'

/** Of a file, as it was sent: what it may be found again by. */
export interface SentBytes {
  readonly size: Bytes
  /** QuickXorHash, base64. */
  readonly hash: string
  /** The time that was sent with the bytes. */
  readonly modified: Milliseconds
}

/**
 * Whether a file is, by all that the service says of it, what was sent to its place: size, hash and time. That tells whose it
 * is, and so whether ours may take its place; that it has these very bytes it does not prove.
 *
 * Pure.
 */
export function looksAsSent(item: DriveItem, sent: SentBytes | undefined): boolean {
  if (item.kind !== 'file' || sent === undefined || item.size !== sent.size) return false
  // Nobody can change anything in an empty one.
  if (sent.size === 0) return true
  return item.quickXorHash === sent.hash && isSameSecond(item.modified, sent.modified)
}

/** The same, or what SharePoint itself has made of what was sent. Pure. */
export function isOfSent(item: DriveItem, sent: SentBytes | undefined): boolean {
  if (looksAsSent(item, sent)) return true
  if (item.kind !== 'file' || sent === undefined) return false
  return isRewritten(item.name) && isSameSecond(item.modified, sent.modified)
}

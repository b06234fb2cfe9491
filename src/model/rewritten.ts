import type { DriveItem } from './drive-item.js'
import type { Milliseconds } from './ids.js'
import { isSameSecond } from './same-second.js'

// SharePoint writes properties of the list item into these after an upload: size and hash are others then
// (onedrive-api-docs #935; reference C2, G13).
const REWRITTEN =
  /\.(do[ct][xm]?|xl[st][xmb]?|pp[st][xm]?|pot[xm]?|vsd[xm]?|one|pdf|html?|aspx|jpe?g|msg|eml)$/i

/** Whether SharePoint makes something else of what it is sent. */
export function isRewritten(name: string): boolean {
  return REWRITTEN.test(name)
}

/**
 * Whether a file is what was sent to this name, or what the service has made of it.
 * @param hash of the bytes that were sent, QuickXorHash
 * @param modified that was sent with them
 */
export function isOfSent(
  { kind, name, quickXorHash, modified: theirs }: DriveItem,
  hash: string | undefined,
  modified: Milliseconds | undefined,
): boolean {
  if (kind !== 'file' || hash === undefined) return false
  return quickXorHash === hash || (isRewritten(name) && isSameSecond(theirs, modified))
}

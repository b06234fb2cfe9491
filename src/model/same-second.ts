import type { Milliseconds } from './ids.js'

/**
 * Whether two times of a file are the same, as far as SharePoint can tell: it keeps whole seconds, so a time of ours comes
 * back without its milliseconds.
 */
export function isSameSecond(one: Milliseconds, other: Milliseconds | undefined): boolean {
  return other !== undefined && Math.floor(one / 1_000) === Math.floor(other / 1_000)
}

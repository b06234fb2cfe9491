import type { Milliseconds } from './ids.js'

// Dates that both JavaScript's ISO format and SharePoint can write; rclone #2296, owncloud #1380.
const EARLIEST: Milliseconds = 0
const LATEST: Milliseconds = Date.UTC(9999, 0)

/** The time nearest to `time` that SharePoint can hold. */
export function servableTime(time: Milliseconds): Milliseconds {
  return Math.min(Math.max(Math.floor(time), EARLIEST), LATEST)
}

/**
 * Whether two times of a file are the same, as far as SharePoint can tell: SharePoint keeps whole seconds from 1970 to 9998, so a
 * time of ours comes back without its milliseconds, or as the nearest of these.
 */
export function isSameSecond(one: Milliseconds, other: Milliseconds | undefined): boolean {
  return other !== undefined && secondOf(one) === secondOf(other)
}

/** What is shown of a time of ours that has come back: a program that has just saved must not see the time of its file jump. */
export function moreExact(ours: Milliseconds, theirs: Milliseconds): Milliseconds {
  return theirs % 1_000 === 0 && Math.floor(ours / 1_000) * 1_000 === theirs ? ours : theirs
}

function secondOf(time: Milliseconds): number {
  return Math.floor(servableTime(time) / 1_000)
}

import { statfsSync } from 'node:fs'
import type { AdminPolicy } from '../control/admin-policy.js'
import type { Config } from '../control/config.js'
import type { Limits } from '../hydration/cache-limits.js'
import type { Bytes, Milliseconds } from '../model/ids.js'

// As file managers count.
const MEGABYTE: Bytes = 1_000_000
const DAY: Milliseconds = 24 * 60 * 60_000

/** The user's, and what an administrator wants to stay free: the stricter counts. */
export function limitsOf(
  { cacheLimitInMB, minimumFreeSpaceInMB = 0, freeUpAfterDays }: Config,
  { leastFree = 0 }: Pick<AdminPolicy, 'leastFree'>,
): Limits {
  const freeBytes = Math.max(minimumFreeSpaceInMB * MEGABYTE, leastFree)
  return {
    ...(cacheLimitInMB === undefined ? {} : { cacheBytes: cacheLimitInMB * MEGABYTE }),
    ...(freeBytes === 0 ? {} : { freeBytes }),
    ...(freeUpAfterDays === undefined ? {} : { age: freeUpAfterDays * DAY }),
  }
}

/** What a user may still write on the disk of `directory`. */
export function freeBytesAt(directory: string): Bytes {
  const { bsize, bavail } = statfsSync(directory)
  return bsize * bavail
}

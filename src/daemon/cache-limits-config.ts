import { statfsSync } from 'node:fs'
import type { Config } from '../control/config.js'
import type { Limits } from '../hydration/cache-limits.js'
import type { Bytes, Milliseconds } from '../model/ids.js'

// As file managers count.
const MEGABYTE: Bytes = 1_000_000
const DAY: Milliseconds = 24 * 60 * 60_000

export function limitsOf({ cacheLimitInMB, minimumFreeSpaceInMB, freeUpAfterDays }: Config): Limits {
  return {
    ...(cacheLimitInMB === undefined ? {} : { cacheBytes: cacheLimitInMB * MEGABYTE }),
    ...(minimumFreeSpaceInMB === undefined ? {} : { freeBytes: minimumFreeSpaceInMB * MEGABYTE }),
    ...(freeUpAfterDays === undefined ? {} : { age: freeUpAfterDays * DAY }),
  }
}

/** What a user may still write on the disk of `directory`. */
export function freeBytesAt(directory: string): Bytes {
  const { bsize, bavail } = statfsSync(directory)
  return bsize * bavail
}

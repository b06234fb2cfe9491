import type { Bytes, Milliseconds } from '../../model/ids.js'

/** A photo of the largest cameras has some 100 million; a bomb has more. */
export const LARGEST_PIXELS = 128_000_000
/** An image that somebody has locally may be large; one from the service is small. */
export const LARGEST_JOB: Bytes = 64 * 1024 * 1024
/** Four PNGs of at most 1024 pixels a side. */
export const LARGEST_ANSWER: Bytes = 32 * 1024 * 1024

/** Wall clock; the largest photo takes about two seconds. */
export const LONGEST_JOB: Milliseconds = 15_000
/** Of the process's own memory (RLIMIT_DATA): Node takes some 150 MiB of it before any image. */
export const MOST_MEMORY: Bytes = 1024 * 1024 * 1024
/** Processor seconds of one process, which is replaced after {@link MOST_JOBS}. */
export const MOST_PROCESSOR_SECONDS = 300
export const MOST_JOBS = 2_000
/** Until it says that it is ready; a busy machine takes seconds. */
export const LONGEST_START: Milliseconds = 20_000
/** Without work for so long, the process ends. */
export const IDLE: Milliseconds = 30_000

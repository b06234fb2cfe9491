// QuickXorHash XORs each byte into 160 bits at a place that repeats after 160 bytes: whole blocks of 160 may change places, and what
// is XORed in an even number of times is as if it were not there. A program that tells contents by that hash and the size loses
// such edits.
const PERIOD_BYTES = 160

/** Text of `count` lines, any two of which may change places without another QuickXorHash. */
export function lines(count: number, seed = 'line'): Buffer {
  const all = Array.from(
    { length: count },
    (_, i) => `${seed} ${i + 1} `.padEnd(PERIOD_BYTES - 1, '.') + '\n',
  )
  return Buffer.from(all.join(''))
}

/** The same with two neighbouring lines changed. @param first of them, from 1 */
export function withLinesSwapped(text: Buffer, first: number): Buffer {
  const start = (first - 1) * PERIOD_BYTES
  const [one, other] = [start + PERIOD_BYTES, start + 2 * PERIOD_BYTES]
  return Buffer.concat([
    text.subarray(0, start),
    text.subarray(one, other),
    text.subarray(start, one),
    text.subarray(other),
  ])
}

/** 20 KiB of one byte are XORed in 128 times at each place: over zeros, nothing is different. */
export const ONE_BYTE_RUN = 20 * 1024

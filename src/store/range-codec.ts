import { ByteRanges, type ByteRange } from '../model/byte-ranges.js'

/**
 * Ranges as the distances between their borders, each a little-endian base-128 number: about six bytes a range,
 * two to six for a whole file.
 */
export function encodeRanges(ranges: Iterable<ByteRange>): Uint8Array {
  const bytes: number[] = []
  let border = 0
  for (const { start, end } of ranges) {
    append(bytes, start - border)
    append(bytes, end - start)
    border = end
  }
  return Uint8Array.from(bytes)
}

/** @throws {RangeError} if the bytes are not ranges */
export function decodeRanges(bytes: Uint8Array): ByteRanges {
  const ranges = new ByteRanges()
  const numbers = numbersIn(bytes)
  let border = 0
  for (let i = 0; i + 1 < numbers.length; i += 2) {
    const start = border + (numbers[i] ?? 0)
    border = start + (numbers[i + 1] ?? 0)
    ranges.add({ start, end: border })
  }
  if (numbers.length % 2 !== 0 || !Number.isSafeInteger(border)) throw new RangeError('not a list of ranges')
  return ranges
}

// Sizes go to 2^53, beyond what bit operators hold: hence the arithmetic.
function append(bytes: number[], value: number): void {
  let rest = value
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) + 0x80)
    rest = Math.floor(rest / 0x80)
  }
  bytes.push(rest)
}

function numbersIn(bytes: Uint8Array): number[] {
  const numbers: number[] = []
  let value = 0
  let scale = 1
  for (const byte of bytes) {
    value += (byte % 0x80) * scale
    scale *= 0x80
    if (byte >= 0x80) continue
    numbers.push(value)
    value = 0
    scale = 1
  }
  if (scale !== 1) throw new RangeError('not a list of ranges')
  return numbers
}

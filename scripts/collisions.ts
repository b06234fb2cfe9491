/**
 * Contents that QuickXorHash cannot tell apart, made from its specification and not by any code of the product: the byte at i is
 * XORed into a ring of 160 bits at 11 * i, so places that are a multiple of 160 bytes apart are one and the same place.
 * @see https://learn.microsoft.com/onedrive/developer/code-snippets/quickxorhash
 */
export const PERIOD = 160

/** The same bytes with two parts exchanged that begin a multiple of {@link PERIOD} apart. @param length of each */
export function swapped(bytes: Uint8Array, one: number, other: number, length: number): Buffer {
  if ((other - one) % PERIOD !== 0 || other < one + length)
    throw new RangeError('QuickXorHash would see that')
  const result = Buffer.from(bytes)
  result.set(bytes.subarray(other, other + length), one)
  result.set(bytes.subarray(one, one + length), other)
  return result
}

/** The same bytes with one value XORed over an even number of periods: over zeros, that value itself. */
export function overlaid(bytes: Uint8Array, value: number, start: number, periods: number): Buffer {
  if (periods % 2 !== 0) throw new RangeError('QuickXorHash would see that')
  const result = Buffer.from(bytes)
  for (let i = start; i < start + periods * PERIOD; i++) result[i] = (result[i] ?? 0) ^ value
  return result
}

/**
 * Texts of one length and one hash, as many as are wanted, each different from all others: a number, and somewhere else, whole
 * periods away, what cancels it.
 */
export function colliding(number: number): Buffer {
  const bytes = Buffer.alloc(2 * PERIOD, '.')
  const text = Buffer.from(String(number).padStart(8, '0'))
  for (const [i, byte] of text.entries()) {
    // What differs from the filling here differs from it there as well.
    bytes[i] = byte
    bytes[PERIOD + i] = byte
  }
  return bytes
}

// Longer than any tenant, site or library may be called.
const LONGEST = 256

/**
 * A name for people, made by another organization: one line, without characters that rearrange what is around them
 * (controls, and the bidirectional overrides). `undefined` where nothing is left.
 */
export function displayText(raw: unknown): string | undefined {
  if (typeof raw !== 'string') return undefined
  const text = raw
    .slice(0, 4 * LONGEST)
    .replace(/[\p{Cc}\u2028\u2029]/gu, ' ')
    .replace(/[\u202a-\u202e\u2066-\u2069\ufeff]/g, '')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, LONGEST)
    .replace(/\p{Surrogate}/gu, '\ufffd')
  return text === '' ? undefined : text
}

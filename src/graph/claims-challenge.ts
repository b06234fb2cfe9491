// Real challenges have about 200 characters.
const LONGEST_CHALLENGE = 8192

/**
 * The claims that a `WWW-Authenticate: Bearer …, error="insufficient_claims", claims="<base64>"` asks for, as JSON text.
 * @see https://learn.microsoft.com/entra/identity-platform/claims-challenge
 */
export function claimsChallengeOf(header: string | undefined): string | undefined {
  if (header === undefined || header.length > LONGEST_CHALLENGE) return undefined
  if (!/\berror="insufficient_claims"/.test(header)) return undefined
  const encoded = /\bclaims="([A-Za-z0-9+/_=-]+)"/.exec(header)?.[1]
  if (encoded === undefined) return undefined
  const claims = Buffer.from(encoded, 'base64').toString('utf8')
  try {
    JSON.parse(claims)
    return claims
  } catch {
    return undefined
  }
}

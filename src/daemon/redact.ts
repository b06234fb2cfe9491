const REDACTED = '[redacted]'

/** Names of fields whose values are secrets whatever they look like. */
const SECRET_FIELD =
  /token|secret|passw|authorization|cookie|assertion|verifier|tempauth|auth_?code|device_?code|download_?url/i

const SECRETS_IN_TEXT: readonly (readonly [RegExp, string])[] = [
  // Pre-authenticated URLs carry `tempauth`, redirects carry `code`: no query is worth the risk.
  [/(https?:\/\/[^\s?#"'<>]*)[?#][^\s"'<>]*/gi, `$1?${REDACTED}`],
  [/(https?:\/\/)[^\s/@"'<>]+@/gi, `$1${REDACTED}@`],
  [/\b(bearer|basic|pop)\s+[\w.~+/=-]{8,}/gi, `$1 ${REDACTED}`],
  [
    /\b(code|state|access_token|refresh_token|id_token|tempauth|client_info|device_code|code_verifier)(=|%3d)[^\s&"']+/gi,
    `$1=${REDACTED}`,
  ],
  // JSON Web Tokens, and whatever else is long, dense and without spaces (refresh tokens are opaque).
  [/\beyJ[\w-]{8,}(\.[\w-]*){1,4}/g, REDACTED],
  [/[\w~+=-][\w.~+=-]{99,}/g, REDACTED],
]

/** Long enough for any message of ours; a hostile server's is cut. */
const LONGEST_TEXT = 4000
const DEEPEST = 6

/**
 * A copy of a log field in which nothing that looks like a token, an authorization code or
 * a pre-authenticated URL is left. Errors become objects with their stack and their causes.
 */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value)
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth >= DEEPEST) return '[…]'
  if (value instanceof Error) return redactError(value, depth)
  if (value instanceof Uint8Array) return `[${value.length} bytes]`
  if (value instanceof URL) return redactText(value.href)
  if (Array.isArray(value)) return value.slice(0, 100).map(element => redact(element, depth + 1))
  return Object.fromEntries(
    Object.entries(value).map(([key, field]) => [
      key,
      SECRET_FIELD.test(key) && field !== undefined ? REDACTED : redact(field, depth + 1),
    ]),
  )
}

function redactText(text: string): string {
  const cut = text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text
  return SECRETS_IN_TEXT.reduce(
    (redacted, [pattern, replacement]) => redacted.replace(pattern, replacement),
    cut,
  )
}

function redactError(error: Error, depth: number): unknown {
  const { name, message, stack, cause, ...fields } = error
  return {
    name,
    message: redactText(message),
    ...(redact(fields, depth + 1) as object),
    ...(stack === undefined ? {} : { stack: redactText(stack) }),
    ...(cause === undefined ? {} : { cause: redact(cause, depth + 1) }),
  }
}

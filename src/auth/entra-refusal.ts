/** What Entra's token or authorize endpoint said instead of handing out a token. Codes decide; its text is for the log. */
export class EntraRefusal extends Error {
  override readonly name = 'EntraRefusal'
  /** HTTP status; 0 where the answer came through the browser. */
  readonly status: number
  /** OAuth 2 error: `invalid_grant`, `interaction_required`, … */
  readonly error: string
  readonly suberror: string | undefined
  /** AADSTS numbers, the most telling first. */
  readonly codes: readonly number[]
  /** What must be proven, as JSON text, for the next interactive sign-in. */
  readonly claims: string | undefined
  readonly retryAfterSeconds: number | undefined

  constructor(refusal: {
    status: number
    error: string
    suberror?: string | undefined
    codes?: readonly number[]
    claims?: string | undefined
    retryAfterSeconds?: number | undefined
  }) {
    const codes = refusal.codes ?? []
    super([refusal.error, refusal.suberror, ...codes.map(code => `AADSTS${code}`)].filter(Boolean).join(' '))
    this.status = refusal.status
    this.error = refusal.error
    this.suberror = refusal.suberror
    this.codes = codes
    this.claims = refusal.claims
    this.retryAfterSeconds = refusal.retryAfterSeconds
  }
}

/** Words and numbers only: the rest of the answer must not reach messages or logs. */
export function toWord(raw: unknown): string | undefined {
  return typeof raw === 'string' && /^[\w.-]{1,64}$/.test(raw) ? raw : undefined
}

export function toCodes(raw: unknown): readonly number[] {
  return Array.isArray(raw)
    ? raw.filter((code): code is number => Number.isSafeInteger(code)).slice(0, 8)
    : []
}

export function toClaims(raw: unknown): string | undefined {
  return typeof raw === 'string' && raw.length > 0 && raw.length <= 8192 ? raw : undefined
}

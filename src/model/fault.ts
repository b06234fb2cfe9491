/** Every failure we understand. `src/fs/errno.ts` and `src/cli/exit-code.ts` have a row for each. */
export type FaultCode =
  // the other side
  | 'item-not-found'
  | 'access-denied'
  | 'access-removed'
  | 'download-blocked'
  | 'malware-detected'
  | 'stale-content'
  | 'corrupt-content'
  | 'throttled'
  | 'server-error'
  | 'protocol-error'
  | 'resync-required'
  | 'not-supported'
  | 'locked'
  | 'quota-full'
  | 'upload-held'
  | 'file-too-large'
  // the way there
  | 'offline'
  | 'timed-out'
  | 'certificate-untrusted'
  | 'cancelled'
  // identity
  | 'not-signed-in'
  | 'sign-in-required'
  | 'sign-in-failed'
  | 'personal-account'
  | 'not-a-guest'
  | 'invitation-pending'
  | 'consent-required'
  | 'blocked-by-policy'
  | 'tenant-not-found'
  | 'app-misconfigured'
  | 'account-problem'
  // adding
  | 'address-malformed'
  | 'single-file'
  | 'anyone-link'
  | 'already-added'
  | 'not-added'
  | 'unsent-changes'
  // file system
  | 'not-a-directory'
  | 'is-a-directory'
  | 'read-only'
  | 'name-too-long'
  | 'name-taken'
  | 'name-refused'
  | 'not-empty'
  | 'cross-library'
  | 'not-permitted'
  | 'no-attribute'
  | 'stale-node'
  | 'no-thumbnail'
  | 'bad-handle'
  | 'hydration-refused'
  | 'offline-not-allowed'
  | 'invalid-value'
  // this machine
  | 'disk-full'
  | 'store-corrupt'
  | 'local-io'
  | 'transport-missing'
  | 'fuse-missing'
  | 'fusermount-missing'
  | 'mount-refused'
  | 'mount-point-missing'
  | 'mount-point-not-empty'
  | 'already-mounted'
  | 'not-mounted'
  | 'daemon-unreachable'
  | 'daemon-incompatible'
  | 'already-running'
  | 'configuration-invalid'
  | 'usage'

export interface FaultOptions extends ErrorOptions {
  /** One sentence: what the user can do now. Shown after the message. */
  readonly nextStep?: string
  /** Seconds to wait before asking again, from Retry-After. */
  readonly retryAfterSeconds?: number
  /** Graph's request-id, for the log and for the other organization's support. */
  readonly requestId?: string
  /** The service's own sentence: shown in quotation marks where ours does not say enough, and never decided by. */
  readonly says?: string
}

/**
 * A failure we understood. Carries a code to decide by and a message to read;
 * `cause` keeps what the layer below said. Anything else that is thrown is a bug.
 */
export class Fault extends Error {
  override readonly name = 'Fault'
  readonly code: FaultCode
  readonly nextStep: string | undefined
  readonly retryAfterSeconds: number | undefined
  readonly requestId: string | undefined
  readonly says: string | undefined

  constructor(code: FaultCode, message: string, options: FaultOptions = {}) {
    super(message, options)
    this.code = code
    this.nextStep = options.nextStep
    this.retryAfterSeconds = options.retryAfterSeconds
    this.requestId = options.requestId
    this.says = options.says
  }
}

export function isFault(failure: unknown, ...codes: readonly FaultCode[]): failure is Fault {
  return failure instanceof Fault && (codes.length === 0 || codes.includes(failure.code))
}

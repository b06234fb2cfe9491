import type { ProblemCode } from '../control/answers.js'

/** docs/CLI.md lists them. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  signIn: 3,
  refused: 4,
  network: 5,
  machine: 6,
  /** As shells report a program that SIGINT ended: 128 + 2. */
  cancelled: 130,
} as const

/** Every failure has a row: a code without one does not compile. */
const EXIT_BY_CODE: Readonly<Record<ProblemCode, number>> = {
  'internal-error': EXIT.failed,

  'item-not-found': EXIT.failed,
  'access-denied': EXIT.refused,
  'access-removed': EXIT.refused,
  'download-blocked': EXIT.refused,
  'malware-detected': EXIT.refused,
  'stale-content': EXIT.failed,
  'corrupt-content': EXIT.failed,
  throttled: EXIT.network,
  'server-error': EXIT.network,
  'protocol-error': EXIT.failed,
  'resync-required': EXIT.failed,
  'not-supported': EXIT.failed,
  locked: EXIT.refused,
  'quota-full': EXIT.refused,
  'upload-held': EXIT.network,
  'file-too-large': EXIT.refused,

  offline: EXIT.network,
  'timed-out': EXIT.network,
  'certificate-untrusted': EXIT.network,
  cancelled: EXIT.cancelled,

  'not-signed-in': EXIT.signIn,
  'sign-in-required': EXIT.signIn,
  'sign-in-failed': EXIT.signIn,
  'personal-account': EXIT.refused,
  'not-a-guest': EXIT.refused,
  'invitation-pending': EXIT.refused,
  'consent-required': EXIT.refused,
  'blocked-by-policy': EXIT.refused,
  'tenant-not-found': EXIT.failed,
  'app-misconfigured': EXIT.failed,
  'account-problem': EXIT.refused,

  'address-malformed': EXIT.usage,
  'single-file': EXIT.refused,
  'anyone-link': EXIT.refused,
  'already-added': EXIT.failed,
  'not-added': EXIT.failed,
  'unsent-changes': EXIT.failed,

  'not-a-directory': EXIT.machine,
  'is-a-directory': EXIT.failed,
  'read-only': EXIT.failed,
  'name-too-long': EXIT.failed,
  'name-taken': EXIT.failed,
  'name-refused': EXIT.failed,
  'not-empty': EXIT.failed,
  'cross-library': EXIT.failed,
  'not-permitted': EXIT.failed,
  'no-attribute': EXIT.failed,
  'stale-node': EXIT.failed,
  'bad-handle': EXIT.failed,
  'hydration-refused': EXIT.failed,
  'offline-not-allowed': EXIT.network,
  'invalid-value': EXIT.usage,
  'no-thumbnail': EXIT.failed,

  'disk-full': EXIT.machine,
  'store-corrupt': EXIT.machine,
  'local-io': EXIT.machine,
  'transport-missing': EXIT.machine,
  'fuse-missing': EXIT.machine,
  'fusermount-missing': EXIT.machine,
  'mount-refused': EXIT.machine,
  'mount-point-missing': EXIT.machine,
  'mount-point-not-empty': EXIT.machine,
  'already-mounted': EXIT.machine,
  'not-mounted': EXIT.failed,
  'daemon-unreachable': EXIT.machine,
  'daemon-incompatible': EXIT.machine,
  'already-running': EXIT.machine,
  'configuration-invalid': EXIT.usage,
  usage: EXIT.usage,
}

/** @param code may come from a daemon that knows more codes than we do */
export function exitCodeOf(code: ProblemCode): number {
  return EXIT_BY_CODE[code] ?? EXIT.failed
}

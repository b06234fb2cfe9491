import { constants } from 'node:os'
import { Fault, type FaultCode } from '../model/fault.js'

const { errno } = constants

/**
 * The only place where a failure becomes a number for the kernel. A code without a row does not compile;
 * docs/SEMANTICS.md, "Errors", has the same table with the reasons.
 */
export const ERRNO_BY_CODE: Readonly<Record<FaultCode, number>> = {
  'item-not-found': errno.ENOENT,
  'access-denied': errno.EACCES,
  'access-removed': errno.EACCES,
  'download-blocked': errno.EACCES,
  'malware-detected': errno.EACCES,
  'stale-content': errno.ESTALE,
  'corrupt-content': errno.EIO,
  // The request has already waited out Retry-After; EAGAIN would make programs spin.
  throttled: errno.EBUSY,
  'server-error': errno.EIO,
  'protocol-error': errno.EPROTO,
  'resync-required': errno.EIO,
  'not-supported': errno.ENOTSUP,
  // Checked out, or open for co-authoring: it will be allowed again.
  locked: errno.EBUSY,
  'upload-held': errno.EBUSY,
  'quota-full': errno.EDQUOT,
  'file-too-large': errno.EFBIG,

  offline: errno.ENETUNREACH,
  'timed-out': errno.ETIMEDOUT,
  // It is we who refuse: the other side is not who it says.
  'certificate-untrusted': errno.ECONNREFUSED,
  cancelled: errno.EINTR,

  // Not EPERM: `ls` prints "Permission denied", which is what the user must act on.
  'not-signed-in': errno.EACCES,
  'sign-in-required': errno.EACCES,
  'sign-in-failed': errno.EACCES,
  'personal-account': errno.EACCES,
  'not-a-guest': errno.EACCES,
  'invitation-pending': errno.EACCES,
  'consent-required': errno.EACCES,
  'blocked-by-policy': errno.EACCES,
  'tenant-not-found': errno.EACCES,
  'app-misconfigured': errno.EACCES,
  'account-problem': errno.EACCES,

  'not-a-directory': errno.ENOTDIR,
  'is-a-directory': errno.EISDIR,
  'read-only': errno.EROFS,
  'name-too-long': errno.ENAMETOOLONG,
  'name-taken': errno.EEXIST,
  'name-refused': errno.EINVAL,
  'not-empty': errno.ENOTEMPTY,
  // Another library is another file system: mv(1) copies then.
  'cross-library': errno.EXDEV,
  'not-permitted': errno.EPERM,
  'no-attribute': errno.ENODATA,
  'stale-node': errno.ESTALE,
  'bad-handle': errno.EBADF,
  // Not EPERM: GLib opens once more, without O_NOATIME, when it meets that.
  'hydration-refused': errno.EACCES,
  // "Network is unreachable" is what to act on.
  'offline-not-allowed': errno.ENETUNREACH,
  'invalid-value': errno.EINVAL,
  'no-thumbnail': errno.ENODATA,

  'disk-full': errno.ENOSPC,
  'store-corrupt': errno.EIO,
  'local-io': errno.EIO,

  // A file operation cannot meet these; each has a row so that nobody has to guess.
  'address-malformed': errno.EINVAL,
  'single-file': errno.EINVAL,
  'anyone-link': errno.EINVAL,
  'already-added': errno.EEXIST,
  'not-added': errno.ENOENT,
  'unsent-changes': errno.EBUSY,
  'transport-missing': errno.EIO,
  'fuse-missing': errno.EIO,
  'fusermount-missing': errno.EIO,
  'mount-refused': errno.EIO,
  'mount-point-missing': errno.EIO,
  'mount-point-not-empty': errno.EIO,
  'already-mounted': errno.EIO,
  'not-mounted': errno.EIO,
  'daemon-unreachable': errno.EIO,
  'daemon-incompatible': errno.EIO,
  'already-running': errno.EIO,
  'configuration-invalid': errno.EIO,
  usage: errno.EINVAL,
}

/** Positive. A failure that is not a {@link Fault} is a bug: EIO. */
export function toErrno(failure: unknown): number {
  return failure instanceof Fault ? ERRNO_BY_CODE[failure.code] : errno.EIO
}

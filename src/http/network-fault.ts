import { Fault, type FaultCode } from '../model/fault.js'

/** Where an exchange broke off; a request that was `interrupted` may be worth repeating at once. */
export type Breakdown = 'unreachable' | 'interrupted' | 'silent' | 'untrusted' | 'not-http'

/** A failure of the way to a server, as opposed to an answer that we do not like. */
export class NetworkFault extends Fault {
  readonly breakdown: Breakdown

  constructor(breakdown: Breakdown, code: FaultCode, message: string, nextStep: string, cause: unknown) {
    super(code, message, { cause, nextStep })
    this.breakdown = breakdown
  }
}

const CHECK_NETWORK = 'Check the network connection (and HTTPS_PROXY, if you need a proxy), then try again.'

/** Codes of getaddrinfo, connect(2) and friends: no connection came about. */
const UNREACHABLE = new Set([
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_FAIL',
  'EAI_NODATA',
  'ECONNREFUSED',
  'ENETUNREACH',
  'ENETDOWN',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'EADDRNOTAVAIL',
  'EACCES',
  'EPERM',
])

/** A connection came about and was lost. */
const INTERRUPTED = new Set([
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ENOTCONN',
  'UND_ERR_SOCKET',
  'UND_ERR_CLOSED',
  'UND_ERR_DESTROYED',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
])

const SILENT = new Set([
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
])

/** OpenSSL's verification results, as node:tls names them. @see https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const UNTRUSTED = new Set([
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_CRL',
  'UNABLE_TO_DECRYPT_CERT_SIGNATURE',
  'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY',
  'CERT_SIGNATURE_FAILURE',
  'CERT_NOT_YET_VALID',
  'CERT_HAS_EXPIRED',
  'ERROR_IN_CERT_NOT_BEFORE_FIELD',
  'ERROR_IN_CERT_NOT_AFTER_FIELD',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_CHAIN_TOO_LONG',
  'CERT_REVOKED',
  'INVALID_CA',
  'PATH_LENGTH_EXCEEDED',
  'INVALID_PURPOSE',
  'CERT_UNTRUSTED',
  'CERT_REJECTED',
  'HOSTNAME_MISMATCH',
  'ERR_TLS_CERT_ALTNAME_INVALID',
])

/** @param host named in the message: the user knows hosts, not sockets */
export function toNetworkFault(failure: unknown, host: string): Fault {
  if (failure instanceof Fault) return failure
  const code = codeOf(failure)
  if (UNREACHABLE.has(code)) {
    const reason = code === 'ENOTFOUND' ? 'its name is unknown' : code
    return new NetworkFault(
      'unreachable',
      'offline',
      `${host} cannot be reached (${reason})`,
      CHECK_NETWORK,
      failure,
    )
  }
  if (UNTRUSTED.has(code)) {
    return new NetworkFault(
      'untrusted',
      'certificate-untrusted',
      `The certificate of ${host} is not trusted (${code})`,
      'Someone may be listening in: do not go on in this network unless you know why its certificate differs.',
      failure,
    )
  }
  if (SILENT.has(code)) return silence(host, failure)
  if (code.startsWith('HPE_') || code === 'UND_ERR_HEADERS_OVERFLOW' || code.startsWith('ERR_SSL_')) {
    return new NetworkFault(
      'not-http',
      'protocol-error',
      `${host} did not answer as an HTTPS server (${code})`,
      'A proxy or a sign-in page of the network may stand in between: open a web page once, then try again.',
      failure,
    )
  }
  if (INTERRUPTED.has(code) || code === 'EPROTO') {
    return new NetworkFault(
      'interrupted',
      'offline',
      `The connection to ${host} broke off (${code})`,
      CHECK_NETWORK,
      failure,
    )
  }
  return new NetworkFault(
    'unreachable',
    'offline',
    `The exchange with ${host} failed (${code || 'unknown reason'})`,
    CHECK_NETWORK,
    failure,
  )
}

export function silence(host: string, cause?: unknown): NetworkFault {
  return new NetworkFault('silent', 'timed-out', `${host} did not answer in time`, CHECK_NETWORK, cause)
}

/** The innermost code: undici and AggregateError (happy eyeballs) wrap what the socket said. */
function codeOf(failure: unknown): string {
  for (let inner: unknown = failure, depth = 0; depth < 5 && inner instanceof Error; depth++) {
    if ('code' in inner && typeof inner.code === 'string' && inner.code !== '') return inner.code
    inner = inner instanceof AggregateError ? inner.errors[0] : inner.cause
  }
  return ''
}

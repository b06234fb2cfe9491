import { readFileSync } from 'node:fs'
import { createSecureContext, rootCertificates } from 'node:tls'
import { Agent, buildConnector, EnvHttpProxyAgent, type Dispatcher } from 'undici'
import type { Cloud } from '../model/cloud.js'
import { Fault } from '../model/fault.js'
import type { Milliseconds } from '../model/ids.js'

type Environment = Readonly<Record<string, string | undefined>>

export interface ConnectionOptions {
  readonly connectTo: Cloud['connectTo']
  /** PEM; undefined: the machine's own. */
  readonly trustRoots: Buffer | undefined
  readonly connectTimeout: Milliseconds
  /** `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`, in either case. */
  readonly environment: Environment
}

// Idle connections are kept a little less than SharePoint and Entra keep them: a request that meets a
// connection which is just being closed has to be sent again.
const KEEP_ALIVE: Milliseconds = 60_000

// As many as thumbnails of a folder come over at once, well above what one library's read-ahead opens.
const CONNECTIONS_PER_HOST = 64

/** How sockets come about: straight, through the user's proxy, or all to an emulator's address. */
export function openConnections(options: ConnectionOptions): Dispatcher {
  const { connectTo, trustRoots, connectTimeout, environment } = options
  // Said aloud, because NODE_TLS_REJECT_UNAUTHORIZED=0 would otherwise switch the checks off.
  // One context for all: otherwise each connection reads the certificates again, which takes longer than its handshake.
  const secureContext = createSecureContext(trustRoots === undefined ? {} : { ca: trustRoots })
  const trust = { rejectUnauthorized: true, secureContext }
  const pool = {
    connections: CONNECTIONS_PER_HOST,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE,
    keepAliveMaxTimeout: 10 * KEEP_ALIVE,
    // Both waits are watched by `exchange.ts`, which knows when the reader is the slow one.
    headersTimeout: 0,
    bodyTimeout: 0,
  }
  if (connectTo !== undefined) {
    const { address, port } = connectTo
    const connect = buildConnector({ ...trust, timeout: connectTimeout })
    return new Agent({
      ...pool,
      // Only the TCP address changes: SNI, the certificate check and the Host header stay the real host's.
      connect: (options, callback) =>
        connect(
          {
            ...options,
            hostname: address,
            port: String(port),
            servername: options.servername ?? options.hostname,
          },
          callback,
        ),
    })
  }
  return new EnvHttpProxyAgent({
    ...pool,
    connect: { ...trust, timeout: connectTimeout },
    requestTls: { ...trust, timeout: connectTimeout },
    // '' and not undefined: the real environment is not ours to look at.
    httpProxy: variable(environment, 'HTTP_PROXY') ?? '',
    httpsProxy: variable(environment, 'HTTPS_PROXY') ?? '',
    noProxy: variable(environment, 'NO_PROXY') ?? '',
  })
}

/** Whether any connection goes through a proxy. */
export function usesProxy({
  connectTo,
  environment,
}: Pick<ConnectionOptions, 'connectTo' | 'environment'>): boolean {
  if (connectTo !== undefined) return false
  return ['HTTPS_PROXY', 'HTTP_PROXY'].some(name => (variable(environment, name) ?? '') !== '')
}

export function readTrustRoots(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    throw new Fault('configuration-invalid', `The certificate authority file ${file} cannot be read`, {
      cause,
      nextStep: 'Check the path in the configuration, and whether the emulator has been started.',
    })
  }
}

/** The roots that Node.js trusts by itself. @see https://nodejs.org/api/cli.html#node_extra_ca_certsfile */
export function defaultTrustRoots(environment: Environment): string {
  return [...rootCertificates, extraTrustRoots(environment['NODE_EXTRA_CA_CERTS'])].join('\n')
}

/** As Node.js does, which goes on without a file that it cannot read. */
function extraTrustRoots(file: string | undefined): string {
  try {
    return file === undefined || file === '' ? '' : readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function variable(environment: Environment, name: string): string | undefined {
  return environment[name.toLowerCase()] ?? environment[name]
}

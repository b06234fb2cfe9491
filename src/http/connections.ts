import { readFileSync } from 'node:fs'
import { Agent, buildConnector, EnvHttpProxyAgent, type Dispatcher } from 'undici'
import type { Cloud } from '../model/cloud.js'
import { Fault } from '../model/fault.js'
import type { Milliseconds } from '../model/ids.js'

export interface ConnectionOptions {
  readonly cloud: Pick<Cloud, 'connectTo' | 'caFile'>
  readonly connectTimeout: Milliseconds
  /** `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`, in either case. */
  readonly environment: Readonly<Record<string, string | undefined>>
}

// Idle connections are kept a little less than SharePoint and Entra keep them: a request that meets a
// connection which is just being closed has to be sent again.
const KEEP_ALIVE: Milliseconds = 60_000

// Well above what one library's read-ahead opens; only there so that a bug cannot open thousands.
const CONNECTIONS_PER_HOST = 32

/** How sockets come about: straight, through the user's proxy, or all to an emulator's address. */
export function openConnections({ cloud, connectTimeout, environment }: ConnectionOptions): Dispatcher {
  const trust = cloud.caFile === undefined ? {} : { ca: readTrustRoots(cloud.caFile) }
  const pool = {
    connections: CONNECTIONS_PER_HOST,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE,
    keepAliveMaxTimeout: 10 * KEEP_ALIVE,
    // Both waits are watched by `exchange.ts`, which knows when the reader is the slow one.
    headersTimeout: 0,
    bodyTimeout: 0,
  }
  if (cloud.connectTo !== undefined) {
    const { address, port } = cloud.connectTo
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
  const either = (name: string) => environment[name.toLowerCase()] ?? environment[name] ?? ''
  return new EnvHttpProxyAgent({
    ...pool,
    connect: { ...trust, timeout: connectTimeout },
    requestTls: { ...trust, timeout: connectTimeout },
    httpProxy: either('HTTP_PROXY'),
    httpsProxy: either('HTTPS_PROXY'),
    noProxy: either('NO_PROXY'),
  })
}

function readTrustRoots(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    throw new Fault('configuration-invalid', `The certificate authority file ${file} cannot be read`, {
      cause,
    })
  }
}

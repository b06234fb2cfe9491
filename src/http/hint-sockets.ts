import { Agent } from 'node:https'
import { connect, type ConnectionOptions } from 'node:tls'
// Before socket.io-client is loaded, which looks once.
import './no-debug-output.js'
import type { Socket } from 'socket.io-client'
import type { Cloud } from '../model/cloud.js'
import { Fault } from '../model/fault.js'
import type { Bytes, Milliseconds } from '../model/ids.js'
import { readTrustRoots, usesProxy } from './connections.js'

const CONNECT_TIMEOUT: Milliseconds = 20_000
// A hint is a few hundred bytes.
const LARGEST_MESSAGE: Bytes = 64 * 1024

export interface HintSocketsOptions {
  readonly cloud: Pick<Cloud, 'connectTo' | 'caFile'>
  readonly userAgent: string
  readonly environment?: Readonly<Record<string, string | undefined>>
}

/** Connections over which the service tells that something has changed: socket.io, over TLS, by the machine's trust or the emulator's. */
export class HintSockets {
  readonly #options: HintSocketsOptions
  readonly #trust: { readonly rejectUnauthorized: true; readonly ca?: Buffer }

  constructor(options: HintSocketsOptions) {
    this.#options = options
    const { caFile } = options.cloud
    // Said aloud, because NODE_TLS_REJECT_UNAUTHORIZED=0 would otherwise switch the checks off.
    this.#trust = {
      rejectUnauthorized: true,
      ...(caFile === undefined ? {} : { ca: readTrustRoots(caFile) }),
    }
  }

  /**
   * Until the connection breaks, or `signal` aborts.
   *
   * @param url pre-authenticated: it is a secret, and nothing of ours is sent along
   * @throws {Fault} `not-supported` behind a proxy; `offline`. Always rejects; with the signal's reason when it aborts.
   */
  async listen(
    url: string,
    onListening: () => void,
    onHint: () => void,
    signal: AbortSignal,
  ): Promise<never> {
    signal.throwIfAborted()
    const { cloud, userAgent, environment = {} } = this.#options
    if (usesProxy({ connectTo: cloud.connectTo, environment })) {
      throw new Fault('not-supported', 'Notifications do not come through a proxy')
    }
    // A fifth of the daemon's start, which nobody need wait for.
    const { io } = await import('socket.io-client')
    signal.throwIfAborted()
    // The path is the namespace: the service is silent to whoever has not joined that.
    const socket = io(url, {
      transports: ['websocket'],
      reconnection: false,
      forceNew: true,
      timeout: CONNECT_TIMEOUT,
      extraHeaders: { 'user-agent': userAgent },
      // Of Node.js; the types are those of browsers.
      ...({ agent: this.#agent(), maxPayload: LARGEST_MESSAGE, perMessageDeflate: false } as object),
    })
    try {
      return await untilItEnds(socket, new URL(url).host, onListening, onHint, signal)
    } finally {
      socket.disconnect()
    }
  }

  /** Only the TCP address changes for an emulator: SNI, the certificate check and the Host header stay the real host's. */
  #agent(): Agent {
    const { connectTo } = this.#options.cloud
    const trust = this.#trust
    const agent = new Agent({ ...trust, keepAlive: false })
    if (connectTo === undefined) return agent
    return Object.assign(agent, {
      createConnection: (options: ConnectionOptions) =>
        connect({
          ...trust,
          host: connectTo.address,
          port: connectTo.port,
          ALPNProtocols: ['http/1.1'],
          servername: options.servername ?? options.host ?? '',
        }),
    })
  }
}

function untilItEnds(
  socket: Socket,
  host: string,
  onListening: () => void,
  onHint: () => void,
  signal: AbortSignal,
): Promise<never> {
  return new Promise((_, reject) => {
    // Whatever it says: what it says of is a secret.
    const broken = () => reject(new Fault('offline', `The notifications of ${host} have broken off`))
    socket.once('connect', onListening)
    socket.on('notification', onHint)
    socket.once('connect_error', broken)
    socket.once('disconnect', broken)
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}

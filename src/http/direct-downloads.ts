import { isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { LRUCache } from 'lru-cache'
import { Limiter } from '../concurrency/limiter.js'
import type { Cloud } from '../model/cloud.js'
import type { Milliseconds } from '../model/ids.js'
import type { ContentSink } from '../model/remote.js'
import { DirectConnection } from './direct-connection.js'
import { directExchange, StaleConnection } from './direct-exchange.js'
import type { HttpDeadlines, HttpHead, HttpRequest } from './message.js'
import { silence, toNetworkFault } from './network-fault.js'

// As many as the full client opens to one host.
const CONNECTIONS_PER_HOST = 32
// Less than SharePoint keeps a connection without requests.
const KEEP_IDLE: Milliseconds = 30_000
const MOST_SESSIONS = 100

export interface DirectDownloadsOptions {
  readonly connectTo: Cloud['connectTo']
  readonly trustRoots: Buffer | undefined
  readonly deadlines: HttpDeadlines
}

interface Idle {
  readonly connection: DirectConnection
  readonly timer: NodeJS.Timeout
}

/** Large bodies over connections of their own, kept for the next range of the same host. */
export class DirectDownloads {
  readonly #options: DirectDownloadsOptions
  readonly #idle = new Map<string, Idle[]>()
  readonly #limiters = new Map<string, Limiter>()
  readonly #open = new Set<DirectConnection>()
  /** For resumption: one round trip less per connection. */
  readonly #sessions = new LRUCache<string, Buffer>({ max: MOST_SESSIONS })

  constructor(options: DirectDownloadsOptions) {
    this.#options = options
  }

  /** A GET. @throws {UnknownLength} where the full client must be used; otherwise as `HttpClient.download` */
  async get(
    request: HttpRequest,
    openSink: (head: HttpHead) => ContentSink,
    signal: AbortSignal,
  ): Promise<HttpHead> {
    const { host } = new URL(request.url)
    return await this.#limiterOf(host).run('foreground', signal, async () => {
      for (;;) {
        const kept = this.#takeIdle(host)
        const connection = kept ?? (await this.#connect(host, signal))
        const { deadlines } = this.#options
        const wasKept = kept !== undefined
        try {
          const head = await directExchange({ connection, wasKept, request, openSink, deadlines, signal })
          this.#keep(host, connection)
          return head
        } catch (failure) {
          if (!(failure instanceof StaleConnection)) throw failure
        }
      }
    })
  }

  close(): void {
    for (const connection of this.#open) connection.destroy()
    for (const idle of this.#idle.values()) for (const { timer } of idle) clearTimeout(timer)
    this.#idle.clear()
  }

  async #connect(host: string, signal: AbortSignal): Promise<DirectConnection> {
    const connection = new DirectConnection(this.#target(host), session => this.#sessions.set(host, session))
    this.#open.add(connection)
    connection.onceClosed(() => this.#open.delete(connection))
    const { promise, stop } = interruption(host, this.#options.deadlines.connect, signal)
    try {
      await Promise.race([connection.ready(), promise])
      return connection
    } catch (failure) {
      connection.destroy()
      signal.throwIfAborted()
      throw toNetworkFault(failure, host)
    } finally {
      stop()
    }
  }

  /** An emulator is reached at its own address, but must prove to be the host that it stands for. */
  #target(host: string): ConnectionOptions {
    const { hostname, port } = new URL(`https://${host}`)
    const { connectTo, trustRoots } = this.#options
    const session = this.#sessions.get(host)
    return {
      host: connectTo?.address ?? hostname,
      port: connectTo?.port ?? Number(port || 443),
      ...(isIP(hostname) ? {} : { servername: hostname }),
      ...(trustRoots === undefined ? {} : { ca: trustRoots }),
      ...(session === undefined ? {} : { session }),
      ALPNProtocols: ['http/1.1'],
      rejectUnauthorized: true,
    }
  }

  #takeIdle(host: string): DirectConnection | undefined {
    const idle = this.#idle.get(host) ?? []
    for (let entry; (entry = idle.pop()) !== undefined;) {
      clearTimeout(entry.timer)
      if (entry.connection.usable) return entry.connection
    }
    return undefined
  }

  #keep(host: string, connection: DirectConnection): void {
    if (!connection.usable) return
    const timer = setTimeout(() => connection.destroy(), KEEP_IDLE)
    timer.unref()
    const idle = this.#idle.get(host) ?? []
    idle.push({ connection, timer })
    this.#idle.set(host, idle)
  }

  #limiterOf(host: string): Limiter {
    let limiter = this.#limiters.get(host)
    if (limiter === undefined) {
      limiter = new Limiter(CONNECTIONS_PER_HOST)
      this.#limiters.set(host, limiter)
    }
    return limiter
  }
}

/** Rejects when connecting has taken too long or nobody wants the connection any more. */
function interruption(host: string, patience: Milliseconds, signal: AbortSignal) {
  let stop = () => {}
  const promise = new Promise<never>((_, reject) => {
    const onAbort = () => reject(signal.reason as Error)
    const timer = setTimeout(() => reject(silence(host)), patience)
    signal.addEventListener('abort', onAbort, { once: true })
    stop = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    }
  })
  return { promise, stop }
}

import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { Limiter } from '../concurrency/limiter.js'
import type { Cloud } from '../model/cloud.js'
import type { Bytes, Milliseconds } from '../model/ids.js'
import type { ContentSink } from '../model/remote.js'
import {
  DirectConnection,
  type NativeTls,
  type ReceiveBuffers,
  type TlsTarget,
  type TlsTrust,
} from './direct-connection.js'
import { directExchange, StaleConnection } from './direct-exchange.js'
import type { HttpDeadlines, HttpHead, HttpRequest } from './message.js'
import { silence, toNetworkFault } from './network-fault.js'

// As many as the full client opens to one host.
const CONNECTIONS_PER_HOST = 32
// Less than SharePoint keeps a connection without requests.
const KEEP_IDLE: Milliseconds = 30_000
// Each connection has two. Larger ones bring nothing (measured), smaller ones cost more calls.
const BUFFER: Bytes = 256 * 1024
const KEPT_BUFFERS = 8

export interface DirectDownloadsOptions {
  readonly native: NativeTls
  readonly connectTo: Cloud['connectTo']
  /** PEM. Asked for once, before the first connection. */
  readonly trustRoots: () => string
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
  readonly #spareBuffers: ReceiveBuffers[] = []
  #trust: TlsTrust | undefined

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
    const { promise, stop } = interruption(host, this.#options.deadlines.connect, signal)
    let connection: DirectConnection | undefined
    try {
      const target = await Promise.race([this.#target(host), promise])
      connection = this.#openConnection(target)
      await Promise.race([connection.ready(), promise])
      return connection
    } catch (failure) {
      connection?.destroy()
      signal.throwIfAborted()
      throw toNetworkFault(failure, host)
    } finally {
      stop()
    }
  }

  #openConnection(target: TlsTarget): DirectConnection {
    const { native, trustRoots } = this.#options
    this.#trust ??= new native.TlsTrust(trustRoots())
    const buffers = this.#spareBuffers.pop() ?? [
      Buffer.allocUnsafeSlow(BUFFER),
      Buffer.allocUnsafeSlow(BUFFER),
    ]
    const connection = new DirectConnection(native, this.#trust, target, buffers)
    this.#open.add(connection)
    connection.onceClosed(() => {
      this.#open.delete(connection)
      if (this.#spareBuffers.length < KEPT_BUFFERS) this.#spareBuffers.push(buffers)
    })
    return connection
  }

  /** An emulator is reached at its own address, but must prove to be the host that it stands for. */
  async #target(host: string): Promise<TlsTarget> {
    const { hostname, port } = new URL(`https://${host}`)
    const { connectTo } = this.#options
    return {
      addresses: await addressesOf(connectTo?.address ?? hostname),
      port: connectTo?.port ?? Number(port || 443),
      host: unbracketed(hostname),
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

async function addressesOf(host: string): Promise<string[]> {
  const name = unbracketed(host)
  if (isIP(name) !== 0) return [name]
  return (await lookup(name, { all: true })).map(({ address }) => address)
}

/** An IPv6 address as a URL has it, or any other host. */
function unbracketed(host: string): string {
  return host.startsWith('[') ? host.slice(1, -1) : host
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

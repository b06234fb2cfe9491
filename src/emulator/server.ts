import { createServer, type Server } from 'node:https'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Admin } from './admin/admin.js'
import type { Certificates } from './certificates.js'
import type { Counters } from './counters.js'
import { deviceLoginRoute, type Entra } from './entra/entra.js'
import { distort } from './faults/distort.js'
import type { FaultBook } from './faults/fault-book.js'
import type { FaultAction } from './faults/fault-rule.js'
import { answerOfFault } from './faults/refuse-by-fault.js'
import { type Graph, withRequestIds } from './graph/graph.js'
import { type Answer, json, Refusal, withHeaders } from './http/answer.js'
import { type Exchange, exchangeOf } from './http/exchange.js'
import { type LinkShape, UNSHAPED } from './http/link.js'
import { BodyCut, type Intake, receiveBody } from './http/receive.js'
import { notEmulated, type Route } from './http/route.js'
import { Sender } from './http/send.js'
import { INVITATION_HOST } from './sharing/share.js'
import type { Media } from './sharepoint/media.js'
import type { SharePoint } from './sharepoint/sharepoint.js'
import { MEDIA_HOST } from './sharepoint/thumbnail-urls.js'
import type { Promotions } from './world/promotions.js'
import type { World } from './world/world.js'

export interface Hosts {
  readonly world: World
  readonly entra: Entra
  readonly graph: Graph
  readonly sharePoint: SharePoint
  readonly media: Media
  readonly admin: Admin
  readonly promotions: Promotions
  readonly faults: FaultBook
  readonly counters: Counters
}

// The cheapest first: content at full speed is bound by encryption.
const CIPHERS =
  'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256'

/** One TLS port for all hosts of the cloud. */
export class EmulatorServer {
  link: LinkShape = UNSHAPED
  readonly #hosts: () => Hosts
  readonly #server: Server
  readonly #sender = new Sender(socket => this.#sockets.get(socket.remotePort ?? 0) ?? socket)
  /** Below TLS; by the client's port. */
  readonly #sockets = new Map<number, Socket>()

  constructor(certificates: Certificates, hosts: () => Hosts) {
    this.#hosts = hosts
    this.#server = createServer(
      {
        key: certificates.key,
        cert: certificates.chain,
        ALPNProtocols: ['http/1.1'],
        minVersion: 'TLSv1.2',
        ciphers: CIPHERS,
        honorCipherOrder: true,
      },
      (request, response) => {
        request.on('error', () => undefined)
        response.on('error', () => undefined)
        void this.#respond(request, response)
      },
    )
    this.#server.keepAliveTimeout = 60_000
    this.#server.requestTimeout = 0 // a large upload over a slow link takes its time
    this.#server.on('connection', (socket: Socket) => {
      const port = socket.remotePort ?? 0
      this.#sockets.set(port, socket)
      socket.setNoDelay(true)
      socket.once('close', () => this.#sockets.delete(port))
    })
    this.#server.on('tlsClientError', () => undefined)
  }

  /** Takes the requests that are its own before anybody else sees them. */
  attach(notifications: { attach(server: Server): void }): void {
    notifications.attach(this.#server)
  }

  async listen(port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, '127.0.0.1', () => resolve())
    })
    return (this.#server.address() as AddressInfo).port
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets.values()) socket.destroy()
    await new Promise<void>(resolve => {
      this.#server.close(() => resolve())
    })
  }

  /** What happens to every request, and to every part of a batch. */
  async around(exchange: Exchange, route: Route, done?: (action: FaultAction) => void): Promise<Answer> {
    const { faults, counters, world } = this.#hosts()
    const query = exchange.query.toString()
    const url = `https://${exchange.host}${exchange.path}${query === '' ? '' : '?'}${query}`
    counters.countRequest(route.name)
    const action = faults.actionFor({
      host: exchange.host,
      route: route.name,
      method: exchange.method,
      url,
      drive: route.drive,
      item: route.item,
    })
    done?.(action)
    const now = world.clock.now()
    const refused = answerOfFault(action, now)
    const answer = refused ? withRequestIds(refused, exchange, now) : distort(await route.run(), action, url)
    counters.countStatus(answer.status)
    if (answer.status < 300 && (route.name === 'put-content' || route.name === 'upload-fragment')) {
      counters.countUpload(Number(exchange.headers['content-length'] ?? 0))
    }
    return answer
  }

  #route(exchange: Exchange, action: () => FaultAction): Route {
    const { entra, graph, media, sharePoint, world } = this.#hosts()
    switch (exchange.host) {
      case 'login.microsoftonline.com':
      case 'login.windows.net':
        return entra.route(exchange)
      case 'graph.microsoft.com':
        return graph.route(exchange)
      case INVITATION_HOST:
        return entra.invitationRoute(exchange)
      case MEDIA_HOST:
        return media.route(exchange)
      case 'microsoft.com':
      case 'www.microsoft.com':
        return deviceLoginRoute(exchange)
      default: {
        const tenant = world.tenantOfHost(exchange.host)
        return tenant
          ? sharePoint.route(exchange, tenant, () => action().ignoreRange === true)
          : notEmulated(`host ${exchange.host}`)
      }
    }
  }

  #intake(request: IncomingMessage, action: FaultAction): Intake {
    return {
      bytesPerSecond: action.bytesPerSecond ?? (this.link.applyTo === 'all' ? this.link.bytesPerSecond : 0),
      resetAfter: action.resetAfterReceivedBytes,
      stallAfter: action.stallAfterReceivedBytes,
      reset: () => this.#sender.reset(request.socket),
    }
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { admin, counters, promotions } = this.#hosts()
    let action: FaultAction = {}
    const exchange = exchangeOf(request, take =>
      receiveBody(request, () => this.#intake(request, action), take),
    )
    try {
      await promotions.runDue()
      if (admin.serves(exchange)) {
        const answer = await admin.answer(exchange)
        await this.#sender.send(response, {
          answer,
          action: {},
          link: UNSHAPED,
          onContentBytes: () => undefined,
        })
        return
      }
      const route = this.#route(exchange, () => action)
      const isThumbnail = route.name === 'thumbnail-image'
      if (isThumbnail) counters.countThumbnail()
      if (route.name === 'download') counters.countDownload(route.drive, route.item)
      const answer = await this.around(exchange, route, found => (action = found))
      await this.#sender.send(response, {
        answer,
        action,
        link: this.link,
        onContentBytes: bytes =>
          isThumbnail
            ? counters.countThumbnailBytes(bytes)
            : counters.countContentBytes(route.drive, route.item, bytes),
      })
    } catch (failure) {
      if (failure instanceof BodyCut) response.destroy()
      else this.#fail(response, failure)
    }
  }

  /** A bug of the emulator must not look like an answer of the service. */
  #fail(response: ServerResponse, failure: unknown): void {
    if (failure instanceof Refusal) {
      void this.#sender.send(response, {
        answer: failure.answer,
        action: {},
        link: UNSHAPED,
        onContentBytes: () => undefined,
      })
      return
    }
    process.stderr.write(
      `emulator: ${failure instanceof Error ? (failure.stack ?? failure.message) : String(failure)}\n`,
    )
    if (response.headersSent) {
      response.destroy()
      return
    }
    const answer = withHeaders(json(500, { error: { code: 'emulatorBug', message: String(failure) } }), {})
    void this.#sender.send(response, { answer, action: {}, link: UNSHAPED, onContentBytes: () => undefined })
  }
}

import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { Server as IoServer, Socket } from 'socket.io'
import { timestamp } from '../clock.js'
import type { Signing } from '../entra/signing.js'
import type { Drive } from '../world/drive.js'
import type { World } from '../world/world.js'

/** Where programs listen for changes, for all tenants. */
export const NOTIFICATION_HOST = 'westeurope1-0.svc.ms'

const NAMESPACE = '/notifications'
// The service gathers what happens at once.
const GATHERED_MILLISECONDS = 50

interface Subscription {
  readonly id: string
  readonly drive: string
  /** Seconds since the epoch. */
  readonly exp: number
}

/** socket.io subscriptions on libraries: a hint for whoever has the URL, which holds for some time. */
export class Notifications {
  /** How long a subscription lives; the admin address changes it. */
  lifetimeSeconds = 3600
  readonly #world: World
  readonly #signing: Signing
  #server: HttpsServer | undefined
  #io: Promise<IoServer> | undefined
  readonly #watchers = new Map<Socket, () => void>()

  constructor(world: World, signing: Signing) {
    this.#world = world
    this.#signing = signing
  }

  attach(server: HttpsServer): void {
    this.#server = server
  }

  async subscribe(drive: Drive, applicationId: string): Promise<Record<string, string>> {
    await (this.#io ??= this.#open())
    const id = randomUUID()
    const exp = Math.floor(this.#world.clock.now() / 1000) + this.lifetimeSeconds
    const subscription: Subscription = { id, drive: drive.id, exp }
    const query = new URLSearchParams({ token: this.#signing.seal(subscription), applicationId })
    return {
      '@odata.context': 'https://graph.microsoft.com/v1.0/$metadata#subscriptions/$entity',
      id,
      notificationUrl: `https://${NOTIFICATION_HOST}${NAMESPACE}?${query.toString()}`,
      expirationDateTime: timestamp(exp * 1000),
    }
  }

  get listeners(): number {
    return this.#watchers.size
  }

  /** Everybody has to come again. */
  async disconnect(): Promise<void> {
    const io = await this.#io
    io?.of(NAMESPACE).disconnectSockets(true)
  }

  async close(): Promise<void> {
    const io = await this.#io
    await io?.close()
  }

  /** When the first one subscribes: loading the package is a quarter of the emulator's start. */
  async #open(): Promise<IoServer> {
    const { Server } = await import('socket.io')
    const io = new Server({
      path: '/socket.io/',
      transports: ['websocket'],
      serveClient: false,
      allowRequest: (request, decide) => decide(null, this.#isForUs(request)),
    })
    io.of(NAMESPACE).on('connection', socket => this.#connected(socket))
    if (this.#server) io.attach(this.#server)
    return io
  }

  #isForUs({ headers, url = '' }: IncomingMessage): boolean {
    const [host] = (headers.host ?? '').split(':')
    return (
      host === NOTIFICATION_HOST &&
      this.#read(new URL(url, `https://${host}`).searchParams.get('token')) !== undefined
    )
  }

  /** @returns `undefined` when it was not made here, or its time is over */
  #read(token: unknown): Subscription | undefined {
    if (typeof token !== 'string') return undefined
    const subscription = this.#signing.unseal(token) as Subscription | undefined
    return subscription && subscription.exp * 1000 > this.#world.clock.now() ? subscription : undefined
  }

  #connected(socket: Socket): void {
    const token = socket.handshake.query['token']
    const subscription = this.#read(token)
    const drive = subscription && this.#world.drive(subscription.drive)?.drive
    if (!drive) {
      socket.disconnect(true)
      return
    }
    let timer: NodeJS.Timeout | undefined
    const tell = () => {
      timer = undefined
      if (!this.#read(token)) return void socket.disconnect(true)
      const { id: subscriptionId } = subscription
      const resource = `drives/${drive.id}/root`
      socket.emit('notification', JSON.stringify({ clientState: null, subscriptionId, resource }))
    }
    const stop = drive.watch(() => (timer ??= setTimeout(tell, GATHERED_MILLISECONDS)))
    this.#watchers.set(socket, stop)
    socket.once('disconnect', () => {
      stop()
      clearTimeout(timer)
      this.#watchers.delete(socket)
    })
  }
}

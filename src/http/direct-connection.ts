import type { Bytes } from '../model/ids.js'
import type { DirectStore } from '../model/remote.js'

/** What this folder needs of the native layer: TLS connections with a thread each. See native/index.d.ts. */
export interface NativeTls {
  readonly TlsTrust: new (roots: string) => TlsTrust
  readonly TlsConnection: new (
    trust: TlsTrust,
    target: TlsTarget,
    first: Uint8Array,
    second: Uint8Array,
    onEvent: (event: TlsEvent) => void,
  ) => TlsConnection
}

export type TlsTrust = object

export interface TlsTarget {
  readonly addresses: readonly string[]
  readonly port: number
  readonly host: string
}

export type TlsEvent =
  | { readonly kind: 'connected' }
  | { readonly kind: 'data'; readonly buffer: 0 | 1; readonly length: Bytes }
  | { readonly kind: 'stored'; readonly length: Bytes; readonly hash: string }
  | { readonly kind: 'store-failed'; readonly code: string; readonly message: string }
  | { readonly kind: 'closed'; readonly code?: string; readonly message?: string }

interface TlsConnection {
  write(text: string): void
  taken(): void
  store(fd: number, offset: Bytes, length: Bytes): void
  destroy(): void
  ref(): void
  unref(): void
}

/** What a connection in use delivers. */
export interface Receiver {
  /** The bytes are only valid until the returned promise settles, or the call returns nothing. Must not throw. */
  receive(bytes: Buffer): Promise<void> | void
  /** After {@link receive}: where the bytes that come next belong, if they need not be received. */
  nextStore(): DirectStore | undefined
  /** So many of them are there. */
  stored(length: Bytes, hash: string): void
  /** They could not be written. */
  notStored(failure: Error): void
  /** The connection has ended, by whomever. */
  closed(failure: Error | undefined): void
}

/** Where received bytes land: while one buffer is being used, the connection fills the other. */
export type ReceiveBuffers = readonly [Buffer, Buffer]

/**
 * A TLS connection that is ours alone.
 *
 * INVARIANT: one buffer at a time is in the receiver's hands, and is given back once, by `taken()` or `store()`.
 */
export class DirectConnection {
  readonly #tls: TlsConnection
  readonly #buffers: ReceiveBuffers
  readonly #ready: Promise<void>
  readonly #closeListeners: (() => void)[] = []
  #setReady: { resolve(): void; reject(failure: Error): void } | undefined
  #receiver: Receiver | undefined
  #busy = false
  #end: { readonly failure: Error | undefined } | undefined
  #destroyed = false

  constructor(native: NativeTls, trust: TlsTrust, target: TlsTarget, buffers: ReceiveBuffers) {
    this.#buffers = buffers
    this.#ready = new Promise((resolve, reject) => {
      this.#setReady = { resolve, reject }
    })
    this.#ready.catch(() => {})
    this.#tls = new native.TlsConnection(trust, target, ...buffers, event => this.#on(event))
  }

  get usable(): boolean {
    return !this.#destroyed && this.#end === undefined
  }

  /** Resolves when the other side has proven who it is. */
  async ready(): Promise<void> {
    await this.#ready
  }

  /** Nothing is received any more, and the buffers are free. */
  onceClosed(listener: () => void): void {
    this.#closeListeners.push(listener)
  }

  take(receiver: Receiver): void {
    this.#receiver = receiver
    this.#tls.ref()
    if (this.#end !== undefined) this.#tellClosed()
  }

  /** Nobody waits for anything: whatever comes now is unasked for, and ends the connection. */
  release(): void {
    this.#receiver = undefined
    this.#tls.unref()
  }

  write(text: string): void {
    this.#tls.write(text)
  }

  destroy(): void {
    this.#destroyed = true
    this.#tls.destroy()
  }

  #on(event: TlsEvent): void {
    switch (event.kind) {
      case 'connected':
        return this.#setReady?.resolve()
      case 'data':
        return this.#deliver(this.#buffers[event.buffer].subarray(0, event.length))
      case 'stored':
        return this.#receiver?.stored(event.length, event.hash)
      case 'store-failed':
        return this.#receiver?.notStored(Object.assign(new Error(event.message), { code: event.code }))
      case 'closed':
        return this.#ended(event)
    }
  }

  #deliver(bytes: Buffer): void {
    if (this.#receiver === undefined) {
      this.destroy()
      return this.#tls.taken()
    }
    const taken = this.#receiver.receive(bytes)
    if (taken === undefined) return this.#giveBack()
    this.#busy = true
    const next = () => {
      this.#busy = false
      this.#giveBack()
      if (this.#end !== undefined) this.#tellClosed()
    }
    taken.then(next, next)
  }

  #giveBack(): void {
    const store = this.#receiver?.nextStore()
    if (store === undefined) this.#tls.taken()
    else this.#tls.store(store.fd, store.position, store.length)
  }

  #ended({ code, message }: TlsEvent & { kind: 'closed' }): void {
    const failure = code === undefined ? undefined : Object.assign(new Error(message), { code })
    this.#end = { failure }
    this.#setReady?.reject(
      failure ?? Object.assign(new Error('the connection was closed'), { code: 'ECONNRESET' }),
    )
    if (!this.#busy) this.#tellClosed()
  }

  /** After what has arrived before the end. */
  #tellClosed(): void {
    const receiver = this.#receiver
    this.#receiver = undefined
    receiver?.closed(this.#end?.failure)
    for (const listener of this.#closeListeners.splice(0)) listener()
  }
}

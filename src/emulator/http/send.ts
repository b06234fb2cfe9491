import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FaultAction } from '../faults/fault-rule.js'
import type { ContentReader } from '../world/content.js'
import type { Answer } from './answer.js'
import { delay, type LinkShape, Pacer } from './link.js'

/** Large writes keep the cost per TLS call small; two in flight keep the line busy. */
const PIECE = 256 * 1024
const IN_FLIGHT = 3

export interface SendOptions {
  readonly answer: Answer
  readonly action: FaultAction
  readonly link: LinkShape
  readonly onContentBytes: (bytes: number) => void
}

type Body = Exclude<Answer['body'], { kind: 'none' }>

/** Puts an answer on the wire, the way the link and the faults in force want it. */
export class Sender {
  readonly #pacer = new Pacer()
  readonly #tcpOf: (socket: Socket) => Socket

  /** @param tcpOf the TCP socket below a TLS one: only that can be reset */
  constructor(tcpOf: (socket: Socket) => Socket) {
    this.#tcpOf = tcpOf
  }

  async send(response: ServerResponse, options: SendOptions): Promise<void> {
    const { answer, action } = options
    const shaped = options.link.applyTo === 'all' || answer.body.kind === 'content'
    const rate = action.bytesPerSecond ?? (shaped ? options.link.bytesPerSecond : 0)
    await delay((action.latencyMilliseconds ?? 0) + (shaped ? options.link.latencyMilliseconds : 0))
    if (response.destroyed) return
    if (action.loseAnswer === true) {
      this.reset(socketOf(response))
      return
    }
    const { body } = answer
    for (const [name, value] of Object.entries(answer.headers)) response.setHeader(name, value)
    const length = Math.min(bodyLength(answer), action.keepBytes ?? Infinity)
    if (body.kind === 'text') response.setHeader('Content-Type', body.type)
    if (action.chunked !== true && (body.kind !== 'none' || answer.status !== 204)) {
      response.setHeader('Content-Length', Math.max(0, length + (action.lengthOff ?? 0)))
    }
    if (action.lengthOff !== undefined) {
      response.strictContentLength = false
      response.shouldKeepAlive = false
    }
    response.writeHead(answer.status)
    if (response.req.method === 'HEAD' || body.kind === 'none') {
      response.end()
      return
    }
    await this.#sendBody(response, body, length, rate, options)
  }

  reset(socket: Socket): void {
    this.#tcpOf(socket).resetAndDestroy()
  }

  async #sendBody(
    response: ServerResponse,
    body: Body,
    length: number,
    rate: number,
    options: SendOptions,
  ): Promise<void> {
    const { action } = options
    const cut = Math.min(
      action.resetAfterBytes ?? Infinity,
      action.endAfterBytes ?? Infinity,
      action.stallAfterBytes ?? Infinity,
    )
    const limit = Math.min(length, cut)
    if (body.kind === 'text') {
      const bytes = Buffer.from(body.text).subarray(0, limit)
      await this.#pacer.pace(socketOf(response), bytes.length, rate)
      response.write(bytes)
    } else {
      await this.#sendContent(response, { ...body, end: body.start + limit }, rate, options)
    }
    if (cut >= length) {
      if (action.lengthOff === undefined) response.end()
      else socketOf(response).end()
    } else if (action.resetAfterBytes === cut) {
      this.reset(socketOf(response))
    } else if (action.endAfterBytes === cut) {
      socketOf(response).end()
    }
  }

  async #sendContent(
    response: ServerResponse,
    body: Extract<Body, { kind: 'content' }>,
    rate: number,
    options: SendOptions,
  ): Promise<void> {
    const size = this.#pacer.pieceSize(rate, PIECE)
    const pieces = Math.min(IN_FLIGHT, Math.ceil((body.end - body.start) / size))
    const slots = Array.from({ length: pieces }, () => ({
      buffer: Buffer.allocUnsafe(size),
      sent: Promise.resolve(),
    }))
    const gone = new Promise<void>(resolve => response.once('close', resolve))
    const reader: ContentReader = await body.content.open()
    try {
      for (let offset = body.start, turn = 0; offset < body.end; turn++) {
        const slot = slots[turn % pieces]
        await Promise.race([slot?.sent, gone]) // before its buffer is filled again
        if (!slot || response.destroyed) return
        const target = slot.buffer.subarray(0, Math.min(size, body.end - offset))
        const read = reader.read(target, offset)
        const count = typeof read === 'number' ? read : await read
        if (count === 0) {
          response.destroy() // a file on disk that has become shorter
          return
        }
        corrupt(target, offset, options.action.corruptAt)
        await this.#pacer.pace(socketOf(response), count, rate)
        slot.sent = write(response, target.subarray(0, count)).then(sent => {
          if (sent) options.onContentBytes(count)
        })
        offset += count
      }
      await Promise.race([Promise.all(slots.map(slot => slot.sent)), gone])
    } finally {
      await reader.close()
    }
  }
}

/**
 * The request's: the response has none yet when a client, having read all of the last answer, asks again
 * before we have noticed that it left.
 */
function socketOf(response: ServerResponse): Socket {
  return response.req.socket
}

function bodyLength(answer: Answer): number {
  switch (answer.body.kind) {
    case 'none':
      return 0
    case 'text':
      return Buffer.byteLength(answer.body.text)
    case 'content':
      return answer.body.end - answer.body.start
  }
}

function corrupt(target: Buffer, offset: number, at: number | undefined): void {
  if (at === undefined || at < offset || at >= offset + target.length) return
  target[at - offset] = (target[at - offset] ?? 0) ^ 0xff
}

/** Settles when the bytes have left our buffer; false if the connection broke first. */
function write(response: ServerResponse, bytes: Buffer): Promise<boolean> {
  return new Promise(resolve => {
    response.write(bytes, failure => resolve(!failure))
  })
}

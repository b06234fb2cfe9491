import type { IncomingMessage } from 'node:http'
import { setTimeout } from 'node:timers/promises'

/** Takes a piece of a body; what it returns is waited for before more is read. */
export type Take = (chunk: Buffer) => Promise<void> | undefined

/** Hands a body over piece by piece, once. */
export type Receive = (take: Take) => Promise<void>

/** What the way from the client does to a body. */
export interface Intake {
  /** 0 = as fast as it comes. */
  readonly bytesPerSecond: number
  /** Faults: the connection is reset, or nothing more is read, once so many bytes have come. */
  readonly resetAfter: number | undefined
  readonly stallAfter: number | undefined
  readonly reset: () => void
}

/** The connection ended before the body did: there is nobody to answer. */
export class BodyCut extends Error {
  override readonly name = 'BodyCut'
}

export function receiveBody(request: IncomingMessage, intake: () => Intake, take: Take): Promise<void> {
  if (request.destroyed) return Promise.reject(new BodyCut())
  const { bytesPerSecond, resetAfter, stallAfter, reset } = intake()
  return new Promise((resolve, reject) => {
    const started = performance.now()
    let received = 0
    const finish = (failure?: Error) => {
      request.off('data', onData)
      request.resume() // what is left is of no use, but stands before the next request
      if (failure === undefined) resolve()
      else reject(failure)
    }
    const wait = (until: Promise<void>) => {
      request.pause()
      until.then(() => request.resume(), finish)
    }
    const onData = (chunk: Buffer) => {
      received += chunk.length
      if (resetAfter !== undefined && received >= resetAfter) {
        reset()
        finish(new BodyCut())
        return
      }
      if (stallAfter !== undefined && received >= stallAfter) {
        request.pause()
        return
      }
      const taken = take(chunk)
      const due = bytesPerSecond > 0 ? started + (received / bytesPerSecond) * 1000 - performance.now() : 0
      if (due >= 1) wait(Promise.all([taken, setTimeout(due)]).then(() => undefined))
      else if (taken) wait(taken)
    }
    request.once('end', () => finish())
    request.once('error', () => finish(new BodyCut()))
    request.once('close', () => {
      if (!request.complete) finish(new BodyCut())
    })
    request.on('data', onData)
  })
}

/** What stands in memory already: the body of a part of a batch. */
export function receiveBytes(bytes: Buffer): Receive {
  return async take => {
    await take(bytes)
  }
}

import { setImmediate } from 'node:timers/promises'
import type { HttpResponse } from '../http/message.js'
import { Fault } from '../model/fault.js'
import type { TenantId } from '../model/ids.js'
import { LARGEST_BATCH } from './batch.js'
import type { GraphClient, WriteRequest } from './graph-client.js'

// While one is under way the next one fills.
const BATCHES_AT_ONCE = 3

interface Waiting {
  readonly request: WriteRequest
  readonly signal: AbortSignal
  isUnderWay: boolean
  readonly resolve: (response: HttpResponse) => void
  readonly reject: (failure: unknown) => void
}

interface Lane {
  readonly waiting: Waiting[]
  running: number
}

/**
 * Changes of one tenant that are asked for while others are under way, in as few requests as `$batch` allows: a tenant is asked
 * few things at once, and of small files each is over after one. A single one goes as it is, at once.
 */
export class GatheredWrites {
  readonly #graph: Pick<GraphClient, 'writeAll'>
  readonly #lanes = new Map<TenantId, Lane>()

  constructor(graph: Pick<GraphClient, 'writeAll'>) {
    this.#graph = graph
  }

  /**
   * @param request with JSON, or without a body
   * @param signal ends the wait for its turn. From then on the answer is waited for: it may have the address of something that
   *   was made, and that nobody else could end
   * @throws {Fault} as {@link GraphClient.write}
   */
  async write(tenant: TenantId, request: WriteRequest, signal: AbortSignal): Promise<HttpResponse> {
    signal.throwIfAborted()
    const lane = this.#lanes.get(tenant) ?? { waiting: [], running: 0 }
    this.#lanes.set(tenant, lane)
    let onAbort = () => {}
    try {
      return await new Promise<HttpResponse>((resolve, reject) => {
        const waiting: Waiting = { request, signal, resolve, reject, isUnderWay: false }
        onAbort = () => {
          if (!waiting.isUnderWay) reject(signal.reason as Error)
        }
        signal.addEventListener('abort', onAbort)
        lane.waiting.push(waiting)
        void this.#carry(tenant, lane)
      })
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Never rejects. */
  async #carry(tenant: TenantId, lane: Lane): Promise<void> {
    if (lane.running === BATCHES_AT_ONCE) return
    lane.running++
    // What is asked for in the same turn goes together.
    await setImmediate()
    while (lane.waiting.length > 0) {
      // Without those who have given up.
      const next = lane.waiting.splice(0, LARGEST_BATCH).filter(({ signal }) => !signal.aborted)
      if (next.length > 0) await this.#send(tenant, next)
    }
    lane.running--
  }

  async #send(tenant: TenantId, batch: readonly Waiting[]): Promise<void> {
    for (const waiting of batch) waiting.isUnderWay = true
    const everybody = new AbortController()
    let left = batch.length
    const onAbort = () => {
      if (--left === 0) everybody.abort(new Fault('cancelled', 'Nobody waits for this any more'))
    }
    for (const { signal } of batch) signal.addEventListener('abort', onAbort)
    try {
      const requests = batch.map(({ request }) => ({ ...request, heardOut: true }))
      const answers = await this.#graph.writeAll(tenant, requests, everybody.signal)
      for (const [i, { resolve, reject }] of batch.entries()) {
        const answer = answers[i]
        if (answer === undefined || answer instanceof Fault) reject(answer)
        else resolve(answer)
      }
    } catch (failure) {
      for (const { reject } of batch) reject(failure)
    } finally {
      for (const { signal } of batch) signal.removeEventListener('abort', onAbort)
    }
  }
}

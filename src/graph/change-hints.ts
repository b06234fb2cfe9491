import type { Clock } from '../concurrency/clock.js'
import type { JsonObject } from '../http/json.js'
import { Fault } from '../model/fault.js'
import type { ItemKey, Milliseconds } from '../model/ids.js'
import type { RemoteHints } from '../model/remote.js'
import type { GraphClient } from './graph-client.js'
import { GraphFault } from './graph-fault.js'
import { drivePath } from './paths.js'

const MINUTE: Milliseconds = 60_000
// Renewed before it ends, so that nothing falls in between.
const BEFORE_ITS_END: Milliseconds = 2 * MINUTE
// What an answer without a time, or with a strange one, is taken for.
const ASSUMED: Milliseconds = 60 * MINUTE
const SHORTEST: Milliseconds = MINUTE
const LONGEST: Milliseconds = 24 * 60 * MINUTE
const LONGEST_URL = 8192

/** Connections that hints come over. Implemented by `http/hint-sockets.ts`. */
export interface HintConnections {
  /** @throws {Fault} always, in the end; the signal's reason */
  listen(url: string, onListening: () => void, onHint: () => void, signal: AbortSignal): Promise<never>
}

export interface GraphChangeHintsDeps {
  readonly graph: Pick<GraphClient, 'get'>
  readonly connections: HintConnections
  readonly clock: Clock
}

/** `subscriptions/socketIo` of a drive. Whether guests may is not documented: refused, we ask from time to time. */
export class GraphChangeHints implements RemoteHints {
  readonly #deps: GraphChangeHintsDeps

  constructor(deps: GraphChangeHintsDeps) {
    this.#deps = deps
  }

  async listen(
    root: ItemKey,
    onListening: () => void,
    onHint: () => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { connections, clock } = this.#deps
    const { url, life } = await this.#subscribe(root, signal)
    const over = new AbortController()
    const stop = AbortSignal.any([over.signal, signal])
    const renewal = clock.sleep(life, stop).then(() => over.abort())
    renewal.catch(() => {}) // when the connection ends first
    try {
      await connections.listen(url, onListening, onHint, stop)
    } catch (failure) {
      if (!over.signal.aborted) throw failure
    } finally {
      over.abort()
    }
  }

  async #subscribe(
    { tenant, drive }: ItemKey,
    signal: AbortSignal,
  ): Promise<{ url: string; life: Milliseconds }> {
    const { graph, clock } = this.#deps
    const address = `${drivePath(drive)}/root/subscriptions/socketIo`
    try {
      const answer = await graph.get(tenant, address, signal, { priority: 'background' })
      return { url: urlIn(answer), life: lifeIn(answer, clock.now()) }
    } catch (failure) {
      if (!(failure instanceof GraphFault && failure.status === 400)) throw failure
      throw new Fault('not-supported', 'The service does not tell of changes here', { cause: failure })
    }
  }
}

/** The connection carries nothing of ours; all the same it goes to a named host of the internet, and over TLS. */
function urlIn(answer: JsonObject): string {
  const text = answer['notificationUrl']
  const url =
    typeof text === 'string' && text.length <= LONGEST_URL && URL.canParse(text) ? new URL(text) : undefined
  const isFit = url?.protocol === 'https:' && !url.username && !url.password && /[a-z]$/.test(url.hostname)
  if (!isFit || !url.hostname.includes('.')) {
    throw new Fault('protocol-error', 'The service sent an address for notifications that is none')
  }
  return url.href
}

function lifeIn(answer: JsonObject, now: Milliseconds): Milliseconds {
  const text = answer['expirationDateTime']
  const end = typeof text === 'string' && text.length < 40 ? Date.parse(text) : Number.NaN
  const life = Number.isNaN(end) ? ASSUMED : end - now
  return Math.min(LONGEST, Math.max(SHORTEST, life - BEFORE_ITS_END))
}

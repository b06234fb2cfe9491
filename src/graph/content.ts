import type { Clock } from '../concurrency/clock.js'
import type { HttpDownloader } from '../http/message.js'
import type { ByteRange } from '../model/byte-ranges.js'
import { contentVersion } from '../model/drive-item.js'
import { Fault } from '../model/fault.js'
import type { Bytes, ContentVersion, ItemKey } from '../model/ids.js'
import type { OrganizationNames } from '../model/organization-names.js'
import type { ContentSink, PastContent, RemoteContent } from '../model/remote.js'
import { ContentConnection, UrlRefused } from './content-connection.js'
import { NotTheFile } from './delivery.js'
import { watched } from './direct-store.js'
import type { DownloadUrl, DownloadUrls } from './download-urls.js'
import { Patience } from './patience.js'
import type { RetryPolicy } from './retry.js'
import type { Throttle } from './throttle.js'

export interface GraphContentDeps {
  readonly http: HttpDownloader
  readonly urls: DownloadUrls
  readonly throttle: Throttle
  readonly clock: Clock
  readonly random: () => number
  readonly organizations: OrganizationNames
  /** `attempts` counts those in a row that brought no byte; `deadline` is the longest time without one. */
  readonly retry?: RetryPolicy
}

const DEFAULT_RETRY: RetryPolicy = { attempts: 4, firstDelay: 250, maxDelay: 10_000, deadline: 60_000 }

// A server that always sends a little and breaks off makes progress, but we do not have for ever:
// after these connections, each must have brought this much on average.
const FREE_CONNECTIONS = 16
const LEAST_PER_CONNECTION: Bytes = 64 * 1024

/** Bytes of one version of a file, from the pre-authenticated URL. That request never carries our token. */
export class GraphContent implements RemoteContent {
  readonly #deps: GraphContentDeps
  readonly #retry: RetryPolicy
  readonly #connection: ContentConnection

  constructor(deps: GraphContentDeps) {
    this.#deps = deps
    this.#connection = new ContentConnection(deps)
    this.#retry = deps.retry ?? DEFAULT_RETRY
  }

  async fetch(
    key: ItemKey,
    version: ContentVersion,
    range: ByteRange,
    sink: ContentSink,
    signal: AbortSignal,
    past?: PastContent,
  ): Promise<void> {
    const patience = new Patience(this.#retry, this.#deps)
    let reached = range.start
    let refused: DownloadUrl | undefined
    let exact = version
    const counting = counted(sink, offset => (reached = offset))
    for (let connections = 1; reached < range.end; connections++) {
      refuseCrumbs(connections, reached - range.start)
      await this.#deps.throttle.outlast(key.tenant, this.#retry.deadline, signal)
      const before = reached
      const source = await this.#deps.urls.of(key, exact, signal, refused, past)
      if (!source.isPast) {
        // From here on no other one, whatever fits the description.
        exact = contentVersion(source.item)
        sink.describes?.(source.item)
      }
      try {
        const wanted = { key, version: exact, source, range: { start: reached, end: range.end } }
        await this.#connection.download(wanted, counting, signal)
        if (reached === before) throw new Fault('server-error', 'The service sent an empty piece of the file')
      } catch (failure) {
        signal.throwIfAborted()
        const progressed = reached > before
        if (failure instanceof UrlRefused) {
          // Twice in a row, and the second URL was new: it is not the URL.
          if (refused !== undefined && !progressed) throw failure.fault
          refused = source
        } else {
          refused = failure instanceof NotTheFile ? source : undefined
          await patience.afterFailure(failure, progressed, signal)
        }
      }
    }
  }
}

/** Tells how far `sink` has come. */
function counted(sink: ContentSink, reached: (offset: Bytes) => void): ContentSink {
  const take = (chunk: Uint8Array, offset: Bytes) => {
    const taken = sink(chunk, offset)
    reached(offset + chunk.length)
    return taken
  }
  const direct = (start: Bytes, length: Bytes) =>
    watched(sink.direct?.(start, length), end => reached(start + end))
  return Object.assign(take, { direct })
}

function refuseCrumbs(connections: number, bytes: Bytes): void {
  if (connections > FREE_CONNECTIONS && bytes < connections * LEAST_PER_CONNECTION) {
    throw new Fault('server-error', 'The service sends the file in too small pieces')
  }
}

import type { Clock } from '../concurrency/clock.js'
import type { HttpDownloader, HttpHead, HttpResponse } from '../http/message.js'
import { NetworkFault } from '../http/network-fault.js'
import type { ByteRange } from '../model/byte-ranges.js'
import { Fault, isFault } from '../model/fault.js'
import type { Bytes, ContentVersion, ItemKey, TenantId } from '../model/ids.js'
import type { OrganizationNames } from '../model/organization-names.js'
import type { ContentSink, RemoteContent } from '../model/remote.js'
import { isOtherVersion } from './content-check.js'
import { bodyStart } from './content-range.js'
import { checkedUrl, downloadBlocked, type DownloadUrl, type DownloadUrls } from './download-urls.js'
import { graphFault } from './graph-fault.js'
import { isTransient, retryDelay, type RetryPolicy } from './retry.js'
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
// SharePoint itself needs none.
const MOST_REDIRECTS = 3

/** Statuses of a pre-authenticated URL that mean "ask for a new one" before they mean anything else. */
const URL_REFUSED = new Set([401, 403, 404, 410])

/** Ends a download that has brought all that was wanted: the rest of a whole body, when a range was asked for. */
const ENOUGH = new Error('enough')

/** Bytes of one version of a file, from the pre-authenticated URL. That request never carries our token. */
export class GraphContent implements RemoteContent {
  readonly #deps: GraphContentDeps
  readonly #retry: RetryPolicy

  constructor(deps: GraphContentDeps) {
    this.#deps = deps
    this.#retry = deps.retry ?? DEFAULT_RETRY
  }

  async fetch(
    key: ItemKey,
    version: ContentVersion,
    range: ByteRange,
    sink: ContentSink,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, random } = this.#deps
    let reached = range.start
    let fruitless = 0
    let lastProgress = clock.now()
    let refused: DownloadUrl | undefined
    for (let connections = 1; reached < range.end; connections++) {
      signal.throwIfAborted()
      if (connections > FREE_CONNECTIONS && reached - range.start < connections * LEAST_PER_CONNECTION) {
        throw new Fault('server-error', 'The service sends the file in too small pieces')
      }
      await this.#deps.throttle.outlast(key.tenant, this.#retry.deadline, signal)
      const before = reached
      const source = await this.#deps.urls.of(key, version, signal, refused)
      try {
        const rest = { start: reached, end: range.end }
        await this.#download(
          key.tenant,
          source,
          rest,
          (chunk, offset) => {
            const taken = sink(chunk, offset)
            reached = offset + chunk.length
            return taken
          },
          signal,
        )
        if (reached === before) throw new Fault('server-error', 'The service sent an empty piece of the file')
        continue
      } catch (failure) {
        signal.throwIfAborted()
        if (reached > before) {
          fruitless = 0
          lastProgress = clock.now()
        } else fruitless++
        if (failure instanceof UrlRefused) {
          // Twice in a row, and the second one was new: it is not the URL.
          if (refused !== undefined && reached === before) throw failure.fault
          refused = source
          continue
        }
        refused = undefined
        if (!mayResume(failure) || fruitless >= this.#retry.attempts) throw failure
        const seconds = isFault(failure) ? failure.retryAfterSeconds : undefined
        const delay = retryDelay(this.#retry, Math.max(fruitless, 1), random(), seconds)
        if (clock.now() + delay > lastProgress + this.#retry.deadline) throw failure
        await clock.sleep(delay, signal)
      }
    }
  }

  /** One connection. The file's own offsets go to `sink`. */
  async #download(
    tenant: TenantId,
    source: DownloadUrl,
    range: ByteRange,
    sink: ContentSink,
    signal: AbortSignal,
  ): Promise<void> {
    const enough = new AbortController()
    const either = AbortSignal.any([signal, enough.signal])
    let url = source.url
    try {
      for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
        const request = {
          method: 'GET',
          url,
          headers: { range: `bytes=${range.start}-${range.end - 1}` },
        } as const
        const response = await this.#deps.http.download(
          request,
          head => this.#sinkFor(head, source, range, sink, () => enough.abort(ENOUGH)),
          either,
        )
        if (isDelivery(response)) return
        if (!isRedirect(response)) throw this.#refusal(tenant, response)
        url = checkedUrl(absolute(response.headers['location'], url))
      }
      throw new Fault('protocol-error', 'The download was redirected too often')
    } catch (failure) {
      if (failure !== ENOUGH) throw failure
    }
  }

  #sinkFor(
    head: HttpHead,
    { item }: DownloadUrl,
    range: ByteRange,
    sink: ContentSink,
    stop: () => void,
  ): ContentSink | undefined {
    if (!isDelivery(head)) return undefined
    if (isOtherVersion(head.headers['etag'], item.eTag)) throw new UrlRefused(changed())
    const start = bodyStart(head, range, item.size)
    return within(range, start, sink, stop)
  }

  #refusal(tenant: TenantId, response: HttpResponse): Error {
    const organization = this.#deps.organizations.nameOf(tenant)
    const fault = graphFault(response, { tenant, organization })
    if (response.status === 416) return new UrlRefused(changed())
    if (!URL_REFUSED.has(response.status)) {
      if (fault.retryAfterSeconds !== undefined) this.#deps.throttle.pause(tenant, fault.retryAfterSeconds)
      return fault
    }
    if (isFault(fault, 'malware-detected') || response.headers['x-virus-infected'] !== undefined) {
      return isFault(fault, 'malware-detected') ? fault : malware(organization)
    }
    return new UrlRefused(
      response.status === 401 || response.status === 403 ? downloadBlocked(organization, fault) : fault,
    )
  }
}

/** The pre-authenticated URL did not work; perhaps a new one does. If not, `fault` is the reason. */
class UrlRefused extends Error {
  override readonly name = 'UrlRefused'
  readonly fault: Fault

  constructor(fault: Fault) {
    super('the download URL was refused')
    this.fault = fault
  }
}

function changed(): Fault {
  return new Fault('stale-content', 'The file has been changed by the other side')
}

function malware(organization: string): Fault {
  return new Fault('malware-detected', `${organization} found malware in this file and does not hand it out`)
}

function mayResume(failure: unknown): boolean {
  return isTransient(failure) || (failure instanceof NetworkFault && failure.breakdown === 'silent')
}

function isDelivery(head: HttpHead): boolean {
  return head.status === 206 || head.status === 200
}

function isRedirect(head: HttpHead): boolean {
  return [301, 302, 303, 307, 308].includes(head.status)
}

function absolute(location: string | undefined, base: string): string | undefined {
  return location !== undefined && URL.canParse(location, base) ? new URL(location, base).href : undefined
}

/** Cuts a body that begins at `start` down to `range`, with the offsets of the file. */
function within(range: ByteRange, start: Bytes, sink: ContentSink, stop: () => void): ContentSink {
  return (chunk, bodyOffset) => {
    const offset = start + bodyOffset
    const end = offset + chunk.length
    if (end <= range.start) return undefined
    if (offset >= range.end) return stop()
    const part = chunk.subarray(Math.max(0, range.start - offset), Math.min(chunk.length, range.end - offset))
    const taken = sink(part, Math.max(offset, range.start))
    if (end < range.end) return taken
    if (end === range.end) return taken
    return taken === undefined ? stop() : taken.then(stop)
  }
}

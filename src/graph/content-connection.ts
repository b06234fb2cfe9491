import type { HttpDownloader, HttpHead, HttpResponse } from '../http/message.js'
import type { ByteRange } from '../model/byte-ranges.js'
import { Fault, isFault } from '../model/fault.js'
import type { Bytes, ContentVersion, ItemKey, TenantId } from '../model/ids.js'
import type { OrganizationNames } from '../model/organization-names.js'
import type { ContentSink } from '../model/remote.js'
import { deliveryOf, NotTheFile } from './delivery.js'
import { watched } from './direct-store.js'
import { downloadBlocked, malwareDetected, type DownloadUrl, type DownloadUrls } from './download-urls.js'
import { graphFault } from './graph-fault.js'
import type { Throttle } from './throttle.js'

// SharePoint itself needs none.
const MOST_REDIRECTS = 3

/** Statuses of a pre-authenticated URL that mean "ask for a new one" before they mean anything else. */
const URL_REFUSED = new Set([401, 403, 404, 410])

/** Ends a download that has brought all that was wanted: the rest of a whole body, when a range was asked for. */
const ENOUGH = new Error('enough')

export interface ContentConnectionDeps {
  readonly http: HttpDownloader
  readonly urls: DownloadUrls
  readonly throttle: Throttle
  readonly organizations: OrganizationNames
}

export interface Wanted {
  readonly key: ItemKey
  readonly version: ContentVersion
  readonly source: DownloadUrl
  readonly range: ByteRange
}

/** The pre-authenticated URL did not work; perhaps a new one does. If not, `fault` is the reason. */
export class UrlRefused extends Error {
  override readonly name = 'UrlRefused'
  readonly fault: Fault

  constructor(fault: Fault) {
    super('the download URL was refused')
    this.fault = fault
  }
}

/** One request for a range of one version, over one connection. It never carries our token. */
export class ContentConnection {
  readonly #deps: ContentConnectionDeps

  constructor(deps: ContentConnectionDeps) {
    this.#deps = deps
  }

  /**
   * Delivers what one connection brings of `range`, in order, with the file's own offsets: possibly not all of it.
   *
   * @throws {UrlRefused} when another URL may help
   * @throws {Fault} as `RemoteContent.fetch`
   */
  async download(wanted: Wanted, sink: ContentSink, signal: AbortSignal): Promise<void> {
    const { key, source, range } = wanted
    const enough = new AbortController()
    const either = AbortSignal.any([signal, enough.signal])
    let url = source.url
    try {
      for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
        const request = {
          method: 'GET',
          url,
          headers: { range: `bytes=${range.start}-${range.end - 1}`, 'accept-encoding': 'identity' },
        } as const
        const response = await this.#deps.http.download(
          request,
          head => this.#sinkFor(head, wanted, sink, () => enough.abort(ENOUGH), either),
          either,
        )
        if (isDelivery(response)) return
        if (!isRedirect(response)) throw this.#refusal(key.tenant, response)
        url = sameDownload(response.headers['location'], url)
      }
      throw new NotTheFile('The download was redirected too often')
    } catch (failure) {
      if (failure !== ENOUGH) throw failure
    }
  }

  #sinkFor(
    head: HttpHead,
    wanted: Wanted,
    sink: ContentSink,
    stop: () => void,
    signal: AbortSignal,
  ): ContentSink | undefined {
    this.#deps.throttle.heed(wanted.key.tenant, head.headers)
    if (!isDelivery(head)) return undefined
    const { source, range } = wanted
    const delivery = deliveryOf(head, range, source.item)
    const end = Math.min(range.end, delivery.range.end)
    const cut = within({ start: range.start, end }, delivery.range.start, sink, stop)
    return delivery.isOfThisState || source.isPast ? cut : this.#confirmed(wanted, cut, signal)
  }

  /**
   * The answer does not say that it is of our version. It has begun, so what it is of can only have been there before
   * now: if the item still has our version now, it is that one (unless it was changed and changed back meanwhile).
   * Nothing is delivered before this is known.
   */
  #confirmed({ key, version }: Wanted, sink: ContentSink, signal: AbortSignal): ContentSink {
    let confirmed = false
    const take = (chunk: Uint8Array, offset: Bytes) => {
      if (confirmed) return sink(chunk, offset)
      return this.#deps.urls.confirm(key, version, signal).then(() => {
        confirmed = true
        return sink(chunk, offset)
      })
    }
    const direct = (offset: Bytes, length: Bytes) => (confirmed ? sink.direct?.(offset, length) : undefined)
    return Object.assign(take, { direct })
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
      return isFault(fault, 'malware-detected') ? fault : malwareDetected(organization)
    }
    return new UrlRefused(
      response.status === 401 || response.status === 403 ? downloadBlocked(organization, fault) : fault,
    )
  }
}

function changed(): Fault {
  return new Fault('stale-content', 'The file has been changed by the other side')
}

function isDelivery(head: HttpHead): boolean {
  return head.status === 206 || head.status === 200
}

function isRedirect(head: HttpHead): boolean {
  return [301, 302, 303, 307, 308].includes(head.status)
}

/**
 * Where a redirect of a download leads, if that is the same page of the same host: a site that was renamed.
 *
 * @throws {NotTheFile} where it leads to pages, a sign-in, another host: nobody goes there with a download
 */
function sameDownload(location: string | undefined, base: string): string {
  const from = new URL(base)
  const to = location !== undefined && URL.canParse(location, base) ? new URL(location, base) : undefined
  const isSame = to?.origin === from.origin && pageOf(to) === pageOf(from)
  if (isSame && to.href !== from.href && to.username === '' && to.password === '') return to.href
  throw new NotTheFile('The service leads elsewhere in place of the file')
}

function pageOf({ pathname }: URL): string {
  return pathname.slice(pathname.lastIndexOf('/')).toLowerCase()
}

/** Cuts a body that begins at `start` down to `range`, with the offsets of the file. */
function within(range: ByteRange, start: Bytes, sink: ContentSink, stop: () => void): ContentSink {
  const take = (chunk: Uint8Array, bodyOffset: Bytes) => {
    const offset = start + bodyOffset
    const end = offset + chunk.length
    if (end <= range.start) return undefined
    if (offset >= range.end) return stop()
    const part = chunk.subarray(Math.max(0, range.start - offset), Math.min(chunk.length, range.end - offset))
    const taken = sink(part, Math.max(offset, range.start))
    if (end <= range.end) return taken
    return taken === undefined ? stop() : taken.then(stop)
  }
  const direct = (bodyOffset: Bytes, length: Bytes) => {
    const offset = start + bodyOffset
    const wanted = Math.min(length, range.end - offset)
    if (offset < range.start || wanted <= 0) return undefined
    return watched(sink.direct?.(offset, wanted), total => {
      // The rest of a whole body, when a range was asked for.
      if (total === wanted && wanted < length) stop()
    })
  }
  return Object.assign(take, { direct })
}

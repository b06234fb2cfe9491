import { Limiter } from '../concurrency/limiter.js'
import type { HttpResponse, HttpSender } from '../http/message.js'
import { Fault, isFault } from '../model/fault.js'
import type { TenantId } from '../model/ids.js'
import type { OrganizationNames } from '../model/organization-names.js'
import type { FoundThumbnail, RemoteThumbnails, WantedThumbnail } from '../model/remote.js'
import type { ThumbnailBox } from '../model/thumbnail.js'
import { batch, LARGEST_BATCH } from './batch.js'
import { checkedUrl } from './download-urls.js'
import type { GraphClient } from './graph-client.js'
import { graphFault } from './graph-fault.js'
import { itemPath } from './paths.js'
import type { Throttle } from './throttle.js'
import { ThumbnailImages } from './thumbnail-image.js'
import { expandedUrl, redirectedUrl, stillHas, type ThumbnailUrl } from './thumbnail-url.js'

export interface GraphThumbnailsDeps {
  readonly graph: GraphClient
  readonly http: HttpSender
  readonly throttle: Throttle
  readonly organizations: OrganizationNames
}

/** What tells the version of an item. */
const VERSION_FIELDS = 'id,name,size,file,eTag,cTag,fileSystemInfo,lastModifiedDateTime'

// Two of the requests that a tenant gets at once are left to whoever waits for a folder or a file.
const BATCHES_AT_ONCE = 6

type Found = (place: number, thumbnail: FoundThumbnail) => void

interface Asked {
  readonly place: number
  readonly wanted: WantedThumbnail
}

/**
 * Thumbnails, twenty at a time.
 *
 * Each part of the batch asks for an item together with its thumbnails, so what the image is of is known before it is
 * fetched: the item must have the version that was asked for, and SharePoint's URLs name the version that they lead to
 * (`ctag`). Where a URL names none, the items are asked for once more after their images have come: if one still has
 * its version then, the image cannot be of a later one.
 */
export class GraphThumbnails implements RemoteThumbnails {
  readonly mostAtOnce = LARGEST_BATCH
  readonly #deps: GraphThumbnailsDeps
  readonly #images: ThumbnailImages
  readonly #batches = new Limiter(BATCHES_AT_ONCE)
  /** Tenants whose SharePoint does not bring thumbnails along with an item. */
  readonly #notExpanding = new Set<TenantId>()

  constructor(deps: GraphThumbnailsDeps) {
    this.#deps = deps
    this.#images = new ThumbnailImages(deps.http)
  }

  async fetch(
    wanted: readonly WantedThumbnail[],
    box: ThumbnailBox,
    found: Found,
    signal: AbortSignal,
  ): Promise<void> {
    const [first] = wanted
    if (first === undefined) return
    const { tenant } = first.item
    const asked = wanted.map((each, place) => ({ place, wanted: each }))
    if (this.#notExpanding.has(tenant)) return this.#fetchApart(tenant, asked, box, found, signal)
    const size = sizeName(box)
    const expand = `$expand=thumbnails($select=${size},medium)`
    const paths = asked.map(({ wanted: { item } }) => `${pathOf(item)}?$select=${VERSION_FIELDS}&${expand}`)
    const parts = await this.#batch(tenant, paths, signal)
    const left: Asked[] = []
    const urls = asked.flatMap((each, i) => {
      const url = this.#judge(tenant, parts[i], 'other-version', part =>
        expandedUrl(part, each.wanted.version, size),
      )
      if (url.kind === 'not-expanded') left.push(each)
      return url.kind === 'not-expanded' ? [] : [{ ...each, url }]
    })
    if (left.length > 0) this.#notExpanding.add(tenant)
    await this.#fetchImages(tenant, urls, size, found, signal)
    await this.#fetchApart(tenant, left, box, found, signal)
  }

  /** The other way: item and redirect as two parts, so ten at a time. */
  async #fetchApart(
    tenant: TenantId,
    asked: readonly Asked[],
    box: ThumbnailBox,
    found: Found,
    signal: AbortSignal,
  ): Promise<void> {
    const size = sizeName(box)
    for (let start = 0; start < asked.length; start += LARGEST_BATCH / 2) {
      const some = asked.slice(start, start + LARGEST_BATCH / 2)
      const paths = some.flatMap(({ wanted: { item } }) => [
        `${pathOf(item)}?$select=${VERSION_FIELDS}`,
        `${pathOf(item)}/thumbnails/0/${size}/content`,
      ])
      const parts = await this.#batch(tenant, paths, signal)
      const urls = some.map((each, i) => ({
        ...each,
        url: this.#judge(tenant, parts[2 * i], 'other-version', part =>
          this.#judge(tenant, parts[2 * i + 1], 'none', redirect =>
            redirectedUrl(part, redirect, each.wanted.version),
          ),
        ),
      }))
      await this.#fetchImages(tenant, urls, size, found, signal)
    }
  }

  async #fetchImages(
    tenant: TenantId,
    urls: readonly (Asked & { readonly url: ThumbnailUrl | Failed })[],
    size: string,
    found: Found,
    signal: AbortSignal,
  ): Promise<void> {
    const unproven: (Asked & { readonly image: FoundThumbnail })[] = []
    await Promise.all(
      urls.map(async ({ place, wanted, url }) => {
        if (url.kind === 'not-expanded') return
        if (!('url' in url)) return found(place, url)
        let image = await this.#images.fetch(url.url, signal)
        let isProven = url.kind === 'named'
        if (image.kind === 'refused') {
          image = await this.#again(wanted, size, signal)
          isProven = false
        }
        if (isProven || image.kind !== 'image') found(place, image)
        else unproven.push({ place, wanted, image })
      }),
    )
    if (unproven.length > 0) await this.#prove(tenant, unproven, found, signal)
  }

  /** The URL wanted to be asked for as somebody: Graph redirects to one that need not. */
  async #again({ item }: WantedThumbnail, size: string, signal: AbortSignal): Promise<FoundThumbnail> {
    const { graph, organizations } = this.#deps
    try {
      const path = `${pathOf(item)}/thumbnails/0/${size}/content`
      const { headers } = await graph.request(item.tenant, path, signal, { priority: 'background' })
      const image = await this.#images.fetch(checkedUrl(headers['location']), signal)
      if (image.kind !== 'refused') return image
      const organization = organizations.nameOf(item.tenant)
      return { kind: 'failed', fault: new Fault('access-denied', `${organization} shows no thumbnails`) }
    } catch (failure) {
      signal.throwIfAborted()
      if (isFault(failure, 'item-not-found')) return { kind: 'none' }
      if (isFault(failure)) return { kind: 'failed', fault: failure }
      throw failure
    }
  }

  async #prove(
    tenant: TenantId,
    unproven: readonly (Asked & { readonly image: FoundThumbnail })[],
    found: Found,
    signal: AbortSignal,
  ): Promise<void> {
    const paths = unproven.map(({ wanted }) => `${pathOf(wanted.item)}?$select=${VERSION_FIELDS}`)
    const parts = await this.#batch(tenant, paths, signal)
    unproven.forEach(({ place, wanted, image }, i) => {
      const still = this.#judge(tenant, parts[i], 'other-version', part =>
        stillHas(part, wanted.version) ? image : { kind: 'other-version' as const },
      )
      found(place, still)
    })
  }

  #batch(tenant: TenantId, paths: readonly string[], signal: AbortSignal): Promise<HttpResponse[]> {
    const { graph } = this.#deps
    return this.#batches.run('background', signal, () => batch(graph, tenant, paths, 'background', signal))
  }

  /** @param missing what it means that the service knows no such thing */
  #judge<Answer, Missing extends 'other-version' | 'none'>(
    tenant: TenantId,
    part: HttpResponse | undefined,
    missing: Missing,
    judge: (part: HttpResponse) => Answer,
  ): Answer | Failed | { readonly kind: Missing } {
    const { organizations, throttle } = this.#deps
    if (part === undefined) return failed(new Fault('protocol-error', 'The service left a part unanswered'))
    throttle.heed(tenant, part.headers)
    try {
      if (part.status < 400) return judge(part)
      const fault = graphFault(part, { tenant, organization: organizations.nameOf(tenant) })
      if (fault.code === 'item-not-found') return { kind: missing }
      if (fault.code === 'throttled' && fault.retryAfterSeconds !== undefined) {
        throttle.pause(tenant, fault.retryAfterSeconds)
      }
      return failed(fault)
    } catch (failure) {
      if (isFault(failure)) return failed(failure)
      throw failure
    }
  }
}

interface Failed {
  readonly kind: 'failed'
  readonly fault: Fault
}

function failed(fault: Fault): Failed {
  return { kind: 'failed', fault }
}

/** Fits into the box; the service may send more than was asked for. */
function sizeName(box: ThumbnailBox): string {
  return `c${box}x${box}`
}

function pathOf({ drive, item }: WantedThumbnail['item']): string {
  return itemPath(drive, item)
}
